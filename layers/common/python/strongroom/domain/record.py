"""The audit trail of changes: written in the change's own transaction, free of secrets."""

from __future__ import annotations

from datetime import UTC, datetime

from strongroom.domain import identifiers, keys
from strongroom.domain.connection import Owner
from strongroom.domain.table import Missing, Put, Value

KEPT_FOR = 400 * 86_400


def month_of(at: float) -> str:
    """The month of a time, as records are kept by it: `yyyymm`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m")


def records_in(team: str, month: str) -> str:
    """The partition that holds the records of one team and month."""
    return keys.record(team, month, "-").pk


def records_of(owner: Owner) -> str:
    """The partition of the index `g1` that names the records of one connection."""
    return f"R#{owner.key.pk}#{owner.key.sk}"


def record(
    team: str, event: str, by: str, now: float, fresh: bytes, of: Owner | None = None, **facts: str | int | bool | None
) -> Put:
    """Make the row that says who changed what. `by` is a user, an IAM caller or `strongroom`; `of` the connection whose
    timeline it belongs to, if it is about one."""
    ulid = identifiers.ulid(now, fresh)
    key = keys.record(team, month_of(now), ulid)
    told = {name: value for name, value in facts.items() if value is not None}
    row: dict[str, Value] = {
        "PK": key.pk,
        "SK": key.sk,
        "kind": "record",
        "team": team,
        "event": event,
        "by": by,
        "at": int(now),
        **({"g1pk": records_of(of), "g1sk": ulid} if of is not None else {}),
    }
    return Put({**row, **told, "ttl": int(now) + KEPT_FOR}, require=Missing())
