"""Rows, and small steps with them, that the tests of tables share."""

from __future__ import annotations

from typing import Any

from strongroom.domain.table import Change, Committed, Is, Item, Key, Missing, Put, Query, Write
from strongroom.ports import Table

KEY = Key("T#acme", "I#1")
OTHER = Key("T#acme", "I#2")
THIRD = Key("T#acme", "I#3")


def row(key: Key = KEY, **attributes: Any) -> Item:
    return {"PK": key.pk, "SK": key.sk, **attributes}


def store(table: Table, *items: Item) -> None:
    for number, item in enumerate(items):
        assert table.commit([Put(item, None)], f"stored-{number}") == Committed()


def found(table: Table, key: Key = KEY) -> Item | None:
    """Read one row without the mark that a single write leaves."""
    item = table.read([key]).get(key)
    return None if item is None else {name: value for name, value in item.items() if name != "mark"}


def sort_keys(items: Any) -> list[str]:
    return [item["SK"] for item in items]


def claim(table: Table, number: int, record: bool) -> bool:
    """Try to raise the version that all fifty have seen, with or without a record in the same transaction."""
    writes: list[Write] = [Change(KEY, Is("n", 1), put={"n": 2, "by": number})]
    if record:
        writes.append(Put(row(Key("R#acme", str(number))), Missing()))
    return table.commit(writes, f"mark-{number}") == Committed()


def assert_one_won(table: Table, won: list[bool], record: bool) -> None:
    assert won.count(True) == 1
    assert found(table) == row(n=2, by=won.index(True))
    records = table.query(Query("table", "R#acme")).items
    assert sort_keys(records) == ([str(won.index(True))] if record else [])
