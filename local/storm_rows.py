"""What a storm reads of the table and of events, to know when it is time, and who works on what. It writes nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from local.cloud import Cloud
from local.storm_scene import LIFETIME


@dataclass(frozen=True, slots=True)
class Row:
    """What the table says of one connection. Times are seconds since the epoch."""

    key: tuple[str, str]
    installation: str
    user: str
    reason: str | None
    lease: str | None
    attempts: int
    due_at: float
    expires_at: float


def rows_of(cloud: Cloud) -> list[Row]:
    pages = cloud.dynamodb.get_paginator("scan").paginate(TableName=cloud.tables[0].name, ConsistentRead=True)
    plain: list[dict[str, Any]] = [
        {name: next(iter(value.values())) for name, value in item.items()} for page in pages for item in page["Items"]
    ]
    return [
        Row(
            key=(str(row["PK"]), str(row["SK"])),
            installation=str(row["installation"]),
            user=str(row["authorized_by"]),
            reason=row.get("status_reason"),
            lease=row.get("lease"),
            attempts=int(row.get("intents", 0)) + int(row.get("failures", 0)),
            due_at=float(row.get("due_at", 0)),
            expires_at=float(row["expires_at"]),
        )
        for row in plain
        if row.get("kind") == "connection"
    ]


def is_troubled(row: Row) -> bool:
    """Whether an attempt to renew is under way, or has left something to be done."""
    return row.reason is None and bool(row.lease or row.attempts)


def is_due(row: Row, now: float) -> bool:
    """Whether schedule and look-up would both renew it; or it cannot be renewed just now."""
    return row.reason is not None or is_troubled(row) or (row.due_at < now and row.expires_at - now < LIFETIME / 2)


def renewals_of(event: bytes) -> Iterator[tuple[str, str]]:
    """The rows that the messages of an event name."""
    for record in json.loads(event).get("Records", []):
        body = json.loads(record["body"])
        yield str(body.get("pk")), str(body.get("sk"))


def look_up_of(event: bytes) -> tuple[str, str] | None:
    """The installation and the user that a look-up is about."""
    asked = json.loads(event)
    parts, body = asked.get("pathParameters") or {}, str(asked.get("body") or "")
    text = base64.b64decode(body) if asked.get("isBase64Encoded") else body
    user = json.loads(text).get("user") if text else None
    return (parts["installation"], user) if user and "installation" in parts else None
