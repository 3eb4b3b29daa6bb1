"""What the command line `strongroom` prints, and with which status it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom_satellite.asks import Connections, Installations, LookUp, Rejected
from tests.fakes.satellite import LINK, NOW, FakeStrongroom, listed, stands
from tests.unit.satellite_commands import ALICE, AT, INSTALLATION, AtOnce, Stream, ran

OTHER = "ticketstracker234567"


@pytest.fixture
def fake() -> FakeStrongroom:
    return FakeStrongroom()


# -- get


def test_get_prints_the_token_alone_for_a_pipe(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "the-token")
    done = ran(fake, "get", *AT)
    assert (done.status, done.out, done.err) == (0, "the-token\n", "")
    assert fake.count(LookUp, ALICE) == fake.count() == 1
    assert fake.closed


def test_get_prints_headers_as_curl_reads_them(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "t", headers={"Authorization": "Bearer {access_token}", "X-Api-Key": "k"})
    assert ran(fake, "get", *AT, "--header").out == "Authorization: Bearer t\nX-Api-Key: k\n"


def test_get_prints_variables_one_a_line(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "t", env={"TOKEN": "{access_token}", "REGION": "eu west"})
    assert ran(fake, "get", *AT, "--env").out == "TOKEN=t\nREGION=eu west\n"


def test_get_says_beside_the_answer_that_there_are_no_variables(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "t")
    done = ran(fake, "get", *AT, "--env")
    assert (done.status, done.out) == (0, "")
    assert done.err == "strongroom: this installation has no variables\n"


def test_get_gives_the_whole_release_as_json(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "t", env={"TOKEN": "{access_token}"})
    assert json.loads(ran(fake, "get", *AT, "--json").out) == {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_at": NOW + 3600,
        "expiry": "told",
        "scopes": ["files:read"],
        "version": "grant.1",
        "cache_until": NOW + 60,
        "url": "https://mcp.example/mcp",
        "headers": {"Authorization": "Bearer t"},
        "env": {"TOKEN": "t"},
    }


def test_get_asks_for_the_validity_that_it_was_given(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "t")
    ran(fake, "get", *AT, "--min-validity", "300")
    assert fake.asks == [LookUp(ALICE, 300)]


def test_of_an_installation_without_oauth_there_is_no_token_to_print(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, None, headers={"X-Api-Key": "k"})
    done = ran(fake, "get", *AT)
    assert (done.status, done.out) == (1, "")
    assert "needs no OAuth" in done.err
    assert ran(fake, "get", *AT, "--header").out == "X-Api-Key: k\n"


@pytest.mark.parametrize("token", ["one\ntwo", "\x1b[2J", "a\u2028b", "a\u202eb"])
def test_a_token_that_is_no_line_is_printed_as_json_only(fake: FakeStrongroom, token: str) -> None:
    fake.connect(ALICE, token, headers={})
    done = ran(fake, "get", *AT)
    assert (done.status, done.out) == (1, "")
    assert json.loads(ran(fake, "get", *AT, "--json").out)["access_token"] == token


@pytest.mark.parametrize("option", ["--header", "--env"])
def test_a_value_that_would_begin_a_line_of_its_own_is_not_printed(fake: FakeStrongroom, option: str) -> None:
    fake.connect(ALICE, "t", headers={"X-A": "1\nX-B: 2"}, env={"A": "1\nLD_PRELOAD=x"})
    done = ran(fake, "get", *AT, option)
    assert (done.status, done.out) == (1, "")


def test_what_the_outputs_encoding_has_not_is_not_printed_as_something_else(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "Zürich", headers={})
    done = ran(fake, "get", *AT, out=Stream(encoding="ascii"))
    assert (done.status, done.out) == (1, "")
    assert "PYTHONIOENCODING" in done.err
    assert ran(fake, "get", *AT).out == "Zürich\n"


# -- rejected


def test_a_rejected_version_that_was_renewed_is_named_and_no_token_printed(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "the-token")
    done = ran(fake, "rejected", *AT, "--version", "grant.1", "--status", "401", "--challenge", "Bearer")
    assert (done.status, done.out) == (0, "Another version is to be had: grant.2\n")
    assert fake.asks == [Rejected(ALICE, "grant.1", 401, "Bearer")]


def test_a_rejected_version_that_stays_is_said_to_be_the_same(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "the-token", renews=False)
    report = ("rejected", *AT, "--version", "grant.1", "--status", "401")
    assert ran(fake, *report).out == "Nothing better is to be had: Strongroom gives the same version.\n"
    told = json.loads(ran(fake, *report, "--json").out)
    assert told == {"outcome": "same", "version": "grant.1", "expires_at": NOW + 3600}


def test_a_challenge_for_more_scopes_ends_with_the_link(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "the-token")
    challenge = 'Bearer error="insufficient_scope", scope="files:write"'
    done = ran(fake, "rejected", *AT, "--version", "grant.1", "--status", "403", "--challenge", challenge)
    assert (done.status, done.out) == (3, "")
    assert LINK in done.err
    assert "insufficient_scope" in done.err


# -- who


def listing() -> list[dict[str, Any]]:
    connected = stands(since=int(NOW) - 3 * 3600, expires_at=int(NOW) + 2400, missing_scopes=["files:write"])
    never = stands("auth_required", reason="never_connected", since=None)
    return [
        listed(INSTALLATION, "Team Files", connected),
        listed(OTHER, "Tickets", never, enabled=False),
        listed("opentoeveryone234567", "Weather", None),
    ]


def test_who_shows_a_users_installations_one_a_line_in_plain_words(fake: FakeStrongroom) -> None:
    fake.lists["acme", "alice"], fake.page = listing(), 2
    done = ran(fake, "who", "--team", "acme", "--user", "alice")
    assert done.out.splitlines() == [
        "Team Files  teamfilesteamfiles23  connected      -                "
        "for 3 hours, token ends in 40 minutes, not granted: files:write",
        "Tickets     ticketstracker234567  auth_required  never_connected  disabled",
        "Weather     opentoeveryone234567  no_oauth       -",
    ]
    assert fake.count(Installations) == 2


def test_who_shows_everybody_at_an_installation_by_name(fake: FakeStrongroom) -> None:
    ended = stands("expired", reason="unreachable", since=int(NOW), expires_at=int(NOW) - 5)
    fake.members["acme", INSTALLATION] = [
        {"user": "alice", "connection": stands(consent_ends_at=int(NOW) + 6 * 86_400)},
        {"user": "bob", "connection": ended},
    ]
    done = ran(fake, "who", "--team", "acme", "--installation", INSTALLATION)
    assert done.out.splitlines() == [
        "alice  connected  -            for 2 hours, consent ends in 6 days",
        "bob    expired    unreachable  for 0 seconds, token is over",
    ]
    assert fake.count(Connections) == fake.count() == 1


def test_who_shows_one_user_at_one_installation(fake: FakeStrongroom) -> None:
    fake.lists["acme", "alice"] = listing()
    done = ran(fake, "who", *AT)
    assert [line.split()[0] for line in done.out.splitlines()] == ["Team"]
    missing = ran(fake, "who", "--team", "acme", "--user", "alice", "--installation", "a" * 20)
    assert (missing.status, missing.out) == (4, "")


def test_who_gives_the_rows_of_the_api_as_json(fake: FakeStrongroom) -> None:
    fake.lists["acme", "alice"] = listing()
    done = ran(fake, "who", "--team", "acme", "--user", "alice", "--json")
    assert json.loads(done.out) == {"team": "acme", "user": "alice", "installations": listing()}


def test_who_says_that_nothing_is_installed(fake: FakeStrongroom) -> None:
    fake.lists["acme", "alice"] = []
    done = ran(fake, "who", "--team", "acme", "--user", "alice")
    assert (done.status, done.out, done.err) == (0, "", "Nothing is installed in this team.\n")


@pytest.mark.parametrize("rows", [[1], ["x"], [None]])
def test_rows_of_another_form_are_not_strongrooms(fake: FakeStrongroom, rows: list[Any]) -> None:
    fake.lists["acme", "alice"] = rows
    assert ran(fake, "who", "--team", "acme", "--user", "alice").status == 1


# -- how it ends


def test_a_person_who_must_act_is_status_3_with_the_link(fake: FakeStrongroom) -> None:
    fake.require(ALICE, "revoked")
    done = ran(fake, "get", *AT)
    assert (done.status, done.out) == (3, "")
    assert "(revoked, request request-0)" in done.err
    assert done.err.endswith(f": {LINK}\n")


def test_who_has_no_link_to_open_is_told_that_an_admin_has_to_act(fake: FakeStrongroom) -> None:
    fake.require(ALICE, "admin_must_connect", link=None)
    done = ran(fake, "get", *AT)
    assert done.status == 3
    assert "an admin or the host has to act" in done.err


def test_with_json_the_link_is_on_stdout_too(fake: FakeStrongroom) -> None:
    fake.require(ALICE, "revoked")
    done = ran(fake, "get", *AT, "--json")
    told = json.loads(done.out)
    assert (done.status, told["error"], told["reason"], told["link"]) == (
        3,
        "authorization_required",
        "revoked",
        LINK,
    )
    assert set(told) == {"error", "message", "request_id", "reason", "link"}
    assert LINK not in told["message"]


@pytest.mark.parametrize("error", ["unknown_caller", "not_a_role", "forbidden"])
def test_a_refused_caller_is_status_4(fake: FakeStrongroom, error: str) -> None:
    fake.refuse(error)
    done = ran(fake, "get", *AT)
    assert (done.status, done.out) == (4, "")
    assert error in done.err


def test_what_is_not_there_or_switched_off_is_status_4(fake: FakeStrongroom) -> None:
    assert ran(fake, "get", *AT).status == 4
    fake.disable(ALICE)
    assert ran(fake, "get", *AT).status == 4


def test_a_fault_that_passes_is_waited_for(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "the-token")
    fake.busy(2)
    fake.silent(1)
    assert ran(fake, "get", *AT).out == "the-token\n"
    assert fake.count(LookUp) == 4


def test_a_fault_that_outlasts_the_patience_is_status_1(fake: FakeStrongroom) -> None:
    fake.busy(retry_after=30)
    done = ran(fake, "get", *AT, "--timeout", "5", "--json")
    told = json.loads(done.out)
    assert (done.status, told["error"], told["retry_after"]) == (1, "busy", 30)


def test_another_service_at_the_address_is_status_1(fake: FakeStrongroom) -> None:
    fake.instead(200, ["hello"])
    done = ran(fake, "get", *AT)
    assert (done.status, done.out) == (1, "")
    assert "wrong_answer" in done.err


# -- while it takes a while


def test_whoever_waits_at_a_terminal_is_told_for_what(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "t")
    told = ran(fake, "get", *AT, err=Stream(terminal=True), timer=AtOnce)
    assert (told.out, told.err) == ("t\n", "Waiting for Strongroom ...\n")


def test_a_log_is_told_nothing_and_neither_is_a_person_who_did_not_wait(fake: FakeStrongroom) -> None:
    fake.connect(ALICE, "t")
    assert ran(fake, "get", *AT, timer=AtOnce).err == ""
    assert ran(fake, "get", *AT, err=Stream(terminal=True)).err == ""
