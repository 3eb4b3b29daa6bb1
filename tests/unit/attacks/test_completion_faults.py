"""The code is burnt, the tokens are precious: what changes or fails between the exchange and the write."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.renewal_outcome import Renewed
from strongroom.domain.table import Put
from strongroom.flows import renew as renewing
from strongroom.flows import settle
from strongroom.flows.reads import five_reads
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    account_behind,
    before_the_connection_is_written,
    bob_consents,
    exchanges,
    rows,
    state_of,
    while_the_code_is_redeemed,
)
from tests.unit.cutting import revocations
from tests.weakened import weakened
from tests.world import Begun, Consented, World


def reconnecting() -> tuple[World, str, Consented]:
    """Bob is connected and has consented once more, with another account."""
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(10)
    return world, installation, world.consent(world.begin("bob", installation), "bob-at-work")


def renew(world: World, installation: str) -> None:
    """Let the schedule renew what is there now."""
    world.clock.advance(0.5)
    found = five_reads(world.table, "acme", "bob", installation).admitted()
    assert found.connection is not None
    outcome = renewing.renew(world.ports, found.team, found.connection, "schedule", world.clock.now() + 23)
    assert isinstance(outcome, Renewed)


@requirement("attack:E5")
@pytest.mark.parametrize("times", [1, 4, 7])
def test_renewals_that_get_in_between_are_no_refusal(times: int) -> None:
    world, installation, mine = reconnecting()
    before_the_connection_is_written(world, *[lambda: renew(world, installation)] * times)
    assert world.complete("bob", mine).status == 200
    assert account_behind(world, "bob", installation) == "bob-at-work"
    assert len(exchanges(world)) == 2
    (chore,) = rows(world, "chore")
    assert (chore["why"], chore["n"]) == ("replaced", 1 + times), "the newest of the old tokens are the ones to revoke"


def test_control_without_the_version_in_the_condition_the_renewed_tokens_are_forgotten() -> None:
    world, installation, mine = reconnecting()
    before_the_connection_is_written(world, lambda: renew(world, installation))
    with weakened(settle._as_read, "Missing() if present is None else present.version.unchanged()", "None"):
        world.complete("bob", mine)
    assert [chore["n"] for chore in rows(world, "chore")] == [1]


def test_a_revoke_that_gets_in_between_is_a_refusal() -> None:
    world, installation, mine = reconnecting()
    before_the_connection_is_written(world, lambda: world.revoke("bob", installation))
    assert world.complete("bob", mine).json["error"] == "revoked_meanwhile"
    assert account_behind(world, "bob", installation) is None
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False, False]


def test_control_without_the_version_in_the_condition_a_revoked_connection_comes_back() -> None:
    world, installation, mine = reconnecting()
    before_the_connection_is_written(world, lambda: world.revoke("bob", installation))
    with weakened(settle._as_read, "Missing() if present is None else present.version.unchanged()", "None"):
        world.complete("bob", mine)
    assert account_behind(world, "bob", installation) == "bob-at-work"


def no_answer() -> None:
    raise StoreUnavailable


@requirement("fault:F25")
def test_a_table_that_does_not_answer_for_a_while_is_asked_again() -> None:
    world, installation, mine = bob_consents()
    before_the_connection_is_written(world, *[no_answer] * 3)
    assert world.complete("bob", mine).status == 200
    assert account_behind(world, "bob", installation) == "bob"
    assert len(exchanges(world)) == 1


@requirement("fault:F25")
def test_an_answer_of_the_table_that_got_lost_is_no_second_connection() -> None:
    world, installation, mine = bob_consents()
    lost = [StoreUnavailable()]

    def hook(writes: Any) -> None:
        if lost and any(isinstance(write, Put) and write.item.get("kind") == "connection" for write in writes):
            raise lost.pop()

    world.table.after["commit"] = hook
    assert world.complete("bob", mine).status == 200
    assert account_behind(world, "bob", installation) == "bob"
    assert rows(world, "chore") == []


@requirement("fault:F25")
def test_what_the_table_never_takes_goes_to_the_rescue_queue_and_is_stored_from_there() -> None:
    world, installation, mine = bob_consents()
    before_the_connection_is_written(world, *[no_answer] * 1000)
    later = world.complete("bob", mine)
    assert (later.status, later.json["retry_after"]) == (503, 5)
    assert [entry.event for entry in world.journal.alarms()] == ["result_on_rescue_queue"]
    assert world.complete("bob", mine).json["state"] == "redeeming"

    world.table.before.clear()
    world.deliver()

    assert world.complete("bob", mine).json["state"] == "completed"
    assert account_behind(world, "bob", installation) == "bob"
    assert len(exchanges(world)) == 1


@requirement("invariant:I8")
def test_a_rescued_result_is_as_bound_as_any_other() -> None:
    world, installation, mine = bob_consents()
    before_the_connection_is_written(world, *[no_answer] * 1000)
    world.complete("bob", mine)
    world.table.before.clear()
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.tick()
    world.tick()
    assert account_behind(world, "bob", installation) is None
    assert [grant.alive for grant in world.provider.grants] == [False]


@requirement("fault:F25")
@pytest.mark.parametrize("lost", ["the request", "the answer"])
def test_a_refusal_whose_write_is_not_answered_is_repeated_and_the_tokens_are_revoked_once(lost: str) -> None:
    world, _installation, mine = bob_consents()
    faults = [StoreUnavailable()]

    def hook(writes: Any) -> None:
        if faults and any(isinstance(write, Put) and write.item.get("work") == "revoke" for write in writes):
            raise faults.pop()

    while_the_code_is_redeemed(world, lambda: world.put_member("acme", "bob", None))
    (world.table.before if lost == "the request" else world.table.after)["commit"] = hook
    refused = world.complete("bob", mine)
    assert (refused.status, refused.json["error"]) == (400, "no_longer_member")
    assert state_of(world, mine.id) == "failed"
    assert len(revocations(world)) == 1
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False]


@requirement("attack:E6")
def test_two_people_connect_at_once_and_each_has_an_own_account() -> None:
    world = World()
    installation = world.install()
    bobs: Begun = world.begin("bob", installation)
    carols = world.consent(world.begin("carol", installation), "carol")
    mine = world.consent(bobs, "bob")
    while_the_code_is_redeemed(world, lambda: world.complete("carol", carols))
    assert world.complete("bob", mine).status == 200
    assert [account_behind(world, user, installation) for user in ("bob", "carol")] == ["bob", "carol"]
    assert world.table.row(keys.shared_connection("acme", installation)) is None
