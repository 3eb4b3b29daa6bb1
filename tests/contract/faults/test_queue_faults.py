"""Ticks and messages that come twice, late, in disorder or not at all, and an SQS that takes nothing or says nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from functions.refresh import renew as worker
from functions.refresh import sweep as sweeper
from strongroom.domain import renewal
from strongroom.domain.errors import QueueUnavailable
from strongroom.domain.renewal_outcome import Failed
from strongroom.flows import lease, sweep, work
from strongroom.ports import Message
from tests.contract.faults.aws_faults import (
    Fault,
    answer_lost,
    fails_after,
    refuses,
    reset,
    reset_after,
    sends_to,
    stores_tokens,
    takes_no_message,
    unreachable,
)
from tests.contract.faults.aws_world import alive, lives, on_aws, recovers
from tests.requirements import requirement
from tests.unit.renewals import alarms, before_answering, nearly_over, queue, silence
from tests.weakened import weakened
from tests.world import Context, World, queue_event

NOTHING_TAKEN: dict[str, Fault] = {
    "down": refuses("ServiceUnavailable", 503),
    "throttled": refuses("RequestThrottled"),
    "gone": refuses("QueueDoesNotExist"),
    "forbidden": refuses("AccessDeniedException"),
    "unreachable": unreachable,
    "reset": reset,
    "in part": takes_no_message,
}
NOT_HEARD: dict[str, Fault] = {"reset": reset_after, "silence": answer_lost, "an error of its own": fails_after}
DOWN = pytest.mark.parametrize("fault", NOTHING_TAKEN.values(), ids=NOTHING_TAKEN.keys())
SOME = pytest.mark.parametrize("fault", [unreachable, takes_no_message], ids=["unreachable", "in part"])
LOST = pytest.mark.parametrize("fault", NOT_HEARD.values(), ids=NOT_HEARD.keys())


def fire(world: World) -> None:
    """Let the schedule fire; nothing is delivered yet."""
    sweeper.lambda_handler({"strongroom": "tick"}, Context(), world.wired)


def sweep_all(world: World) -> list[Message]:
    """Let the shards be swept, and give what the renewal queue was sent."""
    held = queue(world, "sweep")
    received = held.receive()
    sweeper.lambda_handler(queue_event("sweep", received), Context(), world.wired)
    for delivery in received:
        held.delete(delivery.receipt)
    return queue(world, "renewal").sent


def deliver(world: World, *messages: Message) -> None:
    """Let the worker get these messages in one batch, past the queue."""
    held = queue(World(), "renewal")
    held.send(messages)
    worker.lambda_handler(queue_event("renewal", held.receive(most=64)), Context(), world.wired)


# -- F17: ticks


def twice(world: World) -> None:
    for _ in range(3):
        fire(world)
    world.deliver()


def overlapping(world: World) -> None:
    """The next tick fires, and is delivered, while the first one's renewal waits for the provider."""
    world.provider.answer_next.append(before_answering(world, world.tick, world.tick))
    world.tick()


def late(world: World) -> None:
    world.clock.advance(299)
    world.tick()


def missed(world: World) -> None:
    world.clock.advance(3 * 3600)
    world.tick()


def long_after_its_messages(world: World) -> None:
    """The queues keep what the tick wrote for an hour, while other ticks do the work."""
    fire(world)
    kept = sweep_all(world)[:]
    world.clock.advance(3600)
    world.deliver()
    deliver(world, *kept)


@requirement("fault:F17")
@pytest.mark.parametrize("ticks", [twice, overlapping, late, missed, long_after_its_messages])
def test_however_the_ticks_come_each_connection_is_renewed_once(ticks: Callable[[World], None]) -> None:
    scene = nearly_over()
    ticks(scene.world)
    assert len(scene.refreshes()) == 1
    assert lives(scene)


@requirement("fault:F17")
def test_control_a_tick_that_looks_only_at_what_is_new_since_the_last_one_misses_it_for_good() -> None:
    scene = nearly_over(left=-3600)
    new = 'int(str(item["due_at"])) > now - 300'
    with weakened(sweep.sweep_shard, '_fits(room, str(item.get("kind")))', new):
        for _ in range(3):
            scene.world.tick()
            scene.world.clock.advance(300)
    assert scene.refreshes() == []


@requirement("fault:F17")
@DOWN
@pytest.mark.parametrize("name", ["sweep", "renewal"])
def test_a_tick_whose_messages_are_not_taken_is_made_good_by_the_next(fault: Fault, name: str) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(fault, sends_to(name))
    if name == "sweep":
        with pytest.raises(QueueUnavailable):
            fire(scene.world)
    else:
        scene.world.tick()
    assert scene.refreshes() == []
    recovers(aws)
    assert lives(scene)
    assert len(scene.refreshes()) == 1


# -- F18: messages


@requirement("fault:F18")
@LOST
def test_messages_that_are_sent_again_since_nobody_heard_of_the_first_do_no_more_than_one(fault: Fault) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    for name in ("sweep", "renewal"):
        aws.hang(fault, sends_to(name), 1)
    scene.world.tick()
    assert [len(queue(scene.world, name).sent) for name in ("sweep", "renewal")] == [8, 3]
    assert len(scene.refreshes()) == 1
    assert lives(scene)


@requirement("fault:F18")
def test_copies_in_one_batch_old_messages_and_new_ones_in_any_order_renew_once() -> None:
    scene = nearly_over()
    fire(scene.world)
    (old,) = sweep_all(scene.world)
    newer = Message(json.dumps({**json.loads(old.body), "version": str(scene.connection.version.next())}))
    deliver(scene.world, newer, old, old, newer, old)
    deliver(scene.world, old)
    assert len(scene.refreshes()) <= 2
    assert len({*scene.refreshes()}) == len(scene.refreshes())
    assert lives(scene)


@requirement("fault:F18")
def test_a_message_that_comes_again_while_it_is_worked_on_sends_nothing_and_waits() -> None:
    scene = nearly_over()
    world = scene.world
    fire(world)
    (message,) = sweep_all(world)
    scene.provider_does(before_answering(world, lambda: deliver(world, message), lambda: deliver(world, message)))
    deliver(world, message)
    assert len(scene.refreshes()) == 1
    assert lives(scene)


FREE = "return (connection.version.unchanged(), free, *as_read)"


@requirement("fault:F18")
def test_control_without_the_lease_a_second_delivery_sends_the_same_token_and_the_grant_ends() -> None:
    scene = nearly_over()
    world = scene.world
    fire(world)
    (message,) = sweep_all(world)
    scene.provider_does(before_answering(world, lambda: deliver(world, message)))
    held = weakened(lease.held_up, "return Waiting(look_again)", "return None")
    with held, weakened(renewal._untried, FREE, "return (connection.version.unchanged(),)"):
        deliver(world, message)
    assert len(set(scene.refreshes())) < len(scene.refreshes())
    assert alive(world) == []


@requirement("fault:F18")
def test_control_without_the_version_a_late_message_renews_once_more() -> None:
    scene = nearly_over()
    fire(scene.world)
    (message,) = sweep_all(scene.world)
    deliver(scene.world, message)
    with weakened(work.renew_one, "if str(connection.version) != version:", "if False:"):
        deliver(scene.world, message)
    assert len(scene.refreshes()) == 2


@requirement("fault:F18")
@pytest.mark.parametrize("fault", [unreachable, refuses("ServiceUnavailable", 503)], ids=["unreachable", "down"])
def test_a_message_that_cannot_be_hidden_longer_comes_back_by_itself(fault: Fault) -> None:
    scene = nearly_over(left=0)
    aws = on_aws(scene)
    aws.hang(fault, lambda call: call.operation == "ChangeMessageVisibility")
    scene.provider_does(silence)
    scene.world.tick()
    assert queue(scene.world, "renewal").waiting() == 1
    scene.world.clock.advance(31)
    scene.world.deliver()
    assert scene.works()
    assert len(scene.refreshes()) == 2


@requirement("fault:F18")
@SOME
def test_a_second_look_that_could_not_be_queued_is_taken_by_the_schedule(fault: Fault) -> None:
    scene = nearly_over(left=0)
    aws = on_aws(scene)
    aws.hang(fault, sends_to("renewal"))
    scene.provider_does(silence)
    assert scene.world.look_up("bob", scene.installation).status == 503
    assert queue(scene.world, "renewal").sent == []
    recovers(aws)
    assert scene.works()


# -- the rescue queue


@requirement("fault:F6")
@LOST
def test_a_result_that_is_on_the_rescue_queue_twice_is_stored_once(fault: Fault) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(refuses("ThrottlingException"), stores_tokens)
    aws.hang(fault, sends_to("rescue"), 1)
    assert scene.renew() == Failed("table_unavailable", 0)
    assert len(queue(scene.world, "rescue").sent) == 2
    recovers(aws)
    assert scene.connection.version.n == 2 + len(scene.refreshes()) - 1
    assert lives(scene)


@requirement("fault:F6")
@SOME
def test_one_answer_of_a_rescue_queue_that_does_not_take_it_is_not_the_last_word(fault: Fault) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(refuses("ThrottlingException"), stores_tokens)
    aws.hang(fault, sends_to("rescue"), 1)
    assert scene.renew() == Failed("table_unavailable", 0)
    assert alarms(scene.world) == ["result_on_rescue_queue"]
    recovers(aws)
    assert lives(scene)
