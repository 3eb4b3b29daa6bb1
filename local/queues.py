"""Lambda's pollers: messages of a queue become events, and what was handled is deleted."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.accounts import REGION
from local.errors import LocalError
from local.execution import Answer
from local.runtime import Throttled
from local.sources import QueueSource

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import MessageTypeDef

AT_ONCE = 2  # batches of one queue that are handled at the same time
_WAIT = 5  # seconds of long polling


def sqs_event(messages: Sequence[MessageTypeDef], queue_arn: str) -> dict[str, Any]:
    """The event that a function gets for a batch."""
    return {"Records": [_record(message, queue_arn) for message in messages]}


def _record(message: MessageTypeDef, queue_arn: str) -> dict[str, Any]:
    attributes: Mapping[str, Any] = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {name: _attribute(value) for name, value in attributes.items()},
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    return {"dataType": value["DataType"], "stringValue": value.get("StringValue")}


def handled(messages: Sequence[MessageTypeDef], answer: Answer, partial: bool) -> list[MessageTypeDef]:
    """Choose the messages to delete. What is left comes back when its visibility timeout is over.

    With ReportBatchItemFailures, an answer that names an unknown message or is not of the documented form makes the whole
    batch a failure, as Lambda does.
    """
    if answer.failed:
        return []
    if not partial:
        return list(messages)
    failures = _failures(answer.payload)
    known = {message["MessageId"] for message in messages}
    if failures is None or not failures <= known:
        return []
    return [message for message in messages if message["MessageId"] not in failures]


def _failures(payload: bytes) -> set[str] | None:
    """The named messages; None if the answer has another form."""
    try:
        result = json.loads(payload)
        items = (result or {}).get("batchItemFailures") or []
        names = {item["itemIdentifier"] for item in items}
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
    return names if all(isinstance(name, str) and name for name in names) else None


@dataclass(frozen=True, slots=True)
class Source:
    """A queue and whom it invokes."""

    url: str
    source: QueueSource
    invoke: Callable[[bytes], Answer]


class Poller:
    """One event source mapping: it receives, invokes, and deletes what was handled."""

    def __init__(self, sqs: SQSClient, source: Source) -> None:
        self._sqs, self._source = sqs, source
        self._stopping = threading.Event()
        at_once = min(AT_ONCE, source.source.at_once or AT_ONCE)
        self._free = threading.Semaphore(at_once)
        self._batches = ThreadPoolExecutor(at_once, thread_name_prefix="batch")
        threading.Thread(target=self._run, daemon=True, name="poller").start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._free.acquire()
            try:
                messages = self._batch()
            except (BotoCoreError, ClientError):
                messages = []
                self._stopping.wait(1.0)
            if messages and not self._stopping.is_set():
                self._batches.submit(self._handle, messages)
            else:
                self._free.release()

    def _batch(self) -> list[MessageTypeDef]:
        """Receive one batch: whatever comes first, and what follows while the batching window is open."""
        wanted, messages = self._source.source.batch_size, self._receive(self._source.source.batch_size, _WAIT)
        end = time.monotonic() + self._source.source.window
        while messages and len(messages) < wanted and (left := end - time.monotonic()) > 0:
            messages += self._receive(wanted - len(messages), math.ceil(left))
        return messages

    def _receive(self, most: int, wait: int) -> list[MessageTypeDef]:
        answer = self._sqs.receive_message(
            QueueUrl=self._source.url,
            MaxNumberOfMessages=min(10, most),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _handle(self, messages: list[MessageTypeDef]) -> None:
        try:
            event = sqs_event(messages, self._source.source.queue_arn)
            answer = self._source.invoke(json.dumps(event).encode())
            for message in handled(messages, answer, self._source.source.partial):
                self._sqs.delete_message(QueueUrl=self._source.url, ReceiptHandle=message["ReceiptHandle"])
        except (BotoCoreError, ClientError, Throttled, LocalError):
            return  # the messages come back
        finally:
            self._free.release()

    def stop(self) -> None:
        self._stopping.set()
        self._batches.shutdown(wait=False, cancel_futures=True)
