"""Transactions of moto's DynamoDB that copy the rows which they change, and not the whole table.

To be able to take a transaction back, moto copies the table row by row, once for each of its writes. With a few thousand
rows that is most of what it does, and requests go one by one: everybody waits for it. Here the copy shares its rows with
the table, and whoever changes a row in place, which only an update does, changes a copy that takes the row's place.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table

Update = Callable[..., Item]


def install() -> None:
    """Let moto's transactions share rows, in this process and from now on."""
    Table.__deepcopy__ = _sharing_rows  # type: ignore[attr-defined] # what copy.deepcopy asks for, and moto's has not
    DynamoDBBackend.update_item = _of_a_copy(DynamoDBBackend.update_item)  # type: ignore[method-assign] # it is wrapped


def _sharing_rows(table: Table, _: dict[int, Any]) -> Table:
    kept = copy.copy(table)
    kept.items = defaultdict(dict, {key: copy.copy(rows) for key, rows in table.items.items()})
    return kept


def _of_a_copy(update: Update) -> Update:
    @wraps(update)
    def updated(backend: DynamoDBBackend, table_name: str, key: Mapping[str, Any], *rest: Any, **named: Any) -> Item:
        _renew(backend, table_name, key)
        return update(backend, table_name, key, *rest, **named)

    return updated


def _renew(backend: DynamoDBBackend, table_name: str, key: Mapping[str, Any]) -> None:
    """Put a copy of a row in its place."""
    table = backend.get_table(table_name)
    if not set(table.table_key_attrs) <= set(key):
        return  # moto refuses it
    hash_key, range_key = backend.get_keys_value(table, dict(key))
    row = copy.deepcopy(table.get_item(hash_key, range_key))
    if row is None:
        return
    if range_key is None:
        table.items[hash_key] = row  # type: ignore[assignment] # moto declares tables with a sort key alone
    else:
        table.items[hash_key][range_key] = row
