"""Who may finish an authorization: the two halves, at each state."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from strongroom.domain import identifiers
from strongroom.domain.authorization import (
    REDEEMING_ENDS_AFTER,
    AlreadyDone,
    Authorization,
    Completion,
    Destroy,
    NotYet,
    Over,
    Redeem,
    State,
    Unknown,
    judge_completion,
)
from strongroom.domain.connection import Standing
from strongroom.domain.secret import Secret
from tests.unit.connections import DESTINATION, INSTALLATION, NOW

RIGHT, WRONG = Secret("s" * 43), Secret("t" * 43)
PENDING = Authorization(
    id="a" * 43,
    state="pending",
    user="bob",
    team="acme",
    installation=INSTALLATION,
    standing=Standing("epoch", "binding"),
    sharing="per_user",
    destination=DESTINATION,
    redirect_uri="https://strongroom.example/oauth/callback/provider",
    authorization_host="provider.example",
    mcp_url="https://files.example/mcp",
    scopes=("files",),
    iss_supported=True,
    iss_required=True,
    begun_at=NOW,
    expires_at=NOW + 600,
    verifier=b"sealed",
)


def at(state: State) -> Authorization:
    """The authorization in a state, with what it has by then."""
    if state == "pending":
        return PENDING
    secret_hash = None if state in ("denied", "failed") else identifiers.hashed(RIGHT.reveal())
    return replace(PENDING, state=state, secret_hash=secret_hash, code=b"sealed", redeeming_at=NOW + 100)


TABLE: dict[tuple[State, bool, bool], Completion] = {
    ("pending", True, False): NotYet(),
    ("pending", False, False): Unknown(),
    ("returned", True, True): Redeem(),
    ("returned", True, False): Destroy(stranger=False),
    ("returned", False, True): Destroy(stranger=True),
    ("returned", False, False): Unknown(),
    ("redeeming", True, True): AlreadyDone(),
    ("redeeming", True, False): Unknown(),
    ("redeeming", False, True): Unknown(),
    ("redeeming", False, False): Unknown(),
    ("completed", True, True): AlreadyDone(),
    ("completed", True, False): Unknown(),
    ("completed", False, True): Unknown(),
    ("completed", False, False): Unknown(),
    ("denied", True, False): Over(),
    ("denied", False, False): Unknown(),
    ("failed", True, False): Over(),
    ("failed", False, False): Unknown(),
}
CASES = [pytest.param(*case, expected, id="-".join(map(str, case))) for case, expected in TABLE.items()]


def judged(authorization: Authorization, right_user: bool, right_secret: bool, after: int = 110) -> Completion:
    user, secret = "bob" if right_user else "mallory", RIGHT if right_secret else WRONG
    return judge_completion(authorization, user, secret, NOW + after)


@pytest.mark.parametrize(("state", "right_user", "right_secret", "expected"), CASES)
def test_what_a_call_of_complete_is(state: State, right_user: bool, right_secret: bool, expected: Completion) -> None:
    assert judged(at(state), right_user, right_secret) == expected


def test_the_table_names_every_state_that_a_row_can_have() -> None:
    assert {state for state, _, _ in TABLE} == {"pending", "returned", "redeeming", "completed", "denied", "failed"}


def test_no_secret_is_right_before_one_was_given_or_after_it_was_forgotten() -> None:
    for state in ("pending", "denied", "failed"):
        assert judged(at(state), True, True) == judged(at(state), True, False)
        assert judged(at(state), False, True) == Unknown()


@pytest.mark.parametrize("state", ["pending", "returned"])
def test_after_ten_minutes_nothing_can_be_finished_or_destroyed(state: State) -> None:
    for right_secret in (True, False):
        assert judged(at(state), True, right_secret, after=600) == Over()
        assert judged(at(state), False, right_secret, after=600) == Unknown()
    assert judged(at(state), True, False, after=599) != Over()


def test_a_crash_while_redeeming_ends_as_failed() -> None:
    begun = at("redeeming")
    assert judged(begun, True, True, after=100 + REDEEMING_ENDS_AFTER - 1) == AlreadyDone()
    assert judged(begun, True, True, after=100 + REDEEMING_ENDS_AFTER) == Over()
    assert begun.state_at(NOW + 100 + REDEEMING_ENDS_AFTER) == "failed"


def test_what_is_completed_stays_completed() -> None:
    assert at("completed").state_at(NOW + 10**6) == "completed"


def test_a_stranger_without_the_secret_cannot_tell_it_from_nothing() -> None:
    states: list[State] = ["pending", "returned", "redeeming", "completed", "denied", "failed"]
    assert {judged(at(state), False, False, after) for state, after in product(states, (0, 110, 10**6))} == {Unknown()}
