"""Reading the attributes of a row: each has its type, or the row is not one of ours."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.domain.table import Item


def number(item: Item, name: str) -> int:
    """Raises: TypeError: if it is no whole number; KeyError: if it is missing."""
    value = item[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} is not a whole number")
    return value


def optional_number(item: Item, name: str) -> int | None:
    return number(item, name) if item.get(name) is not None else None


def optional_text(item: Item, name: str) -> str | None:
    return str(item[name]) if item.get(name) is not None else None


def texts(item: Item, name: str) -> tuple[str, ...]:
    """The texts of a list; anything else counts as an empty one."""
    value = item.get(name)
    return tuple(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()
