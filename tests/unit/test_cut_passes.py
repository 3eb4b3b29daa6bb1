"""A cut is cleared away in as many passes as it takes, one at a time, and the last one begins when all is still."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.cut import GIVEN_UP_AFTER, IN_A_ROW, SETTLED_AFTER, TAKEN_FOR, WAITS, Cut
from strongroom.domain.errors import QueueUnavailable, StoreUnavailable
from strongroom.domain.table import Item
from tests.fakes.faults import fails, meanwhile
from tests.unit.cutting import (
    MINUTE,
    alive,
    is_cleared,
    leave,
    let_pass,
    many,
    one_pass,
    rebind,
    revocations,
    the_cut,
    told,
)
from tests.unit.renewals import Scene, alarms, connected, queue, rows, when
from tests.weakened import weakened
from tests.world import World


def own(scene: Scene, user: str = "bob") -> Item | None:
    return scene.world.table.row(keys.connection("acme", user, scene.installation))


# -- passes


def late_row() -> tuple[World, Item]:
    """Bob has left; in the last moment of the minute after, a write that was on its way arrives."""
    scene = connected()
    world, row = scene.world, scene.row
    leave(world, scene.installation)
    world.deliver()
    assert own(scene) is None
    return world, {**row, "SK": f"C#{'l' * 20}"}


def test_a_pass_within_the_first_minute_is_never_the_last() -> None:
    world, late = late_row()
    world.clock.advance(SETTLED_AFTER - 1)
    world.tick()
    world.table.place(late)
    let_pass(world, 1)
    assert the_cut(world)["state"] == "open"
    assert rows(world, "connection") == []
    let_pass(world, 2)
    assert the_cut(world)["state"] == "ended"


def test_control_who_ends_at_once_leaves_what_was_under_way() -> None:
    with weakened(Cut.is_last, "return settled if found == 0", "return True if True"):
        world, late = late_row()
    world.table.place(late)
    let_pass(world)
    assert the_cut(world)["state"] == "ended"
    assert rows(world, "connection")


def test_a_lost_message_is_made_up_for_by_the_schedule() -> None:
    scene = connected()
    queue(scene.world, "chore").before["send"] = fails(QueueUnavailable("away"))
    assert scene.world.put_member("acme", "bob", None).status == 200
    assert own(scene) is not None
    let_pass(scene.world)
    assert own(scene) is None
    assert is_cleared(scene.world)


def slow_table(world: World, seconds: float = 20) -> None:
    """Each row that goes takes so long that a pass does only a few."""
    slow = when(lambda writes: len(writes) == 3, lambda writes: world.clock.advance(seconds))
    world.table.before["commit"] = slow


def test_what_does_not_fit_into_one_pass_is_gone_on_with_at_once() -> None:
    world, installation = many()
    rebind(world, installation)
    slow_table(world)
    assert one_pass(world) == "another_pass"
    assert sum(bool(row.get("access")) for row in rows(world, "connection")) == 3
    assert the_cut(world)["due_at"] == int(world.clock.now())
    assert any(str(the_cut(world)["chore"]) in message.body for message in queue(world, "chore").sent)
    world.deliver()
    assert not any(row.get("access") for row in rows(world, "connection"))


def test_a_chain_of_passes_is_broken_now_and_then_by_the_schedule() -> None:
    world, installation = many(3)
    rebind(world, installation)
    slow_table(world, 50)
    world.table.place({**the_cut(world), "passes": IN_A_ROW - 1})
    one_pass(world)
    assert not any(str(the_cut(world)["chore"]) in message.body for message in queue(world, "chore").sent)
    one_pass(world)
    assert any(str(the_cut(world)["chore"]) in message.body for message in queue(world, "chore").sent)


def test_one_pass_at_a_time() -> None:
    scene = connected()
    world = scene.world
    leave(world, scene.installation)
    seen: list[object] = []
    world.table.before["query"] = meanwhile(lambda: seen.append(one_pass(world)))
    assert one_pass(world) == "another_pass"
    assert seen == [None]
    assert len(told(world, "connection_cut")) == 1


def test_of_two_workers_that_read_the_chore_at_once_one_does_it() -> None:
    scene = connected()
    world = scene.world
    leave(world, scene.installation)
    seen: list[object] = []
    world.table.before["commit"] = meanwhile(lambda: seen.append(one_pass(world)))
    assert one_pass(world) is None
    assert seen == ["another_pass"]


def test_control_without_the_count_of_passes_both_do_it() -> None:
    scene = connected()
    world = scene.world
    leave(world, scene.installation)
    world.table.before["commit"] = meanwhile(lambda: one_pass(world))
    with weakened(Cut._as_read, ', Is("passes", self.passes)', ""):
        assert one_pass(world) == "another_pass"


def test_a_worker_that_died_keeps_others_away_no_longer_than_it_could_have_worked() -> None:
    scene = connected()
    world = scene.world
    leave(world, scene.installation)
    world.table.before["query"] = fails(StoreUnavailable("busy"))
    with pytest.raises(StoreUnavailable):
        one_pass(world)
    world.clock.advance(TAKEN_FOR - 10)
    assert one_pass(world) is None
    world.clock.advance(10)
    assert one_pass(world) == "another_pass"


def test_a_chore_that_has_ended_and_one_of_a_newer_release_are_left_alone() -> None:
    scene = connected()
    world = scene.world
    leave(world, scene.installation)
    row = the_cut(world)
    for changed in ({"form": 2}, {"state": "ended"}):
        world.table.place({**row, **changed})
        assert one_pass(world) is None
        assert own(scene) is not None


def test_the_new_chores_are_named_to_the_queue_and_a_queue_that_is_away_changes_nothing() -> None:
    world, installation = many(12)
    rebind(world, installation)
    queue(world, "chore").before["send"] = fails(QueueUnavailable("away"))
    one_pass(world)
    assert len(revocations(world)) == 12
    assert len(queue(world, "chore").sent) == 2
    let_pass(world)
    assert is_cleared(world)


# -- rows that this release cannot read


def spoilt(world: World, installation: str, **changes: Any) -> Item:
    row = world.table.row(keys.connection("acme", "user-1", installation))
    assert row is not None
    world.table.place({**row, **changes})
    return {**row, **changes}


@pytest.mark.parametrize("changes", [{"form": 2}, {"n": "not a number"}], ids=["newer", "broken"])
def test_one_row_that_cannot_be_read_stops_no_other_and_keeps_the_chore_open(changes: dict[str, Any]) -> None:
    world, installation = many(3)
    left = spoilt(world, installation, **changes)
    rebind(world, installation)
    let_pass(world, 2)

    assert world.table.row(keys.connection("acme", "user-1", installation)) == left
    assert alive(world) == ["user-1"]
    assert the_cut(world)["state"] == "open"
    assert the_cut(world)["due_at"] == int(world.clock.now()) + 2 * MINUTE
    assert ("cut_stuck" in alarms(world)) == ("form" not in changes)


def test_after_thirty_days_it_is_given_up_with_an_alarm() -> None:
    world, installation = many(2)
    spoilt(world, installation, n="not a number")
    rebind(world, installation)
    let_pass(world)
    world.clock.advance(GIVEN_UP_AFTER)
    world.tick()
    assert the_cut(world)["state"] == "ended"
    assert "cut_given_up" in alarms(world)


def test_a_newer_release_finds_what_was_left_for_it() -> None:
    world, installation = many(2)
    spoilt(world, installation, form=2)
    rebind(world, installation)
    let_pass(world)
    spoilt(world, installation, form=1)
    world.clock.advance(WAITS)
    let_pass(world)
    assert is_cleared(world)


# -- the row of the chore


def test_a_chore_is_read_back_as_it_was_written() -> None:
    world = World()
    cut = Cut(
        "c" * 20, "binding", "acme", "uninstalled", "alice", 100, installation="i" * 20, mark="m", provider_key="p"
    )
    item = cut.to_put(world.policy).item
    assert Cut.from_item(item) == replace(cut, due_at=100)
    with pytest.raises(ValueError, match="nothing that we know"):
        Cut.from_item({**item, "what": "world"})


def test_passes_follow_after_a_minute_and_later_and_later_if_they_can_only_wait() -> None:
    cut = Cut("c" * 20, "member", "acme", "left", "host", made_at=1000)
    assert cut.next_pass(1000, waits=False) == 1000 + SETTLED_AFTER
    assert cut.next_pass(5000, waits=False) == 5000 + SETTLED_AFTER
    assert cut.next_pass(1010, waits=True) == 1010 + SETTLED_AFTER
    assert cut.next_pass(1900, waits=True) == 1900 + 900
    assert cut.next_pass(99_000, waits=True) == 99_000 + WAITS


def test_the_last_pass_begins_a_minute_after_the_cut_and_after_the_last_one_that_found_something() -> None:
    cut = Cut("c" * 20, "member", "acme", "left", "host", made_at=1000, found_at=5000)
    assert not cut.is_last(5000 + SETTLED_AFTER - 1, 0)
    assert cut.is_last(5000 + SETTLED_AFTER, 0)
    assert not cut.is_last(1000 + GIVEN_UP_AFTER - 1, 1)
    assert cut.is_last(1000 + GIVEN_UP_AFTER, 1)
