"""The vocabulary of reads and writes: what a rule may demand of the table, with no table in sight.

Rows are flat: a condition names a top-level attribute. A write that needs more than these conditions is a sign that
its row should be cut differently.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Value: TypeAlias = "str | int | bool | bytes | Sequence[Value] | Mapping[str, Value] | None"
Item: TypeAlias = Mapping[str, Value]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The primary key of one row: attributes `PK` and `SK`."""

    pk: str
    sk: str


@dataclass(frozen=True, slots=True)
class Exists:
    """The row is there."""


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no such row."""


@dataclass(frozen=True, slots=True)
class Is:
    """The row is there and the attribute equals the value."""

    name: str
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Lacks:
    """The row, if there is one, does not have the attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Below:
    """The row is there and the number is smaller than the bound."""

    name: str
    bound: int


@dataclass(frozen=True, slots=True)
class Every:
    """All of these hold."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these holds."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = "Exists | Missing | Is | Lacks | Below | Every | Either"


def every(*conditions: Condition) -> Every:
    return Every(conditions)


def either(*conditions: Condition) -> Either:
    return Either(conditions)


@dataclass(frozen=True, slots=True)
class Put:
    """Write the whole row. The item holds `PK` and `SK`."""

    item: Item
    require: Condition | None

    @property
    def key(self) -> Key:
        return Key(str(self.item["PK"]), str(self.item["SK"]))


@dataclass(frozen=True, slots=True)
class Change:
    """Set, drop and count attributes of a row; what is not named stays as it is."""

    key: Key
    require: Condition | None
    put: Item = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    add: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the row."""

    key: Key
    require: Condition | None


@dataclass(frozen=True, slots=True)
class Check:
    """Change nothing, but let the whole transaction fail unless the condition holds."""

    key: Key
    require: Condition


Write: TypeAlias = Put | Change | Remove | Check


@dataclass(frozen=True, slots=True)
class Committed:
    """All writes are in the table, once."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was written. `failed` maps the position of each write whose condition did not hold to the row found
    there (None: no row)."""

    failed: Mapping[int, Item | None]


Commit: TypeAlias = Committed | Refused


@dataclass(frozen=True, slots=True)
class Query:
    """Rows of one partition, in the order of the sort key.

    `index` table: partition is `PK`, `prefix` and `after` speak of `SK`, the read is consistent.
    `index` due: partition is `due_shard`, rows with `due_at` of `at_most` or less, earliest first; never authorize from it.
    `index` g1: partition is `g1pk`, `prefix` speaks of `g1sk`; never authorize from it.
    """

    index: Literal["table", "due", "g1"]
    partition: str
    prefix: str = ""
    at_most: int | None = None
    descending: bool = False
    limit: int = 100
    after: Cursor | None = None


Cursor: TypeAlias = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a query. `after` goes into the next query; None when there is no more."""

    items: Sequence[Item]
    after: Cursor | None
