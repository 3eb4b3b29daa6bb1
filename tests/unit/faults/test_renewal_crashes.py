"""Workers that die: before their request, while it is on the way, with the answer in their hands.

Whoever dies in a worker leaves a message, which comes back; whoever dies in a look-up leaves a row that is due at the
second look, and a satellite that asks again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from strongroom.domain import renewal, schedule
from strongroom.domain.http import Answer, Outgoing
from tests.requirements import requirement
from tests.unit.faults.watching import KINDS, TICK, Watched, due
from tests.unit.renewals import Killed, dies, dies_after_rotating, holds_tokens, when
from tests.weakened import weakened

A_WHILE = 1_500
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
WHO = pytest.mark.parametrize("who", ["schedule", "look_up"])
Death = Callable[[Watched], None]


def killed(argument: Any) -> None:
    raise Killed


def takes_lease(writes: Any) -> bool:
    return any("lease" in getattr(write, "put", {}) for write in writes)


# -- where it dies


def reading(scene: Watched) -> None:
    scene.world.table.before["read"] = when(lambda keys: True, killed, 1)


def dialling(scene: Watched) -> None:
    def dies_at_the_door(url: str, within: float) -> Any:
        del scene.world.egress.__dict__["dial"]
        raise Killed

    scene.world.egress.__dict__["dial"] = dies_at_the_door


def before_the_lease(scene: Watched) -> None:
    scene.world.table.before["commit"] = when(takes_lease, killed, 1)


def with_the_lease(scene: Watched) -> None:
    watching = scene.world.table.after["commit"]
    dying = when(takes_lease, killed, 1)

    def hook(writes: Any) -> None:
        watching(writes)
        dying(writes)

    scene.world.table.after["commit"] = hook


def before_it_arrives(scene: Watched) -> None:
    scene.provider_does(dies)


def after_the_work(scene: Watched) -> None:
    scene.provider_does(dies_after_rotating(scene.world))


def with_the_answer(scene: Watched) -> None:
    scene.world.table.before["commit"] = when(holds_tokens, killed, 1)


def after_the_commit(scene: Watched) -> None:
    dying = when(holds_tokens, killed, 1)
    scene.world.table.after["commit"] = dying


UNSENT: list[Death] = [reading, dialling, before_the_lease, with_the_lease]
SENT: list[Death] = [before_it_arrives, after_the_work]
STORED: list[Death] = [after_the_commit]


def named(deaths: list[Death]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("death", deaths, ids=[death.__name__ for death in deaths])


def crash(kind: str, who: str, death: Death) -> Watched:
    scene = due(kind)
    death(scene)
    with pytest.raises(Killed):
        scene.begins(who)
    return scene


def asks_again(scene: Watched, who: str) -> Callable[[], object]:
    """A satellite whose call failed calls again; a schedule is not asked by anybody."""
    return scene.look_up if who == "look_up" else lambda: None


# -- before anything left us


@requirement("fault:F2")
@requirement("invariant:I6")
@named(UNSENT)
@EACH_KIND
@WHO
def test_who_dies_before_the_request_loses_nothing(death: Death, kind: str, who: str) -> None:
    scene = crash(kind, who, death)
    scene.let_pass(A_WHILE)

    assert scene.has_ended_well()
    assert len(scene.refreshes()) == 1


@requirement("fault:F2")
def test_control_a_lease_without_an_end_would_never_be_taken_over() -> None:
    with weakened(renewal.take_lease, '"lease_until": int(now) + LEASE', '"lease_until": int(now) + 10**9'):
        scene = crash("strict", "schedule", with_the_lease)
    scene.let_pass(A_WHILE)

    assert scene.refreshes() == []


@requirement("fault:F2")
def test_control_a_renewal_that_leaves_no_due_row_behind_is_forgotten_by_the_schedule() -> None:
    scene = due("strict", left=2_000)
    scene.world.table.after["commit"] = when(takes_lease, killed, 1)
    forced = partial(scene.world.look_up, "bob", scene.installation, not_version=str(scene.connection.version))
    keeps_due = '**({"due_at": again} if connection.renewal.due_at > again else {}),'
    with weakened(renewal.take_lease, keeps_due, ""), pytest.raises(Killed):
        forced()

    assert scene.connection.renewal.due_at > scene.world.clock.now() + 30


# -- on the way, and with the answer


@requirement("fault:F3")
@requirement("invariant:I6")
@named(SENT)
@EACH_KIND
@WHO
def test_who_dies_while_the_request_is_on_the_way_ends_connected_or_with_a_clear_word(
    death: Death, kind: str, who: str
) -> None:
    scene = crash(kind, who, death)
    scene.let_pass(A_WHILE, asks_again(scene, who))

    judge(scene, lost=kind == "strict" and death is after_the_work)


@requirement("fault:F4")
@requirement("invariant:I6")
@EACH_KIND
@WHO
def test_who_dies_with_the_answer_in_hand_ends_connected_or_with_a_clear_word(kind: str, who: str) -> None:
    scene = crash(kind, who, with_the_answer)
    scene.let_pass(A_WHILE, asks_again(scene, who))

    judge(scene, lost=kind == "strict")


@requirement("fault:F4")
@named(STORED)
@EACH_KIND
@WHO
def test_who_dies_right_after_the_write_has_lost_nothing(death: Death, kind: str, who: str) -> None:
    scene = crash(kind, who, death)
    scene.let_pass(A_WHILE)

    assert scene.has_ended_well()
    assert len(scene.refreshes()) == 1


def judge(scene: Watched, lost: bool) -> None:
    assert scene.surprises == []
    assert scene.is_honoured is not lost
    assert scene.reason == ("lost_response" if lost else None)
    assert lost or scene.has_ended_well()
    assert len(scene.refreshes()) == 2
    assert scene.connection.tokens is not None


@requirement("fault:F4")
def test_between_the_answer_and_the_write_nothing_is_asked_of_anybody() -> None:
    scene = due("strict")
    world, since = scene.world, []

    def answers(request: Outgoing) -> Answer:
        answer = world.provider.honest(request)
        since.append((sum(world.table.requests.values()), len(world.egress.sent), len(world.egress.dialled)))
        return answer

    scene.provider_does(answers)
    world.table.before["commit"] = when(holds_tokens, lambda writes: since.append(asked(scene)), 1)
    scene.begins("schedule")

    before, after = since
    assert after == (before[0] + 1, *before[1:])


def asked(scene: Watched) -> tuple[int, int, int]:
    world = scene.world
    return sum(world.table.requests.values()), len(world.egress.sent), len(world.egress.dialled)


@requirement("fault:F3")
@pytest.mark.parametrize("death", [after_the_work, with_the_answer])
def test_who_dies_in_a_look_up_that_nobody_repeats_is_found_by_the_next_tick(death: Death) -> None:
    scene = crash("none", "look_up", death)
    scene.let_pass(TICK + 30)

    assert scene.has_ended_well()


@requirement("fault:F3")
def test_a_grace_window_shorter_than_a_tick_does_not_help_a_look_up_that_died_and_that_nobody_repeats() -> None:
    scene = crash("grace", "look_up", after_the_work)
    scene.let_pass(A_WHILE)

    assert scene.reason == "lost_response"
    assert scene.surprises == []


@requirement("fault:F3")
def test_control_without_the_intent_a_spent_token_is_called_refused_and_not_lost() -> None:
    with weakened(renewal.take_lease, "connection.renewal.intents + 1", "0"):
        scene = crash("strict", "schedule", after_the_work)
        scene.let_pass(A_WHILE)

    assert scene.reason == "refused"


@requirement("fault:F3")
@EACH_KIND
def test_control_a_second_look_after_the_grace_window_is_over_saves_nothing(kind: str) -> None:
    with weakened(schedule.second_look_after, "else SECOND_LOOK_AFTER", "else 600"):
        scene = crash(kind, "schedule", after_the_work)
        scene.let_pass(A_WHILE)

    assert scene.reason == (None if kind == "none" else "lost_response")
