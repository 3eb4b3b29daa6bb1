"""The judge of a crowd: what it finds in what came by on both sides of a gateway, and what it lets pass."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from local.crowd import main
from local.crowd_judge import ANSWERED, FOREIGN, LATE, PROMPTED, REFUSED, REVOKED, TWICE, UNSERVED, Away, Call, Crowd
from local.crowd_ledger import LOOK_UP, REPORT, Ask, Use, asks_of, uses_of
from local.crowd_scene import BEHIND, LAST_PORT, options
from local.errors import LocalError
from local.peers.wire import Exchange
from local.plan import Ports
from local.services.exchange import fingerprint

GIVEN = Ask(LOOK_UP, "alice-1", 100.0, 100.2, "token", "t1", cache_until=120.0)
USED = Use("t1", 101.0, 200, "alice-1")
CALLED = Call("alice-1", 100.0, 101.1, ANSWERED, "alice-1")
BUSY = Ask(LOOK_UP, "alice-1", 200.0, 230.0, "unavailable")


def crowd(
    *,
    calls: Sequence[Call] = (CALLED,),
    asks: Sequence[Ask] = (GIVEN,),
    uses: Sequence[Use] = (USED,),
    aways: Sequence[Away] = (),
    befallen: frozenset[str] = frozenset(),
) -> Crowd:
    return Crowd(calls, asks, uses, aways, befallen, renewals=1)


def kinds(one: Crowd) -> list[str]:
    return [kind for kind, _ in one.violations()]


def test_a_call_with_ones_own_token_in_its_time_is_no_violation() -> None:
    assert kinds(crowd()) == []


@pytest.mark.parametrize(
    "one",
    [
        crowd(calls=[Call("alice-1", 100.0, 101.0, ANSWERED, "bob-1")]),
        crowd(uses=[Use("t1", 101.0, 200, "bob-1")]),
        crowd(asks=[GIVEN, Ask(LOOK_UP, "bob-1", 100.0, 100.3, "token", "t1", 120.0)]),
    ],
    ids=["the tool says another name", "the released token is another's", "two were given the same"],
)
def test_another_persons_token_is_found(one: Crowd) -> None:
    assert kinds(one) == [FOREIGN]


@pytest.mark.parametrize(
    "use",
    [Use("t1", 120.1, 200, "alice-1"), Use("t1", 120.1, 401), Use("t1", 100.1, 200), Use("other", 101.0, 401)],
    ids=["taken", "turned away", "before it was released", "released to nobody"],
)
def test_a_token_outside_its_time_is_found_whatever_the_server_says_to_it(use: Use) -> None:
    assert kinds(crowd(uses=[use])) == [LATE]


def test_whoever_was_given_the_same_token_once_more_may_use_it_for_longer() -> None:
    again = Ask(LOOK_UP, "alice-1", 119.5, 119.6, "token", "t1", 140.0)
    assert kinds(crowd(asks=[GIVEN, again], uses=[Use("t1", 130.0, 200, "alice-1")])) == []


def test_a_second_look_up_of_the_same_person_meanwhile_is_found() -> None:
    meanwhile = Ask(LOOK_UP, "alice-1", 100.1, 100.3, "token", "t1", 120.0)
    assert kinds(crowd(asks=[GIVEN, meanwhile])) == [TWICE]


@pytest.mark.parametrize(
    "other",
    [
        Ask(LOOK_UP, "alice-1", 100.3, 100.4, "revoked"),
        Ask(LOOK_UP, "bob-1", 100.1, 100.3, "token", "t2", 120.0),
        Ask(REPORT, "alice-1", 100.1, 100.3, "revoked", about="v0"),
    ],
    ids=["afterwards", "another's", "a report"],
)
def test_a_second_question_is_none_of_the_same(other: Ask) -> None:
    assert kinds(crowd(asks=[GIVEN, other])) == []


def test_an_attempt_after_one_that_failed_may_have_been_given_up_and_no_other() -> None:
    given_up = Ask(LOOK_UP, "alice-1", 231.0, 255.0, "unavailable")
    anew = Ask(LOOK_UP, "alice-1", 250.0, 256.0, "token", "t2", 270.0)
    assert kinds(crowd(asks=[GIVEN, BUSY, given_up, anew])) == []
    assert kinds(crowd(asks=[GIVEN, given_up, anew])) == [TWICE]


AWAY = Away("alice-1", since=102.0, until=200.0)


@pytest.mark.parametrize(
    ("asked", "answered", "found"),
    [(101.9, 102.5, []), (102.1, 102.5, [REVOKED]), (199.9, 200.5, []), (201.0, 201.5, [])],
    ids=["begun before the revoke", "begun after it", "overtaken by the way back", "back again"],
)
def test_a_look_up_after_a_revoke_gives_nothing_until_they_come_back(
    asked: float, answered: float, found: list[str]
) -> None:
    ask = Ask(LOOK_UP, "alice-1", asked, answered, "token", "t2", 250.0)
    assert kinds(crowd(asks=[GIVEN, ask], aways=[AWAY])) == found


@pytest.mark.parametrize(("began", "found"), [(161.9, []), (162.1, [REVOKED]), (200.1, [])])
def test_a_minute_after_a_revoke_no_call_succeeds(began: float, found: list[str]) -> None:
    call = Call("alice-1", began, began + 1, ANSWERED, "alice-1")
    assert kinds(crowd(calls=[call], aways=[AWAY])) == found


def test_a_prompt_needs_a_reason() -> None:
    prompted = Call("alice-1", 110.0, 111.0, PROMPTED, prompts=1)
    assert kinds(crowd(calls=[prompted])) == [UNSERVED]
    assert kinds(crowd(calls=[prompted], befallen=frozenset({"alice-1"}))) == []


def test_a_refusal_needs_a_strongroom_that_was_too_busy_in_that_time() -> None:
    before, during = Call("alice-1", 110.0, 111.0, REFUSED), Call("alice-1", 199.0, 260.0, REFUSED)
    assert kinds(crowd(calls=[before], asks=[GIVEN, BUSY])) == [UNSERVED]
    assert kinds(crowd(calls=[during], asks=[GIVEN, BUSY])) == []
    assert crowd(calls=[during], asks=[GIVEN, BUSY]).unavailable() == 1


def test_the_verdict_counts_what_was_found() -> None:
    assert crowd().verdict()[:3] == [
        "0 with another user's token",
        "0 after cache_until",
        "at most one look-up under way per user and need",
    ]
    late = [Use("t1", 121.0, 200), Use("t1", 122.0, 200)]
    assert crowd(uses=late).verdict()[1] == "2 after cache_until"


# -- What is read off the wires -------------------------------------------------------------------------------------------


def exchange(path: str, sent: object, status: int, given: object, **headers: str) -> Exchange:
    return Exchange(path, headers, json.dumps(sent).encode(), status, json.dumps(given).encode(), 100.0, 100.2)


def test_look_ups_and_reports_are_read_without_keeping_a_token() -> None:
    released = {"access_token": "secret", "cache_until": 120, "version": "v1"}
    refused = {"error": "authorization_required", "reason": "revoked"}
    found = list(
        asks_of(
            [
                exchange("/i/token", {"user": "alice-1"}, 200, released),
                exchange("/i/rejected", {"user": "bob-1", "version": "v0"}, 409, refused),
                exchange("/i/token", {"user": "bob-1"}, 503, {"message": "Service Unavailable"}),
            ]
        )
    )
    assert found == [
        Ask(LOOK_UP, "alice-1", 100.0, 100.2, "token", fingerprint("secret"), 120.0),
        Ask(REPORT, "bob-1", 100.0, 100.2, "revoked", about="v0"),
        Ask(LOOK_UP, "bob-1", 100.0, 100.2, "503"),
    ]
    assert [ask.is_busy for ask in found] == [False, False, True]


def test_what_the_tool_said_is_read_of_an_answer_and_of_a_stream() -> None:
    told = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "alice-1"}]}}
    plain = exchange("/mcp", {"method": "tools/call"}, 200, told, Authorization="Bearer secret")
    streamed = Exchange("/mcp", plain.headers, plain.body, 200, b"event: message\ndata: " + plain.answer + b"\n\n")
    listed = exchange("/mcp", {"method": "tools/list"}, 401, {}, authorization="bearer secret")
    nobodys = exchange("/mcp", {"method": "tools/call"}, 401, {})

    used = list(uses_of([plain, streamed, listed, nobodys]))

    assert sorted((use.status, use.said) for use in used if use.said) == [(200, "alice-1"), (200, "alice-1")]
    assert [use.said for use in used if use.status == 401] == [None]
    assert {use.token for use in used} == {fingerprint("secret")}


# -- The command ----------------------------------------------------------------------------------------------------------


def test_no_port_is_taken_twice(tmp_path: Path) -> None:
    ports = Ports(9500)
    system = options(ports, ["alice-1", "bob-1"], tmp_path)
    taken = [service.port for service in system.services]
    taken += [ports.front, ports.aws, ports.team_files, ports.gateway, ports.first + LAST_PORT]

    assert len(set(taken)) == len(taken)
    assert ports.runtime.stop <= ports.first + BEHIND


@pytest.mark.parametrize("asked", [["--users", "0"], ["--rounds", "0"]])
def test_a_crowd_of_nobody_is_refused(asked: list[str]) -> None:
    with pytest.raises(LocalError, match="at least"):
        main(asked)


def test_ports_that_do_not_exist_are_refused_before_anything_starts() -> None:
    with pytest.raises(LocalError, match="lower --port"):
        main(["--port", "32700"])
