"""Messages that somebody made up, and what becomes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from functions.refresh import renew, sweep
from functions.revoke import app as revoke
from strongroom.domain import keys
from strongroom.domain.connection import Connection
from strongroom.domain.rescue import CompletionResult, RenewalResult
from tests.fakes.queue import Delivery
from tests.unit.attacks.doors import Stage
from tests.world import Context, queue_event

WORKERS: Mapping[str, ModuleType] = {"sweep": sweep, "renewal": renew, "rescue": renew, "chore": revoke}
YEAR = 365 * 86_400
EVIL = "https://evil.example"


def deliver(stage: Stage, name: str, body: str, context: Context | None = None) -> Any:
    """Hand a message to the worker of a queue, as Lambda does."""
    event = queue_event(name, [Delivery(body, None, "receipt-forged", 1)])
    return WORKERS[name].lambda_handler(event, context or Context(), stage.world.wired)


def dropped(stage: Stage) -> int:
    counts = stage.world.journal.counts
    return counts["DroppedMessage"] + counts["ForeignEvent"]


def check_dropped(stage: Stage, act: Callable[[], Any]) -> None:
    """It leaves nothing behind, does not come back, wakes nobody up, and is counted."""
    before, count, alarms = stage.traces(), dropped(stage), len(stage.world.journal.alarms())
    assert act() == {"batchItemFailures": []}
    assert stage.traces() == before
    assert dropped(stage) == count + 1
    assert len(stage.world.journal.alarms()) == alarms


def check_put_aside(stage: Stage, act: Callable[[], Any]) -> None:
    """It leaves nothing behind; it might hold a grant, so that it comes back until the dead-letter queue takes it, and
    somebody wakes up."""
    before, count, alarms = stage.traces(), dropped(stage), len(stage.world.journal.alarms())
    assert act() == {"batchItemFailures": [{"itemIdentifier": "receipt-forged"}]}
    assert stage.traces() == before
    assert dropped(stage) == count
    assert [alarm.event for alarm in stage.world.journal.alarms()[alarms:]] == ["rescue_unreadable"]


def connection(stage: Stage, user: str = "bob") -> Connection:
    row = stage.world.table.row(keys.connection("acme", user, stage.installation))
    assert row is not None
    return Connection.from_item(row)


def renewal(stage: Stage, user: str = "bob", **changed: Any) -> dict[str, Any]:
    """The message that the sweep would send for a connection."""
    key = connection(stage, user).key
    return {"form": 1, "pk": key.pk, "sk": key.sk, "version": str(connection(stage, user).version), **changed}


def renewal_result(stage: Stage, user: str = "bob", **changed: Any) -> RenewalResult:
    """A result as a worker would rescue it, with the ciphertexts that are there."""
    present = connection(stage, user)
    assert present.tokens is not None
    return replace(RenewalResult(present, present.tokens, 1_900_000_000, "a" * 20), **changed)


def plain(result: RenewalResult | CompletionResult, **changed: Any) -> str:
    """The message's text with members of its row changed; None takes one out."""
    message = json.loads(result.encode())
    row = {name: value for name, value in {**message["row"], **changed}.items() if value is not None}
    return json.dumps({**message, "row": row})
