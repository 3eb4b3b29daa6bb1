"""The state of an authorization: nobody can guess it, it is good once and for ten minutes. And who sends it back."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from strongroom.domain import authorization_response
from strongroom.domain.identifiers import hashed, url_safe
from strongroom.flows import answer
from strongroom.flows import begin as beginning
from tests.fakes.clock import FakeChance
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    authorization,
    bob_begins,
    changed,
    exchanges,
    generic_page,
    parameters,
    records,
    state_of,
)
from tests.weakened import weakened
from tests.world import World

RANDOM = ("ports.chance.bytes(identifiers.SECRET_BYTES)", "bytes(identifiers.SECRET_BYTES)")
IN_TIME = ("received.now >= received.pending.expires_at", "False")


def states(times: int) -> list[str]:
    """The states of so many beginnings, by the same person at the same installation."""
    world = World()
    installation = world.install()
    return [parameters(world.begin("bob", installation).url)["state"] for _ in range(times)]


# Random


@requirement("mcp:A5")
def test_a_state_is_256_fresh_bits_that_are_used_for_nothing_else() -> None:
    chance, found = FakeChance(), states(5)
    drawn = {url_safe(chance.bytes(32)) for _ in range(200)}
    assert all(len(base64.urlsafe_b64decode(f"{state}=")) == 32 for state in found)
    assert {*found} <= drawn
    assert len({*found}) == 5


@requirement("mcp:A5")
def test_nothing_that_is_stored_logged_or_answered_later_holds_the_state() -> None:
    world, begun, url = bob_begins()
    state = parameters(url)["state"]
    world.browse(url)
    seen = world.as_user("bob", "GET", f"/v1/authorizations/{begun.id}")
    assert state not in str([world.table.snapshot(), world.journal.entries, seen.text])
    assert begun.id == hashed(state)


@requirement("mcp:A5")
def test_control_without_chance_everybody_can_say_the_next_state() -> None:
    with weakened(beginning._secret, *RANDOM):
        assert states(1) == [url_safe(bytes(32))] == states(1)


# Once


@requirement("mcp:A5")
@pytest.mark.parametrize("error", [None, "access_denied"])
def test_a_state_is_good_once(error: str | None) -> None:
    world, begun, url = bob_begins()
    assert world.browse(changed(url, error=error, code=None) if error else url).status == 303
    before = authorization(world, begun.id)
    for again in (url, changed(url, code="another"), changed(url, code=None, error="access_denied")):
        assert world.browse(again).status == 200
    assert authorization(world, begun.id) == before


@requirement("mcp:A5")
def test_a_state_is_of_no_use_after_it_was_spent_on_a_connection() -> None:
    world = World()
    installation = world.install()
    begun = world.begin("bob", installation)
    url = world.provider.consent(begun.url, "bob")
    done = world.browse(url)
    secret = done.headers["location"].rpartition("secret=")[2]
    world.as_user("bob", "POST", f"/v1/authorizations/{begun.id}/complete", {"secret": secret})
    before = world.table.snapshot()
    assert world.browse(changed(url, code="another")).status == 200
    assert world.table.snapshot() == before
    assert len(exchanges(world)) == 1


@requirement("mcp:A5")
def test_control_without_a_look_at_how_far_it_is_a_second_answer_takes_the_place_of_the_first() -> None:
    world, begun, url = bob_begins()
    first = world.browse(url)
    row = authorization(world, begun.id)
    with weakened(answer.take_answer, 'authorization.state != "pending"', "False"):
        second = world.browse(changed(url, code="another"))
    assert (first.status, second.status) == (303, 303)
    assert authorization(world, begun.id)["secret_hash"] != row["secret_hash"]


# For ten minutes


@requirement("mcp:A5")
def test_a_state_is_good_until_ten_minutes_are_over() -> None:
    world, _, url = bob_begins()
    world.clock.advance(599)
    assert world.browse(url).status == 303


@requirement("mcp:A5")
@pytest.mark.parametrize("seconds", [600, 601, 86_400])
def test_after_ten_minutes_a_state_is_good_for_nothing_although_its_row_is_there(seconds: int) -> None:
    world, begun, url = bob_begins()
    world.clock.advance(seconds)
    refused = world.browse(url)
    assert (refused.status, refused.text) == (400, generic_page(world).text)
    assert authorization(world, begun.id)["error"] == "authorization_expired"
    assert exchanges(world) == []


@requirement("mcp:A5")
def test_control_without_the_clock_a_state_lives_as_long_as_its_row() -> None:
    world, begun, url = bob_begins()
    world.clock.advance(86_400)
    with weakened(authorization_response._in_time, *IN_TIME):
        assert world.browse(url).status == 303
    assert state_of(world, begun.id) == "returned"


# A6: with whose answer it comes, errors too

ERRORS = ["access_denied", "server_error", "temporarily_unavailable", "<script>alert(1)</script>"]
CHECKS = {
    "https://evil.example": "iss is not None and iss != pending.issuer",
    "https://provider.example/": "iss is not None and iss != pending.issuer",
    None: "pending.iss_supported or pending.iss_required",
}
SILENT: dict[str, Any] = {"authorization_response_iss_parameter_supported": False}


@requirement("mcp:A6")
@requirement("attack:A12")
@pytest.mark.parametrize("iss", CHECKS)
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_from_nobody_or_somebody_else_tells_no_one_that_bob_was_refused(error: str, iss: str | None) -> None:
    world, begun, url = bob_begins()
    refused = world.browse(changed(url, code=None, error=error, iss=iss))
    assert (refused.status, refused.text) == (400, generic_page(world).text)
    assert world.status("bob", begun.installation)["reason"] == "never_connected"
    assert [told["why"] for told in records(world, "answer_refused")] == [
        "issuer_missing" if iss is None else "issuer_mismatch"
    ]
    assert records(world, "denied") == []


@requirement("mcp:A6")
def test_where_iss_is_not_announced_an_error_without_it_counts_and_one_with_a_wrong_one_does_not() -> None:
    for iss, outcome in ((None, 303), ("https://evil.example", 400)):
        world, _, url = bob_begins(**SILENT)
        assert world.browse(changed(url, code=None, error="access_denied", iss=iss)).status == outcome


@requirement("mcp:A6")
@pytest.mark.parametrize(("iss", "check"), CHECKS.items(), ids=str)
def test_control_without_the_check_the_error_of_anybody_is_written_on_bobs_connection(
    iss: str | None, check: str
) -> None:
    world, begun, url = bob_begins()
    with weakened(authorization_response._issuer_answers, check, "False"):
        assert world.browse(changed(url, code=None, error="access_denied", iss=iss)).status == 303
    assert world.status("bob", begun.installation)["reason"] == "denied"


@requirement("mcp:A6")
def test_the_issuer_that_counts_is_the_stored_one_not_what_the_metadata_says_meanwhile() -> None:
    world, begun, url = bob_begins()
    world.provider.metadata |= {"issuer": "https://evil.example"}
    assert world.browse(changed(url, iss="https://evil.example")).status == 400
    assert authorization(world, begun.id)["error"] == "issuer_mismatch"
