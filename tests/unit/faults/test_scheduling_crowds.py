"""A hundred at once want one connection renewed: one request leaves, and all hundred have their answer."""

from __future__ import annotations

from collections import Counter

import pytest

from strongroom.domain import lookup, renewal
from strongroom.flows import on_demand
from tests.fakes.provider_faults import FAULTS, switch_on
from tests.requirements import requirement
from tests.unit.faults.crowds import HUNDRED, answers_after, crowd, fills_the_queue, looks_up, takes_a_message
from tests.unit.renewals import queue
from tests.weakened import weakened
from tests.world import Answered


def statuses(answers: list[Answered]) -> Counter[int]:
    return Counter(answer.status for answer in answers)


@requirement("fault:F1")
@requirement("invariant:I3")
@pytest.mark.parametrize("seconds", [0, 1, 5, 9.5])
def test_a_hundred_look_ups_for_a_token_that_is_over_make_one_request_and_all_have_the_new_one(seconds: float) -> None:
    clock, scene = crowd(left=0)
    answers_after(scene, seconds)
    answers = clock.together([looks_up(scene)] * HUNDRED)

    assert len(scene.refreshes()) == 1
    assert statuses(answers) == {200: HUNDRED}
    assert {answer.json["access_token"] for answer in answers} == {scene.world.provider.grants[0].access}
    assert scene.works()


@requirement("fault:F1")
@requirement("invariant:I17")
def test_while_one_renews_the_others_are_given_the_token_that_is_still_good() -> None:
    clock, scene = crowd(left=40)
    old = scene.world.provider.grants[0].access
    answers_after(scene, 5)
    answers = clock.together([looks_up(scene)] * HUNDRED)

    given = Counter(answer.json["access_token"] for answer in answers)
    assert statuses(answers) == {200: HUNDRED}
    assert given == {old: HUNDRED - 1, scene.world.provider.grants[0].access: 1}
    assert len(scene.refreshes()) == 1


@requirement("fault:F1")
@requirement("fault:F17")
@requirement("fault:F18")
@requirement("invariant:I3")
@pytest.mark.parametrize("seconds", [0, 5])
def test_with_the_messages_of_overlapping_ticks_in_between_it_is_still_one_request(seconds: float) -> None:
    clock, scene = crowd(left=0)
    fills_the_queue(scene, 20)
    answers_after(scene, seconds)
    deeds = [deed for _ in range(20) for deed in (*[looks_up(scene)] * 5, takes_a_message(scene))]
    answers = [answer for answer in clock.together(deeds) if answer is not None]

    assert len(scene.refreshes()) == 1
    assert statuses(answers) == {200: HUNDRED}
    clock.advance(31)
    scene.world.deliver()
    assert len(scene.refreshes()) == 1
    assert queue(scene.world, "renewal").waiting() == 0
    assert scene.works()


@requirement("fault:F1")
@requirement("invariant:I3")
def test_a_hundred_who_reject_the_same_version_make_one_request_and_all_have_the_new_one() -> None:
    clock, scene = crowd(left=3000)
    answers_after(scene, 2)
    answers = clock.together([looks_up(scene, not_version=str(scene.connection.version))] * HUNDRED)

    assert len(scene.refreshes()) == 1
    assert statuses(answers) == {200: HUNDRED}
    assert len({answer.json["access_token"] for answer in answers}) == 1
    assert scene.works()


@requirement("fault:F1")
@pytest.mark.parametrize("fault", ["timeout before", "timeout after", "503 before", "429, seconds"])
def test_if_the_one_request_fails_nobody_of_the_hundred_sends_another(fault: str) -> None:
    clock, scene = crowd(left=0)
    switch_on(scene.world.provider, FAULTS[fault], HUNDRED)
    answers = clock.together([looks_up(scene)] * HUNDRED)

    assert len(scene.refreshes()) == 1
    assert statuses(answers) == {503: HUNDRED}
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in answers)


# -- the defences, each taken out once

UNTRIED = "(connection.version.unchanged(), free, *as_read)"


@requirement("fault:F1")
@requirement("invariant:I3")
def test_control_without_the_lease_many_ask_and_a_strict_provider_ends_the_grant() -> None:
    clock, scene = crowd(left=0)
    answers_after(scene, 1)
    with weakened(renewal._untried, UNTRIED, "(connection.version.unchanged(),)"):
        clock.together([looks_up(scene)] * HUNDRED)

    assert len(scene.refreshes()) > 1
    assert not scene.world.provider.grants[0].alive


@requirement("fault:F1")
def test_control_who_does_not_wait_for_the_one_leaves_the_others_without_an_answer() -> None:
    clock, scene = crowd(left=0)
    answers_after(scene, 1)
    with weakened(on_demand.worth_waiting, "return now - started < LONGEST_WAIT", "return False"):
        answers = clock.together([looks_up(scene)] * HUNDRED)

    assert statuses(answers)[503] > HUNDRED / 2


@requirement("invariant:I17")
def test_control_who_hands_out_whatever_is_there_gives_tokens_that_end_on_the_way() -> None:
    clock, scene = crowd(left=5)
    answers_after(scene, 1)
    with weakened(lookup.is_usable, "_left(connection, now) >= LEAST_VALIDITY", "True"):
        answers = clock.together([looks_up(scene)] * HUNDRED)

    assert any(answer.json["expires_at"] - clock.now() < 10 for answer in answers if answer.status == 200)
