"""What every queue promises: the one on SQS (played by moto) and the fake that all other tests build on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from moto import mock_aws

from strongroom.adapters import clients
from strongroom.adapters.sqs import SqsQueue
from strongroom.domain.errors import QueueUnavailable
from strongroom.ports import Message, Queue
from tests.contract.stand_in import create_queue
from tests.fakes.clock import FakeClock
from tests.fakes.faults import fails
from tests.fakes.queue import FakeQueue


@dataclass(frozen=True, slots=True)
class Ends:
    """Both ends of one queue: the port, and what a consumer gets as pairs of body and receipt."""

    queue: Queue
    receive: Callable[[], list[tuple[str, str]]]

    def bodies(self) -> list[str]:
        return sorted(body for body, _ in self.receive())


@pytest.fixture(scope="module")
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield clients.sqs(clients.open_session())


@pytest.fixture(params=["fake", "sqs"])
def ends(request: pytest.FixtureRequest) -> Ends:
    if request.param == "fake":
        fake = FakeQueue()
        return Ends(fake, lambda: [(delivery.body, delivery.receipt) for delivery in fake.receive(100)])
    client = request.getfixturevalue("sqs")
    url = create_queue(client)
    return Ends(SqsQueue(client, url), lambda: drain(client, url))


def drain(client: Any, url: str) -> list[tuple[str, str]]:
    received: list[tuple[str, str]] = []
    while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        received += [(message["Body"], message["ReceiptHandle"]) for message in messages]
    return received


def numbered(amount: int) -> Sequence[Message]:
    return [Message(f'{{"number":{number:03d}}}') for number in range(amount)]


@pytest.mark.parametrize("amount", [0, 1, 10, 11, 25])
def test_every_message_arrives_once(ends: Ends, amount: int) -> None:
    messages = numbered(amount)

    ends.queue.send(messages)

    assert ends.bodies() == [message.body for message in messages]


def test_a_body_arrives_as_it_was_sent(ends: Ends) -> None:
    body = '{"user": "b|ob@%2F", "note": "Grüße 世界 \\u0000 <&>"}'

    ends.queue.send([Message(body, group="p" * 128)])

    assert ends.bodies() == [body]


def test_a_message_may_have_256_kibibytes(ends: Ends) -> None:
    bodies = ["a" * (256 * 1024), "b" * (256 * 1024), "c"]

    ends.queue.send([Message(body) for body in bodies])

    assert ends.bodies() == bodies


def test_a_delayed_message_is_not_delivered_now(ends: Ends) -> None:
    ends.queue.send([Message("now"), Message("later", delay=900)])

    assert ends.bodies() == ["now"]


def test_a_received_message_is_hidden(ends: Ends) -> None:
    ends.queue.send([Message("one")])
    ends.receive()

    assert ends.receive() == []


def test_a_message_that_is_postponed_by_nothing_comes_back_at_once(ends: Ends) -> None:
    ends.queue.send([Message("one")])
    ((_, receipt),) = ends.receive()

    ends.queue.postpone(receipt, 0)

    assert ends.bodies() == ["one"]


def test_a_postponed_message_stays_hidden(ends: Ends) -> None:
    ends.queue.send([Message("one")])
    ((_, receipt),) = ends.receive()

    ends.queue.postpone(receipt, 3_600)

    assert ends.receive() == []


def test_a_receipt_that_belongs_to_nothing_is_an_outage(ends: Ends) -> None:
    with pytest.raises(QueueUnavailable):
        ends.queue.postpone("no receipt", 30)


@pytest.mark.parametrize(
    "message",
    [
        Message(""),
        Message("a" * (256 * 1024 + 1)),
        Message("ü" * (128 * 1024 + 1)),
        Message("{}", delay=-1),
        Message("{}", delay=901),
        Message("{}", group=""),
        Message("{}", group="a group"),
        Message("{}", group="p" * 129),
    ],
    ids=lambda message: f"{len(message.body)}-{message.delay}-{message.group}"[:30],
)
def test_a_message_that_no_queue_takes_is_a_mistake_and_nothing_is_sent(ends: Ends, message: Message) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ends.queue.send([Message("good"), message])

    assert ends.receive() == []


@pytest.mark.parametrize("seconds", [-1, 43_201])
def test_a_message_cannot_be_hidden_for_longer_than_a_queue_can(ends: Ends, seconds: int) -> None:
    with pytest.raises(ValueError, match="twelve hours"):
        ends.queue.postpone("receipt", seconds)


# What only a clock in the hand can show


def test_time_brings_a_delayed_message() -> None:
    clock = FakeClock()
    queue = FakeQueue(clock)
    queue.send([Message("later", delay=30)])

    clock.advance(30)

    assert [delivery.body for delivery in queue.receive()] == ["later"]


def test_a_message_that_is_not_deleted_comes_back_with_a_new_receipt() -> None:
    clock = FakeClock()
    queue = FakeQueue(clock, visibility=30)
    queue.send([Message("one")])
    (first,) = queue.receive()

    clock.advance(30)

    (again,) = queue.receive()
    assert (first.times, again.times) == (1, 2)
    with pytest.raises(QueueUnavailable):
        queue.postpone(first.receipt, 5)


def test_a_postponed_message_comes_back_when_its_time_is_over() -> None:
    clock = FakeClock()
    queue = FakeQueue(clock, visibility=30)
    queue.send([Message("one")])
    queue.postpone(queue.receive()[0].receipt, 120)

    clock.advance(119)
    early = queue.receive()
    clock.advance(1)

    assert (early, [delivery.body for delivery in queue.receive()]) == ([], ["one"])


def test_a_deleted_message_never_comes_back() -> None:
    clock = FakeClock()
    queue = FakeQueue(clock)
    queue.send([Message("one")])

    queue.delete(queue.receive()[0].receipt)
    clock.advance(10_000)

    assert (queue.receive(), queue.waiting()) == ([], 0)


def test_a_message_that_fails_too_often_is_laid_aside() -> None:
    clock = FakeClock()
    queue = FakeQueue(clock, visibility=30, most_receives=2)
    queue.send([Message("poison")])

    for _ in range(3):
        queue.receive()
        clock.advance(30)

    assert (queue.waiting(), queue.dead) == (0, [Message("poison")])


def test_hooks_play_a_queue_that_fails_before_or_after_it_took_the_messages() -> None:
    queue = FakeQueue()
    queue.before["send"] = fails(QueueUnavailable())
    queue.after["send"] = fails(QueueUnavailable())

    for expected in (0, 1):
        with pytest.raises(QueueUnavailable):
            queue.send([Message("one")])
        assert len(queue.sent) == expected
