"""The rules of leaving a provider alone: when, for how long, and who may try again."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from strongroom.domain import breaker, exchange
from strongroom.domain.breaker import (
    FAULTS_TO_OPEN,
    FORGOTTEN_AFTER,
    LONGEST_PAUSE,
    TRIAL,
    TRIAL_IS_SOON_OVER,
    Breaker,
    Closed,
    HalfOpen,
    Open,
    Trouble,
)
from strongroom.domain.secret import Secret
from strongroom.domain.table import Is, Missing
from tests.requirements import requirement

NOW = 1_800_000_000
HEALTHY = Breaker("a-provider")
AWAY = Trouble("unreachable")
ISSUED = exchange.Issued(Secret("a"), None, None, None, None)


def after(known: Breaker, trouble: Trouble, now: float = NOW, chance: float = 0.0, mine: str | None = None) -> Breaker:
    """The breaker after a fault that says something new."""
    found = breaker.after_trouble(known, trouble, now, chance, f"turn at {now}", mine)
    assert found is not None
    return found


def says_nothing_new(known: Breaker, trouble: Trouble, now: float, mine: str | None = None) -> bool:
    return breaker.after_trouble(known, trouble, now, 0.0, "a turn", mine) is None


def opened(times: int = 1, chance: float = 0.0) -> Breaker:
    """A breaker that has opened so often, each time after a trial that failed at once."""
    faults = FAULTS_TO_OPEN + times - 1
    return reduce(lambda known, _: after(known, AWAY, max(NOW, known.open_until), chance), range(faults), HEALTHY)


# -- what counts


@pytest.mark.parametrize(
    ("outcome", "trouble"),
    [
        (exchange.RateLimited(77), Trouble("rate_limited", 77, at_once=True)),
        (exchange.Transient("unreachable"), Trouble("unreachable")),
        (exchange.Transient("provider_error", True, 40), Trouble("provider_error", 40)),
        (exchange.Ambiguous("no_answer"), Trouble("no_answer")),
        (exchange.Ambiguous("unusable_answer"), Trouble("unusable_answer")),
        (ISSUED, None),
        (exchange.Refused(), None),
        (exchange.ClientRejected("invalid_client"), None),
        (exchange.ClientRejected("unauthorized_client"), None),
        (exchange.Transient("provider_refused"), None),
        (exchange.Transient("invalid_scope"), None),
    ],
)
@requirement("fault:F12")
def test_a_provider_that_answers_is_well_whatever_it_thinks_of_us(
    outcome: exchange.Outcome, trouble: Trouble | None
) -> None:
    assert breaker.trouble_in(outcome) == trouble


def test_a_healthy_provider_has_no_row_to_remove() -> None:
    assert breaker.assess(HEALTHY, NOW) == Closed()
    assert HEALTHY.removal() is None
    assert HEALTHY.as_read() == Missing()


@requirement("fault:F12")
def test_the_fifth_fault_in_a_row_opens_it() -> None:
    known = HEALTHY
    for _ in range(FAULTS_TO_OPEN - 1):
        known = after(known, AWAY)
        assert breaker.assess(known, NOW) == Closed()
    known = after(known, AWAY)
    assert (breaker.assess(known, NOW), known.why) == (Open(NOW + 30), "unreachable")


@requirement("fault:F12")
@pytest.mark.parametrize("wait", [1, 30, 900])
def test_a_429_opens_it_at_once_and_to_the_second(wait: int) -> None:
    known = after(HEALTHY, Trouble("rate_limited", wait, at_once=True))
    assert breaker.assess(known, NOW + wait - 1) == Open(NOW + wait)
    assert breaker.assess(known, NOW + wait) == HalfOpen()


def test_an_outage_that_names_a_time_is_believed_if_it_is_the_longer_one() -> None:
    known = reduce(lambda known, _: after(known, Trouble("provider_error", 300)), range(FAULTS_TO_OPEN), HEALTHY)
    assert known.open_until == NOW + 300


@requirement("fault:F12")
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_the_pauses_double_up_to_a_quarter_of_an_hour(chance: float) -> None:
    pauses = [breaker.pause(openings, chance) for openings in range(1, 40)]
    assert pauses == sorted(pauses)
    assert 30 <= pauses[0] < 45
    assert pauses[-1] == LONGEST_PAUSE
    known = opened(times=7)
    assert known.open_until - known.faulted_at == LONGEST_PAUSE


@requirement("fault:F12")
def test_who_asks_for_one_second_again_and_again_is_left_alone_for_longer() -> None:
    wish, known, now = Trouble("rate_limited", 1, at_once=True), HEALTHY, NOW
    pauses = []
    for _ in range(7):
        known = after(known, wish, now)
        pauses.append(known.open_until - now)
        now = known.open_until
    assert pauses == [1, 30, 60, 120, 240, 480, 900]


def test_what_was_on_its_way_when_it_opened_changes_nothing_but_for_a_longer_wish() -> None:
    known = opened()
    assert says_nothing_new(known, AWAY, NOW + 1)
    assert says_nothing_new(known, Trouble("rate_limited", 5, at_once=True), NOW + 1)
    assert after(known, Trouble("rate_limited", 600, at_once=True), NOW + 1).open_until == NOW + 601


def test_faults_of_long_ago_do_not_count() -> None:
    known = reduce(lambda known, _: after(known, AWAY), range(FAULTS_TO_OPEN - 1), HEALTHY)
    assert after(known, AWAY, NOW + FORGOTTEN_AFTER).faults == 1
    late = opened(times=5)
    assert breaker.assess(late, late.open_until + FORGOTTEN_AFTER - 1) == HalfOpen()
    assert breaker.assess(late, late.open_until + FORGOTTEN_AFTER) == Closed()
    assert late.remembered(late.open_until + FORGOTTEN_AFTER).removal() is not None


# -- the trial


@requirement("fault:F12")
def test_when_the_pause_is_over_one_may_try_and_the_others_come_again_soon() -> None:
    known, now = opened(), NOW + 30
    assert breaker.assess(known, now) == HalfOpen()
    trying = breaker.on_trial(known, now, "mine")
    assert breaker.assess(trying, now) == Open(now + TRIAL_IS_SOON_OVER)
    assert breaker.assess(trying, now + TRIAL - 1) == Open(now + TRIAL)


@requirement("fault:F12")
def test_a_trial_that_ended_without_a_word_keeps_nobody() -> None:
    trying = breaker.on_trial(opened(), NOW + 30, "mine")
    assert breaker.assess(trying, NOW + 30 + TRIAL) == HalfOpen()


def test_a_trial_that_fails_opens_it_for_longer() -> None:
    trying = breaker.on_trial(opened(), NOW + 30, "mine")
    again = after(trying, AWAY, NOW + 31, mine="mine")
    assert (again.open_until, again.openings, again.trial_until) == (NOW + 31 + 60, 2, 0)


def test_while_somebody_tries_an_older_fault_of_another_does_not_speak() -> None:
    trying = breaker.on_trial(opened(), NOW + 30, "mine")
    assert says_nothing_new(trying, AWAY, NOW + 31, mine=opened().turn)
    assert after(trying, Trouble("rate_limited", 300, at_once=True), NOW + 31).open_until == NOW + 331


# -- the row


def test_the_row_says_it_all_and_ends_by_itself() -> None:
    known = replace(breaker.on_trial(opened(times=3), NOW + 400, "mine"), faults=9)
    put = known.to_put(opened())
    assert Breaker.from_item("a-provider", put.item) == known
    assert put.require == Is("turn", str(opened().turn))
    assert put.item["ttl"] == known.trial_until + 86_400
    assert "due_shard" not in put.item


def test_who_writes_or_removes_names_what_was_read() -> None:
    known = opened()
    removal = known.removal()
    assert removal is not None
    assert removal.require == known.as_read() == Is("turn", str(known.turn))
    assert after(HEALTHY, AWAY).to_put(HEALTHY).require == Missing()
