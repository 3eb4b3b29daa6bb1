"""Messages that come twice, in any order, while they are worked on, or to no end: it ends as if each came once."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from strongroom.domain import keys, renewal
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import Key
from strongroom.flows import work
from tests.requirements import requirement
from tests.unit.faults.rounds import (
    all_alive,
    delivers,
    fires,
    installations,
    refreshes,
    repeated,
    shuffled,
    sweeps,
    team,
)
from tests.unit.faults.watching import KINDS, TICK, due
from tests.unit.renewals import Killed, after_rotating, nearly_over, queue, rotates_in_silence, when
from tests.weakened import weakened
from tests.world import World

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


# -- messages


@requirement("fault:F18")
@requirement("invariant:I15")
@EACH_KIND
@pytest.mark.parametrize("seed", range(5))
def test_messages_of_two_rounds_in_any_order_and_number_end_as_if_each_came_once(kind: str, seed: int) -> None:
    world = team()
    for name, value in KINDS[kind].items():
        setattr(world.provider, name, value)
    for _ in range(2):
        world.clock.advance(3300)
        world.tick()
    asked = len(refreshes(world))
    sent = queue(world, "renewal").sent
    everything = shuffled([repeated(message, times) for message in sent for times in (1, 2, 5)], seed)
    for start in range(0, len(everything), 10):
        delivers(world, everything[start : start + 10])

    assert len(refreshes(world)) == asked
    assert all_alive(world)


@requirement("fault:F18")
@requirement("invariant:I15")
@pytest.mark.parametrize("seed", range(5))
def test_fresh_messages_of_one_round_delivered_many_times_at_once_renew_each_once(seed: int) -> None:
    world = team()
    world.clock.advance(3300)
    fires(world)
    sweeps(world)
    delivers(world, shuffled([repeated(message) for message in queue(world, "renewal").sent * 5], seed))

    assert len(refreshes(world)) == len(set(refreshes(world))) == 9
    assert all_alive(world)


@requirement("fault:F18")
def test_control_who_ignores_the_version_in_a_message_renews_what_is_new_already() -> None:
    world = team()
    world.clock.advance(3300)
    world.tick()
    again = [repeated(message) for message in queue(world, "renewal").sent]
    with weakened(work.renew_one, "if str(connection.version) != version:", "if False:"):
        delivers(world, again)

    assert len(refreshes(world)) == 18


@requirement("fault:F18")
@EACH_KIND
def test_a_message_that_comes_back_while_it_is_worked_on_asks_nobody(kind: str) -> None:
    """The visibility timeout is over before the worker is: the same message is delivered to a second one."""
    scene = due(kind)
    world = scene.world

    def comes_back() -> None:
        world.clock.advance(9)
        delivers(world, [repeated(queue(world, "renewal").sent[0], 2)])

    scene.provider_does(after_rotating(world, comes_back))
    world.tick()
    scene.let_pass(TICK)

    assert len(scene.refreshes()) == 1
    assert scene.has_ended_well()


@requirement("fault:F18")
@requirement("invariant:I3")
def test_a_second_look_that_comes_before_its_time_waits_for_it() -> None:
    scene = due("grace")
    world = scene.world
    scene.provider_does(rotates_in_silence(world))
    world.tick()
    (message,) = queue(world, "renewal").sent
    for _ in range(3):
        world.clock.advance(5)
        delivers(world, [repeated(message, 1), repeated(message, 3)])
    early = len(scene.refreshes())
    scene.let_pass(TICK)

    assert early == 1
    assert scene.has_ended_well()


@requirement("fault:F18")
def test_control_without_the_intent_a_message_that_comes_twice_looks_a_second_time_at_once() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(rotates_in_silence(world))
    world.tick()
    (message,) = queue(world, "renewal").sent
    world.clock.advance(5)
    with weakened(renewal.assess, "state = connection.renewal", "return Go()"):
        delivers(world, [repeated(message)])

    assert len(scene.refreshes()) == 2


# -- a message that nobody can work on, and a function whose time is over


def one_of(world: World) -> Key:
    """The connection of one person, among the nine."""
    return keys.connection("acme", "carol", installations(world)[0])


def cannot_read(world: World, unlucky: Key, error: BaseException, times: int) -> None:
    def hook(wanted: Any) -> None:
        if unlucky in wanted:
            raise error

    world.table.before["read"] = when(lambda wanted: unlucky in wanted, hook, times)


@requirement("fault:F19")
def test_a_message_that_always_fails_holds_up_no_other_and_its_connection_is_found_without_it() -> None:
    world = team()
    unlucky = one_of(world)
    world.clock.advance(3300)
    cannot_read(world, unlucky, StoreUnavailable("away"), 3)
    world.tick()
    others = len(refreshes(world))
    for _ in range(3):
        world.clock.advance(31)
        world.deliver()
    dead = list(queue(world, "renewal").dead)
    world.clock.advance(TICK)
    world.tick()

    assert others == 8
    assert len(dead) == 1
    assert len(refreshes(world)) == len(set(refreshes(world))) == 9
    assert all_alive(world)


@requirement("fault:F19")
def test_control_a_batch_that_fails_as_a_whole_sends_all_of_it_to_the_dead_letters() -> None:
    world = team()
    unlucky = one_of(world)
    world.clock.advance(3300)
    fires(world)
    sweeps(world)
    cannot_read(world, unlucky, Killed(), 100)
    for _ in range(4):
        with suppress(Killed):
            world.deliver()
        world.clock.advance(31)

    assert len(queue(world, "renewal").dead) == 9


@requirement("fault:F20")
@requirement("invariant:I6")
def test_when_the_function_is_ended_in_the_middle_of_a_batch_what_is_done_stays_done_and_the_rest_follows() -> None:
    world = team()
    unlucky = one_of(world)
    world.clock.advance(3300)
    cannot_read(world, unlucky, Killed(), 1)
    with pytest.raises(Killed):
        world.tick()
    done = len(refreshes(world))
    coming = queue(world, "renewal").waiting()
    world.clock.advance(31)
    world.deliver()

    assert done < 9
    assert coming == 9
    assert len(refreshes(world)) == len(set(refreshes(world))) == 9
    assert all_alive(world)
