"""The judge of a storm: what a death excuses, and what nothing does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from local.storm_judge import Connection, Death, End, LookUp, Storm, calm_violations
from local.storm_ledger import NOBODY, Book, Sighting

ALICE, BOB = Connection("oidc-provider", "alice-1"), Connection("Files Provider", "bob-1")
FIRST, AGAIN = Sighting("r1", 100.0, 100.1, given=True), Sighting("r1", 131.0, 131.1, given=False)
OVER_ALICE = Death("RenewFunction", 4711, at=100.2, since=99.0, over=frozenset({ALICE}))
LOST = End(ALICE, "lost_response", honoured=False)


def book(*sightings: Sighting) -> Book:
    return Book(0.0, list(sightings))


def storm(
    *,
    alice: Sequence[Sighting] = (FIRST,),
    deaths: Sequence[Death] = (),
    ends: Sequence[End] = (End(ALICE, "token", "alice-1"),),
    look_ups: Sequence[LookUp] = (),
    refreshed: int = 1,
) -> Storm:
    return Storm({ALICE: book(*alice)}, Counter({ALICE: refreshed}), look_ups, deaths, ends, fresh=10.0)


def test_a_connection_that_came_through_is_no_violation() -> None:
    assert storm(look_ups=[LookUp(ALICE, "token", "alice-1")]).violations() == []


def test_a_token_that_came_twice_is_excused_by_a_death_over_it_and_so_is_the_loss() -> None:
    found = storm(alice=[FIRST, AGAIN], deaths=[OVER_ALICE], ends=[LOST])

    assert found.violations() == []
    assert dict(found.table())["lost_response"] == "1"
    assert dict(found.table())["tokens seen twice"] == "1"
    assert dict(found.table())["lost"] == "0"


@pytest.mark.parametrize(
    "deaths",
    [
        [],
        [Death("RenewFunction", 1, at=100.2, since=99.0, over=frozenset({BOB}))],
        [Death("RenewFunction", 1, at=98.9, since=98.0, over=frozenset({ALICE}))],
        [Death("RenewFunction", 1, at=103.0, since=102.0, over=frozenset({ALICE}))],
        [Death("TokenFunction", 1, at=100.2, since=100.2)],
    ],
    ids=["nobody died", "over another's", "long before", "who came later", "who did nothing"],
)
def test_a_token_that_came_twice_is_not_excused_by(deaths: list[Death]) -> None:
    said = storm(alice=[FIRST, AGAIN], deaths=deaths, ends=[LOST]).violations()

    assert any("came twice" in one for one in said)
    assert any("lost (lost_response): nobody died over it" in one for one in said)


def test_each_repetition_needs_an_excuse_of_its_own() -> None:
    third = Sighting("r1", 170.0, 170.1, given=False)
    said = storm(alice=[FIRST, AGAIN, third], deaths=[OVER_ALICE], ends=[LOST]).violations()

    assert [one for one in said if "came twice" in one] == [
        "alice-1 at oidc-provider: a refresh token came twice, and nobody had died nor lost an answer"
    ]


def test_an_answer_that_came_too_late_excuses_as_a_death_does() -> None:
    slow = Sighting("r1", 100.0, 110.5, given=True)

    assert storm(alice=[slow, AGAIN], ends=[LOST]).violations() == []


def test_no_death_excuses_the_loss_of_what_the_provider_still_honours() -> None:
    said = storm(alice=[FIRST, AGAIN], deaths=[OVER_ALICE], ends=[End(ALICE, "lost_response", honoured=True)])

    assert said.violations() == ["alice-1 at oidc-provider: lost (lost_response): its provider still honours it"]
    assert dict(said.table())["lost"] == "1"
    assert dict(said.table())["lost_response"] == "0"


def test_no_death_excuses_a_loss_under_another_name() -> None:
    said = storm(alice=[FIRST, AGAIN], deaths=[OVER_ALICE], ends=[End(ALICE, "refused")]).violations()

    assert said == ["alice-1 at oidc-provider: lost (refused): for no reason that a death explains"]


def test_a_token_that_the_mcp_server_does_not_take_is_a_loss() -> None:
    said = storm(ends=[End(ALICE, "token", None)]).violations()

    assert said == ["alice-1 at oidc-provider: lost (token): the MCP server does not take it"]


@pytest.mark.parametrize("end", [End(ALICE, "token", "bob-1"), End(ALICE, "token", "alice-1")])
def test_another_persons_token_is_found_wherever_it_shows_up(end: End) -> None:
    look_ups = [LookUp(ALICE, "token", "bob-1" if end.account == "alice-1" else "alice-1")]

    said = storm(ends=[end], look_ups=look_ups).violations()

    assert said == ["alice-1 at oidc-provider: was given a token of bob-1"]


def test_a_look_up_whose_token_has_ended_meanwhile_names_nobody() -> None:
    assert storm(look_ups=[LookUp(ALICE, "token", None)]).violations() == []


def test_a_refresh_of_fresh_tokens_is_needless() -> None:
    too_soon = Sighting("r2", 104.1, 104.2, given=True)

    assert storm(alice=[FIRST, too_soon]).violations() == [
        "alice-1 at oidc-provider: refreshed 4.0 s after new tokens were given"
    ]


def test_a_token_that_was_never_given_is_told() -> None:
    found = Storm({Connection("x", NOBODY): book(AGAIN)}, Counter(), [], [], [], fresh=10.0)

    assert found.violations() == ["x: 1 requests are nobody's"]


def test_in_the_calm_every_connection_is_refreshed_and_every_look_up_answered() -> None:
    good = storm(look_ups=[LookUp(ALICE, "token", "alice-1")])
    idle = storm(refreshed=0)
    late = storm(look_ups=[LookUp(ALICE, "503"), LookUp(ALICE, "503")])

    assert calm_violations(good) == []
    assert calm_violations(idle) == ["alice-1 at oidc-provider: was due, and was not refreshed"]
    assert calm_violations(late) == ["2 look-ups were answered 503 although nobody had died"]


def test_the_table_tells_answers_kills_and_refreshes() -> None:
    look_ups = [LookUp(ALICE, "token", "alice-1"), LookUp(ALICE, "503")]

    assert storm(deaths=[OVER_ALICE], look_ups=look_ups).table()[1:7] == [
        ("look-ups", "2"),
        ("  503", "1"),
        ("  token", "1"),
        ("refreshes", "1 (1 to 1 of each connection)"),
        ("kills", "1 (RenewFunction 1)"),
        ("  over a renewal or look-up", "1"),
    ]
