"""The day of the demo on the real stack: real processes, real HTTP, and what is left when it is over."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from local.accounts import HOST
from local.day_chapters import CHAPTERS
from local.plan import ROOT, Ports
from tests.contract.toy_stack import alive, free_ports
from tests.e2e.watched_day import Lived, live_a_day
from tests.requirements import requirement
from tests.unit.attacks.hunt import found_in


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return live_a_day(free_ports(21100), tmp_path_factory.mktemp("day"))


def rows(lived: Lived, **wanted: str) -> list[dict[str, Any]]:
    """Give the table's rows that say this, without DynamoDB's types."""
    plain = [{name: next(iter(typed.values())) for name, typed in row.items()} for row in json.loads(lived.rows)]
    return [row for row in plain if wanted.items() <= row.items()]


def test_every_chapter_of_the_day_is_lived_and_every_step_does_what_it_should(lived: Lived) -> None:
    titles = [line.strip() for line in lived.said if re.match(r"\n\d+\. ", line)]
    assert [title.split(".")[0] for title in titles] == [str(number) for number, _ in enumerate(CHAPTERS, start=1)]
    steps = len([line for line in lived.said if line.startswith("   ok  ")])
    assert f"That was the day: {steps} steps in {len(CHAPTERS)} chapters," in (ROOT / "README.md").read_text("utf-8")


def test_what_a_changed_sharing_mode_ended_is_cleared_away(lived: Lived) -> None:
    [shared] = rows(lived, kind="installation", name="Files for everybody")
    [connection] = [row for row in rows(lived, kind="connection") if row["SK"] == f"{shared['SK']}#C"]
    assert connection["binding"] != shared["binding"]
    assert {"access", "refresh"}.isdisjoint(connection)
    assert connection["authorized_by"] == "alice"


def test_of_one_person_in_two_teams_only_what_hung_on_the_left_team_is_gone(lived: Lived) -> None:
    assert [row["state"] for row in rows(lived, kind="member", user="carol", team="lab")] == ["left"]
    assert rows(lived, kind="connection", team="lab") == []
    assert [row["PK"] for row in rows(lived, kind="connection", team="acme") if "carol" in row["PK"]] == [
        "T#acme#U#carol"
    ]


def test_who_came_back_has_one_connection_and_it_hangs_on_the_new_membership(lived: Lived) -> None:
    [member] = rows(lived, kind="member", user="bob")
    [connection] = [row for row in rows(lived, kind="connection") if row["PK"] == member["PK"]]
    [left] = [row for row in rows(lived, work="revoke", why="left") if row["user"] == "bob"]
    assert connection["epoch"] == member["epoch"] != left["epoch"]
    assert (left["state"], left["outcome"]) == ("ended", "revoked")


def test_the_teams_records_tell_what_people_did_in_the_afternoon(lived: Lived) -> None:
    told = {(row["event"], row.get("by", "").rpartition("/")[2]) for row in rows(lived, kind="record", team="acme")}
    people = {("installation_changed", "alice"), ("client_secret_rotated", "alice"), ("uninstalled", "alice")}
    assert people | {("member_left", HOST.role_id)} <= told


def test_the_server_without_a_url_was_served_without_a_token(lived: Lived) -> None:
    [notes] = rows(lived, kind="installation", name="Team Notes")
    lines = [json.loads(line) for line in lived.logs["TokenFunction.log"].splitlines() if line.startswith('{"event"')]
    told = [line for line in lines if line.get("installation") == notes["installation"]]
    once_by_hand, through_the_gateway = [(line["event"], line["user"], line["entries"]) for line in told]
    assert once_by_hand == through_the_gateway == ("released_without_token", "carol", 1)


def test_the_logs_tell_of_every_release_and_renewal_and_of_nothing_unexpected(lived: Lived) -> None:
    lines = [line for name, log in lived.logs.items() if name.endswith("Function.log") for line in log.splitlines()]
    events = [json.loads(line).get("event") for line in lines if line.startswith("{")]
    assert {"token_released", "token_not_released", "renewal", "revocation"} <= set(events)
    assert "unexpected_error" not in events
    assert not [line for line in lines if "Traceback" in line]


@requirement("attack:C10")
@requirement("invariant:I10")
def test_no_secret_of_the_day_is_in_any_log_or_row(lived: Lived) -> None:
    noted = {"access token", "client secret", "code", "completion secret", "JWT", "secret variable", "state"}
    assert set(lived.secrets) == noted
    assert all(lived.logs["TokenFunction.log"].count(name) for name in ("alice", "bob", "acme"))
    for place in (*lived.logs.values(), lived.rows):
        assert found_in(place, lived.secrets) == []


def test_control_a_secret_in_a_log_is_found_however_it_is_spelled(lived: Lived) -> None:
    secret = next(iter(lived.secrets["access token"]))
    for spelling in (secret, base64.b64encode(f"Bearer {secret}".encode()).decode(), secret.encode().hex()):
        assert found_in(f'{{"event":"x","value":"{spelling}"}}', lived.secrets)


def test_after_the_day_no_process_is_left_and_all_ports_are_free(lived: Lived) -> None:
    assert len(lived.processes) > len(lived.logs) / 2
    assert [pid for pid in lived.processes if alive(pid)] == []
    assert free_ports(lived.ports.first) == Ports(lived.ports.first)
