"""What DynamoDB charges: item sizes, read units of 4 KB and write units of 1 KB, from its documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.domain.table import Item, Value
from tests.fakes.table import PARTITION_AND_SORT, PROJECTED

READ_STEP = 4096
WRITE_STEP = 1024
KEYS = {"PK", "SK"}


def item_size(item: Item) -> int:
    """Bytes of names and values together."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Value) -> int:
    """Bytes of one value: text in UTF-8, two digits of a number in one byte and one more, containers with overhead."""
    match value:
        case None | bool():
            return 1
        case int():
            return (len(str(abs(value))) + 1) // 2 + 1 + (value < 0)
        case str():
            return len(value.encode())
        case bytes():
            return len(value)
        case Mapping():
            return 3 + sum(1 + len(name.encode()) + value_size(inner) for name, inner in value.items())
        case Sequence():
            return 3 + sum(1 + value_size(inner) for inner in value)
    raise TypeError(f"the table holds no {type(value).__name__}")


def read_units(size: int) -> int:
    """Units of one consistent read; looking for a row that is not there costs one too."""
    return max(1, -(-size // READ_STEP))


def write_units(size: int) -> int:
    return max(1, -(-size // WRITE_STEP))


def row_write_units(before: Item | None, after: Item | None) -> int:
    """Units of writing one row; the larger of the row before and after counts."""
    return write_units(max(item_size(before or {}), item_size(after or {})))


def index_write_units(index: str, before: Item | None, after: Item | None) -> int:
    """Units that one index needs to follow: an entry whose place changes is taken out and put in again."""
    old, new = _entry(index, before), _entry(index, after)
    if old == new:
        return 0
    moved = old is None or new is None or any(old[name] != new[name] for name in PARTITION_AND_SORT[index])
    if moved:
        return sum(write_units(item_size(entry)) for entry in (old, new) if entry is not None)
    return write_units(max(item_size(old or {}), item_size(new or {})))


def _entry(index: str, item: Item | None) -> Item | None:
    """What an index holds of a row: nothing if the row lacks one of its keys."""
    if item is None or not all(name in item for name in PARTITION_AND_SORT[index]):
        return None
    return {name: value for name, value in item.items() if name in PROJECTED[index] | KEYS}
