"""Which answers of an MCP server reject a token, and what is reported of them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom_satellite import injection
from strongroom_satellite.asks import MOST_CHALLENGE
from strongroom_satellite.injection import rejects
from tests.requirements import requirement
from tests.weakened import weakened

OURS = 'Bearer error="insufficient_scope", scope="files:write"'
AN_ANSWERS_HEADERS = 100_000  # characters: the longest that h11 reads


@pytest.mark.parametrize(
    "challenges",
    [
        ["Negotiate", OURS, 'Basic realm="x"'],
        ['Basic realm="a \\" b", charset="UTF-8"', OURS],
        ["Negotiate " + "A" * MOST_CHALLENGE, OURS],
    ],
)
def test_of_several_headers_ours_is_reported(challenges: list[str]) -> None:
    assert rejects(403, challenges) == (True, OURS)
    assert rejects(401, challenges) == (True, OURS)


def test_of_several_headers_that_are_ours_all_are_reported() -> None:
    assert rejects(403, [OURS, "Negotiate", "bearer"]) == (True, f"{OURS}, bearer")


@pytest.mark.parametrize("one", ['Basic realm="x", ' + OURS, "bEaReR", "BEARER\trealm=x", "Negotiate,Bearer,Basic"])
def test_ours_is_found_wherever_it_stands_in_a_header(one: str) -> None:
    assert rejects(403, [one])[0]


@pytest.mark.parametrize(
    "one",
    [
        'Basic realm="the bearer of rings"',
        'Basic realm="a, bearer of rings"',
        'Basic realm="\\", bearer of rings"',
        'Basic realm="never ends, bearer of rings',
        "Bearers",
        "Basic bearer",
        "Basic bearer=1",
        "X-Bearer realm=x",
        "",
    ],
)
def test_what_only_speaks_of_a_bearer_is_not_ours(one: str) -> None:
    assert rejects(403, [one]) == (False, None)
    assert rejects(401, [one]) == (True, None)


def test_control_without_a_look_for_quotations_a_realm_is_taken_for_a_challenge() -> None:
    with weakened(rejects, "_QUOTED.sub('\"\"', one)", "one"):
        assert rejects(403, ['Basic realm="a, bearer of rings"'])[0]


@pytest.mark.parametrize("described", ["f\u00fcr dich", "a\tb", "\U0001f511", "\x00", "caf\udce9"])
def test_what_does_not_print_is_left_out_and_the_rest_reported(described: str) -> None:
    is_rejected, challenge = rejects(403, [f'{OURS}, error_description="{described}"'])

    assert is_rejected
    assert challenge is not None
    assert challenge.startswith(OURS)
    assert re.fullmatch(r"[\x20-\x7e]+", challenge)


def test_as_much_is_reported_as_strongroom_takes() -> None:
    longest = "Bearer " + "x" * (MOST_CHALLENGE - len("Bearer "))

    assert rejects(403, [longest]) == (True, longest)
    assert rejects(403, [f"{longest}x"]) == (False, None)
    assert rejects(401, [f"{longest}x"]) == (True, None)


@given(st.integers(100, 599), st.lists(st.one_of(st.text(), st.from_regex(r'(?i)bearer [\\",a-z ]*', fullmatch=True))))
def test_whatever_a_server_says_is_judged(status: int, challenges: list[str]) -> None:
    is_rejected, challenge = rejects(status, challenges)

    assert status in (401, 403) or not is_rejected
    assert challenge is None or re.fullmatch(rf"[\x20-\x7e]{{1,{MOST_CHALLENGE}}}", challenge)


def tries(quoted: re.Pattern[str], text: str) -> int:
    """From how many places a search goes on to the end of the text and finds nothing: each costs its whole length."""
    return sum(one == '"' and quoted.match(text, place) is None for place, one in enumerate(text))


QUOTES = 'Bearer x="' + '\\"' * 200


@requirement("attack:S12")
def test_a_quotation_that_never_ends_is_read_once() -> None:
    assert tries(injection._QUOTED, QUOTES) == 0
    assert rejects(401, ['Bearer x="' + '\\"' * (AN_ANSWERS_HEADERS // 2)]) == (True, None)


@requirement("attack:S12")
def test_control_a_grammar_that_wants_its_end_reads_it_once_for_each_quote() -> None:
    assert tries(re.compile(r'"(?:[^"\\]|\\.)*"'), QUOTES) == QUOTES.count('"')
