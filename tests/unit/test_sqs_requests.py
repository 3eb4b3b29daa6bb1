"""What the queue's adapter sends to SQS, and what it makes of failures."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from strongroom.adapters import clients
from strongroom.adapters.sqs import SqsQueue
from strongroom.domain.errors import QueueUnavailable
from strongroom.ports import Message
from tests.fakes.wire import Reply, ScriptedWire, done, error, fake_session

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/renewal"


def stage(*script: Reply | Exception) -> tuple[SqsQueue, ScriptedWire]:
    client = clients.sqs(fake_session())
    return SqsQueue(client, URL), ScriptedWire(client, *script)


def taken(*failed: int) -> Reply:
    failures = [{"Id": str(position), "Code": "InternalError", "SenderFault": False} for position in failed]
    return done(Successful=[], Failed=failures)


def lost() -> Exception:
    return ReadTimeoutError(endpoint_url=URL)


def bodies(wire: ScriptedWire) -> list[list[Any]]:
    return [[entry["MessageBody"] for entry in sent.body["Entries"]] for sent in wire.sent]


def messages(amount: int) -> list[Message]:
    return [Message(str(number)) for number in range(amount)]


def test_messages_go_in_tens() -> None:
    queue, wire = stage(taken(), taken(), taken())

    queue.send(messages(25))

    assert [len(batch) for batch in bodies(wire)] == [10, 10, 5]
    assert {sent.operation for sent in wire.sent} == {"SendMessageBatch"}


def test_sending_nothing_sends_no_request() -> None:
    queue, wire = stage()

    queue.send([])

    assert wire.sent == []


def test_large_messages_share_a_request_only_as_far_as_it_can_hold_them() -> None:
    queue, wire = stage(taken(), taken())
    half = 128 * 1024

    queue.send([Message("a" * half), Message("b" * half), Message("c")])

    assert [len(batch) for batch in bodies(wire)] == [2, 1]


def test_group_and_delay_go_along() -> None:
    queue, wire = stage(taken())

    queue.send([Message("{}", group="provider", delay=30), Message("[]")])

    assert wire.sent[0].body == {
        "QueueUrl": URL,
        "Entries": [
            {"Id": "0", "MessageBody": "{}", "DelaySeconds": 30, "MessageGroupId": "provider"},
            {"Id": "1", "MessageBody": "[]", "DelaySeconds": 0},
        ],
    }


def test_only_what_was_not_taken_is_sent_once_more() -> None:
    queue, wire = stage(taken(1, 3), taken())

    queue.send(messages(5))

    assert bodies(wire) == [["0", "1", "2", "3", "4"], ["1", "3"]]


def test_what_is_not_taken_twice_is_an_outage() -> None:
    queue, wire = stage(taken(1, 3), taken(1))

    with pytest.raises(QueueUnavailable):
        queue.send(messages(5))

    assert len(wire.sent) == 2


@pytest.mark.parametrize("fault", [lost(), error("InternalFailure", 500), error("AccessDeniedException")])
def test_a_batch_that_fails_as_a_whole_is_sent_once_more(fault: Reply | Exception) -> None:
    queue, wire = stage(fault, taken())

    queue.send(messages(2))

    assert bodies(wire) == [["0", "1"], ["0", "1"]]


def test_a_queue_that_does_not_answer_twice_is_an_outage() -> None:
    queue, wire = stage(lost(), error("InternalFailure", 500))

    with pytest.raises(QueueUnavailable) as caught:
        queue.send(messages(2))

    assert (len(wire.sent), str(caught.value)) == (2, "2 of 2 messages were not taken")


def test_postponing_sets_the_visibility_from_now() -> None:
    queue, wire = stage(done())

    queue.postpone("receipt", 30)

    assert wire.sent[0].operation == "ChangeMessageVisibility"
    assert wire.sent[0].body == {"QueueUrl": URL, "ReceiptHandle": "receipt", "VisibilityTimeout": 30}


def test_postponing_is_tried_twice() -> None:
    queue, wire = stage(lost(), done(), lost(), lost())

    queue.postpone("receipt", 30)
    with pytest.raises(QueueUnavailable):
        queue.postpone("receipt", 30)

    assert len(wire.sent) == 4
