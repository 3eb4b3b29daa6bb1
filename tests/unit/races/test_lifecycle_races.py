"""A revoke, a second consent or a second person at every step of what somebody else has under way.

Each race runs once for every call that the operation makes to the table, the keys, the provider and the queues.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.table import Item, Key
from strongroom.flows import settle
from tests.requirements import requirement
from tests.unit.attacks.endings import revoke
from tests.unit.attacks.scenes import account_behind
from tests.unit.races.moments import (
    WAYS,
    Prepared,
    Race,
    alive,
    at_each_step,
    come_to_rest,
    connected,
    happens,
    not_revoked,
    tokens_are_stored,
)
from tests.unit.races.steps import Stepped
from tests.unit.renewals import Scene, rows
from tests.weakened import weakened
from tests.world import World

EACH_WAY = pytest.mark.parametrize("renewing", WAYS.values(), ids=WAYS.keys())
A_FEW = 3


# -- E1: a look-up that begins after a revoke has returned


@requirement("attack:E1")
@requirement("invariant:I2")
def test_no_environment_however_warm_gives_a_token_after_a_revoke() -> None:
    world, scene = connected(left=3000)
    warm = [world.new_environment() for _ in range(4)]
    for world.ports in warm:
        assert world.look_up("bob", scene.installation).status == 200
    revoke(world, scene.installation)
    for world.ports in warm:
        assert world.look_up("bob", scene.installation).json["reason"] == "revoked"


class Remembering:
    """A table that reads each row once, as an environment with a cache would."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.known: dict[Key, Item] = {}

    def read(self, wanted: Sequence[Key]) -> Mapping[Key, Item]:
        self.known = {**self.world.table.read(wanted), **self.known}
        return {key: self.known[key] for key in wanted if key in self.known}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world.table, name)


@requirement("attack:E1")
def test_control_an_environment_that_remembers_rows_gives_a_revoked_token() -> None:
    world, scene = connected(left=3000)
    forgetful, remembering = world.new_environment(), replace(world.ports, table=Remembering(world))
    world.ports = remembering
    assert world.look_up("bob", scene.installation).status == 200
    world.ports = forgetful
    revoke(world, scene.installation)
    world.ports = remembering
    assert world.look_up("bob", scene.installation).status == 200


# -- E2: a revoke while a renewal is under way


def revoked_while_renewing(renewing: Prepared) -> Race:
    world, scene = connected()
    return world, lambda: revoke(world, scene.installation), renewing(scene)


def renewed_while_revoking(renewing: Prepared) -> Race:
    world, revoking, renewal = revoked_while_renewing(renewing)
    return world, renewal, revoking


def assert_over_for_good(world: Stepped) -> None:
    (installation,) = world.installed
    for _ in range(2):
        assert world.look_up("bob", installation).json["reason"] == "revoked"
        assert not tokens_are_stored(world)
        come_to_rest(world)
    assert alive(world) == []
    assert not_revoked(world) == set()
    assert {chore["outcome"] for chore in rows(world, "chore")} == {"revoked"}


@requirement("attack:E1")
@requirement("attack:E2")
@requirement("invariant:I2")
@EACH_WAY
def test_a_revoke_at_any_step_of_a_renewal_is_the_end_of_the_grant(renewing: Prepared) -> None:
    assert at_each_step(lambda: revoked_while_renewing(renewing), assert_over_for_good) > 0


@requirement("attack:E2")
@EACH_WAY
def test_a_renewal_at_any_step_of_a_revoke_is_revoked_with_it(renewing: Prepared) -> None:
    assert at_each_step(lambda: renewed_while_revoking(renewing), assert_over_for_good) >= A_FEW


@requirement("attack:E2")
@EACH_WAY
def test_control_a_blind_write_brings_back_what_was_revoked(renewing: Prepared) -> None:
    with weakened(RenewalResult.write, "version.unchanged()", "None"):
        assert happens(lambda: revoked_while_renewing(renewing), tokens_are_stored)


@requirement("attack:E2")
@requirement("invariant:I14")
@EACH_WAY
def test_control_tokens_that_came_too_late_and_are_dropped_are_never_revoked(renewing: Prepared) -> None:
    def forgotten(world: Stepped) -> bool:
        come_to_rest(world)
        return not_revoked(world) != set()

    discard = '_discard(ports, result.after(), "superseded_by_another_grant", result.mark)'
    with weakened(settle.settle_renewal, discard, "pass"):
        assert happens(lambda: revoked_while_renewing(renewing), forgotten)


# -- E5: a second consent while the first one's grant renews


def reconnected_while_renewing(renewing: Prepared, **revoking: Any) -> Race:
    world, scene = connected(**revoking)
    again = world.consent(world.begin("bob", scene.installation), "bob-at-work")
    return world, lambda: world.complete("bob", again), renewing(scene)


def renewed_while_reconnecting(renewing: Prepared, **revoking: Any) -> Race:
    world, reconnecting, renewal = reconnected_while_renewing(renewing, **revoking)
    return world, renewal, reconnecting


def assert_the_second_consent_counts(world: Stepped) -> None:
    (installation,) = world.installed
    scene = Scene(world, installation)
    for _ in range(2):
        assert account_behind(world, "bob", installation) == "bob-at-work"
        assert scene.works()
        come_to_rest(world)
    old, _ = world.provider.grants
    kept = {chore["grant"] for chore in rows(world, "chore") if chore["state"] == "parked"}
    assert kept or old.refresh in world.provider.revoked
    revoke(world, installation)
    come_to_rest(world)
    assert (alive(world), not_revoked(world)) == ([], set())


EACH_ORDER = pytest.mark.parametrize("race", [reconnected_while_renewing, renewed_while_reconnecting])


@requirement("attack:E5")
@requirement("invariant:I4")
@EACH_WAY
@EACH_ORDER
def test_the_second_consent_wins_at_any_step_and_no_token_of_the_first_is_forgotten(
    renewing: Prepared, race: Callable[..., Race]
) -> None:
    assert at_each_step(lambda: race(renewing), assert_the_second_consent_counts) > 0


@requirement("attack:E5")
@EACH_ORDER
def test_the_same_where_revoking_one_token_is_known_to_leave_the_new_grant_alone(race: Callable[..., Race]) -> None:
    assert at_each_step(lambda: race(WAYS["schedule"], ends="token"), assert_the_second_consent_counts) >= A_FEW


@requirement("attack:E5")
@EACH_WAY
def test_control_a_blind_write_puts_the_old_grants_tokens_over_the_new_ones(renewing: Prepared) -> None:
    def overwritten(world: Stepped) -> bool:
        (installation,) = world.installed
        return account_behind(world, "bob", installation) != "bob-at-work"

    with weakened(RenewalResult.write, "version.unchanged()", "None"):
        assert happens(lambda: reconnected_while_renewing(renewing), overwritten)


@requirement("attack:E5")
@EACH_WAY
def test_control_a_consent_that_is_written_blindly_forgets_the_old_grants_newest_tokens(renewing: Prepared) -> None:
    def forgotten(world: Stepped) -> bool:
        revoke(world, world.installed[0])
        come_to_rest(world)
        return not_revoked(world) != set()

    with weakened(settle._as_read, "Missing() if present is None else present.version.unchanged()", "None"):
        assert happens(lambda: renewed_while_reconnecting(renewing), forgotten)


# -- E6: two people of one team at the same installation


def both_connect() -> Race:
    world = Stepped(shards=1)
    installation = world.install()
    bobs, carols = (world.consent(world.begin(user, installation), user) for user in ("bob", "carol"))
    return world, lambda: world.complete("carol", carols), lambda: world.complete("bob", bobs)


def accounts(world: Stepped) -> list[str | None]:
    return [account_behind(world, user, world.installed[0]) for user in ("bob", "carol")]


def assert_two_connections(world: Stepped) -> None:
    (installation,) = world.installed
    assert accounts(world) == ["bob", "carol"]
    assert {row["PK"] for row in rows(world, "connection")} == {"T#acme#U#bob", "T#acme#U#carol"}
    revoke(world, installation)
    come_to_rest(world)
    assert accounts(world) == [None, "carol"]
    assert alive(world) == ["carol"]


@requirement("attack:E6")
@requirement("invariant:I1")
def test_two_people_who_connect_at_once_have_two_connections() -> None:
    assert at_each_step(both_connect, assert_two_connections) > A_FEW


@requirement("attack:E6")
def test_control_a_row_for_everybody_gives_one_of_them_nothing_or_the_others_account() -> None:
    with weakened(keys.connection, "{_part(user)}", "everybody"):
        assert happens(both_connect, lambda world: accounts(world) != ["bob", "carol"])
