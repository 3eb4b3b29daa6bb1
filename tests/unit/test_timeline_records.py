"""A team's records, as its admins read them: all of them, page by page, across months, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import identifiers
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.record import KEPT_FOR, month_of, record
from strongroom.domain.table import Page, Query
from strongroom.domain.timeline import PAGE, checked_position, months_back
from strongroom.flows import timeline as flow
from tests.fakes.table import FakeTable
from tests.openapi import document, problems
from tests.requirements import requirement
from tests.unit.attacks.scenes import rows
from tests.world import HOST, World

NOW = 1_800_000_000.0
DAY = 86_400


def page(world: World, user: str = "alice", team: str = "acme", after: str | None = None) -> Any:
    query = f"next={after}" if after is not None else ""
    answer = world.as_user(user, "GET", f"/v1/teams/{team}/records", query=query)
    assert answer.status == 200, answer.text
    return answer.json


def all_pages(world: World) -> list[list[Any]]:
    pages: list[list[Any]] = []
    after: str | None = None
    while not pages or after is not None:
        read = page(world, after=after)
        pages.append(read["records"])
        after = read["next"]
    return pages


@requirement("invariant:I19")
def test_an_admin_reads_who_changed_what() -> None:
    world = World()
    installation = world.install()
    world.clock.advance(10)
    world.connect("bob", installation)
    world.clock.advance(10)
    world.put_member("acme", "bob", None)
    removed, *rest = page(world)["records"]
    assert (removed["event"], removed["by"], removed["user"], removed["facts"]) == ("member_left", str(HOST), "bob", {})
    told = {record["event"]: record for record in rest}
    assert (told["connected"]["by"], told["connected"]["installation"]) == ("bob", installation)
    assert told["installed"]["facts"] == {"sharing": "per_user", "url": "https://files.example/mcp"}
    assert told["satellite_put"]["facts"]["allowed"] is True


@requirement("invariant:I19")
def test_every_record_that_was_written_is_read_and_no_other() -> None:
    world = World()
    installation = world.install()
    for user in ("alice", "bob"):
        world.clock.advance(1)
        world.connect(user, installation)
    world.install("mallory", "rivals")
    written = [row for row in rows(world, "record") if row["team"] == "acme"]
    assert len(page(world)["records"]) == len(written) < len(rows(world, "record"))


@pytest.mark.parametrize("extra", [0, 1, PAGE - 1, PAGE, PAGE + 1])
def test_pages_hold_each_record_once_newest_first(extra: int) -> None:
    world = World()
    have = len(page(world)["records"])
    for number in range(2 * PAGE - have + extra - PAGE):
        world.clock.advance(1)
        world.put_member("acme", f"user-{number}", "team_user")
    pages = all_pages(world)
    told = [(record["at"], record["user"], record["event"]) for one in pages for record in one]
    assert len(told) == len(set(told)) == PAGE + extra
    assert [at for at, _, _ in told] == sorted((at for at, _, _ in told), reverse=True)
    assert [len(one) for one in pages] == [PAGE] * ((PAGE + extra) // PAGE) + [extra % PAGE] * (extra % PAGE > 0)


def test_pages_cross_months_and_months_in_which_nothing_happened() -> None:
    world = World()
    for number in range(60):
        world.clock.advance(DAY // 2 if number % 20 else 70 * DAY)
        world.put_member("acme", f"user-{number}", "team_user")
    first, second = all_pages(world)
    months = [month_of(record["at"]) for record in (*first, *second)]
    assert months == sorted(months, reverse=True)
    assert len(set(months)) > 3
    assert len(first) == PAGE
    assert {record["user"] for record in (*first, *second)} >= {f"user-{number}" for number in range(60)}


def test_what_is_older_than_records_live_is_gone_and_ends_the_pages() -> None:
    world = World()
    world.clock.advance(KEPT_FOR - 10)
    world.put_member("acme", "carol-1", "team_user")
    assert len(page(world)["records"]) > 1
    world.clock.advance(10)
    assert [record["user"] for record in page(world)["records"]] == ["carol-1"]
    world.clock.advance(KEPT_FOR)
    assert page(world) == {"records": [], "next": None}


def test_a_young_team_costs_no_request_for_months_in_which_it_was_not() -> None:
    world = World()
    world.table.requests.clear()
    page(world)
    assert world.table.requests["Query"] == 1


class Narrow(FakeTable):
    """Gives two rows at a time, as a table does whose rows are large."""

    def query(self, query: Query) -> Page:
        return super().query(replace(query, limit=min(query.limit, 2)))


def test_a_page_of_the_table_that_ends_early_skips_nothing() -> None:
    world, narrow = World(), Narrow()
    for number in range(5):
        world.clock.advance(40 * DAY if number == 3 else 1)
        world.put_member("acme", f"user-{number}", "team_user")
    narrow.restore(world.table.snapshot())
    told = flow.records(replace(world.ports, table=narrow), "alice", "acme", None).told
    assert [one.id for one in told] == [one.id for one in flow.records(world.ports, "alice", "acme", None).told]
    assert len(told) > 8


# -- Positions


@given(at=st.floats(min_value=0, max_value=NOW), fresh=st.binary(min_size=10, max_size=10))
def test_a_position_is_where_a_record_lies(at: float, fresh: bytes) -> None:
    put = record("acme", "connected", "bob", at, fresh)
    position = checked_position(str(put.item["SK"]), NOW)
    assert position.at == int(int(at * 1000) / 1000)
    assert month_of(position.at) == str(put.item["PK"]).rpartition("#")[2]
    assert problems(document()["components"]["schemas"]["Position"], position.id) == []


FORGED = {
    "nothing": "",
    "a word": "yesterday",
    "lower case": identifiers.ulid(NOW, b"x" * 10).lower(),
    "one letter less": identifiers.ulid(NOW, b"x" * 10)[1:],
    "one letter more": identifiers.ulid(NOW, b"x" * 10) + "0",
    "a line break": identifiers.ulid(NOW, b"x" * 10) + "\n",
    "a letter that is none": "0" + "U" * 25,
    "too large for an id": "8" + "0" * 25,
    "the end of time": "7" + "Z" * 25,
    "a day ahead": identifiers.ulid(NOW + DAY, b"x" * 10),
    "digits of another script": "٠" * 26,
}


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED)
def test_what_no_page_gave_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_position(text, NOW)


def test_the_beginning_of_time_is_a_position_without_records() -> None:
    world = World()
    assert page(world, after="0" * 26) == {"records": [], "next": None}


@pytest.mark.parametrize(
    "query",
    ["next", "next=", "next=a&next=b", "after=x", "next=x&team=rivals", "%ff=1", "next=%ff", "&", "=", "a" * 9000],
)
def test_a_query_of_another_form_is_refused(query: str) -> None:
    answer = World().as_user("alice", "GET", "/v1/teams/acme/records", query=query)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


# -- Months


@given(st.integers(0, 4_000_000_000), st.integers(0, 500 * DAY))
def test_months_back_are_all_months_between_two_times_each_once(oldest: int, apart: int) -> None:
    found = list(months_back(oldest + apart, oldest))
    assert found[0] == month_of(oldest + apart)
    assert found[-1] == month_of(oldest)
    assert found == sorted(set(found), reverse=True)
    first, last = datetime.fromtimestamp(oldest, UTC), datetime.fromtimestamp(oldest + apart, UTC)
    assert len(found) == (last.year - first.year) * 12 + last.month - first.month + 1


def test_there_are_no_months_back_from_before_the_beginning() -> None:
    assert list(months_back(5, 10)) == []
