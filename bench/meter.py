"""A table that keeps its rows in memory and sends every request through the real adapter, where it is counted."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.sizes import indexes_write_units, item_size, read_units, row_write_units
from bench.wire import Body, Wire
from strongroom.adapters import clients
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.dynamo_values import item_to_wire
from strongroom.domain.table import Commit, Committed, Item, Key, Page, Query, Write
from tests.fakes.clock import FakeChance, FakeClock
from tests.fakes.table import FakeTable
from tests.fakes.wire import fake_session
from tests.settings import SETTINGS

TABLE = SETTINGS["STRONGROOM_TABLE"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it went over the wire, and the units that it costs."""

    operation: str
    read_units: float = 0.0
    write_units: int = 0


class Meter:
    """The port `Table`. `requests` lists what was sent, in order.

    The rows of `rows` decide; the request is made, and the answer read, by the real adapter. A write that is refused is
    not foreseen: nobody else is at work here.
    """

    def __init__(self, rows: FakeTable) -> None:
        client = clients.dynamodb(fake_session())
        self.requests: list[Request] = []
        self._rows = rows
        self._adapter = DynamoTable(client, TABLE, FakeClock(), FakeChance())
        self._one_at_a_time = threading.Lock()
        self._answer: Body = {}
        self._units: dict[str, Any] = {}
        Wire(client, self._reply)

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        return self._adapter.read(keys)

    def query(self, query: Query) -> Page:
        with self._one_at_a_time:
            return self._query(query)

    def commit(self, writes: Sequence[Write], mark: str) -> Commit:
        with self._one_at_a_time:
            return self._commit(writes, mark)

    def _query(self, query: Query) -> Page:
        page = self._rows.query(query)
        after = None if page.after is None else item_to_wire(page.after)
        self._answer = {"Items": [item_to_wire(item) for item in page.items]}
        self._answer |= {"LastEvaluatedKey": after} if after else {}
        whole = read_units(sum(item_size(item) for item in page.items))
        self._units = {"read_units": whole if query.index == "table" else whole / 2}
        return self._adapter.query(query)

    def _commit(self, writes: Sequence[Write], mark: str) -> Commit:
        before = self._rows.snapshot()
        if self._rows.commit(writes, mark) != Committed():
            raise RuntimeError("a write was refused while nobody else was at work")
        after = self._rows.snapshot()
        touched = [(before.get(write.key), after.get(write.key)) for write in writes]
        # A transaction prepares and commits: twice the units for the rows, once for the indexes.
        rows = sum(row_write_units(*row) for row in touched) * (2 if len(writes) > 1 else 1)
        self._answer, self._units = {}, {"write_units": rows + sum(indexes_write_units(*row) for row in touched)}
        return self._adapter.commit(writes, mark)

    def _reply(self, operation: str, asked: Body) -> Body:
        if operation == "BatchGetItem":
            return self._reply_to_read(asked["RequestItems"][TABLE])
        self.requests.append(Request(operation, **self._units))
        return self._answer

    def _reply_to_read(self, asked: Body) -> Body:
        rows = self._rows.snapshot()
        found = [rows.get(Key(key["PK"]["S"], key["SK"]["S"])) for key in asked["Keys"]]
        units = sum(read_units(item_size(item or {})) for item in found)
        self.requests.append(Request("BatchGetItem", units if asked["ConsistentRead"] else units / 2))
        answer: list[Any] = [item_to_wire(item) for item in found if item is not None]
        return {"Responses": {TABLE: answer}, "UnprocessedKeys": {}}
