"""Messages and schedule events: what comes in sideways.

Foreign, old, oversized or malformed ones are dropped and counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from strongroom.aws.http import parse_object, qualifier, require_alias, told
from strongroom.domain.errors import InvalidRequest
from strongroom.ports import Journal

LONGEST_BODY = 256 * 1024
AT_ONCE = 64
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One message: which queue it came from, its JSON text, the handle to postpone it and how often it was received."""

    id: str
    queue: str
    body: str
    receipt: str
    receives: int

    def json(self) -> Mapping[str, Any]:
        """Raises: InvalidRequest: if it is not one of our small objects of form 1."""
        fields = parse_object(self.body.encode(errors="surrogatepass"))
        if fields.get("form") != 1:
            raise InvalidRequest("a message of another form")
        return fields


def messages(event: Any, context: Any, journal: Journal) -> list[Delivered]:
    """Give the messages of a queue's event; anything else is dropped.

    Raises:
        NotFound: If the function was not called through the alias `live`: no message is lost for that, it comes back.
    """
    require_alias(context, "live")
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        journal.count("ForeignEvent")
        return []
    read = [_delivered(record) for record in records]
    found = [one for one in read if one is not None]
    if len(found) != len(read):
        journal.count("DroppedMessage", len(read) - len(found))
    return found


def _delivered(record: Any) -> Delivered | None:
    if not isinstance(record, Mapping) or record.get("eventSource") != "aws:sqs":
        return None
    attributes = record.get("attributes")
    receives = attributes.get("ApproximateReceiveCount") if isinstance(attributes, Mapping) else None
    wanted = [record.get(name) for name in ("messageId", "eventSourceARN", "body", "receiptHandle")]
    if not all(isinstance(text, str) for text in wanted) or len(str(record["body"])) > LONGEST_BODY:
        return None
    count = int(receives) if isinstance(receives, str) and _NUMBER.fullmatch(receives) else 1
    identifier, arn, body, receipt = map(str, wanted)
    return Delivered(identifier, arn.rpartition(":")[2], body, receipt, count)


def is_schedule(event: Any, context: Any) -> bool:
    """Whether the schedule fired: an event that says so, through the alias `live`. It carries nothing to believe."""
    return qualifier(context) == "live" and isinstance(event, Mapping) and event.get("strongroom") == "tick"


def each(
    delivered: Iterable[Delivered], work: Callable[[Delivered], bool], journal: Journal
) -> dict[str, list[dict[str, str]]]:
    """Do the work for all messages, many at once, and report those that are to come back (`work` gives False).

    A message that is not ours is dropped; a part of ours that does not answer brings the message back. No thread outlives
    the call.
    """
    batch = list(delivered)
    if not batch:
        return {"batchItemFailures": []}
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(batch))) as pool:
        done = list(pool.map(lambda one: _one(one, work, journal), batch))
    return {"batchItemFailures": [{"itemIdentifier": one.id} for one, ok in zip(batch, done, strict=True) if not ok]}


def _one(message: Delivered, work: Callable[[Delivered], bool], journal: Journal) -> bool:
    try:
        return work(message)
    except InvalidRequest:
        journal.count("DroppedMessage")
        return True
    except Exception as error:
        told(error, journal, request_id=message.id)
        return False
