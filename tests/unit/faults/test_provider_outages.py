"""Providers that stay in trouble: asked less and less often, never given up, and back at once when they are well."""

from __future__ import annotations

import pytest

from strongroom.domain import answer_fields, renewal, schedule
from strongroom.flows import breaker
from tests.fakes.provider_faults import ERRORS, FAULTS, WAITS, switch_on
from tests.requirements import requirement
from tests.unit.faults.watching import KINDS, STEP, Watched, due
from tests.weakened import weakened

EACH_KIND = pytest.mark.parametrize("kind", KINDS)
WHO = pytest.mark.parametrize("who", ["schedule", "look_up"])
TRIES = ["timeout before", "reset before", "503 before", "html with 200 before", "html with 400 before", "429, absent"]
FOR_EVER = 10_000
DAY, HOUR, QUARTER = 86_400, 3_600, 900
A_WHILE = 1_800
ALWAYS, GROWING = "now = ports.clock.now()", "return int(longest / 2 + longest / 2 * chance)"


def in_trouble(kind: str, fault: str, times: int = FOR_EVER, left: int = 0) -> Watched:
    scene = due(kind, left)
    switch_on(scene.world.provider, FAULTS[fault], times)
    return scene


@requirement("fault:F11")
@requirement("invariant:I16")
@pytest.mark.parametrize("fault", TRIES)
@EACH_KIND
@WHO
def test_after_an_outage_of_hours_everything_is_as_it_was(fault: str, kind: str, who: str) -> None:
    scene = in_trouble(kind, fault)
    scene.begins(who)
    scene.let_pass(3 * HOUR)
    during = scene.reason
    asked = len(scene.refreshes())
    scene.world.provider.answer_next.clear()
    scene.let_pass(A_WHILE)

    assert during is None
    assert 3 * HOUR / QUARTER <= asked <= 30
    assert scene.has_ended_well()


@requirement("fault:F11")
@pytest.mark.parametrize("fault", TRIES)
def test_a_satellite_that_never_stops_asking_makes_nobody_ask_the_provider_more_often(fault: str) -> None:
    scene = in_trouble("strict", fault)
    seen: set[int] = set()
    scene.let_pass(HOUR, lambda: seen.add(scene.look_up()))

    assert seen == {503}
    assert len(scene.refreshes()) <= 20
    scene.world.provider.answer_next.clear()
    scene.let_pass(A_WHILE, lambda: seen.add(scene.look_up()))
    assert seen == {503, 200}
    assert scene.has_ended_well()


@requirement("fault:F11")
def test_control_without_growing_pauses_the_provider_would_be_asked_all_the_time() -> None:
    with weakened(breaker.admit, ALWAYS, "return known"), weakened(schedule.retry_after, GROWING, "return 0"):
        scene = in_trouble("strict", "503 before")
        scene.let_pass(HOUR, scene.look_up)

    assert len(scene.refreshes()) > 60


@requirement("fault:F11")
@requirement("invariant:I17")
@pytest.mark.parametrize("fault", TRIES)
def test_while_the_provider_is_in_trouble_a_good_token_is_handed_out_and_no_other(fault: str) -> None:
    scene = in_trouble("strict", fault, left=45)
    world = scene.world
    answers = []
    for _ in range(10):
        answer = world.look_up("bob", scene.installation)
        left = answer.json["expires_at"] - world.clock.now() if answer.status == 200 else 0
        answers.append((answer.status, left))
        world.clock.advance(5)

    good = [left for status, left in answers if status == 200]
    assert [status for status, _ in answers] == [200] * len(good) + [503] * (10 - len(good))
    assert good
    assert min(good) >= 10
    assert len(good) < 10


@requirement("fault:F11")
@pytest.mark.parametrize("fault", [name for name, one in FAULTS.items() if one.stage == "after"])
@pytest.mark.parametrize("times", [2, 5])
@WHO
def test_a_provider_that_works_and_never_answers_ends_in_one_clear_word_and_no_loop(
    fault: str, times: int, who: str
) -> None:
    scene = in_trouble("strict", fault, times)
    scene.begins(who)
    scene.let_pass(2 * HOUR)
    asked = len(scene.refreshes())
    scene.let_pass(2 * HOUR)

    assert scene.surprises == []
    assert scene.reason == "lost_response"
    assert not scene.is_honoured
    assert len(scene.refreshes()) == asked == times + 1


@requirement("fault:F11")
@pytest.mark.parametrize("fault", [name for name, one in FAULTS.items() if one.stage == "after"])
@WHO
def test_where_tokens_stay_the_same_any_number_of_lost_answers_costs_nothing(fault: str, who: str) -> None:
    scene = in_trouble("none", fault, 5)
    scene.begins(who)
    scene.let_pass(2 * HOUR)

    assert scene.has_ended_well()


# -- a provider that asks us to wait


@requirement("fault:F12")
@pytest.mark.parametrize("wish", WAITS)
@WHO
def test_a_wish_to_wait_is_kept_by_everybody_and_never_for_more_than_a_quarter_of_an_hour(wish: str, who: str) -> None:
    scene = in_trouble("strict", f"429, {wish}", times=1)
    began = scene.world.clock.now()
    scene.begins(who)
    asked_again: list[float] = []

    def look() -> None:
        if len(scene.refreshes()) > 1 and not asked_again:
            asked_again.append(scene.world.clock.now() - began)
        scene.look_up()

    scene.let_pass(A_WHILE, look)

    shortest = 120 if wish in ("seconds", "a date") else 30 if wish in ("garbage", "absent", "empty") else 1
    longest = QUARTER if wish in ("ten years", "more digits than a number has") else shortest
    assert shortest <= asked_again[0] <= longest + 3 * STEP
    assert scene.has_ended_well()


@requirement("fault:F12")
def test_control_who_believes_any_wish_waits_ten_years() -> None:
    with weakened(answer_fields.pause, "min(seconds, LONGEST_PAUSE)", "seconds"):
        scene = in_trouble("strict", "429, ten years", times=1)
        scene.begins("schedule")
        scene.let_pass(3 * HOUR)

    assert scene.is_honoured
    assert len(scene.refreshes()) == 1


@requirement("fault:F12")
def test_control_who_ignores_the_wish_asks_before_its_time() -> None:
    wish = "(wait if wait is not None else retry_after(failures, chance))"
    with weakened(breaker.admit, ALWAYS, "return known"), weakened(renewal._trouble, wish, "0"):
        scene = in_trouble("strict", "429, seconds")
        scene.let_pass(105, scene.look_up)

    assert len(scene.refreshes()) > 5


# -- errors that are no refusal


@requirement("fault:F13")
@pytest.mark.parametrize("fault", [f"{name} before" for name in ERRORS])
@EACH_KIND
def test_an_error_of_another_word_or_status_is_never_a_refusal_however_long_it_lasts(fault: str, kind: str) -> None:
    scene = in_trouble(kind, fault)
    scene.begins("schedule")
    scene.let_pass(DAY // 8)
    during = scene.reason
    scene.world.provider.answer_next.clear()
    scene.let_pass(A_WHILE)

    assert during is None
    assert scene.has_ended_well()


@requirement("fault:F13")
@EACH_KIND
@WHO
def test_a_refusal_of_the_present_token_asks_the_person_and_asks_the_provider_once(kind: str, who: str) -> None:
    scene = due(kind)
    scene.world.provider.withdraw("bob")
    scene.begins(who)
    scene.let_pass(A_WHILE, scene.look_up)

    assert scene.reason == "refused"
    assert len(scene.refreshes()) == 1
    assert scene.surprises == []
