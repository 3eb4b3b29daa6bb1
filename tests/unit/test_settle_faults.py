"""A result that the table does not take for a reason that nobody foresaw, or that nobody can read: it is never dropped."""

from __future__ import annotations

from typing import Any

import pytest

from functions.refresh import renew as worker
from strongroom.domain.renewal_outcome import Failed
from strongroom.flows import settle
from strongroom.ports import Message
from tests.requirements import requirement
from tests.unit.renewals import (
    Scene,
    alarms,
    heals,
    holds_tokens,
    nearly_over,
    queue,
    raises,
    refuses_tokens,
    when,
)
from tests.weakened import weakened
from tests.world import Context, queue_event

# -- what cannot be read


def hand_over(scene: Scene, body: str) -> Any:
    """Put a text on the rescue queue, as another release might have written it, and deliver it once."""
    held = queue(scene.world, "rescue")
    held.send([Message(body)])
    (delivery,) = held.receive()
    return worker.lambda_handler(queue_event("rescue", [delivery]), Context(), scene.world.wired)


def unreadable(scene: Scene) -> str:
    """A renewed grant as a later release might write it; the queue is empty again."""
    refuses_tokens(scene.world)
    scene.renew()
    heals(scene.world)
    held = queue(scene.world, "rescue")
    for delivery in held.receive():
        held.delete(delivery.receipt)
    return held.sent[-1].body.replace('"form":1', '"form":2')


def test_a_rescued_result_that_cannot_be_read_is_an_alarm_and_ends_on_the_dead_letter_queue() -> None:
    scene = nearly_over()
    body = unreadable(scene)
    assert hand_over(scene, body)["batchItemFailures"] != []
    assert alarms(scene.world)[-1] == "rescue_unreadable"
    held = queue(scene.world, "rescue")
    for _ in range(held._most_receives):
        scene.world.clock.advance(31)
        scene.world.deliver()
    assert [message.body for message in held.dead] == [body]


def test_control_what_cannot_be_read_would_be_gone_without_a_word() -> None:
    scene = nearly_over()
    body = unreadable(scene)
    before = alarms(scene.world)
    with weakened(worker.store, "except InvalidRequest:", "except ZeroDivisionError:"):
        assert hand_over(scene, body) == {"batchItemFailures": []}
    assert alarms(scene.world) == before


# -- what was not foreseen


def odd(scene: Scene) -> None:
    """The table port fails with an error that nobody foresaw, whenever it should take tokens."""
    scene.world.table.before["commit"] = when(holds_tokens, raises(RuntimeError("canary in an error")))


@requirement("fault:F5")
def test_tokens_that_the_table_did_not_take_for_a_reason_that_nobody_foresaw_are_rescued_too() -> None:
    scene = nearly_over()
    odd(scene)
    assert scene.renew() == Failed("table_unavailable", 0)
    assert alarms(scene.world) == ["result_not_written", "result_on_rescue_queue"]
    assert "canary" not in repr(scene.world.journal.entries)
    heals(scene.world)
    scene.world.deliver()
    assert scene.works()


@requirement("fault:F5")
def test_control_who_rescues_from_a_silent_table_alone_loses_them() -> None:
    scene = nearly_over()
    odd(scene)
    weak = weakened(settle.keep, "except Exception as error:", "except ZeroDivisionError as error:")
    with weak, pytest.raises(RuntimeError):
        scene.renew()
    assert queue(scene.world, "rescue").sent == []


@requirement("fault:F6")
def test_a_queue_that_fails_for_a_reason_that_nobody_foresaw_is_the_same_alarm() -> None:
    scene = nearly_over()
    refuses_tokens(scene.world)
    queue(scene.world, "rescue").before["send"] = raises(RuntimeError("odd"))
    assert scene.renew() == Failed("token_lost", 0)
    assert alarms(scene.world) == ["token_lost"]
