"""What the catalog knows of a provider's tokens decides when they are renewed, looked at again, shown and revoked."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.catalog import Catalog, CatalogEntry, Reading, Refreshing, Revoking
from strongroom.domain.policy import DAY, HOUR
from strongroom.domain.renewal import unused_life
from strongroom.domain.renewal_outcome import Renewed
from strongroom.domain.rescue import CompletionResult, RenewalResult, decode
from strongroom.domain.sealed_tokens import SealedTokens
from strongroom.domain.table import Item
from tests.unit.renewals import (
    Scene,
    forgives,
    heals,
    queue,
    refuses_tokens,
    rotates_in_silence,
    rows,
)
from tests.world import World

WARY = Refreshing(rotates=True, reuse_detected=True)


def known(**facts: Any) -> World:
    """A world whose provider is in the catalog with these facts."""
    world = World()
    entry = CatalogEntry(name="Provider", issuers=(world.provider.issuer,), **facts)
    world.catalog = Catalog((entry,))
    world.ports = world.new_environment()
    return world


def connected(world: World, user: str = "bob") -> Scene:
    installation = world.install()
    world.connect(user, installation)
    return Scene(world, installation, user)


def over(world: World) -> Scene:
    scene = connected(world)
    world.clock.advance(HOUR)
    return scene


# -- the second look


@pytest.mark.parametrize(
    ("refreshing", "seconds"),
    [(Refreshing(), 30), (WARY, 120), (Refreshing(reuse_detected=True, grace=1800), 30), (Refreshing(grace=0), 30)],
)
def test_the_second_look_waits_as_long_as_the_provider_needs(refreshing: Refreshing, seconds: int) -> None:
    scene = over(known(refreshing=refreshing))
    world = scene.world
    scene.provider_does(rotates_in_silence(world))
    assert world.look_up("bob", scene.installation).status == 503
    [message] = queue(world, "renewal").sent
    assert message.delay == seconds
    world.clock.advance(seconds - 1)
    world.tick()
    assert len(scene.refreshes()) == 1
    world.clock.advance(1)
    scene.provider_does(forgives(world))
    world.deliver()
    assert len(scene.refreshes()) == 2
    assert scene.works()


def test_where_a_second_use_ends_the_grant_a_rescued_result_comes_first() -> None:
    scene = over(known(refreshing=WARY))
    world = scene.world
    refuses_tokens(world)
    scene.renew()
    heals(world)
    world.clock.advance(60)
    scene.renew(world.new_environment())
    assert len(scene.refreshes()) == 1
    world.deliver()
    assert scene.works()
    assert world.provider.grants[0].alive


def test_control_thirty_seconds_would_use_the_spent_token_and_end_the_grant() -> None:
    scene = over(known(refreshing=Refreshing()))
    world = scene.world
    refuses_tokens(world)
    scene.renew()
    heals(world)
    world.clock.advance(60)
    scene.renew(world.new_environment())
    assert len(scene.refreshes()) == 2
    assert not world.provider.grants[0].alive


# -- the schedule


@pytest.mark.parametrize(
    ("refreshing", "unused"),
    [
        (Refreshing(), None),
        (Refreshing(idle=4 * DAY), 4 * DAY),
        (Refreshing(lifetime=60 * DAY), None),
        (Refreshing(rotates=True, lifetime=60 * DAY), 60 * DAY),
        (Refreshing(rotates=True, lifetime=60 * DAY, idle=4 * DAY), 4 * DAY),
    ],
)
def test_a_refresh_token_lapses_unused_by_its_idle_life_or_by_its_life_if_each_use_gives_another(
    refreshing: Refreshing, unused: int | None
) -> None:
    assert unused_life(refreshing) == unused


def test_an_idle_connection_is_exercised_well_before_its_refresh_token_lapses() -> None:
    world = known(refreshing=Refreshing(idle=4 * DAY))
    scene = connected(world)
    world.clock.advance(15 * DAY)
    assert isinstance(scene.renew(), Renewed)
    assert scene.row["due_at"] == int(world.clock.now()) + DAY


def test_of_a_long_lived_token_the_refresh_token_is_used_in_time() -> None:
    world = known(refreshing=Refreshing(rotates=True, lifetime=8 * DAY))
    world.provider.lifetime = 30 * DAY
    scene = connected(world)
    assert scene.row["due_at"] == int(world.clock.now()) + 2 * DAY


# -- what is known of the end


@pytest.mark.parametrize(
    ("lifetime", "never_expires", "expiry"),
    [(3600, False, "known"), (3600, True, "known"), (None, False, "unknown"), (None, True, "never")],
)
def test_status_and_look_up_say_what_is_known_of_the_end(
    lifetime: int | None, never_expires: bool, expiry: str
) -> None:
    world = known(reading=Reading(never_expires=never_expires))
    world.provider.lifetime = lifetime
    scene = connected(world)
    end = int(world.clock.now()) + lifetime if lifetime else None
    for answer in (world.status("bob", scene.installation), world.look_up("bob", scene.installation).json):
        assert (answer["expiry"], answer["expires_at"]) == (expiry, end)


def test_without_a_token_there_is_no_end_to_speak_of() -> None:
    world = World()
    assert world.status("bob", world.install())["expiry"] is None


def test_a_token_without_an_end_is_not_renewed_for_it() -> None:
    world = known(reading=Reading(never_expires=True))
    world.provider.lifetime = None
    scene = connected(world)
    assert scene.row["due_at"] == int(world.clock.now()) + world.policy.exercise_after
    world.clock.advance(2 * DAY)
    world.tick()
    assert scene.refreshes() == []
    assert world.look_up("bob", scene.installation).status == 200


def test_an_end_that_a_renewal_brings_is_known_from_then_on_and_the_other_way_round() -> None:
    world = known(reading=Reading(never_expires=True))
    world.provider.lifetime = None
    scene = connected(world)
    world.provider.lifetime = 3600
    scene.renew()
    assert (scene.connection.tokens is not None and scene.connection.tokens.expiry) == "known"
    assert "endless" not in scene.row
    world.provider.lifetime = None
    scene.renew()
    tokens = scene.connection.tokens
    assert tokens is not None
    assert (tokens.expiry, tokens.lifetime, tokens.expires_at) == ("never", None, None)


def test_a_row_from_before_says_nothing_of_it() -> None:
    row: Item = {"access": b"a", "obtained_at": 1, "scopes": []}
    tokens = SealedTokens.from_item(row)
    assert tokens is not None
    assert tokens.expiry == "unknown"
    assert "endless" not in {name for name, value in tokens.to_item().items() if value is not None}


def test_a_rescued_result_keeps_it() -> None:
    world = known(reading=Reading(never_expires=True))
    world.provider.lifetime = None
    scene = connected(world)
    connection = scene.connection
    assert connection.tokens is not None
    renewed = decode(RenewalResult(connection, connection.tokens, 1, "a" * 20).encode())
    completed = decode(CompletionResult("a" * 43, connection, None).encode())
    assert isinstance(renewed, RenewalResult)
    assert isinstance(completed, CompletionResult)
    assert renewed.tokens.endless
    assert completed.connection.tokens == connection.tokens


# -- revoking


@pytest.mark.parametrize(("ends", "outcome"), [("token", "revoked"), ("grant", "kept_for_other"), (None, None)])
def test_a_revocation_that_ends_one_token_goes_out_although_another_connection_uses_the_client(
    ends: Any, outcome: str | None
) -> None:
    world = known(revoking=Revoking(ends=ends) if ends else Revoking())
    scene = connected(world)
    other = world.install(name="Other")
    world.connect("bob", other)
    world.revoke("bob", scene.installation)
    world.deliver()
    assert [chore.get("outcome") for chore in rows(world, "chore")] == [outcome]
    assert bool(world.provider.revoked) is (outcome == "revoked")
    assert world.look_up("bob", other).status == 200


def test_the_same_client_at_the_same_provider_is_the_same_whatever_row_of_ours_it_is() -> None:
    """A provider knows a client by its id: another generation, or another installation's, may have the same one."""
    world = World()
    scene = connected(world)
    other = world.install(name="Other")
    world.connect("bob", other)
    row = dict(Scene(world, other).row)
    world.table.place({**row, "client_generation": 7, "provider_key": "x" * 32})
    world.revoke("bob", scene.installation)
    world.deliver()
    assert [chore["state"] for chore in rows(world, "chore")] == ["parked"]


def test_another_client_and_another_provider_are_others() -> None:
    for changed in (
        {"client_id": "another"},
        {"issuer": "https://i.example", "token_endpoint": "https://t.example/token"},
    ):
        world = World()
        scene = connected(world)
        other = world.install(name="Other")
        world.connect("bob", other)
        world.table.place({**Scene(world, other).row, **changed})
        world.revoke("bob", scene.installation)
        world.deliver()
        assert [chore["outcome"] for chore in rows(world, "chore")] == ["revoked"]
