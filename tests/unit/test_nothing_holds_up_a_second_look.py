"""What spares a provider, or shares a worker fairly, costs no grant: a lost answer is looked at again in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from strongroom.domain import breaker as rules
from strongroom.domain import renewal
from strongroom.domain.breaker import Breaker, Trouble
from strongroom.domain.errors import ProviderFailed
from strongroom.domain.http import Answer, NoAnswer, Outgoing
from strongroom.domain.renewal_outcome import Unclear
from strongroom.domain.table import Put
from strongroom.flows.messages import renewal_message
from strongroom.flows.slots import Slots
from strongroom.flows.work import LookAgain, renew_one
from strongroom.ports import Line
from tests.requirements import requirement
from tests.unit.renewals import (
    Killed,
    Scene,
    dies,
    heals,
    nearly_over,
    queue,
    refuses_tokens,
    replies,
    rotates_in_silence,
)
from tests.unit.test_breaker_flow import crowd
from tests.unit.test_restored_table import asks, backed_up, restore
from tests.weakened import weakened

SLOW = 3.0


def five_lose_their_answers() -> list[Scene]:
    """Five in a row, whose work is done: enough to open the breaker. The provider forgives for a minute."""
    scenes = crowd(5)
    world = scenes[0].world
    world.provider.grace = 60

    def in_vain(request: Outgoing) -> Answer:
        world.provider.honest(request)
        return NoAnswer("timed_out")

    for scene in scenes:
        scene.provider_does(in_vain)
        world.queues.renewal.send([renewal_message(scene.connection.key, scene.connection.version, "g")])
    world.deliver()
    for _ in range(100):
        world.clock.advance(5)
        world.deliver()
    return scenes


@requirement("fault:F3")
@requirement("fault:F12")
def test_a_breaker_that_lost_answers_have_opened_does_not_keep_their_second_looks_away() -> None:
    assert all(scene.works() for scene in five_lose_their_answers())


def test_control_a_breaker_for_second_looks_too_would_cost_all_five() -> None:
    with weakened(renewal.is_second_look, "state.intents == 1", "False"):
        scenes = five_lose_their_answers()
        scenes[0].world.clock.advance(900)
        scenes[0].world.tick()

    assert not any(scene.works() for scene in scenes)


def looked_at_without_a_slot() -> tuple[object, Scene]:
    scene = nearly_over(left=0)
    scene.provider_does(rotates_in_silence(scene.world))
    scene.world.provider.grace = 60
    named = (scene.world.ports, scene.connection.key, str(scene.connection.version))
    assert renew_one(*named, 1) == LookAgain(30)
    scene.world.clock.advance(30)
    return renew_one(*named, 2, Slots(0)), scene


@requirement("fault:F23")
def test_a_second_look_needs_no_slot() -> None:
    _, scene = looked_at_without_a_slot()

    assert scene.works()


def test_control_without_that_it_would_be_dropped() -> None:
    with weakened(renewal.is_second_look, "state.intents == 1", "False"):
        _, scene = looked_at_without_a_slot()

    assert scene.connection.renewal.intents == 1


def test_it_is_of_use_for_three_minutes_and_once() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(rotates_in_silence(scene.world))
    assert isinstance(scene.renew(), Unclear)
    now = scene.world.clock.now()

    assert renewal.is_second_look(scene.connection, now + 179)
    assert not renewal.is_second_look(scene.connection, now + 180)
    assert not renewal.is_second_look(nearly_over().connection, now)


def after_a_dead_worker_at_a_slow_provider() -> Scene:
    """It takes three seconds to reach; after a dead worker there is time for less. Three ticks later."""
    scene = nearly_over(left=0)
    real = scene.world.egress.dial

    @contextmanager
    def dial(url: str, within: float) -> Iterator[Line]:
        scene.world.clock.advance(min(within, SLOW))
        if within < SLOW:
            raise ProviderFailed("too slow")
        with real(url, within) as line:
            yield line

    scene.world.egress.dial = dial  # type: ignore[method-assign]  # a line that is slow to come
    scene.provider_does(dies)
    with pytest.raises(Killed):
        scene.renew()
    for _ in range(3):
        scene.world.clock.advance(300)
        scene.world.tick()
    return scene


@requirement("fault:F2")
def test_a_dead_worker_does_not_keep_a_slow_provider_out_of_reach_for_ever() -> None:
    assert after_a_dead_worker_at_a_slow_provider().works()


def test_control_a_lease_that_is_never_forgotten_would() -> None:
    forgets = '("lease", "lease_until") if connection.renewal.lease is not None else ()'
    with weakened(renewal.failed_before_lease, forgets, "()"):
        scene = after_a_dead_worker_at_a_slow_provider()

    assert scene.connection.renewal.failures == 3


@requirement("fault:F31")
def test_a_rescued_result_that_is_newer_than_a_restored_row_is_stored_over_it() -> None:
    scene, backup = backed_up()
    scene.renew()
    scene.world.clock.advance(3600)
    refuses_tokens(scene.world)
    scene.renew()
    assert queue(scene.world, "rescue").waiting() == 1
    heals(scene.world)

    restore(scene, backup)
    scene.world.deliver()

    assert asks(scene).status == 200
    assert scene.row["n"] == 3 or scene.works()


# -- a 429 that is meant for one


def limited(known: Breaker, by: str, now: float) -> Breaker:
    found = rules.after_trouble(known, Trouble("rate_limited", 60, at_once=True, by=by), now, 0.0, f"{by} {now}", None)
    assert found is not None
    return found


@requirement("fault:F12")
def test_a_429_that_always_meets_the_same_connection_closes_the_breaker_to_the_others() -> None:
    once = limited(Breaker("a key"), "one", 1000)
    assert isinstance(rules.assess(once, 1001), rules.Open)

    again = limited(once, "one", 1060)
    assert isinstance(rules.assess(again, 1061), rules.Closed)


def test_a_429_that_meets_another_one_opens_it_for_all() -> None:
    again = limited(limited(Breaker("a key"), "one", 1000), "another", 1060)

    assert isinstance(rules.assess(again, 1061), rules.Open)


def test_who_met_it_is_remembered_over_a_success_of_somebody_else() -> None:
    once = limited(Breaker("a key"), "one", 1000)
    write = once.well("a turn")

    assert isinstance(write, Put)
    closed = Breaker.from_item("a key", write.item)
    assert isinstance(rules.assess(closed, 1061), rules.Closed)
    assert isinstance(rules.assess(limited(closed, "one", 1061), 1062), rules.Closed)
    assert isinstance(rules.assess(limited(closed, "another", 1061), 1062), rules.Open)


def test_a_look_up_without_time_to_ask_takes_nobody_elses_trial() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(replies(429, retry_after="60"))
    scene.renew()
    before = scene.world.table.snapshot()
    scene.world.clock.advance(61)

    scene.renew(within=1.0)

    rows = {key: row for key, row in scene.world.table.snapshot().items() if key.sk == "B"}
    assert rows == {key: row for key, row in before.items() if key.sk == "B"}
