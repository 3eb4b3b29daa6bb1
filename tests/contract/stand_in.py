"""The table and a queue on moto, cut exactly as the template cuts them."""

from __future__ import annotations

import itertools
from typing import Any

from strongroom.adapters.dynamo_expressions import INDEX_KEYS, INDEX_NAMES
from tests.fakes.table import PROJECTED

_numbers = itertools.count(1)

KEY_ATTRIBUTES = {"PK": "S", "SK": "S", "due_shard": "S", "due_at": "N", "g1pk": "S", "g1sk": "S"}


def create_table(client: Any) -> str:
    """Create an empty table and give its name."""
    name = f"strongroom-{next(_numbers)}"
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in KEY_ATTRIBUTES.items()],
        KeySchema=_schema("PK", "SK"),
        GlobalSecondaryIndexes=[_index("due"), _index("g1")],
    )
    return name


def create_queue(client: Any, visibility: int = 30) -> str:
    """Create an empty standard queue and give its URL."""
    name = f"strongroom-{next(_numbers)}"
    return str(client.create_queue(QueueName=name, Attributes={"VisibilityTimeout": str(visibility)})["QueueUrl"])


def _index(name: str) -> dict[str, Any]:
    partition, sort = INDEX_KEYS[name]
    beside_keys = sorted(PROJECTED[name] - {"PK", "SK", partition, sort})
    return {
        "IndexName": INDEX_NAMES[name],
        "KeySchema": _schema(partition, sort),
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": beside_keys},
    }


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]
