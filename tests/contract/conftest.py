"""The tables that the contract holds for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from strongroom.adapters import clients
from strongroom.adapters.dynamo import DynamoTable
from strongroom.ports import Table
from tests.contract.stand_in import create_table
from tests.fakes.clock import FakeChance, FakeClock
from tests.fakes.table import FakeTable


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield clients.dynamodb(clients.open_session())


@pytest.fixture(params=["fake", "dynamodb"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "fake":
        return FakeTable()
    client = request.getfixturevalue("dynamodb")
    return DynamoTable(client, create_table(client), FakeClock(), FakeChance())
