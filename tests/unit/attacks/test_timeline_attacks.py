"""What a timeline and a team's records must not tell, and whom."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import timeline as rules
from strongroom.domain.connection import Connection
from strongroom.domain.identifiers import ulid
from strongroom.domain.record import records_of
from strongroom.domain.table import Page, Query
from strongroom.flows import timeline as flow
from tests.fakes.table import FakeTable
from tests.requirements import requirement
from tests.unit.attacks.hunt import Watched, a_whole_day, found_in
from tests.unit.attacks.scenes import bob_consents, rows
from tests.weakened import weakened
from tests.world import GATEWAY, Answered, World

RECORDS = "/v1/teams/{}/records"


def read(world: World, user: str, installation: str, team: str = "acme") -> Answered:
    return world.as_user(user, "GET", f"/v1/teams/{team}/installations/{installation}/timeline")


def events(world: World, user: str, installation: str) -> list[Any]:
    answer = read(world, user, installation)
    assert answer.status == 200, answer.text
    return list(answer.json["events"])


def two_connected() -> tuple[World, str]:
    world = World()
    installation = world.install()
    for user in ("bob", "carol"):
        world.clock.advance(1)
        world.connect(user, installation)
    return world, installation


# Another member's story


@requirement("attack:D1")
def test_nobody_reads_another_members_story_not_even_an_admin() -> None:
    world, installation = two_connected()
    assert [event["by"] for event in events(world, "bob", installation)] == ["bob"]
    assert [event["by"] for event in events(world, "carol", installation)] == ["carol"]
    assert events(world, "alice", installation) == []


@requirement("attack:D1")
def test_control_if_the_owner_were_not_made_of_who_asks_bob_would_read_carols_story() -> None:
    world, installation = two_connected()
    with weakened(flow._owner, "else admitted.member.user", 'else "carol"'):
        told = events(world, "bob", installation)
    assert len(told) == 1
    assert told[0]["by"] is None


class Misled(FakeTable):
    """An index that names bob carol's rows."""

    def query(self, query: Query) -> Page:
        return super().query(replace(query, partition=query.partition.replace("#bob#", "#carol#")))


def misled(world: World) -> World:
    table = Misled(world.clock)
    table.restore(world.table.snapshot())
    world.ports = replace(world.ports, table=table)
    return world


@requirement("attack:D1")
def test_an_index_that_names_somebody_elses_rows_is_not_believed() -> None:
    world, installation = two_connected()
    assert events(misled(world), "bob", installation) == []


@requirement("attack:D1")
def test_control_without_a_look_at_the_row_the_index_would_be_believed() -> None:
    world, installation = two_connected()
    with weakened(flow._events, 'row.get("g1pk") == partition and ', ""):
        assert len(events(misled(world), "bob", installation)) == 1


def tried_by_carol() -> tuple[World, str]:
    """Carol has got hold of bob's completion secret, and uses it as herself."""
    world, installation, consented = bob_consents()
    assert world.complete("carol", consented).status == 404
    return world, installation


@requirement("attack:D1")
def test_a_member_learns_that_somebody_tried_and_not_who() -> None:
    world, installation = tried_by_carol()
    [event] = events(world, "bob", installation)
    assert (event["event"], event["by"], event["reason"]) == ("authorization_destroyed", None, "wrong_user")
    assert "carol" not in read(world, "bob", installation).text
    told = world.as_user("alice", "GET", RECORDS.format("acme")).json["records"]
    assert [one["by"] for one in told if one["event"] == "authorization_destroyed"] == ["carol"]


@requirement("attack:D1")
def test_control_without_the_rule_about_names_bob_would_learn_who() -> None:
    world, installation = tried_by_carol()
    rule = "if reader.is_admin or self.by in (reader.user, STRONGROOM) else None"
    with weakened(rules.Told.by_for, rule, ""):
        assert events(world, "bob", installation)[0]["by"] == "carol"


@requirement("attack:D1")
def test_names_with_separators_do_not_lead_into_another_story() -> None:
    world = World()
    installation = world.install()
    for user in ("bob#C", f"bob#C#{installation}", "bob%23C", "bob|C"):
        world.put_member("acme", user, "team_user")
        world.connect(user, installation)
    assert events(world, "bob", installation) == []
    partitions = [row["g1pk"] for row in rows(world, "record") if "g1pk" in row]
    assert len(partitions) == len(set(partitions)) == 4


# Who reads the records


@requirement("attack:D11")
@requirement("invariant:I18")
def test_only_admins_read_records_and_strangers_hear_of_no_team() -> None:
    world = World()
    for user in ("bob", "carol"):
        refused = world.as_user(user, "GET", RECORDS.format("acme"))
        assert (refused.status, refused.json["error"]) == (403, "admin_required")
    foreign, missing = (world.as_user("mallory", "GET", RECORDS.format(team)) for team in ("acme", "acme2"))
    assert foreign == missing
    assert foreign.status == 404
    bad = [world.as_user("mallory", "GET", RECORDS.format(team), query="next=x") for team in ("acme", "acme2")]
    assert bad[0] == bad[1]


@requirement("attack:D11")
def test_control_without_the_role_a_member_would_read_the_records() -> None:
    world = World()
    with weakened(flow.records, "not member.is_admin", "False"):
        assert world.as_user("bob", "GET", RECORDS.format("acme")).status == 200


@requirement("attack:D11")
def test_who_is_admin_no_longer_reads_no_more() -> None:
    world = World()
    world.put_member("acme", "alice", "team_user")
    assert world.as_user("alice", "GET", RECORDS.format("acme")).status == 403
    world.put_member("acme", "alice", None)
    assert world.as_user("alice", "GET", RECORDS.format("acme")).status == 404


# A position that leads elsewhere


def page_of_rivals(world: World, position: str) -> Answered:
    return world.as_user("mallory", "GET", RECORDS.format("rivals"), query=f"next={position}")


def teams_in(answer: Answered) -> set[str]:
    """Whose records these are, by the people and roles in them."""
    text = answer.text
    return {
        team
        for team, signs in {"acme": ("alice", "bob"), "rivals": ("mallory",)}.items()
        if any(s in text for s in signs)
    }


def forged(world: World) -> list[str]:
    at = ulid(world.clock.now(), b"\xff" * 10)
    return [f"{at}:acme", f"{at}%23acme", f"{at}%00", f"R%23acme%23202701%23{at}", "acme", "..", f"T%23acme,{at}"]


@requirement("attack:D11")
def test_a_forged_position_is_refused() -> None:
    world = World()
    world.connect("bob", world.install())
    for position in forged(world):
        answer = page_of_rivals(world, position)
        assert (answer.status, answer.json["error"]) == (400, "invalid_request"), position


@requirement("attack:D11")
def test_another_teams_position_is_a_moment_in_ones_own_team() -> None:
    world = World()
    world.clock.advance(5)
    world.connect("bob", world.install())
    ids = [str(row["SK"]) for row in rows(world, "record")]
    assert len(ids) > 5
    for position in ids:
        answer = page_of_rivals(world, position)
        assert answer.status == 200
        assert teams_in(answer) <= {"rivals"}


@requirement("attack:D11")
def test_control_a_position_that_said_whose_records_it_means_would_lead_there() -> None:
    world = World()
    world.connect("bob", world.install())
    [position, *_] = forged(world)
    anything = "not _ULID.fullmatch(text) or position.at > now + _AHEAD"
    named = 'records_in(after.id.partition(":")[2] if after else team, month)'
    with weakened(rules.checked_position, anything, "False"), weakened(flow._month, "records_in(team, month)", named):
        assert teams_in(page_of_rivals(world, position)) == {"acme"}


# Secrets, and words of others


def whatever_people_read(watched: Watched) -> str:
    """Every timeline and all records, as everybody of both teams gets them."""
    world, texts = watched.world, []
    installations = [(str(row["team"]), str(row["installation"])) for row in rows(world, "installation")]
    for user in ("alice", "bob", "carol", "mallory"):
        texts += [read(world, user, installation, team).text for team, installation in installations]
        texts += [world.as_user(user, "GET", RECORDS.format(team)).text for team in ("acme", "rivals")]
    return " ".join(texts)


@pytest.fixture(scope="module")
def day() -> Watched:
    watched = Watched()
    a_whole_day(watched)
    return watched


@requirement("attack:D8")
@requirement("invariant:I10")
def test_no_timeline_and_no_record_of_a_whole_day_holds_a_secret(day: Watched) -> None:
    read_by_people = whatever_people_read(day)
    assert {word for word in ("connected", "authorization_destroyed", "revocation_ended") if word in read_by_people}
    assert len(read_by_people) > 5000
    assert found_in(read_by_people, day.known()) == []


def with_a_leak(watched: Watched, name: str) -> str:
    """A record that holds bob's token in one of its members."""
    world = watched.world
    installation = world.install()
    world.connect("bob", installation)
    [row] = [row for row in rows(world, "record") if row["event"] == "connected"]
    world.table.place({**row, name: min(watched.known()["access_token"])})
    return whatever_people_read(watched)


@requirement("attack:D8")
@requirement("invariant:I10")
def test_what_a_record_holds_besides_its_named_members_is_not_shown() -> None:
    watched = Watched()
    assert found_in(with_a_leak(watched, "note"), watched.known()) == []


@requirement("attack:D8")
@requirement("invariant:I10")
def test_control_if_everything_were_shown_it_would_be_found() -> None:
    watched = Watched()
    with weakened(rules._facts, "for name in FACTS", "for name in item"):
        assert found_in(with_a_leak(watched, "note"), watched.known())


# Where a record lies


def test_no_role_reads_a_timeline() -> None:
    world, installation = two_connected()
    for path in (f"/v1/teams/acme/installations/{installation}/timeline", RECORDS.format("acme")):
        assert world.as_role(GATEWAY, "GET", path).status == 401


def test_a_record_lies_in_the_timeline_of_its_own_connection_alone() -> None:
    world, _ = two_connected()
    lying = {row["g1pk"]: row["by"] for row in rows(world, "record") if "g1pk" in row}
    owners = {records_of(Connection.from_item(row).owner): row["authorized_by"] for row in rows(world, "connection")}
    assert lying == owners
    assert set(lying.values()) == {"bob", "carol"}
