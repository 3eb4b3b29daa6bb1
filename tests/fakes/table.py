"""A table in memory that keeps the port's whole promise: the contract tests hold it against the real adapter."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeVar, cast

from strongroom.domain.table import (
    Change,
    Check,
    Commit,
    Committed,
    Cursor,
    Item,
    Key,
    Page,
    Put,
    Query,
    Refused,
    Remove,
    Write,
)
from tests.fakes.clock import FakeClock
from tests.fakes.faults import Hook
from tests.fakes.rows import Row, check_commit, check_query, copied, holds, row_of, written

Operation = Literal["read", "query", "commit"]
T = TypeVar("T")

PROJECTED = {
    "due": frozenset({"PK", "SK", "due_shard", "due_at", "grant", "n", "provider_key", "kind", "team"}),
    "g1": frozenset(
        {"PK", "SK", "g1pk", "g1sk", "kind", "team", "user", "installation", "name", "role", "epoch", "binding"}
        | {"sharing", "enabled", "status_reason", "since", "authorized_by", "issuer", "state"}
    ),
}
PARTITION_AND_SORT = {"table": ("PK", "SK"), "due": ("due_shard", "due_at"), "g1": ("g1pk", "g1sk")}
MEMORY_SECONDS = 600
"""How long a transaction's mark is remembered: as long as DynamoDB remembers a client request token."""


class FakeTable:
    """Rows in a dictionary behind one lock.

    `before` and `after` hold a hook for `read`, `query` or `commit`; an `after` hook that raises plays the answer that
    got lost although the write is done. `requests` counts what the real adapter would send, by DynamoDB's names;
    `committed` lists what was written, commit by commit.
    """

    def __init__(self, clock: FakeClock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._rows: dict[Key, Row] = {}
        self._marks: dict[str, tuple[float, tuple[Write, ...]]] = {}
        self._lock = threading.RLock()
        self.before: dict[Operation, Hook] = {}
        self.after: dict[Operation, Hook] = {}
        self.requests: Counter[str] = Counter()
        self.committed: list[tuple[Write, ...]] = []

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        wanted = list(dict.fromkeys(keys))
        self._count("BatchGetItem", -(-len(wanted) // 100))
        return self._between("read", keys, lambda: {key: _copy(self._rows[key]) for key in wanted if key in self._rows})

    def query(self, query: Query) -> Page:
        check_query(query)
        self._count("Query")
        return self._between("query", query, lambda: self._page(query))

    def commit(self, writes: Sequence[Write], mark: str) -> Commit:
        intent = tuple(writes)
        check_commit(intent, mark)
        self._count(_request_name(intent))
        return self._between("commit", intent, lambda: self._commit(intent, mark))

    def snapshot(self) -> dict[Key, Item]:
        """Copy everything that is stored now."""
        with self._lock:
            return {key: _copy(row) for key, row in self._rows.items()}

    def row(self, key: Key) -> Item | None:
        """Look at one row without a request."""
        return self.snapshot().get(key)

    def place(self, *items: Item) -> None:
        """Put rows there as if they had always been: no request, no condition, no mark, no hook."""
        with self._lock:
            self._rows.update({Put(item, None).key: row_of(item) for item in items})

    def restore(self, rows: Mapping[Key, Item]) -> None:
        """Go back to a snapshot, as after a restore from a backup."""
        with self._lock:
            self._rows = {key: row_of(item) for key, item in rows.items()}

    def _count(self, request: str, amount: int = 1) -> None:
        with self._lock:
            self.requests[request] += amount

    def _between(self, operation: Operation, argument: object, act: Callable[[], T]) -> T:
        if hook := self.before.get(operation):
            hook(argument)
        with self._lock:
            result = act()
        if hook := self.after.get(operation):
            hook(argument)
        return result

    def _commit(self, writes: tuple[Write, ...], mark: str) -> Commit:
        return self._single(writes[0], mark) if _is_plain(writes) else self._transaction(writes, mark)

    def _single(self, write: Write, mark: str) -> Commit:
        row = self._rows.get(write.key)
        if row is not None and row.get("mark") == mark and not isinstance(write, Remove):
            return Committed()
        if not holds(write.require, row):
            return _refused([(0, row)])
        self._store([(write, written(write, row, mark))])
        return Committed()

    def _transaction(self, writes: tuple[Write, ...], mark: str) -> Commit:
        if self._remembers(writes, mark):
            return Committed()
        found = [(write, self._rows.get(write.key)) for write in writes]
        failed = [(at, row) for at, (write, row) in enumerate(found) if not holds(write.require, row)]
        if failed:
            return _refused(failed)
        self._store([(write, written(write, row, None)) for write, row in found])
        self._marks[mark] = (self._clock.now() + MEMORY_SECONDS, writes)
        return Committed()

    def _remembers(self, writes: tuple[Write, ...], mark: str) -> bool:
        until, done = self._marks.get(mark, (0.0, ()))
        if self._clock.now() > until:
            return False
        if done != writes:
            raise ValueError("a mark was used again for other writes")
        return True

    def _store(self, results: Sequence[tuple[Write, Row | None]]) -> None:
        for write, row in results:
            if row is None:
                self._rows.pop(write.key, None)
            else:
                self._rows[write.key] = row
        self.committed.append(tuple(write for write, _ in results))

    def _page(self, query: Query) -> Page:
        rows = sorted(self._matching(query), key=lambda row: _position(query, row), reverse=query.descending)
        rest = [row for row in rows if _is_after(query, row)]
        page = rest[: query.limit]
        # A full page always says that there may be more, as DynamoDB does.
        after = _cursor(query, page[-1]) if len(page) == query.limit else None
        return Page([_projected(query, row) for row in page], after)

    def _matching(self, query: Query) -> Iterable[Row]:
        partition, sort = PARTITION_AND_SORT[query.index]
        for row in self._rows.values():
            if row.get(partition) != query.partition or sort not in row:
                continue
            value = row[sort]
            if isinstance(value, int):
                if query.at_most is None or value <= query.at_most:
                    yield row
            elif str(value).startswith(query.prefix):
                yield row


def _is_plain(writes: Sequence[Write]) -> bool:
    """Only a transaction can tell a repeated `Remove` or `Check` from a condition that fails."""
    first = writes[0]
    return len(writes) == 1 and not isinstance(first, Check) and not (isinstance(first, Remove) and first.require)


def _request_name(writes: Sequence[Write]) -> str:
    if not _is_plain(writes):
        return "TransactWriteItems"
    return {Put: "PutItem", Change: "UpdateItem", Remove: "DeleteItem"}[type(writes[0])]


def _refused(failed: Iterable[tuple[int, Row | None]]) -> Refused:
    return Refused({position: None if row is None else _copy(row) for position, row in failed})


def _copy(row: Row) -> Item:
    return cast(Item, copied(row))


def _position(query: Query, row: Mapping[str, object]) -> tuple[int | str, str, str]:
    sort = cast("int | str", row[PARTITION_AND_SORT[query.index][1]])
    return sort, str(row["PK"]), str(row["SK"])


def _is_after(query: Query, row: Row) -> bool:
    if query.after is None:
        return True
    here, there = _position(query, row), _position(query, query.after)
    return here < there if query.descending else here > there


def _cursor(query: Query, row: Row) -> Cursor:
    names = {"PK", "SK", *PARTITION_AND_SORT[query.index]}
    return cast(Cursor, {name: row[name] for name in sorted(names)})


def _projected(query: Query, row: Row) -> Item:
    if query.index == "table":
        return _copy(row)
    return _copy({name: value for name, value in row.items() if name in PROJECTED[query.index]})
