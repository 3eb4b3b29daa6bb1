"""The measurements run and count right. How long things take is printed by `python -m bench`, and asserted nowhere."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bench import cold_start, look_up, request_units, satellite
from bench.outside import Grants, Rows
from bench.ratios import compared
from bench.reported import Reported
from bench.request_units import BUSY, DOWN, ENDED, Journey
from bench.sizes import index_write_units, item_size, read_units, row_write_units, write_units
from bench.sweep import Swept, sweep
from bench.wire import Body, Wire
from strongroom.adapters import clients
from strongroom.domain.http import Reply
from strongroom.domain.table import Item
from tests.fakes.wire import fake_session

MOST_READ_UNITS = 5
MOST_WRITE_UNITS = 6
TWO_KB = 2048

CONNECTION: Item = {"PK": "T#acme#U#bob", "SK": "C#i", "due_shard": "D#0", "due_at": 1000, "n": 1, "grant": "g"}


def test_a_warm_look_up_is_one_request_and_asks_neither_the_key_service_nor_a_provider() -> None:
    measured = look_up.measure(rounds=2, times=2)

    assert (measured.dynamodb_requests, measured.key_service_requests, measured.provider_requests) == (1, 0, 0)
    assert measured.cpu.first > 0
    assert measured.cpu.second > 0
    assert measured.cpu.ratio > 0


def test_a_warm_look_up_calls_hardly_more_functions_than_the_bare_request() -> None:
    measured = look_up.measure(rounds=1, times=1)

    assert measured.ours.total <= 1.3 * measured.bare.total
    assert 0 < measured.ours.of("strongroom", "functions") < measured.ours.total


def test_our_own_calls_are_counted_without_noise() -> None:
    with look_up.stage() as ready:
        for _ in range(3):
            ready.ours()
        counted = [look_up.calls_of(ready.ours).of("strongroom", "functions") for _ in range(2)]
    assert counted[0] == counted[1]


def test_requests_with_a_kept_token_take_one_look_up_and_not_half_as_many_calls_again() -> None:
    measured = satellite.measure(rounds=2, times=5)

    assert (measured.requests, measured.asked) == (12, 1)
    assert measured.bare.total < measured.ours.total <= 1.5 * measured.bare.total
    assert measured.cpu.ratio > 0


def test_a_cold_start_is_measured_in_fresh_processes() -> None:
    measured = cold_start.measure("all", rounds=1)

    assert (measured.first > 0, measured.second > 0, measured.ratio > 0, measured.rounds) == (True, True, True, 1)


def test_byte_code_is_taken_away_where_the_artifact_has_none() -> None:
    with cold_start.folder_of("without the artifact's") as folder:
        left = {path.name.partition(".")[0] for path in folder.rglob("*.pyc")}
        assert {"wiring", "look_up", "aead", "app"} & left == set()
        assert {"endpoint", "dataclasses"} <= left


def test_the_middle_ratio_counts_and_not_the_ratio_of_the_middles() -> None:
    result = compared([(1.0, 1.0), (6.0, 2.0), (8.0, 4.0)])

    assert (result.first, result.second, result.ratio, result.rounds) == (6.0, 2.0, 2.0, 3)


# Budgets in requests and units


def test_a_look_up_costs_five_read_units_and_nothing_else() -> None:
    found = request_units.look_up()

    assert found.operations == ["BatchGetItem"]
    assert (found.read_units, found.write_units) == (MOST_READ_UNITS, 0)
    assert (found.key_service_requests, found.provider_requests) == (0, 0)


def test_a_look_up_writes_once_in_six_hours_and_touches_no_index() -> None:
    found = request_units.first_use()

    assert found.operations == ["BatchGetItem", "UpdateItem"]
    assert found.write_units == write_units(found.row_size) == 2


@pytest.mark.parametrize("renewal", [request_units.renewal_by_schedule, request_units.renewal_on_demand])
@pytest.mark.parametrize("row_size", [None, TWO_KB])
def test_a_renewal_of_a_row_of_two_kilobytes_costs_six_write_units_and_one_provider_request(
    renewal: Callable[[int | None], Journey], row_size: int | None
) -> None:
    found = renewal(row_size)

    assert found.row_size == row_size or row_size is None
    assert found.operations.count("UpdateItem") == 2
    assert not {"PutItem", "TransactWriteItems"} & set(found.operations)
    assert found.write_units <= MOST_WRITE_UNITS
    assert found.provider_requests == 1


def test_a_row_that_a_lease_takes_over_two_kilobytes_costs_two_units_more() -> None:
    assert request_units.renewal_by_schedule(TWO_KB + 1).write_units == MOST_WRITE_UNITS + 2


def test_the_third_renewal_costs_what_the_first_does_and_so_does_the_exercise_of_what_nobody_uses() -> None:
    first = request_units.renewal_by_schedule(TWO_KB)

    for later in (request_units.renewal_by_schedule(TWO_KB, before=2), request_units.exercise(TWO_KB)):
        assert later.requests == first.requests
        assert later.provider_requests == 1


@pytest.mark.parametrize(
    ("answer", "units"),
    [(DOWN, 8), (BUSY, 8), (ENDED, 11)],
    ids=["an outage", "a wish to wait", "the end of the grant"],
)
def test_a_renewal_that_fails_costs_one_provider_request_and_is_not_free(answer: Reply, units: int) -> None:
    found = request_units.fault(answer, TWO_KB)

    assert (found.provider_requests, found.write_units) == (1, units)


def test_opening_the_breaker_costs_no_more_than_counting_a_fault() -> None:
    assert request_units.opening(TWO_KB).requests == request_units.fault(DOWN, TWO_KB).requests


def test_a_provider_that_is_left_alone_costs_reads_and_no_write_and_its_return_three_units_once() -> None:
    paused, tried = request_units.paused(TWO_KB), request_units.well_again(TWO_KB)

    assert (paused.provider_requests, paused.write_units) == (0, 0)
    assert (tried.provider_requests, tried.write_units) == (1, MOST_WRITE_UNITS + 3)


def test_units_are_those_that_the_answers_tell() -> None:
    client = clients.dynamodb(fake_session())
    told = {"TableName": "t", "CapacityUnits": 7.5, "GlobalSecondaryIndexes": {"due": {"CapacityUnits": 2.5}}}
    asked: list[Any] = []

    def answer(operation: str, body: Body) -> Body:
        asked.append(body["ReturnConsumedCapacity"])
        return {"ConsumedCapacity": told if operation == "UpdateItem" else [told, told]}

    reported = Reported(client)
    Wire(client, answer)
    client.update_item(TableName="t", Key={"PK": {"S": "a"}})
    client.batch_get_item(RequestItems={"t": {"Keys": [{"PK": {"S": "a"}}]}})

    assert asked == ["INDEXES", "INDEXES"]
    assert [(one.write_units, one.read_units, one.index_units) for one in reported.requests] == [
        (7.5, 0, 2.5),
        (0, 15, 5),
    ]


# The sweep


@pytest.mark.parametrize("due", [0, 30])
def test_a_sweep_costs_the_same_however_much_is_stored(due: int) -> None:
    assert sweep(due, stored=due + 10) == sweep(due, stored=due + 2000)


def test_a_sweep_that_finds_nothing_costs_one_query_a_shard_and_no_message() -> None:
    assert sweep(0, stored=100) == Swept(found=0, queries=4, read_units=2, other_table_requests=0, queue_requests=0)


def test_control_a_sweep_costs_more_where_more_is_due() -> None:
    few, many = sweep(100, stored=1000), sweep(1000, stored=1000)

    assert (few.found, many.found) == (100, 1000)
    assert few.queries < many.queries
    assert few.queue_requests < many.queue_requests
    assert many.queries <= many.found / 100 + 2 * 4
    assert many.queue_requests <= many.found / 10 + many.queries


# The other side of a renewal


def test_the_provider_of_the_measurement_takes_a_refresh_token_once() -> None:
    counts: Counter[str] = Counter()
    grants = Grants(counts)
    grants.know(["first"])

    assert [grants.answer("", b"refresh_token=first")[0] for _ in range(2)] == [200, 400]
    assert counts == {"renewed": 1, "refused": 1}


def test_the_rows_of_the_measurement_change_as_they_are_told() -> None:
    key = {"PK": {"S": "a"}, "SK": {"S": "b"}}
    rows = Rows(Counter())
    rows.lay([{**key, "lease": {"S": "x"}, "n": {"N": "1"}}])
    change = {"TableName": "t", "Key": key, "UpdateExpression": "SET #n0 = :v0 REMOVE #n1"}
    names = {"ExpressionAttributeNames": {"#n0": "n", "#n1": "lease"}, "ExpressionAttributeValues": {":v0": {"N": "2"}}}

    assert rows.answer("UpdateItem", json.dumps(change | names).encode()) == (200, b"{}")
    _, read = rows.answer("BatchGetItem", json.dumps({"RequestItems": {"t": {"Keys": [key]}}}).encode())
    assert json.loads(read)["Responses"] == {"t": [{**key, "n": {"N": "2"}}]}


# What DynamoDB charges


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"name": "ab"}, 6),
        ({"é": "é"}, 4),
        ({"a": 7}, 3),
        ({"a": 1_800_000_000}, 7),
        ({"a": -12}, 4),
        ({"a": b"xyz"}, 4),
        ({"a": True, "b": None}, 4),
        ({"a": []}, 4),
        ({"a": ["bc", 1]}, 10),
        ({"a": {"b": "cd"}}, 8),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(item: Item, size: int) -> None:
    assert item_size(item) == size


def test_units_come_in_steps_and_an_absent_row_costs_one() -> None:
    assert [read_units(size) for size in (0, 1, 4096, 4097)] == [1, 1, 1, 2]
    assert [write_units(size) for size in (0, 1, 1024, 1025)] == [1, 1, 1, 2]
    assert row_write_units({"PK": "x" * 2000}, None) == 2


@pytest.mark.parametrize(
    ("change", "units"),
    [
        ({"access": b"new"}, 0),
        ({"n": 2}, 1),
        ({"due_at": 2000}, 2),
        ({"due_at": 2000, "n": 2}, 2),
        ({"due_at": None}, 1),
    ],
    ids=["not projected", "projected", "moved", "moved and projected", "taken out"],
)
def test_an_index_follows_a_row_only_where_it_has_to(change: Item, units: int) -> None:
    after = {name: value for name, value in {**CONNECTION, **change}.items() if value is not None}

    assert index_write_units("due", CONNECTION, after) == units
