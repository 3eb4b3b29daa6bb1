"""Attribute values on the wire: `{"S": "text"}`, `{"N": "7"}` and so on.

Numbers are whole numbers, so that nothing is ever rounded: times are seconds, amounts are counts.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.domain.table import Item, Key, Value

Wire = dict[str, Any]

DIGITS = 38
"""The most digits that DynamoDB keeps of a number."""
BEYOND = 10**DIGITS


def item_to_wire(item: Item) -> dict[str, Wire]:
    return {name: to_wire(value) for name, value in item.items()}


def item_from_wire(wire: Mapping[str, Any]) -> dict[str, Value]:
    return {name: from_wire(value) for name, value in wire.items()}


def key_to_wire(key: Key) -> dict[str, Wire]:
    return {"PK": {"S": key.pk}, "SK": {"S": key.sk}}


def key_from_wire(wire: Mapping[str, Any]) -> Key:
    return Key(wire["PK"]["S"], wire["SK"]["S"])


def to_wire(value: Value) -> Wire:
    """Write one value. A tuple is stored as a list.

    Raises:
        TypeError: If the value is of another kind; a float above all.
        ValueError: If a number has more digits than the table keeps.
    """
    # bool before int and str before Sequence: each is also the other.
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int):
        return {"N": _digits(value)}
    if isinstance(value, bytes):
        return {"B": value}
    return {"NULL": True} if value is None else _container_to_wire(value)


def _container_to_wire(value: object) -> Wire:
    if isinstance(value, Mapping):
        return {"M": {_name(name): to_wire(inner) for name, inner in value.items()}}
    if isinstance(value, Sequence) and not isinstance(value, bytearray | memoryview):
        return {"L": [to_wire(inner) for inner in value]}
    raise TypeError(f"the table holds no {type(value).__name__}")


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError("names in a map are strings")
    return name


def _digits(number: int) -> str:
    if abs(number) >= BEYOND:
        raise ValueError(f"a number has at most {DIGITS} digits")
    return str(number)


def from_wire(wire: Mapping[str, Any]) -> Value:
    """Read one value.

    Raises:
        TypeError: If it is of a kind that we never write: a set, or a number that is not whole.
    """
    ((kind, content),) = wire.items()
    match kind:
        case "S" | "BOOL":
            return content  # type: ignore[no-any-return]
        case "N":
            return _whole(content)
        case "B":
            # In base64 as it was sent (see `clients.AttributesAsSent`), or already read by botocore.
            return content if isinstance(content, bytes) else base64.b64decode(content)
        case "NULL":
            return None
        case "M":
            return item_from_wire(content)
        case "L":
            return [from_wire(inner) for inner in content]
        case _:
            raise TypeError(f"we write no values of kind {kind}")


def _whole(digits: str) -> int:
    try:
        return int(digits)
    except ValueError as error:
        raise TypeError("we write only whole numbers") from error
