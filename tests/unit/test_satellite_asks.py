"""What a gateway asks is what Strongroom's own code and document take."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.aws import direct as server
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.lookup import LONGEST_VALIDITY
from strongroom_satellite import Need
from strongroom_satellite.asks import MOST_CHALLENGE, Ask, Connections, Installations, LookUp, Rejected
from strongroom_satellite.injection import rejects
from tests.openapi import body_schema, operations, problems
from tests.unit.satellites import ALICE, INSTALLATION

VERSION = "a" * 20 + ".1"
users = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)
challenges = st.lists(st.text(max_size=60), max_size=3)


@given(users, st.one_of(st.none(), st.integers(0, LONGEST_VALIDITY)))
def test_strongroom_understands_a_direct_look_up(user: str, min_validity: int | None) -> None:
    payload = LookUp(Need("acme", INSTALLATION, user), min_validity).payload
    ask, rejection = server._asked(payload)

    assert (ask.team, ask.installation, ask.user, rejection) == ("acme", INSTALLATION, user, None)
    assert min_validity is None or ask.wish.min_validity == min_validity


@given(st.sampled_from([401, 403]), challenges)
def test_strongroom_understands_a_report_of_whatever_challenge_a_server_makes(status: int, given: list[str]) -> None:
    _, challenge = rejects(status, given)
    _, rejection = server._asked(Rejected(ALICE, VERSION, status, challenge).payload)

    assert rejection is not None
    assert (rejection.version, rejection.status, rejection.challenge) == (VERSION, status, challenge)


def test_control_a_challenge_as_long_as_it_comes_would_not_be_taken() -> None:
    with pytest.raises(InvalidRequest):
        server._asked(Rejected(ALICE, VERSION, 401, "x" * (MOST_CHALLENGE + 1)).payload)
    server._asked(Rejected(ALICE, VERSION, 401, "x" * MOST_CHALLENGE).payload)


AT = "/v1/satellite/teams/{team}/installations/{installation}"
ROUTES: list[tuple[Ask, str]] = [
    (LookUp(ALICE), f"POST {AT}/token"),
    (LookUp(ALICE, 300), f"POST {AT}/token"),
    (Rejected(ALICE, VERSION, 401), f"POST {AT}/rejected"),
    (Rejected(ALICE, VERSION, 403, "Bearer"), f"POST {AT}/rejected"),
    (Installations("acme", "alice"), "POST /v1/satellite/teams/{team}/installations"),
    (Installations("acme", "alice", "next"), "POST /v1/satellite/teams/{team}/installations"),
]


@pytest.mark.parametrize(("ask", "route"), ROUTES)
def test_a_question_is_one_of_the_document(ask: Ask, route: str) -> None:
    filled = route.replace("{team}", "acme").replace("{installation}", INSTALLATION)

    assert f"{ask.method} {ask.path}" == filled
    assert problems(body_schema(route), ask.body) == []


def test_who_is_connected_is_asked_as_the_document_says() -> None:
    route = "GET /v1/host/teams/{team}/installations/{installation}/connections"
    ask = Connections("acme", INSTALLATION, "a/b")

    assert route in operations()
    assert f"{ask.method} {ask.path}" == f"GET /v1/host/teams/acme/installations/{INSTALLATION}/connections?next=a%2Fb"
    assert ask.body is None


@pytest.mark.parametrize(
    "make",
    [
        lambda bad: Installations(bad, "alice"),
        lambda bad: Connections(bad, INSTALLATION),
        lambda bad: Connections("acme", bad),
    ],
)
@pytest.mark.parametrize("bad", ["../x", "a/b", "A", "", "a?b"])
def test_nothing_that_would_lead_elsewhere_gets_into_a_path(make: Any, bad: str) -> None:
    with pytest.raises(ValueError, match=r"team|installation"):
        make(bad)


@pytest.mark.parametrize(
    ("status", "challenges", "rejected"),
    [
        (401, [], True),
        (401, ["Basic"], True),
        (403, [], False),
        (403, ["Basic realm=x"], False),
        (403, ["Bearer"], True),
        (403, ["bearer error=x"], True),
        (403, ["Basic realm=x", "Bearer error=x"], True),
        (403, ["BearerToken x"], False),
        (200, ["Bearer"], False),
        (407, ["Bearer"], False),
    ],
)
def test_which_answers_reject_a_token(status: int, challenges: list[str], rejected: bool) -> None:
    assert rejects(status, challenges)[0] is rejected
