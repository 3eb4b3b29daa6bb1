"""A queue on SQS: a standard queue, whose message groups are for fairness and not for order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from strongroom.domain.errors import QueueUnavailable
from strongroom.ports import Message

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient
    from types_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MOST_ENTRIES = 10
MOST_BYTES = 256 * 1024
"""Both for one message and for all messages of one call together."""
MOST_DELAY = 900
MOST_HIDDEN = 43_200
GROUP = re.compile(r"[!-~]{1,128}")

FAULTS = (ClientError, BotoCoreError, ResponseParserError)


class SqsQueue:
    """The port `Queue`. What fails is asked for once more, at once; then it is the caller's turn."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            _check(message)
        for batch in _batches(messages):
            self._send_batch(batch)

    def postpone(self, receipt: str, seconds: int) -> None:
        if not 0 <= seconds <= MOST_HIDDEN:
            raise ValueError("a message can be hidden for up to twelve hours")
        fault = self._hide(receipt, seconds) and self._hide(receipt, seconds)
        if fault:
            raise QueueUnavailable("the message could not be hidden") from fault

    def _send_batch(self, batch: Sequence[Message]) -> None:
        left, fault = self._offer(batch)
        if left:
            left, fault = self._offer(left)
        if left:
            raise QueueUnavailable(f"{len(left)} of {len(batch)} messages were not taken") from fault

    def _offer(self, batch: Sequence[Message]) -> tuple[Sequence[Message], Exception | None]:
        """Send up to ten messages; give those that were not taken, or of which nobody knows."""
        entries = [_entry(position, message) for position, message in enumerate(batch)]
        try:
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        except FAULTS as fault:
            return batch, fault
        return [batch[int(failure["Id"])] for failure in answer.get("Failed", [])], None

    def _hide(self, receipt: str, seconds: int) -> Exception | None:
        try:
            self._client.change_message_visibility(QueueUrl=self._url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except FAULTS as fault:
            return fault
        return None


def _entry(position: int, message: Message) -> SendMessageBatchRequestEntryTypeDef:
    entry: SendMessageBatchRequestEntryTypeDef = {
        "Id": str(position),
        "MessageBody": message.body,
        "DelaySeconds": message.delay,
    }
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    return entry


def _batches(messages: Sequence[Message]) -> Iterator[Sequence[Message]]:
    batch: list[Message] = []
    size = 0
    for message in messages:
        length = len(message.body.encode())
        if batch and (len(batch) == MOST_ENTRIES or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def _check(message: Message) -> None:
    """Refuse what SQS would refuse: a mistake of ours must not look like an outage."""
    if not message.body:
        raise ValueError("a message has a body")
    if len(message.body.encode()) > MOST_BYTES:
        raise ValueError("a message has at most 256 KiB")
    if message.group is not None and not GROUP.fullmatch(message.group):
        raise ValueError("a group has 1 to 128 printable characters")
    if not 0 <= message.delay <= MOST_DELAY:
        raise ValueError("a message is delayed by at most 15 minutes")
