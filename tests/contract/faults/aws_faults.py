"""What can go wrong on the wire to AWS, and at which requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError

from strongroom.adapters import clients
from tests.fakes.clock import FakeClock
from tests.fakes.wire import Reply, done, error
from tests.unit.renewals import Killed

ENDPOINT = "https://aws.example"


@dataclass(frozen=True, slots=True)
class Call:
    """One request as AWS gets it."""

    service: str
    operation: str
    body: Mapping[str, Any]

    def mentions(self, word: str) -> bool:
        return f'"{word}"' in json.dumps(self.body)

    @property
    def queue(self) -> str:
        return str(self.body.get("QueueUrl", "")).rpartition("/")[2]


Done = Callable[[], Reply]
Fault = Callable[[FakeClock, Call, Done], Reply]
"""Answers one request, having it done (or not), or breaks the connection."""
Wanted = Callable[[Call], bool]


def refuses(code: str, status: int = 400, **fields: Any) -> Fault:
    """Nothing is done, and AWS says so."""
    reply = error(code, status, **fields)
    return lambda clock, call, work: reply


def cancels(*codes: str) -> Fault:
    """A transaction is not done, for these reasons."""
    return refuses("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def conflicts(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The first row of a write is in another transaction."""
    if call.operation != "TransactWriteItems":
        return error("TransactionConflictException")
    reasons = ["TransactionConflict", *["None"] * (len(call.body["TransactItems"]) - 1)]
    return cancels(*reasons)(clock, call, work)


def in_progress(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The same transaction, sent before, is still being done; by the next attempt it will be."""
    work()
    return error("TransactionInProgressException")


def unreachable(clock: FakeClock, call: Call, work: Done) -> Reply:
    """No connection: nothing was sent."""
    clock.advance(clients.CONNECT_WITHIN)
    raise ConnectTimeoutError(endpoint_url=ENDPOINT)


def reset(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The connection breaks before the request is read."""
    raise ConnectionClosedError(endpoint_url=ENDPOINT)


def reset_after(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The request is done, and the connection breaks."""
    work()
    raise ConnectionClosedError(endpoint_url=ENDPOINT)


def answer_lost(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The request is done, and its answer never comes."""
    work()
    clock.advance(_patience(call))
    raise ReadTimeoutError(endpoint_url=ENDPOINT)


def fails_after(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The request is done, and AWS speaks of an error of its own."""
    work()
    return error("InternalServerError", 500)


def slow(seconds: float) -> Fault:
    """The answer takes so long; the client waits for it as long as it ever does."""

    def answer(clock: FakeClock, call: Call, work: Done) -> Reply:
        clock.advance(min(seconds, _patience(call)))
        if seconds > _patience(call):
            raise ReadTimeoutError(endpoint_url=ENDPOINT)
        return work()

    return answer


def _patience(call: Call) -> float:
    return clients.KMS_READ_WITHIN if call.service == "kms" else clients.READ_WITHIN


def processes_one_key(clock: FakeClock, call: Call, work: Done) -> Reply:
    """A batch of reads is answered for its first row only."""
    reply = work()
    (table, asked), *_ = call.body["RequestItems"].items()
    first, *others = asked["Keys"]
    found = [row for row in reply.body["Responses"][table] if {name: row[name] for name in first} == first]
    left = {table: {**asked, "Keys": others}} if others else {}
    return done(Responses={table: found}, UnprocessedKeys=left)


def processes_nothing(clock: FakeClock, call: Call, work: Done) -> Reply:
    """A batch of reads is answered, for none of its rows."""
    return done(Responses={}, UnprocessedKeys=call.body["RequestItems"])


def takes_no_message(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The batch is answered, and each of its messages was refused."""
    return done(Successful=[], Failed=[{"Id": one["Id"], "Code": "InternalError"} for one in call.body["Entries"]])


def kills_before(clock: FakeClock, call: Call, work: Done) -> Reply:
    """Our process dies; nothing was sent."""
    raise Killed


def kills_after(clock: FakeClock, call: Call, work: Done) -> Reply:
    """The request is done; our process dies."""
    work()
    raise Killed


# -- which requests


def everything(call: Call) -> bool:
    return True


def table(call: Call) -> bool:
    return call.service == "dynamodb"


def key_service(call: Call) -> bool:
    return call.service == "kms"


def reads(call: Call) -> bool:
    return call.operation == "BatchGetItem"


def transacts(call: Call) -> bool:
    return call.operation == "TransactWriteItems"


def writes(call: Call) -> bool:
    return call.operation in {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


def leases(call: Call) -> bool:
    """The write that takes a lease."""
    expression = str(call.body.get("UpdateExpression"))
    return call.operation == "UpdateItem" and call.mentions("intents") and "REMOVE" not in expression


def stores_tokens(call: Call) -> bool:
    """The write that keeps what a renewal or a consent brought."""
    return writes(call) and call.mentions("access") and not call.mentions("revoked")


def sends_to(*queues: str) -> Wanted:
    return lambda call: call.operation == "SendMessageBatch" and call.queue in queues
