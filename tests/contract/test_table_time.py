"""The table says in each answer what time it is: moto in this process, and as the local stack serves it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from local.aws_stand_in import OneByOne
from strongroom.adapters import clients
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.machine import SystemChance, SystemClock
from strongroom.adapters.table_time import SharedClock, TableTime
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import Committed, Missing, Put, Refused
from tests.contract.service_processes import free_ports
from tests.contract.stand_in import create_table
from tests.contract.tables import KEY, row
from tests.fakes.clock import FakeJournal
from tests.requirements import requirement

MINUTES = 300.0


class SlowMachine:
    """A machine whose clock is minutes behind the real time."""

    def __init__(self) -> None:
        self._real = SystemClock()

    def now(self) -> float:
        return self._real.now() - MINUTES

    def wait(self, seconds: float) -> None:
        self._real.wait(seconds)


@contextmanager
def in_process() -> Iterator[Any]:
    with mock_aws():
        yield clients.dynamodb(clients.open_session())


@contextmanager
def by_http() -> Iterator[Any]:
    (port,) = free_ports(1)
    server = make_server("127.0.0.1", port, OneByOne(DomainDispatcherApplication(create_backend_app)), threaded=True)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    client = clients.open_session().create_client("dynamodb", endpoint_url=f"http://127.0.0.1:{port}")
    try:
        yield client
    finally:
        client.close()
        server.shutdown()
        serving.join()
        server.server_close()


@pytest.fixture(params=[in_process, by_http])
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    with request.param() as made:
        yield made


class Function:
    """A function on the slow machine."""

    def __init__(self, client: Any) -> None:
        self.journal, self.clock = FakeJournal(), SharedClock(SlowMachine())
        time = TableTime(self.clock, self.journal)
        self.table = DynamoTable(client, create_table(client), self.clock, SystemChance(), time)

    def was_put_right(self) -> bool:
        """By five minutes, give or take what an answer on a busy machine leaves open."""
        corrected = [entry.fields["seconds"] for entry in self.journal.entries if entry.event == "clock_corrected"]
        return len(corrected) == 1 and abs(float(corrected[0] or 0) - MINUTES) < MINUTES / 10


@requirement("fault:F16")
def test_the_first_read_puts_the_clock_right_and_asks_to_begin_again(client: Any) -> None:
    function = Function(client)

    with pytest.raises(StoreUnavailable, match="begin again"):
        function.table.read([KEY])

    assert function.was_put_right()


@requirement("fault:F16")
def test_a_write_puts_the_clock_right_and_is_done(client: Any) -> None:
    function = Function(client)

    assert function.table.commit([Put(row(n=1), Missing())], "first") == Committed()

    assert function.was_put_right()


@requirement("fault:F16")
def test_a_write_that_is_refused_puts_the_clock_right(client: Any) -> None:
    function = Function(client)
    believing = DynamoTable(client, function.table._name, function.clock, SystemChance())
    believing.commit([Put(row(n=1), Missing())], "first")
    assert function.journal.entries == []

    assert isinstance(function.table.commit([Put(row(n=2), Missing())], "second"), Refused)

    assert function.was_put_right()
