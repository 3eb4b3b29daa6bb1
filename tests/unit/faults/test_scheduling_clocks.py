"""Clocks that disagree, and clocks that jump, where nobody puts them right.

Leases are compared with the reader's own clock. Two seconds apart, two workers never ask at once. Further apart they are
not: every function takes the time from the table's answers (`test_scheduling_one_clock.py`). Should a worker be off all
the same, it can take a live lease for one that is over. It then waits as for one whose holder has died, and finds the new
tokens unless the provider needs longer than that.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain import renewal
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.renewal_outcome import Outcome, Renewed
from strongroom.flows import lease, renew
from strongroom.ports import Ports
from tests.contract.faults.skewed import OffClock
from tests.requirements import requirement
from tests.unit.faults.crowds import answers_after, crowd
from tests.unit.faults.watching import KINDS, Watched, due
from tests.unit.renewals import Scene, after_rotating
from tests.weakened import weakened

A_WHILE = 1_500
MINUTES = 300
"""As far as AWS lets a caller's clock be off: the signature of a request is good for five minutes."""
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
WITHIN = pytest.mark.parametrize("skew", [-2, -1, 1, 2])
UNTRIED, VERSION_ALONE = "(connection.version.unchanged(), free, *as_read)", "(connection.version.unchanged(),)"
BEYOND = pytest.mark.parametrize("skew", [-MINUTES, MINUTES])


def off_by(scene: Watched, skew: float) -> Ports:
    return replace(scene.world.new_environment(), clock=OffClock(scene.world.clock, skew))


def overlap(kind: str, skew: float, passed: float, *, first_is_off: bool) -> tuple[Watched, list[Outcome]]:
    """One worker has asked, and its answer takes so many seconds; meanwhile another worker comes."""
    scene = due(kind)
    honest, off = scene.world.new_environment(), off_by(scene, skew)
    one, other = (off, honest) if first_is_off else (honest, off)
    outcomes: list[Outcome] = []

    def meanwhile() -> None:
        scene.world.clock.advance(passed)
        outcomes.append(scene.renew(other))

    scene.provider_does(after_rotating(scene.world, meanwhile))
    outcomes.append(scene.renew(one))
    return scene, outcomes


# -- within the margin


@requirement("fault:F16")
@requirement("invariant:I3")
@EACH_KIND
@WITHIN
@pytest.mark.parametrize("first_is_off", [True, False])
@pytest.mark.parametrize("passed", [0, 5, 9.9])
def test_clocks_that_are_two_seconds_apart_make_one_request_at_a_time(
    kind: str, skew: int, first_is_off: bool, passed: float
) -> None:
    scene, _ = overlap(kind, skew, passed, first_is_off=first_is_off)

    assert len(scene.refreshes()) == 1
    scene.let_pass(A_WHILE)
    assert scene.has_ended_well()


@requirement("fault:F16")
@pytest.mark.parametrize("first_is_off", [True, False])
def test_control_a_lease_that_counts_for_nothing_lets_both_ask(first_is_off: bool) -> None:
    with (
        weakened(renewal.assess, "state = connection.renewal", "return Go()"),
        weakened(renewal._untried, UNTRIED, VERSION_ALONE),
        weakened(lease.settled, "if not is_word_missing(connection):", "if True:"),
    ):
        scene, _ = overlap("strict", 1, 1, first_is_off=first_is_off)

    assert len(scene.refreshes()) == 2
    assert not scene.is_honoured


# -- minutes apart


@requirement("fault:F16")
@EACH_KIND
@BEYOND
def test_one_worker_alone_renews_whatever_its_clock_says(kind: str, skew: int) -> None:
    scene = due(kind)
    assert isinstance(scene.renew(off_by(scene, skew)), Renewed)

    scene.let_pass(A_WHILE)
    assert scene.has_ended_well()
    assert all(times == 1 for times in scene.uses.values())


@requirement("fault:F16")
@pytest.mark.parametrize("kind", ["grace", "none"])
@BEYOND
@pytest.mark.parametrize("first_is_off", [True, False])
def test_minutes_apart_and_at_the_same_moment_a_forgiving_provider_loses_nothing(
    kind: str, skew: int, first_is_off: bool
) -> None:
    scene, _ = overlap(kind, skew, 1, first_is_off=first_is_off)

    scene.let_pass(A_WHILE)
    assert scene.has_ended_well()


TAKES_THE_LEASE = pytest.mark.parametrize(("skew", "first_is_off"), [(-MINUTES, True), (MINUTES, False)])
"""A clock that is slow writes leases that look over; one that is fast takes every lease for one that is over."""


def both_at_once(skew: float, first_is_off: bool, seconds: float) -> Scene:
    """Two workers on threads: the second comes while the provider takes so many seconds for the first one's answer."""
    clock, scene = crowd(left=0)
    world = scene.world
    answers_after(scene, seconds)
    honest = world.new_environment()
    off = replace(world.new_environment(), clock=OffClock(clock, skew))
    one, other = (off, honest) if first_is_off else (honest, off)

    def second() -> None:
        clock.wait(0.5)
        scene.renew(other)

    clock.together([lambda: scene.renew(one) and None, second])
    return scene


@requirement("fault:F16")
@TAKES_THE_LEASE
@pytest.mark.parametrize("seconds", [1, 2, 3])
def test_minutes_apart_and_at_the_same_moment_who_takes_a_live_lease_waits_and_finds_the_new_tokens(
    skew: int, first_is_off: bool, seconds: float
) -> None:
    scene = both_at_once(skew, first_is_off, seconds)

    assert len(scene.refreshes()) == 1
    assert scene.works()


@requirement("fault:F16")
@TAKES_THE_LEASE
def test_control_without_that_wait_a_second_request_ends_the_grant(skew: int, first_is_off: bool) -> None:
    with weakened(lease.settled, "if not is_word_missing(connection):", "if True:"):
        scene = both_at_once(skew, first_is_off, 3)

    assert len(scene.refreshes()) == 2
    assert not scene.world.provider.grants[0].alive


# -- jumps


@requirement("fault:F16")
@EACH_KIND
@pytest.mark.parametrize("jump", [-MINUTES, -60, 60, MINUTES])
def test_a_clock_that_jumps_while_the_answer_is_on_its_way_loses_nothing(kind: str, jump: int) -> None:
    scene = due(kind)
    world = scene.world

    def jumping(request: Outgoing) -> Answer:
        answer = world.provider.honest(request)
        world.clock.set(world.clock.now() + jump)
        return answer

    scene.provider_does(jumping)
    scene.begins("schedule")
    scene.let_pass(A_WHILE)

    assert scene.has_ended_well()
    assert all(times == 1 for times in scene.uses.values())


@requirement("fault:F16")
@EACH_KIND
@pytest.mark.parametrize("jump", [60, MINUTES])
def test_a_clock_that_jumps_between_lease_and_request_sends_nothing_under_a_lease_that_is_over(
    kind: str, jump: int
) -> None:
    scene = due(kind)
    world, watching = scene.world, scene.world.table.after["commit"]

    def jumping(writes: object) -> None:
        watching(writes)
        world.table.after["commit"] = watching
        world.clock.set(world.clock.now() + jump)

    world.table.after["commit"] = jumping
    scene.begins("schedule")
    assert scene.refreshes() == []
    scene.let_pass(A_WHILE)
    assert scene.has_ended_well()


@requirement("fault:F16")
def test_control_who_does_not_look_at_the_clock_again_sends_under_a_lease_that_is_over() -> None:
    scene = due("strict")
    world, watching = scene.world, scene.world.table.after["commit"]

    def jumping(writes: object) -> None:
        world.table.after["commit"] = watching
        world.clock.set(world.clock.now() + 60)

    world.table.after["commit"] = jumping
    with weakened(renew._with_line, "if sent_at > send_by:", "if False:"):
        scene.renew()

    assert len(scene.refreshes()) == 1
