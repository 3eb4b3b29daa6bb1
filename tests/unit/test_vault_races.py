"""The first keys of a purpose and a team: made by two at once, or by one that dies on the way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.domain import keys
from strongroom.domain.errors import KeysUnavailable, NotFound
from strongroom.domain.sealing import Place, Purpose, TeamKeys
from strongroom.domain.secret import Secret
from strongroom.domain.table import Missing, Put
from tests.fakes.clock import FakeChance
from tests.fakes.faults import Hook
from tests.fakes.vaults import VaultWorld, token_place, verifier_place

CASES: list[tuple[Purpose, Place]] = [("connection", token_place()), ("authorization", verifier_place())]
MOST_STEPS = 12


class Crash(BaseException):
    """The process is gone."""


def at_step(number: int, deed: Callable[[], object]) -> tuple[Hook, Callable[[], bool]]:
    """Do something once, right at the given operation of all that are counted, and say whether it was reached."""
    seen: list[int] = []

    def hook(argument: object) -> None:
        seen.append(1)
        if len(seen) == number:
            deed()

    return hook, lambda: len(seen) >= number


def hang(world: VaultWorld, hook: Hook) -> None:
    """Count every operation twice: before it is done, and when its answer is on the way."""
    world.table.before = {"read": hook, "commit": hook}
    world.table.after = {"read": hook, "commit": hook}
    world.service.before = {"generate": hook, "decrypt": hook}
    world.service.after = {"generate": hook, "decrypt": hook}


def unhang(world: VaultWorld) -> None:
    world.table.before, world.table.after = {}, {}
    world.service.before, world.service.after = {}, {}


def team_of(world: VaultWorld, purpose: Purpose) -> TeamKeys | None:
    return None if purpose == "authorization" else world.team("acme")


def new_world() -> VaultWorld:
    world = VaultWorld()
    world.put_team("acme")
    return world


def seal(world: VaultWorld, purpose: Purpose, team: TeamKeys | None, place: Place) -> bytes:
    return world.vault().sealing_ring(purpose, team).seal(Secret("token"), place)


def still_opens(world: VaultWorld, purpose: Purpose, place: Place, sealed: bytes) -> bool:
    return world.vault().ring(purpose, team_of(world, purpose)).open(sealed, place) == Secret("token")


def vault_keys(world: VaultWorld, purpose: Purpose) -> int:
    pk = keys.vault_key(purpose, "current").pk
    return sum(1 for key in world.table.snapshot() if key.pk == pk and key.sk != "current")


@pytest.mark.parametrize("step", range(1, MOST_STEPS + 1))
@pytest.mark.parametrize(("purpose", "place"), CASES)
def test_two_that_make_the_first_key_at_once_end_with_one_key_wherever_the_other_comes_in(
    purpose: Purpose, place: Place, step: int
) -> None:
    world, sealed = new_world(), list[bytes]()
    team = team_of(world, purpose)

    def somebody_else() -> None:
        unhang(world)
        sealed.append(seal(world, purpose, team, place))

    hook, reached = at_step(step, somebody_else)
    hang(world, hook)
    sealed.append(seal(world, purpose, team, place))

    unhang(world)
    assert all(still_opens(world, purpose, place, each) for each in sealed)
    assert len(sealed) == 1 + reached()
    assert vault_keys(world, purpose) == 1
    assert len(world.team("acme").wrapped["connection"]) == (purpose == "connection")


@pytest.mark.parametrize("step", range(1, MOST_STEPS + 1))
@pytest.mark.parametrize(("purpose", "place"), CASES)
def test_one_that_dies_while_making_the_first_key_leaves_nothing_that_stands_in_the_way(
    purpose: Purpose, place: Place, step: int
) -> None:
    world = new_world()

    def die() -> None:
        raise Crash

    hook, reached = at_step(step, die)
    hang(world, hook)
    survived = b""
    try:
        survived = seal(world, purpose, team_of(world, purpose), place)
    except Crash:
        assert reached()
    unhang(world)

    sealed = seal(world, purpose, team_of(world, purpose), place)

    assert still_opens(world, purpose, place, sealed)
    assert not survived or still_opens(world, purpose, place, survived)
    assert vault_keys(world, purpose) == 1


def test_every_step_of_making_the_first_keys_is_covered() -> None:
    world = new_world()
    hook, reached = at_step(MOST_STEPS, lambda: None)
    hang(world, hook)

    world.vault().sealing_ring("connection", TeamKeys("acme"))

    assert not reached(), "there are fewer steps than the tests above go through"


def test_writing_without_a_condition_would_leave_a_secret_that_nobody_can_open() -> None:
    """Negative control: the loser's key overwrites the winner's, and what the winner sealed is gone."""
    world = new_world()
    sealed = seal(world, "connection", world.team("acme"), token_place())
    other = VaultWorld(clock=world.clock, chance=FakeChance("another"), service=world.service)
    other.put_team("acme")
    seal(other, "connection", other.team("acme"), token_place())

    world.table.place(*other.table.snapshot().values())

    with pytest.raises(KeysUnavailable):
        still_opens(world, "connection", token_place(), sealed)


def test_both_rows_of_a_first_vault_key_are_written_together_and_only_if_missing() -> None:
    world = new_world()

    seal(world, "authorization", None, verifier_place())

    [writes] = world.table.committed
    assert [(type(write), write.require) for write in writes] == [(Put, Missing())] * 2


def test_a_team_that_goes_while_its_key_is_made_gets_none() -> None:
    world = new_world()
    team = world.team("acme")
    seal(world, "connection", world.new_team("rivals"), token_place(team="rivals"))
    hook, _ = at_step(1, lambda: world.put_team("acme", state="gone"))
    world.table.before = {"commit": hook}

    with pytest.raises(NotFound):
        seal(world, "connection", team, token_place())

    assert "keys_connection" not in (world.table.row(keys.team("acme")) or {})


def test_a_stale_picture_of_the_team_adopts_the_key_that_is_there() -> None:
    world = new_world()
    stale = world.team("acme")
    first = seal(world, "connection", stale, token_place())

    second = world.vault().sealing_ring("connection", stale)

    assert second.open(first, token_place()) == Secret("token")
    assert len(world.team("acme").wrapped["connection"]) == 1
