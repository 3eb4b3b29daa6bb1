"""What every table promises of its rows: the one on DynamoDB (played by moto) and the fake that other tests build on."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.table import (
    Change,
    Committed,
    Exists,
    Is,
    Item,
    Key,
    Put,
    Query,
    Remove,
)
from strongroom.ports import Table
from tests.contract.tables import KEY, OTHER, found, row, sort_keys, store

# Reading


def test_a_row_comes_back_as_it_was_written(table: Table) -> None:
    item = row(
        text="Grüße, 世界 \x00 \U0001f511",
        empty="",
        number=2**62,
        negative=-1,
        yes=True,
        no=False,
        nothing=None,
        blob=b"\x00\xff",
        items=["a", 1, None, ["b"]],
        map={"name": {"deep": b"1"}, "S": "not a type"},
    )

    store(table, item)

    assert found(table) == item


def test_truth_is_not_a_number(table: Table) -> None:
    store(table, row(flag=True, count=1))

    item = found(table) or {}

    assert (type(item["flag"]), type(item["count"])) == (bool, int)


def test_a_tuple_comes_back_as_a_list(table: Table) -> None:
    store(table, row(scopes=("read", "write")))

    assert found(table) == row(scopes=["read", "write"])


@pytest.mark.parametrize("value", [1.5, 1.0, {1, 2}, object(), bytearray(b"1"), {"in": [0.5]}, {1: "a"}])
def test_what_the_table_cannot_hold_exactly_is_refused(table: Table, value: Any) -> None:
    with pytest.raises(TypeError):
        table.commit([Put(row(value=value), None)], "mark")


def test_a_number_that_would_be_rounded_is_refused(table: Table) -> None:
    with pytest.raises(ValueError, match="38 digits"):
        table.commit([Put(row(value=10**38), None)], "mark")


def test_a_key_without_a_row_is_missing_from_the_answer(table: Table) -> None:
    store(table, row(KEY))

    assert set(table.read([KEY, OTHER])) == {KEY}


def test_the_same_key_twice_is_read_once(table: Table) -> None:
    store(table, row(KEY))

    assert set(table.read([KEY, KEY, KEY])) == {KEY}


def test_reading_nothing_finds_nothing(table: Table) -> None:
    assert table.read([]) == {}


def test_more_than_a_hundred_rows_can_be_read(table: Table) -> None:
    keys = [Key("T#acme", f"I#{number}") for number in range(230)]
    store(table, *(row(key) for key in keys))

    assert set(table.read(keys)) == set(keys)


@pytest.mark.parametrize("part", ["#", "%23", "T#a%23b", "ü", "世界", "a b", "'\"", ":v0", "x" * 900])
def test_a_key_may_hold_any_text(table: Table, part: str) -> None:
    key = Key(f"T#{part}", f"I#{part}")
    store(table, row(key, n=1))

    result = table.commit([Change(key, Is("n", 1), put={"n": 2})], "mark")

    assert (result, found(table, key)) == (Committed(), row(key, n=2))


# Writing


def test_a_put_replaces_the_whole_row(table: Table) -> None:
    store(table, row(old=1, kept=1))

    table.commit([Put(row(kept=2), Exists())], "mark")

    assert found(table) == row(kept=2)


def test_a_change_leaves_what_it_does_not_name(table: Table) -> None:
    store(table, row(kept=1, changed=1, dropped=1, counted=5))

    table.commit([Change(KEY, Exists(), put={"changed": 2}, drop=("dropped",), add={"counted": -2})], "mark")

    assert found(table) == row(kept=1, changed=2, counted=3)


def test_a_change_creates_a_row_that_is_not_there(table: Table) -> None:
    table.commit([Change(KEY, None, put={"a": 1}, add={"uses": 1})], "mark")

    assert found(table) == row(a=1, uses=1)


def test_dropping_what_is_not_there_is_no_fault(table: Table) -> None:
    store(table, row(a=1))

    assert table.commit([Change(KEY, Exists(), drop=("b",))], "mark") == Committed()


def test_removing_what_is_not_there_is_no_fault(table: Table) -> None:
    assert table.commit([Remove(KEY, None)], "mark") == Committed()


def test_a_removed_row_is_gone(table: Table) -> None:
    store(table, row())

    table.commit([Remove(KEY, Exists())], "mark")

    assert found(table) is None


# Queries


def all_pages(table: Table, query: Query) -> list[list[Item]]:
    pages, after = [], query.after
    while True:
        page = table.query(
            Query(query.index, query.partition, query.prefix, query.at_most, query.descending, query.limit, after)
        )
        pages.append(list(page.items))
        if (after := page.after) is None:
            return pages


def test_a_query_reads_one_partition_in_the_order_of_the_sort_key(table: Table) -> None:
    store(table, *(row(Key("T#acme", sk)) for sk in ["N#b", "I#2", "A", "I#1", "I#ü", "I#z"]))
    store(table, row(Key("T#acme2", "I#1")), row(Key("T#acm", "I#1")))

    assert sort_keys(table.query(Query("table", "T#acme")).items) == ["A", "I#1", "I#2", "I#z", "I#ü", "N#b"]


def test_a_prefix_narrows_a_query(table: Table) -> None:
    store(table, *(row(Key("T#acme", sk)) for sk in ["A", "I#1", "I#1#C", "I#2", "J", "I"]))

    assert sort_keys(table.query(Query("table", "T#acme", prefix="I#")).items) == ["I#1", "I#1#C", "I#2"]


def test_a_query_can_read_backwards(table: Table) -> None:
    store(table, *(row(Key("R#acme", sk)) for sk in "abc"))

    assert sort_keys(table.query(Query("table", "R#acme", descending=True, limit=2)).items) == ["c", "b"]


def test_a_query_of_the_table_gives_whole_rows(table: Table) -> None:
    store(table, row(secret=b"sealed", g1pk="G", g1sk="1"))

    (item,) = table.query(Query("table", KEY.pk)).items

    assert item["secret"] == b"sealed"


def test_an_empty_partition_has_one_empty_page(table: Table) -> None:
    assert all_pages(table, Query("table", "T#nobody")) == [[]]


def test_the_index_goes_on_from_a_place_that_was_made_and_need_not_be_there(table: Table) -> None:
    """Pages of members begin behind a user whose row may be gone by now."""
    for number in (1, 3, 5):
        store(table, row(Key(f"T#acme#U#{number}", "A"), g1pk="T#acme", g1sk=f"U#T#acme#U#{number}", user=str(number)))

    after = {"g1pk": "T#acme", "g1sk": "U#T#acme#U#2", "PK": "T#acme#U#2", "SK": "A"}
    page = table.query(Query("g1", "T#acme", prefix="U#", after=after))

    assert [item["user"] for item in page.items] == ["3", "5"]


@pytest.mark.parametrize("index", ["table", "due", "g1"])
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 3, 7, 8])
def test_pages_hold_every_row_once_and_in_order(table: Table, index: Any, descending: bool, limit: int) -> None:
    sks = [f"I#{number}" for number in range(7)]
    store(
        table,
        *(
            row(Key("T#acme", sk), g1pk="T#acme", g1sk=sk, due_shard="T#acme", due_at=number)
            for number, sk in enumerate(sks)
        ),
    )

    pages = all_pages(table, Query(index, "T#acme", descending=descending, limit=limit))

    assert [sk for page in pages for sk in sort_keys(page)] == sorted(sks, reverse=descending)
    assert max(len(page) for page in pages) == min(limit, 7)


def test_what_is_due_comes_earliest_first_up_to_a_time(table: Table) -> None:
    times = {"I#late": 101, "I#now": 100, "I#before": 99, "I#long ago": 5, "I#never": None}
    for sk, due in times.items():
        store(table, row(Key("T#acme", sk), **({} if due is None else {"due_shard": "D#0", "due_at": due})))
    store(table, row(Key("T#acme", "I#elsewhere"), due_shard="D#1", due_at=1))

    page = table.query(Query("due", "D#0", at_most=100))

    assert sort_keys(page.items) == ["I#long ago", "I#before", "I#now"]


def test_rows_due_at_the_same_second_are_all_found_page_by_page(table: Table) -> None:
    store(table, *(row(Key("T#acme", f"I#{number}"), due_shard="D#0", due_at=7) for number in range(5)))

    pages = all_pages(table, Query("due", "D#0", at_most=7, limit=2))

    assert sorted(sk for page in pages for sk in sort_keys(page)) == [f"I#{number}" for number in range(5)]


def test_a_row_leaves_an_index_with_its_attribute(table: Table) -> None:
    store(table, row(due_shard="D#0", due_at=1))

    table.commit([Change(KEY, Exists(), drop=("due_shard", "due_at"))], "mark")

    assert table.query(Query("due", "D#0")).items == []


LISTED = {"epoch", "binding", "sharing", "enabled", "status_reason", "since", "authorized_by", "issuer", "state"}
LISTED |= {"PK", "SK", "g1pk", "g1sk", "kind", "team", "user", "installation", "name", "role"}
NEEDED = {"PK", "SK", "due_shard", "due_at", "grant", "n", "provider_key", "kind", "team"}


def everything() -> Item:
    """Fill every attribute that an index may show, and some that none may."""
    hidden: Item = {"access": b"sealed", "refresh": b"sealed", "url": "https://files.example"}
    shown: Item = dict.fromkeys(LISTED | NEEDED, "x")
    return {**shown, **hidden, **row(due_shard="D#0", due_at=5, g1pk="G#acme", g1sk="I#1")}


def test_the_index_of_what_is_due_shows_only_what_the_sweep_needs(table: Table) -> None:
    store(table, everything())

    (item,) = table.query(Query("due", "D#0")).items

    assert set(item) == NEEDED


def test_the_index_of_lists_shows_only_what_lists_show(table: Table) -> None:
    store(table, everything())

    (item,) = table.query(Query("g1", "G#acme", prefix="I#")).items

    assert set(item) == LISTED
