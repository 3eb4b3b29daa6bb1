"""A cascade of several passes dies at each of its steps: the next pass goes on, and meanwhile nobody reads anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.cut import TAKEN_FOR, Cut
from strongroom.domain.errors import QueueUnavailable, StoreUnavailable
from strongroom.domain.table import Put
from strongroom.flows import clearing
from strongroom.flows.chores import do_chore
from tests.fakes.faults import Hook
from tests.requirements import requirement
from tests.unit.cutting import alive, drained, let_pass, rebind, revocations, the_cut, told, uninstall
from tests.unit.races.steps import Step, Stepped, When
from tests.unit.renewals import Killed, queue, rows
from tests.weakened import weakened
from tests.world import World

USERS = ("alice", "bob", "carol")
SLOW = 50
"""Seconds that each row takes: it fills a pass."""
MOST = 120
End = Callable[[World, str], Any]


def team(world: World, installation: str) -> None:
    assert world.delete_team("acme").status == 200


def change(world: World, installation: str) -> None:
    rebind(world, installation)


def revoke_all(world: World, installation: str) -> None:
    rebind(world, installation, "revoked")


ENDS: dict[str, End] = {"team": team, "changed": change, "revoked": revoke_all, "uninstalled": uninstall}
EACH_END = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
WHEN = pytest.mark.parametrize("when", ["before", "after"])


def cut(end: End) -> Stepped:
    """Three people are connected at one installation; what they have is cut, and the queue has lost the message."""
    world = Stepped(shards=1)
    installation = world.install()
    for user in USERS:
        world.connect(user, installation)
    end(world, installation)
    drained(world)
    slow_down(world)
    return world


def slow_down(world: Stepped) -> None:
    watching = world.table.before["commit"]

    def slow(writes: Any) -> None:
        watching(writes)
        if any(isinstance(write, Put) and write.item.get("work") == "revoke" for write in writes):
            world.clock.advance(SLOW)

    world.table.before["commit"] = slow


def one_pass(world: World) -> object:
    return do_chore(world.new_environment(), str(the_cut(world)["chore"]))


def dies_at(world: Stepped, number: int, when: When) -> bool:
    """Let passes follow each other, and the process die at the step of this number. False: they have not so many steps."""

    def watcher(step: Step) -> None:
        if (step.number, step.when) == (number, when):
            raise Killed

    with world.steps.of(watcher):
        try:
            while any(row.get("access") for row in rows(world, "connection")):
                one_pass(world)
        except Killed:
            return True
    return False


def each_death(end: End, when: When) -> Iterator[Stepped]:
    for number in count(1):
        world = cut(end)
        if not dies_at(world, number, when):
            assert number > 10
            assert int(str(the_cut(world)["passes"])) >= len(USERS)
            return
        assert number < MOST
        yield world


def is_read_by_nobody(world: Stepped) -> bool:
    (installation,) = world.installed
    return {world.look_up(user, installation).status for user in USERS} <= {404, 409}


@requirement("fault:F30")
@requirement("invariant:I14")
@WHEN
@EACH_END
def test_a_cascade_that_dies_at_any_step_is_finished_and_no_grant_lives_on(end: End, when: When) -> None:
    for world in each_death(end, when):
        asked = len(world.provider.token_requests)
        assert is_read_by_nobody(world)
        let_pass(world, 12)

        assert is_read_by_nobody(world)
        assert alive(world) == []
        assert len(world.provider.token_requests) == asked
        assert {row["state"] for row in rows(world, "chore")} == {"ended"}
        assert sorted(str(row["user"]) for row in told(world, "connection_cut")) == sorted(USERS)
        assert len(revocations(world)) == len(USERS)


@requirement("fault:F30")
def test_a_team_that_was_deleted_in_the_midst_of_deaths_has_nothing_left_in_the_end() -> None:
    world = cut(team)
    for number in (4, 9, 6, 11, 5):
        dies_at(world, number, "after")
        world.clock.advance(TAKEN_FOR)
    let_pass(world, 90)
    left = {key for key, row in world.table.snapshot().items() if key.pk.startswith("T#acme")}
    assert left == {keys.team("acme")}
    assert "shredded_at" in (world.table.row(keys.team("acme")) or {})
    assert alive(world) == []


def two_writes() -> Any:
    """The row goes in one write, and its chore is made in another."""
    whole = "self.ports.table.commit((write, *also), fresh_id(self.ports))"
    apart = "self.ports.table.commit((write,), fresh_id(self.ports))"
    then = "if chore:\n        self.ports.table.commit(also, fresh_id(self.ports))\n        "
    return weakened(
        clearing.Clearing._end,
        f"if not isinstance({whole}, Committed):\n        return False\n    if chore:\n        ",
        f"if not isinstance({apart}, Committed):\n        return False\n    {then}",
    )


@requirement("fault:F30")
def test_control_a_row_that_goes_before_its_chore_is_made_loses_a_grant() -> None:
    lost = []
    with two_writes():
        for world in each_death(uninstall, "after"):
            world.table.before.clear()
            let_pass(world, 12)
            lost += alive(world)
    assert lost


@requirement("fault:F30")
def test_control_a_pass_that_keeps_others_away_for_ever_is_never_gone_on_with() -> None:
    with weakened(Cut.taken, "due_at=now + TAKEN_FOR", "due_at=now + 10**9"):
        world = cut(team)
        assert dies_at(world, 8, "before")
    let_pass(world, 30)
    assert alive(world)


# -- parts that do not answer


def now_and_then(error: Exception) -> Hook:
    """Every third call fails."""
    calls = count(1)

    def hook(argument: Any) -> None:
        if next(calls) % 3 == 0:
            raise error

    return hook


@requirement("fault:F30")
@EACH_END
def test_a_table_and_a_queue_that_fail_every_third_time_hold_it_up_and_lose_nothing(end: End) -> None:
    world = cut(end)
    world.table.after["commit"] = now_and_then(StoreUnavailable("busy"))
    queue(world, "chore").before["send"] = now_and_then(QueueUnavailable("away"))
    for _ in range(20):
        world.clock.advance(TAKEN_FOR)
        try:
            one_pass(world)
        except StoreUnavailable:
            continue
    world.table.after.clear()
    let_pass(world, 60)
    assert is_read_by_nobody(world)
    assert alive(world) == []
    assert len(told(world, "connection_cut")) == len(USERS)
