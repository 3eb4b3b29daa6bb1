"""Ticks that come twice, late or not at all, and many connections at once: what is due stays due, and is found in time."""

from __future__ import annotations

import pytest

from strongroom.domain import renewal
from strongroom.domain import schedule as rules
from strongroom.domain.rows import number
from strongroom.flows import sweep as sweeping
from tests.requirements import requirement
from tests.unit.faults.rounds import (
    all_alive,
    fires,
    installations,
    refreshes,
    sweeps,
    team,
)
from tests.unit.faults.watching import TICK, due
from tests.unit.renewals import Scene, after_rotating, connected
from tests.weakened import weakened

# -- ticks


@requirement("fault:F17")
@requirement("invariant:I15")
@pytest.mark.parametrize("ticks", [1, 2, 5])
def test_ticks_that_come_at_once_or_overlap_renew_each_connection_once(ticks: int) -> None:
    world = team()
    world.clock.advance(3300)
    fires(world, ticks)
    sweeps(world)
    fires(world, ticks)
    world.deliver()

    assert len(refreshes(world)) == len(set(refreshes(world))) == 9
    assert all_alive(world)


@requirement("fault:F17")
@requirement("invariant:I15")
def test_a_tick_in_the_middle_of_a_renewal_asks_for_nothing_twice() -> None:
    scene = due("strict")
    scene.provider_does(after_rotating(scene.world, lambda: fires(scene.world), lambda: sweeps(scene.world)))
    scene.world.tick()
    scene.let_pass(TICK)

    assert len(scene.refreshes()) == 1
    assert scene.has_ended_well()


@requirement("fault:F17")
@requirement("invariant:I16")
@pytest.mark.parametrize("missed", [1, 12, 288, 2016])
def test_ticks_that_are_missed_for_minutes_or_a_week_are_made_good_by_the_next_one(missed: int) -> None:
    world = team()
    world.clock.advance(3000 + missed * TICK)
    world.tick()

    assert len(refreshes(world)) == 9
    assert all_alive(world)


@requirement("fault:F17")
def test_control_who_looks_for_what_came_due_since_the_last_tick_never_finds_what_one_has_missed() -> None:
    world = team()
    world.clock.advance(3000 + 12 * TICK)
    with weakened(sweeping.sweep_shard, "int(ports.clock.now())", "int(ports.clock.now()) % 300"):
        world.tick()

    assert refreshes(world) == []


@requirement("fault:F17")
@requirement("invariant:I16")
def test_with_a_tick_every_five_minutes_no_token_of_a_used_connection_is_ever_over() -> None:
    world = team()
    for _ in range(60):
        world.clock.advance(TICK)
        world.tick()
        rows = [row for row in world.table.snapshot().values() if row.get("kind") == "connection"]
        assert min(number(row, "expires_at") for row in rows) > world.clock.now()
    assert all_alive(world)


# -- many at once


@requirement("fault:F21")
def test_a_thousand_that_connect_together_are_asked_for_over_many_ticks_and_all_in_time() -> None:
    scene = connected()
    tokens, now = scene.connection.tokens, int(scene.world.clock.now())
    assert tokens is not None
    found = [renewal.next_due(tokens, now, scene.world.policy, now, chance / 1000) for chance in range(1000)]
    per_tick = [sum(start <= at < start + TICK for at in found) for start in range(min(found), max(found) + 1, TICK)]

    assert max(found) <= (tokens.expires_at or 0) - scene.world.policy.renew_ahead
    assert max(per_tick) <= 450
    assert len(per_tick) >= 3


@requirement("fault:F21")
def test_control_without_the_spread_they_would_all_be_due_in_the_same_second() -> None:
    scene = connected()
    tokens, now = scene.connection.tokens, int(scene.world.clock.now())
    assert tokens is not None
    with weakened(rules.due_at, "int(spread * chance)", "0"):
        found = {renewal.next_due(tokens, now, scene.world.policy, now, chance / 1000) for chance in range(1000)}

    assert len(found) == 1


@requirement("fault:F22")
def test_a_look_up_does_not_wait_for_the_backlog() -> None:
    world = team()
    world.clock.advance(3 * 3600)
    fires(world)
    sweeps(world)
    scene = Scene(world, next(iter(installations(world))))

    assert world.look_up("bob", scene.installation).status == 200
    assert len(refreshes(world)) == 1
    world.deliver()
    assert len(refreshes(world)) == len(set(refreshes(world))) == 9
