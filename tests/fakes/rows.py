"""The fake table, row by row: hold values, judge conditions, apply writes, refuse what DynamoDB refuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.domain.table import (
    Below,
    Change,
    Check,
    Condition,
    Either,
    Every,
    Exists,
    Is,
    Item,
    Lacks,
    Missing,
    Put,
    Query,
    Remove,
    Value,
    Write,
)

Row = dict[str, Value]

INDEX_KEYS = {"due_shard": str, "due_at": int, "g1pk": str, "g1sk": str}


def copied(value: Value) -> Value:
    """Copy as the wire does: sequences become lists, mappings become dicts, and nothing is shared.

    Raises:
        TypeError: If the value is of no kind that the table holds; a float above all.
    """
    if value is None or isinstance(value, bool | str | bytes):
        return value
    if isinstance(value, int):
        if abs(value) >= 10**38:
            raise ValueError("a number has at most 38 digits")
        return value
    if isinstance(value, Mapping):
        return {_text(name): copied(inner) for name, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytearray | memoryview):
        return [copied(inner) for inner in value]
    raise TypeError(f"the table holds no {type(value).__name__}")


def row_of(item: Item) -> Row:
    """Copy an item, checking the attributes that keys and indexes are made of."""
    row = {_text(name): copied(value) for name, value in item.items()}
    for name in ("PK", "SK"):
        _demand(row.get(name), str, name)
    for name, kind in INDEX_KEYS.items():
        if name in row:
            _demand(row[name], kind, name)
    return row


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError("attribute names are strings")
    return name


def _demand(value: Value, kind: type, name: str) -> None:
    if type(value) is not kind or value == "":
        raise ValueError(f"{name} is part of a key and must be a {kind.__name__}, not empty")


def holds(condition: Condition | None, row: Row | None) -> bool:
    """Say whether the condition holds for the row, or for the lack of one."""
    match condition:
        case None:
            return True
        case Exists():
            return row is not None
        case Missing():
            return row is None
        case Is(name, value):
            # True is not 1 in the table.
            return row is not None and name in row and type(row[name]) is type(value) and row[name] == value
        case Lacks(name):
            return row is None or name not in row
        case Below(name, bound):
            number = None if row is None else row.get(name)
            return type(number) is int and number < bound
        case Every(conditions):
            return all(holds(inner, row) for inner in conditions)
        case Either(conditions):
            return any(holds(inner, row) for inner in conditions)


def written(write: Write, row: Row | None, mark: str | None) -> Row | None:
    """Give the row as it is after the write. A mark is left behind unless it is None."""
    left = {} if mark is None else {"mark": mark}
    match write:
        case Put(item):
            return row_of({**item, **left})
        case Change(key, put=put, drop=drop, add=add):
            kept = {name: value for name, value in (row or {}).items() if name not in drop}
            counted = {name: _number((row or {}).get(name, 0)) + amount for name, amount in add.items()}
            return row_of({**kept, **put, **counted, **left, "PK": key.pk, "SK": key.sk})
        case Remove():
            return None
        case Check():
            return row


def _number(value: Value) -> int:
    if type(value) is not int:
        raise ValueError("only a number can be added to")
    return value


def check_commit(writes: Sequence[Write], mark: str) -> None:
    """Refuse what the port's callers must not ask."""
    if not 1 <= len(mark) <= 36:
        raise ValueError("a mark has 1 to 36 characters")
    if not 1 <= len(writes) <= 100:
        raise ValueError("a commit has 1 to 100 writes")
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("a transaction touches each row once")
    for write in writes:
        _check_condition(write.require)
        if isinstance(write, Change):
            _check_change(write)


def _check_change(change: Change) -> None:
    named = [*change.put, *change.drop, *change.add]
    if not named:
        raise ValueError("a change that changes nothing is a check")
    if len(set(named)) < len(named):
        raise ValueError("a change names each attribute once")
    if {"PK", "SK", "mark"} & set(named):
        raise ValueError("the key and the mark are not for changing")


def _check_condition(condition: Condition | None) -> None:
    if isinstance(condition, Every | Either):
        if not condition.conditions:
            raise ValueError("a list of conditions is not empty")
        for inner in condition.conditions:
            _check_condition(inner)


def check_query(query: Query) -> None:
    """Refuse what the port's callers must not ask."""
    if query.index == "due" and query.prefix:
        raise ValueError("the index due is read up to a time, not by prefix")
    if query.index != "due" and query.at_most is not None:
        raise ValueError("only the index due is read up to a time")
    if query.limit < 1 or not query.partition:
        raise ValueError("a query names a partition and wants at least one row")
