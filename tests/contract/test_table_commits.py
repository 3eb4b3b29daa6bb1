"""What every table promises of commits: conditions, transactions, marks. DynamoDB is played by moto."""

from __future__ import annotations

import pytest

from strongroom.domain.table import (
    Below,
    Change,
    Check,
    Committed,
    Condition,
    Exists,
    Is,
    Item,
    Key,
    Lacks,
    Missing,
    Put,
    Query,
    Refused,
    Remove,
    Write,
    either,
    every,
)
from strongroom.ports import Table
from tests.contract.tables import KEY, OTHER, THIRD, assert_one_won, claim, found, row, store

# Conditions: what is required, the row that is there, and whether it holds

CONDITIONS: list[tuple[Condition, Item | None, bool]] = [
    (Exists(), None, False),
    (Exists(), row(), True),
    (Missing(), None, True),
    (Missing(), row(), False),
    (Is("state", "on"), None, False),
    (Is("state", "on"), row(), False),
    (Is("state", "on"), row(state="on"), True),
    (Is("state", "on"), row(state="off"), False),
    (Is("state", "on"), row(state=None), False),
    (Is("n", 1), row(n=1), True),
    (Is("n", 1), row(n=2), False),
    (Is("n", 1), row(n="1"), False),
    (Is("n", True), row(n=True), True),
    (Is("n", False), row(n=False), True),
    (Is("name", "a reserved word"), row(name="a reserved word"), True),
    (Is("a.b#c", 1), {**row(), "a.b#c": 1}, True),
    (Lacks("lease"), None, True),
    (Lacks("lease"), row(), True),
    (Lacks("lease"), row(lease=1), False),
    (Lacks("lease"), row(lease=None), False),
    (Below("until", 10), None, False),
    (Below("until", 10), row(), False),
    (Below("until", 10), row(until=9), True),
    (Below("until", 10), row(until=10), False),
    (Below("until", 10), row(until=-(10**30)), True),
    (every(Exists(), Is("n", 1)), row(n=1), True),
    (every(Exists(), Is("n", 1)), row(n=2), False),
    (every(Is("a", 1), Is("b", 1)), row(a=1), False),
    (either(Missing(), Is("n", 1)), None, True),
    (either(Missing(), Is("n", 1)), row(n=1), True),
    (either(Missing(), Is("n", 1)), row(n=2), False),
    (every(Is("n", 1), either(Lacks("lease"), Below("lease", 5))), row(n=1), True),
    (every(Is("n", 1), either(Lacks("lease"), Below("lease", 5))), row(n=1, lease=4), True),
    (every(Is("n", 1), either(Lacks("lease"), Below("lease", 5))), row(n=1, lease=5), False),
    (every(Is("n", 1), either(Lacks("lease"), Below("lease", 5))), row(n=2), False),
    (either(Is("n", 1), every(Is("n", 2), Is("m", 2))), row(n=1, m=9), True),
]


def writes_that_require(condition: Condition) -> dict[str, list[Write]]:
    bystander: Write = Put(row(OTHER), None)
    single: dict[str, Write] = {
        "put": Put(row(new=1), condition),
        "change": Change(KEY, condition, put={"new": 1}),
        "remove": Remove(KEY, condition),
        "check": Check(KEY, condition),
    }
    alone = {name: [write] for name, write in single.items()}
    return alone | {f"{name} in a transaction": [write, bystander] for name, write in single.items()}


@pytest.mark.parametrize("kind", writes_that_require(Exists()))
@pytest.mark.parametrize(("condition", "there", "holds"), CONDITIONS)
def test_a_write_is_done_exactly_if_its_condition_holds(
    table: Table, kind: str, condition: Condition, there: Item | None, holds: bool
) -> None:
    if there:
        store(table, there)
    before = table.read([KEY, OTHER])

    result = table.commit(writes_that_require(condition)[kind], "mark")

    assert result == (Committed() if holds else Refused({0: before.get(KEY)}))
    assert holds or table.read([KEY, OTHER]) == before


# Transactions


def test_all_writes_of_a_transaction_are_done_together(table: Table) -> None:
    store(table, row(KEY, n=1), row(OTHER, n=1))
    writes: list[Write] = [
        Change(KEY, Is("n", 1), put={"n": 2}),
        Remove(OTHER, Is("n", 1)),
        Put(row(THIRD, n=1), Missing()),
        Check(Key("T#acme", "A"), Missing()),
    ]

    result = table.commit(writes, "mark")

    assert result == Committed()
    assert (found(table, KEY), found(table, OTHER), found(table, THIRD)) == (row(KEY, n=2), None, row(THIRD, n=1))


@pytest.mark.parametrize("culprit", range(4))
def test_one_condition_that_fails_stops_them_all_and_is_named_with_its_row(table: Table, culprit: int) -> None:
    keys = [Key("T#acme", f"I#{number}") for number in range(4)]
    store(table, *(row(key, n=1) for key in keys))
    before = table.read(keys)
    wanted = [2 if number == culprit else 1 for number in range(4)]
    writes: list[Write] = [
        Put(row(keys[0], n=9), Is("n", wanted[0])),
        Change(keys[1], Is("n", wanted[1]), put={"n": 9}),
        Remove(keys[2], Is("n", wanted[2])),
        Check(keys[3], Is("n", wanted[3])),
    ]

    result = table.commit(writes, "mark")

    assert result == Refused({culprit: before[keys[culprit]]})
    assert table.read(keys) == before


def test_every_condition_that_fails_is_named(table: Table) -> None:
    store(table, row(KEY, n=1))
    before = table.read([KEY])

    result = table.commit([Check(KEY, Missing()), Put(row(THIRD), Missing()), Check(OTHER, Exists())], "mark")

    assert result == Refused({0: before[KEY], 2: None})


def test_a_transaction_holds_a_hundred_writes(table: Table) -> None:
    keys = [Key("T#acme", f"I#{number}") for number in range(100)]

    assert table.commit([Put(row(key), Missing()) for key in keys], "mark") == Committed()
    assert len(table.read(keys)) == 100


# Marks


@pytest.mark.parametrize(
    "write",
    [
        Put(row(n=1), Missing()),
        Put(row(n=1), None),
        Change(KEY, Missing(), put={"n": 1}),
        Change(KEY, Lacks("n"), put={"n": 1}),
        Change(KEY, None, put={"n": 1}),
    ],
)
def test_a_repeated_write_is_committed_both_times(table: Table, write: Write) -> None:
    first, again = table.commit([write], "mark"), table.commit([write], "mark")

    assert (first, again) == (Committed(), Committed())
    assert found(table) == row(n=1)


@pytest.mark.parametrize("require", [None, Below("uses", 10), Exists()])
def test_a_repeated_count_counts_once(table: Table, require: Condition | None) -> None:
    store(table, row(uses=0))
    change = Change(KEY, require, add={"uses": 1})

    table.commit([change], "mark")
    table.commit([change], "mark")

    assert found(table) == row(uses=1)


def test_two_intents_count_twice(table: Table) -> None:
    for mark in ("one", "two"):
        table.commit([Change(KEY, None, add={"uses": 1})], mark)

    assert found(table) == row(uses=2)


def test_somebody_elses_success_is_never_taken_for_ours(table: Table) -> None:
    write = Put(row(n=1), Missing())
    table.commit([write], "theirs")

    assert table.commit([write], "ours") == Refused({0: row(n=1, mark="theirs")})


def test_a_single_write_leaves_its_mark(table: Table) -> None:
    table.commit([Put(row(), None)], "one")
    table.commit([Change(KEY, Exists(), put={"a": 1})], "two")

    assert table.read([KEY])[KEY] == row(a=1, mark="two")


def test_a_mark_that_is_read_and_written_back_is_no_proof(table: Table) -> None:
    store(table, row(n=1))
    read = table.read([KEY])[KEY]

    result = table.commit([Put({**read, "n": 2}, Is("n", 1))], "fresh")

    assert (result, table.read([KEY])[KEY]) == (Committed(), row(n=2, mark="fresh"))


def test_a_repeat_that_somebody_overtook_does_not_undo_their_write(table: Table) -> None:
    store(table, row(n=1))
    ours = Change(KEY, Is("n", 1), put={"n": 2, "by": "us"})
    table.commit([ours], "ours")
    table.commit([Change(KEY, Is("n", 2), put={"n": 3, "by": "them"})], "theirs")

    result = table.commit([ours], "ours")

    assert isinstance(result, Refused)
    assert found(table) == row(n=3, by="them")


# Races
@pytest.mark.parametrize("record", [False, True])
def test_of_fifty_who_saw_the_same_version_one_wins(table: Table, record: bool) -> None:
    store(table, row(n=1))

    won = [claim(table, number, record) for number in range(50)]

    assert_one_won(table, won, record)


# What callers must not ask


@pytest.mark.parametrize(
    ("writes", "mark"),
    [
        ([], "mark"),
        ([Put(row(), None)], ""),
        ([Put(row(), None)], "x" * 37),
        ([Put(row(), None), Check(KEY, Missing())], "mark"),
        ([Put(row(Key("T", str(number))), None) for number in range(101)], "mark"),
        ([Change(KEY, Exists())], "mark"),
        ([Change(KEY, Exists(), put={"a": 1}, drop=("a",))], "mark"),
        ([Change(KEY, Exists(), put={"SK": "I#2"})], "mark"),
        ([Change(KEY, Exists(), put={"mark": "forged"})], "mark"),
        ([Put(row(), every())], "mark"),
        ([Put(row(), either())], "mark"),
        ([Put(row(Key("", "A")), None)], "mark"),
        ([Put(row(Key("A", "")), None)], "mark"),
        ([Put(row(g1pk="", g1sk="x"), None)], "mark"),
    ],
)
def test_a_commit_that_makes_no_sense_is_a_mistake_and_no_outage(table: Table, writes: list[Write], mark: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        table.commit(writes, mark)

    assert found(table) is None


@pytest.mark.parametrize(
    "query",
    [
        Query("due", "D#0", prefix="1"),
        Query("table", "T#acme", at_most=5),
        Query("g1", "G#acme", at_most=5),
        Query("table", "T#acme", limit=0),
        Query("table", ""),
    ],
)
def test_a_query_that_makes_no_sense_is_a_mistake_and_no_outage(table: Table, query: Query) -> None:
    with pytest.raises(ValueError, match=r".+"):
        table.query(query)
