"""The table's adapter hands every answer to the clock, and functions are wired so."""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from strongroom.adapters import clients
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.table_time import SharedClock
from strongroom.aws.wiring import wire
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import Change, Check, Committed, Exists, Is, Key, Missing, Put, Query, Remove
from tests.contract.faults.skewed import OffClock
from tests.fakes.clock import FakeChance, FakeClock
from tests.fakes.wire import Reply, ScriptedWire, done, error, fake_session
from tests.requirements import requirement
from tests.settings import SETTINGS
from tests.unit.test_table_time import MINUTES, NOON, Stage

KEY = Key("T#acme", "I#1")


class DatedWire(ScriptedWire):
    """Each answer is from noon."""

    def _answer(self, request: AWSPreparedRequest, **more: Any) -> AWSResponse:
        answer = super()._answer(request, **more)
        answer.headers["Date"] = formatdate(NOON, usegmt=True)
        return answer


def on_the_wire(*script: Reply) -> tuple[DynamoTable, Stage]:
    stage, client = Stage(-MINUTES), clients.dynamodb(fake_session())
    DatedWire(client, *script)
    return DynamoTable(client, "strongroom", stage.clock, FakeChance(), stage.time), stage


REFUSED = error("ConditionalCheckFailedException")
CANCELLED = error("TransactionCanceledException", CancellationReasons=[{"Code": "ConditionalCheckFailed"}])
PUT, CHANGE = Put({"PK": "T#acme", "SK": "I#1"}, Missing()), Change(KEY, Is("n", 1), put={"n": 2})


@requirement("fault:F16")
@pytest.mark.parametrize(
    ("use", "reply"),
    [
        (lambda table: table.query(Query("table", "T#acme")), done(Items=[])),
        (lambda table: table.commit([PUT], "m"), done()),
        (lambda table: table.commit([PUT], "m"), REFUSED),
        (lambda table: table.commit([CHANGE], "m"), done()),
        (lambda table: table.commit([CHANGE], "m"), REFUSED),
        (lambda table: table.commit([Remove(KEY, None)], "m"), done()),
        (lambda table: table.commit([Check(KEY, Exists())], "m"), done()),
        (lambda table: table.commit([Check(KEY, Exists())], "m"), CANCELLED),
    ],
)
def test_every_answer_is_heard_also_one_that_refuses(use: Callable[[DynamoTable], object], reply: Reply) -> None:
    table, stage = on_the_wire(reply)

    use(table)

    assert abs(stage.error) <= 1


@requirement("fault:F16")
def test_a_read_that_puts_the_clock_right_fails_and_the_next_one_does_not() -> None:
    found = done(Responses={"strongroom": []}, UnprocessedKeys={})
    table, stage = on_the_wire(found, found)

    with pytest.raises(StoreUnavailable, match="begin again"):
        table.read([KEY])

    assert abs(stage.error) <= 1
    stage.true.advance(1)
    assert table.read([KEY]) == {}


def test_an_answer_in_part_is_heard_too() -> None:
    left = {"strongroom": {"Keys": [{"PK": {"S": "T#acme"}, "SK": {"S": "I#1"}}]}}
    found = done(Responses={"strongroom": []}, UnprocessedKeys={})
    table, stage = on_the_wire(done(Responses={}, UnprocessedKeys=left), found)

    with pytest.raises(StoreUnavailable):
        table.read([KEY])

    assert stage.journal.events() == ["clock_corrected"]


def test_a_table_that_nobody_listens_to_works_as_well() -> None:
    client, clock = clients.dynamodb(fake_session()), FakeClock()
    DatedWire(client, done())

    assert DynamoTable(client, "strongroom", clock, FakeChance()).commit([PUT], "m") == Committed()


def test_functions_share_the_clock_of_their_table() -> None:
    ports = wire("token", environment=SETTINGS).ports
    assert isinstance(ports.clock, SharedClock)
    assert isinstance(ports.table, DynamoTable)
    true = FakeClock(NOON)
    ports.clock.machine = OffClock(true, MINUTES)
    DatedWire(ports.table._client, done())

    ports.table.commit([PUT], "m")

    assert abs(ports.clock.now() - NOON) <= 1
