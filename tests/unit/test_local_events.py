"""What queues and schedules hand to functions on the local machine, and which messages count as handled."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.execution import Answer
from local.intrinsics import TemplateError
from local.queues import handled, sqs_event
from local.schedule import scheduled_event, seconds_between
from local.sources import ScheduleSource

if TYPE_CHECKING:
    from types_boto3_sqs.type_defs import MessageTypeDef

NOW = 1_700_000_000.0
ARN = "arn:aws:sqs:us-east-1:123456789012:work"


def message(name: str) -> MessageTypeDef:
    return {
        "MessageId": name,
        "ReceiptHandle": f"receipt of {name}",
        "Body": "{}",
        "MD5OfBody": "md5",
        "Attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "files"},
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x"}},
    }


def left(payload: Any, *, partial: bool = True, failed: bool = False) -> list[str]:
    """Which of the messages a and b come back after this answer."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    done = handled([message("a"), message("b")], Answer(body, failed), partial)
    return sorted({"a", "b"} - {one["MessageId"] for one in done})


def test_a_record_is_what_lambda_makes_of_a_message() -> None:
    [record] = sqs_event([message("a")], ARN)["Records"]
    assert record == {
        "messageId": "a",
        "receiptHandle": "receipt of a",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "1", "MessageGroupId": "files"},
        "messageAttributes": {"kind": {"dataType": "String", "stringValue": "x"}},
        "md5OfBody": "md5",
        "eventSource": "aws:sqs",
        "eventSourceARN": ARN,
        "awsRegion": "us-east-1",
    }


@pytest.mark.parametrize("result", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_no_named_failure_means_that_all_was_handled(result: Any) -> None:
    assert left(result) == []


def test_a_named_message_comes_back_and_the_others_do_not() -> None:
    failure = {"batchItemFailures": [{"itemIdentifier": "b"}]}
    assert left(failure) == ["b"]
    assert left(failure, partial=False) == []


@pytest.mark.parametrize(
    "result",
    [
        b"no json",
        [1],
        "text",
        {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"id": "a"}]},
    ],
)
def test_an_answer_of_another_form_brings_the_whole_batch_back(result: Any) -> None:
    assert left(result) == ["a", "b"]


def test_an_error_of_the_function_brings_the_whole_batch_back() -> None:
    assert left({}, failed=True) == left({}, failed=True, partial=False) == ["a", "b"]


def test_a_schedule_without_input_sends_the_schedulers_own_event() -> None:
    event = json.loads(scheduled_event(ScheduleSource("tick", "rate(1 minute)", None), NOW))
    assert event["time"] == "2023-11-14T22:13:20Z"
    assert event["resources"] == ["arn:aws:scheduler:us-east-1:123456789012:schedule/default/tick"]


def test_the_schedulers_context_is_put_into_an_input_that_asks_for_it() -> None:
    schedule = ScheduleSource("tick", "rate(1 minute)", '{"at": "<aws.scheduler.scheduled-time>"}')
    assert json.loads(scheduled_event(schedule, NOW)) == {"at": "2023-11-14T22:13:20Z"}


@pytest.mark.parametrize(
    ("expression", "seconds"), [("rate(1 minute)", 60), ("rate(2 hours)", 7200), ("rate(1 day)", 86400)]
)
def test_a_rate_is_read_in_seconds(expression: str, seconds: int) -> None:
    assert seconds_between(ScheduleSource("tick", expression, None)) == seconds


@pytest.mark.parametrize(
    "expression", ["rate(0 minutes)", "rate(5 seconds)", "cron(0 5 * * ? *)", "every now and then"]
)
def test_another_expression_is_an_error_that_names_the_schedule(expression: str) -> None:
    with pytest.raises(TemplateError, match=r"^tick: "):
        seconds_between(ScheduleSource("tick", expression, None))
