"""What only the fake table shows: moto forgets marks, holds no lock, and takes truth for a number."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import cast

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import (
    Change,
    Check,
    Committed,
    Exists,
    Is,
    Key,
    Missing,
    Put,
    Query,
    Refused,
    Remove,
    Write,
)
from tests.contract.tables import KEY, OTHER, THIRD, assert_one_won, claim, found, row, store
from tests.fakes.clock import FakeClock
from tests.fakes.faults import fails
from tests.fakes.table import FakeTable


@pytest.mark.parametrize(("wanted", "there"), [(1, True), (True, 1), (0, False), (False, 0)])
def test_the_fake_does_not_take_truth_for_a_number(wanted: int | bool, there: int | bool) -> None:
    table = FakeTable()
    store(table, row(n=there))

    assert isinstance(table.commit([Check(KEY, Is("n", wanted))], "mark"), Refused)


@pytest.mark.parametrize("record", [False, True])
def test_of_fifty_threads_that_race_in_the_fake_one_wins(record: bool) -> None:
    table = FakeTable()
    store(table, row(n=1))
    start = Barrier(50)

    def attempt(number: int) -> bool:
        start.wait()
        return claim(table, number, record)

    with ThreadPoolExecutor(50) as pool:
        won = list(pool.map(attempt, range(50)))

    assert_one_won(table, won, record)


# A transaction's mark

REPEATABLE: list[list[Write]] = [
    [Change(KEY, Is("n", 1), add={"n": 1}), Put(row(THIRD), Missing())],
    [Change(KEY, None, add={"n": 1}), Remove(OTHER, Exists())],
    [Remove(KEY, Is("n", 1))],
    [Check(KEY, Is("n", 1))],
]


@pytest.mark.parametrize("writes", REPEATABLE)
def test_a_repeated_transaction_is_done_once_whatever_others_do(writes: list[Write]) -> None:
    table = FakeTable()
    store(table, row(KEY, n=1), row(OTHER))
    first = table.commit(writes, "mark")
    table.place(row(KEY, n=7))

    again = table.commit(writes, "mark")

    assert (first, again) == (Committed(), Committed())
    assert found(table) == row(n=7)


def test_a_refused_transaction_may_be_tried_again_with_its_mark() -> None:
    table = FakeTable()
    writes: list[Write] = [Check(KEY, Exists()), Put(row(OTHER), None)]
    refused = table.commit(writes, "mark")
    table.place(row(KEY))

    assert (refused, table.commit(writes, "mark")) == (Refused({0: None}), Committed())


def test_a_transactions_mark_is_forgotten_after_ten_minutes() -> None:
    clock = FakeClock()
    table = FakeTable(clock)
    writes: list[Write] = [Change(KEY, None, add={"n": 1}), Put(row(OTHER), None)]
    table.commit(writes, "mark")
    clock.advance(601)

    table.commit(writes, "mark")

    assert found(table) == row(n=2)


def test_a_mark_cannot_be_used_again_for_other_writes() -> None:
    table = FakeTable()
    table.commit([Check(KEY, Missing())], "mark")

    with pytest.raises(ValueError, match="mark"):
        table.commit([Check(OTHER, Missing())], "mark")


# What tests do with the fake beyond the port


def test_a_hook_before_a_commit_keeps_it_from_happening() -> None:
    table = FakeTable()
    table.before["commit"] = fails(StoreUnavailable())

    with pytest.raises(StoreUnavailable):
        table.commit([Put(row(), None)], "mark")

    assert table.snapshot() == {}


def test_a_hook_after_a_commit_loses_only_the_answer() -> None:
    table = FakeTable()
    table.after["commit"] = fails(StoreUnavailable())
    write = Put(row(n=1), Missing())

    with pytest.raises(StoreUnavailable):
        table.commit([write], "mark")

    assert table.row(KEY) == row(n=1, mark="mark")
    assert table.commit([write], "mark") == Committed()


def test_what_is_read_from_the_fake_is_a_copy() -> None:
    table = FakeTable()
    table.place(row(scopes=["read"]))
    snapshot = table.snapshot()

    cast("list[str]", table.read([KEY])[KEY]["scopes"]).append("write")
    table.commit([Remove(KEY, None)], "mark")

    assert snapshot == {KEY: row(scopes=["read"])}


def test_the_fake_counts_requests_as_dynamodb_would() -> None:
    table = FakeTable()
    table.read([Key("T", str(number)) for number in range(101)])
    table.query(Query("table", "T"))
    single: list[Write] = [Put(row(), None), Change(KEY, None, put={"a": 1}), Remove(KEY, None)]
    for number, write in enumerate(single):
        table.commit([write], str(number))
    table.commit([Remove(KEY, Missing())], "transaction")

    assert table.requests == {
        "BatchGetItem": 2,
        "Query": 1,
        "PutItem": 1,
        "UpdateItem": 1,
        "DeleteItem": 1,
        "TransactWriteItems": 1,
    }
