"""The audit trail of changes: written in the change's own transaction, free of secrets."""

from __future__ import annotations

from datetime import UTC, datetime

from strongroom.domain import identifiers, keys
from strongroom.domain.table import Missing, Put, Value

KEPT_FOR = 400 * 86_400


def record(team: str, event: str, by: str, now: float, fresh: bytes, **facts: str | int | bool | None) -> Put:
    """Make the row that says who changed what. `by` is a user, an IAM caller or `strongroom`."""
    ulid = identifiers.ulid(now, fresh)
    key = keys.record(team, datetime.fromtimestamp(now, UTC).strftime("%Y%m"), ulid)
    told = {name: value for name, value in facts.items() if value is not None}
    row: dict[str, Value] = {
        "PK": key.pk,
        "SK": key.sk,
        "kind": "record",
        "team": team,
        "event": event,
        "by": by,
        "at": int(now),
    }
    return Put({**row, **told, "ttl": int(now) + KEPT_FOR}, require=Missing())
