"""Conditions, changes and queries as DynamoDB's expressions.

Every attribute name is a `#name` and every value a `:value`: no text of ours or of anybody else ever becomes part of an
expression, and reserved words do not matter.
"""

from __future__ import annotations

from typing import Any

from strongroom.adapters.dynamo_values import to_wire
from strongroom.domain.table import (
    Below,
    Change,
    Condition,
    Either,
    Every,
    Exists,
    Is,
    Lacks,
    Missing,
    Query,
    Value,
)

MARK = "mark"

INDEX_NAMES = {"due": "due", "g1": "lists"}
"""What the template calls the indexes: DynamoDB wants at least three characters."""
INDEX_KEYS = {"table": ("PK", "SK"), "due": ("due_shard", "due_at"), "g1": ("g1pk", "g1sk")}


class Placeholders:
    """The names and values that the expressions of one request stand for."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._values: dict[str, Value] = {}

    def name(self, attribute: str) -> str:
        return self._names.setdefault(attribute, f"#n{len(self._names)}")

    def value(self, value: Value) -> str:
        placeholder = f":v{len(self._values)}"
        self._values[placeholder] = value
        return placeholder

    def parameters(self) -> dict[str, Any]:
        """Give the request's two parameters; DynamoDB refuses empty ones."""
        parameters: dict[str, Any] = {}
        if self._names:
            parameters["ExpressionAttributeNames"] = {short: name for name, short in self._names.items()}
        if self._values:
            parameters["ExpressionAttributeValues"] = {short: to_wire(value) for short, value in self._values.items()}
        return parameters


def condition_text(condition: Condition, words: Placeholders) -> str:
    """Write a condition.

    Raises:
        ValueError: If a list of conditions is empty.
    """
    match condition:
        case Exists():
            return f"attribute_exists({words.name('PK')})"
        case Missing():
            return f"attribute_not_exists({words.name('PK')})"
        case Is(name, value):
            return f"{words.name(name)} = {words.value(value)}"
        case Lacks(name):
            return f"attribute_not_exists({words.name(name)})"
        case Below(name, bound):
            return f"{words.name(name)} < {words.value(bound)}"
        case Every(conditions):
            return _joined(" AND ", conditions, words)
        case Either(conditions):
            return _joined(" OR ", conditions, words)


def _joined(word: str, conditions: tuple[Condition, ...], words: Placeholders) -> str:
    if not conditions:
        raise ValueError("a list of conditions is not empty")
    if len(conditions) == 1:
        return condition_text(conditions[0], words)
    return word.join(_operand(condition, words) for condition in conditions)


def _operand(condition: Condition, words: Placeholders) -> str:
    """Put parentheses where they are needed and nowhere else: DynamoDB refuses redundant ones."""
    text = condition_text(condition, words)
    return f"({text})" if _is_compound(condition) else text


def _is_compound(condition: Condition) -> bool:
    match condition:
        case Every((inner,)) | Either((inner,)):
            return _is_compound(inner)
        case Every() | Either():
            return True
        case _:
            return False


def unmarked_text(condition: Condition | None, mark: str, words: Placeholders) -> str:
    """Write a condition that also fails where this very write has already been done.

    Without it, a repeated `ADD` would count twice and a repeated write without a condition could not be told from a new
    one. A comparison with an attribute that is not there is not documented for `<>`, hence the two halves.
    """
    name = words.name(MARK)
    fresh = f"attribute_not_exists({name}) OR {name} <> {words.value(mark)}"
    return fresh if condition is None else f"{_operand(condition, words)} AND ({fresh})"


def update_text(change: Change, mark: str | None, words: Placeholders) -> str:
    """Write what a change sets, removes and adds, and the mark that it leaves.

    Raises:
        ValueError: If it changes nothing, names an attribute twice, or touches the key or the mark.
    """
    _check_change(change)
    put = dict(change.put) if mark is None else {**change.put, MARK: mark}
    clauses = {
        "SET": [f"{words.name(name)} = {words.value(value)}" for name, value in put.items()],
        "REMOVE": [words.name(name) for name in change.drop],
        "ADD": [f"{words.name(name)} {words.value(amount)}" for name, amount in change.add.items()],
    }
    return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)


def _check_change(change: Change) -> None:
    named = [*change.put, *change.drop, *change.add]
    if not named:
        raise ValueError("a change that changes nothing is a check")
    if len(set(named)) < len(named):
        raise ValueError("a change names each attribute once")
    if {"PK", "SK", MARK} & set(named):
        raise ValueError("the key and the mark are not for changing")


def partition_text(query: Query, words: Placeholders) -> str:
    """Write which rows of a partition a query reads.

    Raises:
        ValueError: If the query asks for a range that its index does not have.
    """
    _check_query(query)
    partition, sort = INDEX_KEYS[query.index]
    text = f"{words.name(partition)} = {words.value(query.partition)}"
    if query.prefix:
        text += f" AND begins_with({words.name(sort)}, {words.value(query.prefix)})"
    if query.at_most is not None:
        text += f" AND {words.name(sort)} <= {words.value(query.at_most)}"
    return text


def _check_query(query: Query) -> None:
    if query.index == "due" and query.prefix:
        raise ValueError("the index due is read up to a time, not by prefix")
    if query.index != "due" and query.at_most is not None:
        raise ValueError("only the index due is read up to a time")
    if query.limit < 1 or not query.partition:
        raise ValueError("a query names a partition and wants at least one row")
