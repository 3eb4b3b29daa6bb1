"""A batch with a message that nobody can work on, and a function whose time is over in the middle of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from functions.refresh import renew as worker
from strongroom.aws import queue as batches
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.table import Item, Key
from strongroom.flows import work
from strongroom.flows.messages import renewal_message
from tests.fakes.queue import Delivery, FakeQueue
from tests.requirements import requirement
from tests.unit.renewals import Behaviour, Killed, Scene, alarms, dies, dies_after_rotating, queue
from tests.weakened import weakened
from tests.world import Context, World, queue_event

TEN = 10
SEVENTH = 6
MOST_RECEIVES = 5


class Batch:
    """Ten people whose tokens are nearly over, and one message for each on the renewal queue."""

    def __init__(self) -> None:
        self.world = World()
        self.world.queues = replace(
            self.world.queues, renewal=FakeQueue(self.world.clock, visibility=30, most_receives=MOST_RECEIVES)
        )
        self.world.ports = self.world.new_environment()
        self.installation = self.world.install()
        self.scenes = [self._connected(f"user-{number}") for number in range(TEN)]
        self.world.clock.advance(3570)
        connections = [scene.connection for scene in self.scenes]
        self.queue.send([renewal_message(one.key, one.version, "provider") for one in connections])

    def _connected(self, user: str) -> Scene:
        assert self.world.put_member("acme", user, "team_user").status == 200
        self.world.connect(user, self.installation)
        return Scene(self.world, self.installation, user)

    @property
    def queue(self) -> FakeQueue:
        return queue(self.world, "renewal")

    def invoke(self) -> Sequence[int]:
        """Let Lambda hand all that is visible to one function; give the positions in the batch that come back."""
        received = self.queue.receive(most=64)
        answer = worker.lambda_handler(queue_event("renewal", received), Context(), self.world.wired)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for delivery in received:
            if delivery.receipt not in failed:
                self.queue.delete(delivery.receipt)
        return [at for at, delivery in enumerate(received) if delivery.receipt in failed]

    def renewed(self) -> list[bool]:
        return [scene.connection.version.n == 2 for scene in self.scenes]

    def provider_does(self, chosen: Scene, behaviour: Behaviour) -> None:
        """Let the provider do this once, to this person's request, whenever it comes."""
        token, honest = chosen.sealed_refresh(), self.world.provider.honest
        left = [behaviour]

        def behave(request: Outgoing) -> Answer:
            sent = request.body.reveal() if request.body else ""
            return left.pop()(request) if left and token in sent else honest(request)

        self.world.provider.answer_next.extend([behave] * TEN)


# -- F19: a message that nobody can work on


def torn(batch: Batch) -> Item:
    """The seventh row is not what any release ever wrote; give it as it was."""
    whole = batch.scenes[SEVENTH].row
    batch.world.table.place({**whole, "n": "seven"})
    return whole


@requirement("fault:F19")
def test_a_message_that_nobody_can_work_on_holds_up_no_other() -> None:
    batch = Batch()
    whole = torn(batch)
    assert batch.invoke() == [SEVENTH]
    batch.world.table.place(whole)
    assert batch.renewed() == [at != SEVENTH for at in range(TEN)]


@requirement("fault:F19")
def test_it_is_put_aside_after_five_deliveries_with_an_alarm_and_the_schedule_finds_its_connection_without_it() -> None:
    batch = Batch()
    whole = torn(batch)
    for _ in range(MOST_RECEIVES + 1):
        batch.invoke()
        batch.world.clock.advance(31)
    assert len(batch.queue.dead) == 1
    assert batch.queue.waiting() == 0
    assert alarms(batch.world) == ["unexpected_error"] * MOST_RECEIVES

    batch.world.table.place(whole)
    batch.world.tick()
    assert all(batch.renewed())
    assert all(scene.works() for scene in batch.scenes)


@requirement("fault:F19")
def test_control_who_does_not_catch_it_brings_the_whole_batch_back() -> None:
    batch = Batch()
    torn(batch)
    caught = weakened(batches._one, "except Exception as error:", "except ZeroDivisionError as error:")
    with caught, pytest.raises((ValueError, TypeError)):
        batch.invoke()
    assert batch.queue.waiting() == TEN


@requirement("fault:F19")
@pytest.mark.parametrize(
    "body",
    ["", "no JSON", "[]", '{"form": 1}', '{"form": 1, "pk": 5, "sk": "x", "version": "y"}', '{"form": 7}', "{" * 5000],
)
def test_a_message_that_is_none_of_ours_is_dropped_and_the_rest_is_done(body: str) -> None:
    batch = Batch()
    received = batch.queue.receive(most=64)
    strange = Delivery(body, None, "strange", 1)
    event = queue_event("renewal", [*received[:5], strange, *received[5:]])
    answer = worker.lambda_handler(event, Context(), batch.world.wired)
    assert answer == {"batchItemFailures": []}
    assert all(batch.renewed())


@requirement("fault:F19")
def test_a_shard_that_cannot_be_swept_holds_up_no_other() -> None:
    batch = Batch()
    for delivery in batch.queue.receive(most=64):
        batch.queue.delete(delivery.receipt)

    def one_shard_is_torn(query: Any) -> None:
        if query.partition == "D#1":
            raise RuntimeError("odd")

    batch.world.table.before["query"] = one_shard_is_torn
    batch.world.tick()
    due = {scene.row["PK"] for scene in batch.scenes if scene.connection.version.n == 1}
    assert len(due) < TEN
    batch.world.table.before.clear()
    batch.world.clock.advance(301)
    batch.world.tick()
    assert all(batch.renewed())


# -- F20: the function's time is over in item seven of ten


def time_is_over_in_the_seventh(batch: Batch, behaviour: Behaviour) -> None:
    """Six are done; the seventh has sent its request; the last three have not begun. Then the process is gone."""
    batch.provider_does(batch.scenes[SEVENTH], behaviour)
    unborn = {scene.connection.key for scene in batch.scenes[SEVENTH + 1 :]}

    def not_begun(wanted: Sequence[Key]) -> None:
        if unborn & {*wanted}:
            raise Killed

    batch.world.table.before["read"] = not_begun
    received = batch.queue.receive(most=64)
    with pytest.raises(Killed):
        worker.lambda_handler(queue_event("renewal", received), Context(), batch.world.wired)
    batch.world.table.before.clear()
    batch.world.provider.answer_next.clear()
    batch.world.ports = batch.world.new_environment()


@requirement("fault:F20")
def test_when_the_time_is_over_what_is_done_stays_done_and_the_rest_is_taken_up_again() -> None:
    batch = Batch()
    time_is_over_in_the_seventh(batch, dies)
    assert batch.renewed() == [at < SEVENTH for at in range(TEN)]
    assert batch.scenes[SEVENTH].connection.renewal.lease is not None
    assert batch.queue.waiting() == TEN

    before = [scene.row for scene in batch.scenes[:SEVENTH]]
    batch.world.clock.advance(31)
    assert batch.invoke() == []
    assert [scene.row for scene in batch.scenes[:SEVENTH]] == before
    assert all(batch.renewed())
    assert batch.queue.waiting() == 0
    assert all(scene.works() for scene in batch.scenes)
    sent = batch.scenes[0].refreshes()
    assert sorted(sent.count(token) for token in {*sent}) == [1] * (TEN - 1) + [2], "only the one that was on its way"


@requirement("fault:F20")
def test_the_one_that_was_on_its_way_is_all_that_a_strict_provider_can_end() -> None:
    batch = Batch()
    time_is_over_in_the_seventh(batch, dies_after_rotating(batch.world))
    batch.world.clock.advance(31)
    batch.invoke()
    reasons = [scene.connection.reason for scene in batch.scenes]
    assert reasons == ["lost_response" if at == SEVENTH else None for at in range(TEN)]
    assert all(scene.works() for at, scene in enumerate(batch.scenes) if at != SEVENTH)


@requirement("fault:F20")
def test_the_schedule_takes_up_the_rest_even_if_the_messages_are_gone() -> None:
    batch = Batch()
    time_is_over_in_the_seventh(batch, dies)
    batch.world.queues = replace(batch.world.queues, renewal=FakeQueue(batch.world.clock))
    batch.world.ports = batch.world.new_environment()
    for _ in range(2):
        batch.world.clock.advance(301)
        batch.world.tick()
    assert all(batch.renewed())


@requirement("fault:F20")
def test_control_without_the_version_what_is_done_is_done_again() -> None:
    batch = Batch()
    time_is_over_in_the_seventh(batch, dies)
    batch.world.clock.advance(31)
    with weakened(work.renew_one, "if str(connection.version) != version:", "if False:"):
        batch.invoke()
    assert [scene.connection.version.n for scene in batch.scenes[:SEVENTH]] == [3] * SEVENTH
