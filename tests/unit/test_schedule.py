"""When a connection is due, and how long a failing one is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.policy import DAY, HOUR, Policy
from strongroom.domain.schedule import (
    FIRST_RETRY,
    LONGEST_RETRY,
    WIDEST_SPREAD,
    Life,
    due_at,
    retry_after,
    second_look_after,
    use_is_worth_a_write,
)
from tests.requirements import requirement
from tests.unit.connections import NOW

POLICY = Policy("https://strongroom.example", "https://web.example/connections")
CHANCE = st.floats(0, 1, exclude_max=True)


def due(
    lifetime: int | None = HOUR,
    expires_in: int | None = HOUR,
    *,
    idle_for: int = 0,
    chance: float = 0.0,
    policy: Policy = POLICY,
) -> int:
    """Seconds from now until a token that was obtained now is due."""
    life = Life(NOW, NOW + expires_in if expires_in is not None else None, lifetime)
    return due_at(life, NOW - idle_for, NOW, policy, chance) - NOW


@given(lifetime=st.integers(900, 90 * DAY), chance=CHANCE)
def test_a_token_is_renewed_ahead_of_its_end_and_the_moment_is_spread(lifetime: int, chance: float) -> None:
    moment = due(lifetime, lifetime, chance=chance)
    latest = lifetime - POLICY.renew_ahead
    assert latest - min(lifetime / 5, WIDEST_SPREAD) <= moment <= latest


@requirement("fault:F21")
def test_tokens_that_were_obtained_together_are_not_due_together() -> None:
    assert {due(chance=part / 8) for part in range(8)} == {3000 - 90 * part for part in range(8)}


@requirement("fault:F21")
def test_the_spread_of_long_lives_is_half_an_hour_at_most() -> None:
    assert due(30 * DAY, 30 * DAY, chance=0.999) > 30 * DAY - POLICY.renew_ahead - WIDEST_SPREAD


@requirement("fault:F14")
def test_an_unknown_life_is_taken_for_an_hour_by_the_schedule_alone() -> None:
    assert due(None, None) == HOUR - POLICY.renew_ahead


def test_a_known_life_without_an_end_counts_from_when_it_was_obtained() -> None:
    assert due(2 * HOUR, None) == 2 * HOUR - POLICY.renew_ahead


def test_an_end_counts_more_than_the_usual_life() -> None:
    assert due(HOUR, 2 * HOUR) == 2 * HOUR - POLICY.renew_ahead


@pytest.mark.parametrize(("lifetime", "exercised"), [(899, True), (900, False)])
def test_what_lives_less_than_a_quarter_of_an_hour_is_only_exercised(lifetime: int, exercised: bool) -> None:
    assert (due(lifetime, lifetime) == POLICY.exercise_after) is exercised


@pytest.mark.parametrize(("idle_for", "exercised"), [(14 * DAY - 1, False), (14 * DAY, True), (100 * DAY, True)])
def test_what_nobody_used_for_two_weeks_is_only_exercised(idle_for: int, exercised: bool) -> None:
    assert (due(idle_for=idle_for) == POLICY.exercise_after) is exercised


def test_an_operator_may_set_all_of_it_to_seconds() -> None:
    policy = Policy("https://s.example", "https://w.example", renew_ahead=5, short_lived=10, exercise_after=60)
    assert due(20, 20, policy=policy) == 15
    assert due(9, 9, policy=policy) == 60


@given(failures=st.integers(1, 10_000), chance=CHANCE)
@requirement("fault:F11")
def test_pauses_double_up_to_a_quarter_of_an_hour_with_jitter(failures: int, chance: float) -> None:
    longest = min(FIRST_RETRY * 2 ** min(failures - 1, 20), LONGEST_RETRY)
    assert longest // 2 <= retry_after(failures, chance) <= longest


@pytest.mark.parametrize(
    ("reuse_detected", "grace", "seconds"),
    [
        (None, None, 30),
        (False, None, 30),
        (None, 10, 30),
        (False, 0, 30),
        (True, None, 120),
        (True, 0, 120),
        (True, 59, 120),
        (True, 60, 30),
        (True, 1800, 30),
    ],
)
def test_the_second_look_comes_soon_but_not_where_a_second_use_is_known_to_end_the_grant(
    reuse_detected: bool | None, grace: int | None, seconds: int
) -> None:
    assert second_look_after(reuse_detected, grace) == seconds


def known_to_lapse(
    unused: int | None, *, lifetime: int = HOUR, idle_for: int = 0, endless: bool = False, policy: Policy = POLICY
) -> int:
    """Seconds from now until tokens that were obtained now are due, if their refresh token lapses when it is not used."""
    life = Life(NOW, None if endless else NOW + lifetime, None if endless else lifetime, endless, unused)
    return due_at(life, NOW - idle_for, NOW, policy, 0.0) - NOW


@pytest.mark.parametrize(
    ("unused", "exercised"), [(None, 3 * DAY), (90 * DAY, 3 * DAY), (12 * DAY, 3 * DAY), (4 * DAY, DAY), (400, 100)]
)
def test_what_nobody_uses_is_exercised_at_a_quarter_of_its_known_life_and_never_later_than_the_operator_says(
    unused: int | None, exercised: int
) -> None:
    assert known_to_lapse(unused, idle_for=14 * DAY) == exercised
    assert known_to_lapse(unused, lifetime=600) == exercised


@pytest.mark.parametrize(
    ("unused", "due"), [(None, 30 * DAY - 600), (200 * DAY, 30 * DAY - 600), (14 * DAY, 3.5 * DAY)]
)
def test_a_long_lived_access_token_does_not_let_its_refresh_token_lapse(unused: int | None, due: float) -> None:
    assert known_to_lapse(unused, lifetime=30 * DAY) == due


@given(unused=st.integers(1, 400 * DAY), idle_for=st.integers(0, 100 * DAY), lifetime=st.integers(60, 400 * DAY))
def test_a_refresh_token_is_used_three_times_before_it_could_lapse(unused: int, idle_for: int, lifetime: int) -> None:
    assert known_to_lapse(unused, lifetime=lifetime, idle_for=idle_for) <= unused / 4


def test_what_never_ends_is_not_renewed_for_its_end() -> None:
    assert known_to_lapse(None, endless=True) == POLICY.exercise_after
    assert known_to_lapse(4 * DAY, endless=True) == DAY


@pytest.mark.parametrize(("ago", "worth"), [(0, False), (6 * HOUR - 1, False), (6 * HOUR, True)])
def test_a_use_is_written_once_in_six_hours(ago: int, worth: bool) -> None:
    assert use_is_worth_a_write(NOW - ago, NOW) is worth
