"""Keeping what a consent gave: in the table, else on the rescue queue; what fits nothing any more is revoked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.refresh import renew as worker
from strongroom.domain import keys, rescue
from strongroom.domain.authorization import KEPT_FOR, LIFETIME
from strongroom.domain.errors import InvalidRequest, QueueUnavailable, StoreUnavailable
from strongroom.domain.renewal_outcome import Renewed
from strongroom.domain.rescue import CompletionResult
from strongroom.flows import settle
from strongroom.flows.settle import Discarded, Stored
from tests.fakes.faults import fails, meanwhile
from tests.unit.renewals import (
    Scene,
    alarms,
    connected,
    heals,
    holds_tokens,
    nearly_over,
    queue,
    raises,
    refuses_tokens,
    rows,
    when,
)
from tests.world import Answered, Consented, Context, World, queue_event

BUSY = StoreUnavailable("busy")


# -- completions


def consented(user: str = "bob") -> tuple[World, str, Consented]:
    world = World()
    installation = world.install()
    return world, installation, world.consent(world.begin(user, installation), user)


def completed_by_rescue() -> tuple[Scene, Consented, Answered]:
    """Let a completion end on the rescue queue; the table works again."""
    world, installation, mine = consented()
    refuses_tokens(world)
    answer = world.complete("bob", mine)
    heals(world)
    return Scene(world, installation), mine, answer


def test_a_completion_that_the_table_did_not_take_is_stored_from_the_rescue_queue() -> None:
    scene, mine, answer = completed_by_rescue()
    assert (answer.status, answer.json["error"]) == (503, "unavailable")
    scene.world.deliver()
    assert scene.works()
    again = scene.world.complete("bob", mine)
    assert (again.status, again.json["state"]) == (200, "completed")
    assert len(scene.world.provider.grants) == 1


def test_a_completion_whose_answer_was_lost_is_recognised() -> None:
    world, installation, mine = consented()
    world.table.after["commit"] = when(holds_tokens, fails(BUSY), times=1)
    assert world.complete("bob", mine).status == 200
    assert rows(world, "chore") == []
    assert Scene(world, installation).works()


def test_a_rescued_completion_may_come_hours_late() -> None:
    scene, _, _ = completed_by_rescue()
    scene.world.clock.advance(3 * 3600)
    scene.world.deliver()
    assert scene.world.status("bob", scene.installation)["status"] == "connected"
    scene.world.tick()
    assert scene.works()


def test_a_rescued_completion_does_not_replace_a_newer_consent() -> None:
    scene, _, _ = completed_by_rescue()
    world = scene.world
    world.clock.advance(5)
    world.connect("bob", scene.installation)
    newer = world.look_up("bob", scene.installation).json["access_token"]
    world.deliver()
    world.tick()
    assert world.look_up("bob", scene.installation).json["access_token"] == newer
    assert [(chore["why"], chore["state"]) for chore in rows(world, "chore")] == [("newer_grant", "parked")]
    assert scene.works()


def test_a_rescued_completion_does_not_undo_a_revoke() -> None:
    scene, _, _ = completed_by_rescue()
    world = scene.world
    world.revoke("bob", scene.installation)
    world.deliver()
    world.tick()
    assert world.look_up("bob", scene.installation).json["reason"] == "never_connected"
    assert [grant.alive for grant in world.provider.grants] == [False]


def late(scene: Scene) -> CompletionResult:
    """The message, and a table that has forgotten the authorization."""
    result = rescue.decode(queue(scene.world, "rescue").sent[-1].body)
    assert isinstance(result, CompletionResult)
    scene.world.clock.advance(LIFETIME + KEPT_FOR + 1)
    gone = keys.authorization(result.authorization)
    scene.world.table.restore({key: item for key, item in scene.world.table.snapshot().items() if key != gone})
    return result


def test_a_completion_whose_authorization_is_long_gone_is_revoked_upstream() -> None:
    scene, _, _ = completed_by_rescue()
    assert isinstance(settle.settle(scene.world.ports, late(scene)), Discarded)
    scene.world.tick()
    assert [grant.alive for grant in scene.world.provider.grants] == [False]


def test_a_completion_that_had_been_stored_is_not_revoked_when_its_message_comes_after_its_authorization_is_gone() -> (
    None
):
    world, installation, mine = consented()
    scene = Scene(world, installation)
    world.table.after["commit"] = when(holds_tokens, lambda writes: away(world))
    world.complete("bob", mine)
    heals(world)
    assert scene.row["access"]
    assert isinstance(settle.settle(world.ports, late(scene)), Stored)
    world.tick()
    assert world.provider.revoked == []
    assert [grant.alive for grant in world.provider.grants] == [True]
    assert scene.works()


def away(world: World) -> None:
    """From now on the table neither reads nor writes."""
    world.table.before["read"] = world.table.before["commit"] = raises(BUSY)
    raise BUSY


def test_a_renewal_that_gets_in_between_does_not_stop_a_reconnect() -> None:
    scene = nearly_over()
    world = scene.world
    mine = world.consent(world.begin("bob", scene.installation), "bob")
    world.table.before["commit"] = when(holds_tokens, meanwhile(lambda: renew_aside(scene)), times=1)
    assert world.complete("bob", mine).status == 200
    old, new = world.provider.grants
    (chore,) = rows(world, "chore")
    assert (chore["why"], chore["n"]) == ("replaced", 2)
    assert world.look_up("bob", scene.installation).json["access_token"] == new.access
    assert old.access != new.access


def renew_aside(scene: Scene) -> None:
    hook = scene.world.table.before.pop("commit")
    assert isinstance(scene.renew(scene.world.new_environment()), Renewed)
    scene.world.table.before["commit"] = hook


def test_a_row_that_keeps_changing_sends_the_completion_to_the_rescue_queue() -> None:
    scene = nearly_over()
    world = scene.world
    mine = world.consent(world.begin("bob", scene.installation), "bob")
    world.table.before["commit"] = when(holds_tokens, lambda writes: renew_aside(scene))
    assert world.complete("bob", mine).status == 503
    heals(world)
    world.deliver()
    assert world.complete("bob", mine).status == 200
    assert scene.works()


def test_both_ways_closed_for_a_completion_is_an_alarm_too() -> None:
    world, _, mine = consented()
    refuses_tokens(world)
    queue(world, "rescue").before["send"] = raises(QueueUnavailable("away"))
    assert world.complete("bob", mine).json["error"] == "not_kept"
    assert alarms(world) == ["token_lost"]


def test_a_rescued_result_of_another_connection_than_the_authorizations_is_refused() -> None:
    scene, _, _ = completed_by_rescue()
    result = rescue.decode(queue(scene.world, "rescue").sent[-1].body)
    assert isinstance(result, CompletionResult)
    begun = scene.world.begin("carol", scene.installation)
    with pytest.raises(InvalidRequest):
        settle.settle(scene.world.ports, CompletionResult(begun.id, result.connection, result.due_at))


def test_the_connection_that_a_renewal_left_is_what_the_table_holds() -> None:
    scene = connected()
    outcome = scene.renew()
    assert isinstance(outcome, Renewed)
    assert (outcome.connection.version, outcome.connection.tokens) == (
        scene.connection.version,
        scene.connection.tokens,
    )


@pytest.mark.parametrize("receives", [1, 6, 7, 900])
def test_a_rescued_result_comes_back_at_once_while_the_table_is_silent_however_long_that_lasts(receives: int) -> None:
    scene, _, _ = completed_by_rescue()
    world, waiting = scene.world, queue(scene.world, "rescue")
    world.table.before["commit"] = fails(BUSY, 10_000)
    (delivery,) = waiting.receive()
    event = queue_event("rescue", [replace(delivery, times=receives)])
    answer = worker.lambda_handler(event, Context(), world.wired)
    assert answer["batchItemFailures"] == [{"itemIdentifier": delivery.receipt}]
    world.clock.advance(1)
    assert waiting.receive()
