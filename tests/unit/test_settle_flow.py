"""Keeping what a provider gave: in the table, else on the rescue queue, else with an alarm; what fits nothing is revoked."""

from __future__ import annotations

import json

import pytest

from strongroom.domain import rescue
from strongroom.domain.errors import QueueUnavailable, StoreUnavailable
from strongroom.domain.renewal_outcome import Failed, Refused, Renewed
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.table import Put
from strongroom.flows import renew, settle
from strongroom.flows.settle import Discarded, Stored, Superseded
from strongroom.ports import Message
from tests.requirements import requirement
from tests.unit.attacks.hunt import found_in
from tests.unit.cutting import revocations
from tests.unit.renewals import (
    Scene,
    alarms,
    forgives,
    heals,
    nearly_over,
    queue,
    raises,
    refuses_tokens,
    rows,
    when,
)
from tests.weakened import weakened

BUSY = StoreUnavailable("busy")


def rescued(scene: Scene) -> RenewalResult:
    """Let a renewal end on the rescue queue; the table works again."""
    refuses_tokens(scene.world)
    assert scene.renew() == Failed("table_unavailable", 0)
    heals(scene.world)
    result = rescue.decode(queue(scene.world, "rescue").sent[-1].body)
    assert isinstance(result, RenewalResult)
    return result


# -- renewals


def test_when_the_table_refuses_to_the_end_the_result_goes_to_the_rescue_queue_and_is_stored_from_there() -> None:
    scene = nearly_over()
    rescued(scene)
    assert alarms(scene.world) == ["result_on_rescue_queue"]
    scene.world.deliver()
    assert scene.works()
    assert scene.connection.version.n == 2
    assert scene.row["due_at"]
    assert len(scene.refreshes()) == 1


def test_the_table_is_asked_again_and_again_before_the_result_goes_to_the_rescue_queue() -> None:
    scene = nearly_over()
    started = scene.world.clock.now()
    before = scene.world.table.requests["UpdateItem"]
    rescued(scene)
    assert scene.world.table.requests["UpdateItem"] - before > 8
    assert scene.world.clock.now() <= started + 23


def test_the_consumer_needs_no_keys() -> None:
    scene = nearly_over()
    rescued(scene)
    scene.world.ports = scene.world.new_environment()
    scene.world.keys.disabled = True
    asked = len(scene.world.keys.requests)
    scene.world.deliver()
    assert len(scene.world.keys.requests) == asked
    scene.world.keys.disabled = False
    scene.world.clock.advance(2)
    assert scene.works()


def shows_on_the_queue(scene: Scene) -> list[tuple[str, str]]:
    """Let a renewal end on the rescue queue, and search its message for the tokens, however they are spelled there."""
    refuses_tokens(scene.world)
    assert scene.renew() == Failed("table_unavailable", 0)
    (grant,) = scene.world.provider.grants
    (message,) = queue(scene.world, "rescue").sent
    return found_in(message.body, {"token": {grant.access, grant.refresh, *grant.spent}})


def test_no_token_stands_on_the_queue() -> None:
    assert shows_on_the_queue(nearly_over()) == []


def test_control_a_token_that_is_not_sealed_would_be_found_on_the_queue() -> None:
    sealing = 'prepared.ring.seal(refresh_token, connection.place("refresh_token", version))'
    with weakened(renew._commit, sealing, "refresh_token.reveal().encode()"):
        assert shows_on_the_queue(nearly_over()) != []


def test_a_rescued_result_waits_for_the_table_however_long_that_takes() -> None:
    scene = nearly_over(left=0)
    rescued(scene)
    refuses_tokens(scene.world)
    for _ in range(3):
        scene.world.deliver()
        scene.world.clock.advance(31)
    assert queue(scene.world, "rescue").waiting() == 1
    heals(scene.world)
    queue(scene.world, "rescue")._most_receives = 1000
    scene.world.deliver()
    assert scene.works()


def test_one_delivery_asks_a_silent_table_many_times_so_that_a_rescue_comes_before_a_second_look() -> None:
    scene = nearly_over(left=0)
    rescued(scene)
    refuses_tokens(scene.world, times=9)
    started = scene.world.clock.now()
    scene.world.deliver()
    assert scene.world.clock.now() - started < 23
    assert scene.works()


def test_a_result_that_is_stored_twice_is_stored_once() -> None:
    scene = nearly_over()
    result = rescued(scene)
    ports = scene.world.ports
    assert isinstance(settle.settle(ports, result), Stored)
    before = scene.world.table.snapshot()
    assert isinstance(settle.settle(ports, result), Stored | Superseded)
    assert scene.world.table.snapshot() == before
    scene.world.look_up("bob", scene.installation)
    scene.world.clock.advance(3500)
    assert isinstance(scene.renew(), Renewed)
    assert settle.settle(ports, result) == Superseded()
    assert rows(scene.world, "chore") == []
    assert scene.works()


@requirement("fault:F6")
def test_with_both_ways_closed_an_alarm_says_that_a_token_is_lost() -> None:
    scene = nearly_over()
    refuses_tokens(scene.world)
    queue(scene.world, "rescue").before["send"] = raises(QueueUnavailable("away"))
    assert scene.renew() == Failed("token_lost", 0)
    assert alarms(scene.world) == ["token_lost"]
    (grant,) = scene.world.provider.grants
    assert grant.access not in repr(scene.world.journal.entries)
    assert grant.refresh not in repr(scene.world.journal.entries)


@requirement("fault:F6")
def test_a_table_that_works_again_in_time_loses_nothing_though_the_queue_is_away() -> None:
    scene = nearly_over()
    refuses_tokens(scene.world, times=9)
    queue(scene.world, "rescue").before["send"] = raises(QueueUnavailable("away"))
    assert isinstance(scene.renew(), Renewed)
    assert alarms(scene.world) == []
    assert scene.works()


def test_a_rescued_result_replaces_what_a_look_with_the_spent_token_made_of_the_connection() -> None:
    scene = nearly_over(left=0)
    result = rescued(scene)
    scene.world.clock.advance(31)
    (grant,) = scene.world.provider.grants
    assert scene.renew() == Refused()
    grant.alive = True
    assert isinstance(settle.settle(scene.world.ports, result), Stored)
    assert scene.world.status("bob", scene.installation)["status"] == "connected"
    assert scene.works()


def test_a_rescued_result_that_a_second_look_has_overtaken_is_left_alone() -> None:
    scene = nearly_over(left=0)
    result = rescued(scene)
    scene.world.clock.advance(31)
    scene.provider_does(forgives(scene.world))
    assert isinstance(scene.renew(), Renewed)
    assert settle.settle(scene.world.ports, result) == Superseded()
    scene.world.tick()
    assert scene.world.provider.revoked == []
    assert scene.works()


def test_a_rescued_result_of_a_revoked_connection_is_revoked_upstream() -> None:
    scene = nearly_over()
    world = scene.world
    rescued(scene)
    world.revoke("bob", scene.installation)
    world.deliver()
    world.tick()
    (grant,) = world.provider.grants
    assert not grant.alive
    assert {grant.refresh, grant.access} <= set(world.provider.revoked)
    assert world.look_up("bob", scene.installation).json["reason"] == "revoked"


def test_a_rescued_result_of_one_who_left_goes_into_the_row_that_nobody_can_read() -> None:
    scene = nearly_over()
    world = scene.world
    result = rescued(scene)
    world.put_member("acme", "bob", None)
    assert isinstance(settle.settle(world.ports, result), Stored)
    assert world.look_up("bob", scene.installation).status == 404
    world.put_member("acme", "bob", "team_user")
    assert world.look_up("bob", scene.installation).json["reason"] == "never_connected"


def test_a_rescued_result_from_before_a_leave_and_a_reconnect_changes_nothing() -> None:
    scene = nearly_over()
    world = scene.world
    rescued(scene)
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.connect("bob", scene.installation)
    before = scene.row
    world.deliver()
    assert scene.row == before
    assert [chore["why"] for chore in revocations(world)] == ["replaced", "superseded_by_another_grant"]
    world.tick()
    assert scene.works()


def test_a_rescued_result_whose_row_is_gone_is_revoked_upstream() -> None:
    scene = nearly_over()
    world = scene.world
    result = rescued(scene)
    row = scene.connection.key
    world.table.restore({key: item for key, item in world.table.snapshot().items() if key != row})
    assert isinstance(settle.settle(world.ports, result), Discarded)
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_chore_that_could_not_be_written_is_written_at_the_next_try_and_once(lost: str) -> None:
    scene = nearly_over()
    world = scene.world
    result = rescued(scene)
    world.revoke("bob", scene.installation)
    world.deliver()
    hooks = world.table.before if lost == "before" else world.table.after
    hooks["commit"] = when(is_chore, raises(BUSY), times=1)
    with pytest.raises(StoreUnavailable):
        settle.settle(world.ports, result)
    assert isinstance(settle.settle(world.ports, result), Discarded)
    assert isinstance(settle.settle(world.ports, result), Discarded)
    whys = [chore["why"] for chore in rows(world, "chore")]
    assert whys.count("superseded_by_another_grant") == 1


def is_chore(writes: object) -> bool:
    return any(isinstance(write, Put) and write.item.get("kind") == "chore" for write in writes)  # type: ignore[attr-defined]


def test_a_foreign_text_on_the_rescue_queue_changes_nothing_and_is_not_dropped() -> None:
    scene = nearly_over()
    before = scene.world.table.snapshot()
    scene.world.queues.rescue.send(
        [Message("nonsense"), Message(json.dumps({"form": 1, "kind": "renewal", "row": []}))]
    )
    scene.world.deliver()
    assert scene.world.table.snapshot() == before
    assert alarms(scene.world) == ["rescue_unreadable"] * 2
    assert queue(scene.world, "rescue").waiting() == 2
