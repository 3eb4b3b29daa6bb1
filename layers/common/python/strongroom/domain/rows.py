"""Reading the attributes of a row: each has its type, or the row is not one of ours."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import Below, Condition, Item, Lacks, either

FORM = 1
"""The form in which this release writes connections and chores. A row without the attribute `form` is of form 1; a release
that changes what a row means, so that this one would misread it, writes a higher number."""


class NewerRow(StoreUnavailable):
    """The row was written by a newer release: it is left alone, and whoever runs that release answers."""


def readable(item: Item) -> Item:
    """Give the row, if this release knows what it means.

    Raises:
        NewerRow: If a newer release wrote it.
    """
    if (optional_number(item, "form") or FORM) > FORM:
        raise NewerRow("a row of a newer release", retry_after=5)
    return item


OF_OUR_FORM: Condition = either(Lacks("form"), Below("form", FORM + 1))
"""No newer release has rewritten the row since it was read: what it means may have changed, and its version not."""


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
