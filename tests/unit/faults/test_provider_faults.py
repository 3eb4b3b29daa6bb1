"""Every fault of a token endpoint, at every kind of provider, whoever renews: no grant is lost that the provider honours."""

from __future__ import annotations

import pytest

from strongroom.domain import exchange, renewal, schedule
from strongroom.flows import renew
from tests.fakes.provider_faults import FAULTS, switch_on
from tests.requirements import requirement
from tests.unit.faults.watching import KINDS, Watched, due
from tests.weakened import weakened

A_WHILE = 1800
"""Long enough for the longest pause and the next tick, and shorter than the new tokens live."""
EACH_FAULT = pytest.mark.parametrize("fault", FAULTS)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
WHO = pytest.mark.parametrize("who", ["schedule", "look_up"])


def run(kind: str, fault: str, who: str, times: int = 1) -> Watched:
    scene = due(kind)
    switch_on(scene.world.provider, FAULTS[fault], times)
    scene.begins(who)
    scene.let_pass(A_WHILE)
    return scene


@requirement("fault:F11")
@requirement("invariant:I5")
@requirement("invariant:I7")
@EACH_FAULT
@EACH_KIND
@WHO
def test_a_fault_ends_connected_unless_the_answer_was_lost_and_the_provider_is_strict(
    fault: str, kind: str, who: str
) -> None:
    scene = run(kind, fault, who)

    lost = kind == "strict" and FAULTS[fault].stage == "after"
    assert scene.surprises == []
    assert scene.is_honoured is not lost
    assert scene.has_ended_well() is not lost
    assert scene.reason == ("lost_response" if lost else None)
    assert max(scene.uses.values()) <= 2


# -- the defences, each taken out once


@requirement("fault:F11")
@pytest.mark.parametrize("fault", ["html with 200 before", "timeout before"])
def test_control_who_takes_a_lost_answer_for_a_refusal_breaks_what_the_provider_honours(fault: str) -> None:
    with weakened(
        renew._judge, "return _unclear(ports, sent)", "return renewal_faults.refused(ports, connection, sent.lease)"
    ):
        scene = run("strict", fault, "schedule")

    assert scene.is_honoured
    assert scene.reason == "refused"
    assert scene.surprises == ["a person must act, and nobody has refused: refused"]


@requirement("invariant:I7")
def test_control_who_believes_a_refusal_of_any_status_breaks_what_the_provider_honours() -> None:
    with weakened(exchange._judge_error, "answer.status in {400, 401}", "True"):
        scene = run("strict", "403 with invalid_grant before", "look_up")

    assert scene.is_honoured
    assert scene.reason == "refused"


@requirement("invariant:I5")
@pytest.mark.parametrize("who", ["schedule", "look_up"])
def test_control_a_second_look_that_comes_late_loses_what_a_grace_window_would_have_saved(who: str) -> None:
    assert run("grace", "timeout after", who).has_ended_well()
    with weakened(schedule.second_look_after, "else SECOND_LOOK_AFTER", "else 900"):
        late = run("grace", "timeout after", who)

    assert late.reason == "lost_response"


@requirement("fault:F13")
def test_control_who_forgets_the_intent_cannot_say_that_an_answer_was_lost() -> None:
    with weakened(renewal.take_lease, "connection.renewal.intents + 1", "0"):
        scene = run("strict", "timeout after", "schedule")

    assert scene.reason == "refused"


# -- the odd answers one by one


@requirement("fault:F14")
@pytest.mark.parametrize("fault", [name for name in FAULTS if name.startswith("expires_in")])
def test_an_odd_lifetime_keeps_the_tokens_and_is_never_believed_beyond_a_year(fault: str) -> None:
    scene = run("strict", fault, "look_up")

    tokens = scene.connection.tokens
    assert tokens is not None
    assert tokens.expires_at is None or tokens.expires_at <= tokens.obtained_at + 365 * 86_400
    assert scene.works()


@requirement("fault:F15")
@pytest.mark.parametrize("who", ["schedule", "look_up"])
def test_a_provider_that_says_nothing_of_its_refresh_token_is_sent_the_same_one_again(who: str) -> None:
    scene = due("none")
    first = scene.sealed_refresh()
    scene.world.provider.gives_refresh = False
    for _ in range(3):
        scene.begins(who)
        scene.world.clock.advance(3600)

    assert set(scene.refreshes()) == {first}
    assert len(scene.refreshes()) == 3
    assert scene.has_ended_well()


@requirement("fault:F15")
def test_control_who_keeps_no_old_refresh_token_has_nothing_left_to_renew_with() -> None:
    scene = due("none")
    scene.world.provider.gives_refresh = False
    with weakened(
        renew._commit, "issued.refresh_token or prepared.refresh_token", "issued.refresh_token or issued.access_token"
    ):
        scene.begins("schedule")
    scene.world.clock.advance(3600)
    scene.begins("schedule")

    assert scene.is_honoured
    assert scene.reason == "refused"
