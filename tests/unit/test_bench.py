"""The measurements run and count right. How long things take is printed by `python -m bench`, and asserted nowhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import cold_start, look_up, request_units
from bench.ratios import compared
from bench.request_units import Journey
from bench.sizes import index_write_units, item_size, read_units, row_write_units, write_units
from strongroom.domain.table import Item

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
