"""What an error keeps of an answer: forms of Strongroom's own, so that logs and people may see it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom_satellite import AuthorizationRequired, SatelliteError, answers
from tests.requirements import requirement
from tests.unit.satellites import ALICE, reply
from tests.weakened import weakened

FORGED = [
    "revoked\nGET / 200",
    "\x1b[2Jrevoked",
    "revoked\u2028",
    "REVOKED",
    "revoked ",
    "",
    "a" * 10_000,
    7,
    None,
    ["revoked"],
]
LINKS = [
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "//web.example",
    "https://",
    "https://web.example/\nx: y",
    "https://web.example/ x",
    "https://web.example/\u202e",
    f"https://web.example/{'a' * 10_000}",
    " https://web.example/",
    7,
    {"href": "https://web.example"},
]


def told(**forged: Any) -> AuthorizationRequired:
    body = {"error": "authorization_required", "reason": "revoked", "link": "https://web.example/", "request_id": "r-1"}
    error = answers.refusal(reply(409, {**body, **forged}), ALICE)
    assert isinstance(error, AuthorizationRequired)
    return error


def is_one_line(error: SatelliteError) -> bool:
    return str(error).isascii() and str(error).isprintable() and len(str(error)) < 4096


def test_what_strongroom_says_is_kept() -> None:
    error = told()

    assert (error.code, error.reason, error.request_id) == ("authorization_required", "revoked", "r-1")
    assert str(error) == "the person has to act before there is a token (revoked): https://web.example/"


@requirement("attack:S13")
@pytest.mark.parametrize("reason", FORGED)
def test_a_reason_that_is_none_of_strongrooms_is_not_kept(reason: object) -> None:
    error = told(reason=reason)

    assert error.reason == ""
    assert is_one_line(error)


@requirement("attack:S13")
@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_is_none_is_not_kept(link: object) -> None:
    error = told(link=link)

    assert error.link is None
    assert is_one_line(error)


@requirement("attack:S13")
@pytest.mark.parametrize("request_id", ["a b", "a\nb", "\u2028", "", "x" * 129, 7, None])
def test_a_request_id_that_is_none_is_not_kept(request_id: object) -> None:
    assert told(request_id=request_id).request_id is None


@requirement("attack:S13")
@pytest.mark.parametrize("code", FORGED)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500])
def test_a_code_that_is_none_of_strongrooms_is_not_kept(code: object, status: int) -> None:
    error = answers.refusal(reply(status, {"error": code}))

    assert error.code == type(error).code
    assert is_one_line(error)


@requirement("attack:S13")
def test_control_without_grammars_an_error_has_as_many_lines_as_the_answer_wants() -> None:
    with weakened(answers._matching, " and grammar.fullmatch(value)", ""):
        assert not is_one_line(told(reason=FORGED[0]))
        assert told(link=LINKS[0]).link == LINKS[0]


@requirement("attack:S13")
@given(
    st.sampled_from([400, 401, 404, 409, 503]),
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("error", "reason", "link", "request_id"), st.text() | st.sampled_from(["insufficient_scope", "not_found"])
        ),
    ),
)
def test_every_refusal_is_told_in_one_line(status: int, body: dict[str, Any]) -> None:
    assert is_one_line(answers.refusal(reply(status, body)))
