"""A table that keeps its rows in memory and sends every request through the real adapter, and says with each answer what it
has cost, as DynamoDB does."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from bench.reported import Reported, Request
from bench.sizes import index_write_units, item_size, read_units, row_write_units
from bench.wire import Body, Wire
from strongroom.adapters import clients
from strongroom.adapters.dynamo import DynamoTable, is_plain
from strongroom.adapters.dynamo_expressions import INDEX_NAMES
from strongroom.adapters.dynamo_values import item_to_wire
from strongroom.domain.table import Commit, Committed, Item, Key, Page, Query, Write
from tests.fakes.clock import FakeChance, FakeClock
from tests.fakes.table import FakeTable
from tests.fakes.wire import fake_session
from tests.settings import SETTINGS

TABLE = SETTINGS["STRONGROOM_TABLE"]


class Meter:
    """The port `Table`. `requests` lists what was sent, in order, with the units that the answers tell.

    The rows of `rows` decide; the request is made, and the answer read, by the real adapter. A write that is refused is
    not foreseen: nobody else is at work here.
    """

    def __init__(self, rows: FakeTable) -> None:
        client = clients.dynamodb(fake_session())
        self._rows = rows
        self._adapter = DynamoTable(client, TABLE, FakeClock(), FakeChance())
        self._one_at_a_time = threading.Lock()
        self._answer: Body = {}
        self._reported = Reported(client)
        Wire(client, self._reply)

    @property
    def requests(self) -> list[Request]:
        return self._reported.requests

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
        if query.index == "table":
            self._answer |= _told(_consumed(whole))
        else:
            self._answer |= _told(_consumed(0, {INDEX_NAMES[query.index]: whole / 2}))
        return self._adapter.query(query)

    def _commit(self, writes: Sequence[Write], mark: str) -> Commit:
        before = self._rows.snapshot()
        if self._rows.commit(writes, mark) != Committed():
            raise RuntimeError("a write was refused while nobody else was at work")
        after = self._rows.snapshot()
        touched = [(before.get(write.key), after.get(write.key)) for write in writes]
        # A transaction prepares and commits: twice the units for the rows, once for the indexes.
        rows = sum(row_write_units(*row) for row in touched) * (1 if is_plain(writes) else 2)
        indexes = {name: sum(index_write_units(one, *row) for row in touched) for one, name in INDEX_NAMES.items()}
        told = _consumed(rows, indexes)
        self._answer = _told(told if is_plain(writes) else [told])
        return self._adapter.commit(writes, mark)

    def _reply(self, operation: str, asked: Body) -> Body:
        if operation == "BatchGetItem":
            return self._reply_to_read(asked["RequestItems"][TABLE])
        return self._answer

    def _reply_to_read(self, asked: Body) -> Body:
        rows = self._rows.snapshot()
        found = [rows.get(Key(key["PK"]["S"], key["SK"]["S"])) for key in asked["Keys"]]
        units = sum(read_units(item_size(item or {})) for item in found)
        answer: list[Any] = [item_to_wire(item) for item in found if item is not None]
        told = _told([_consumed(units if asked["ConsistentRead"] else units / 2)])
        return {"Responses": {TABLE: answer}, "UnprocessedKeys": {}, **told}


def _consumed(table: float, indexes: Mapping[str, float] | None = None) -> Body:
    """Tell the units in DynamoDB's form, by table and by each index that was touched."""
    touched = {name: {"CapacityUnits": units} for name, units in (indexes or {}).items() if units}
    return {
        "TableName": TABLE,
        "CapacityUnits": table + sum(index["CapacityUnits"] for index in touched.values()),
        "Table": {"CapacityUnits": table},
        **({"GlobalSecondaryIndexes": touched} if touched else {}),
    }


def _told(consumed: Body | list[Body]) -> dict[str, Any]:
    return {"ConsumedCapacity": consumed}
