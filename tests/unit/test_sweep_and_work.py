"""The schedule: what is due is found, handed on and renewed once; what cannot be done now is found again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from strongroom.domain.errors import QueueUnavailable
from strongroom.domain.policy import DAY
from strongroom.domain.table import Item, Key, Page, Query, Value
from strongroom.flows import sweep
from strongroom.flows.work import Done, renew_one
from strongroom.ports import Message
from tests.fakes.faults import fails
from tests.fakes.table import FakeTable
from tests.requirements import requirement
from tests.unit.renewals import (
    Scene,
    connected,
    nearly_over,
    queue,
    replies,
)
from tests.weakened import weakened
from tests.world import World


def message_of(scene: Scene) -> Message:
    row = scene.row
    body = {"form": 1, "pk": row["PK"], "sk": row["SK"], "version": str(scene.connection.version)}
    return Message(json.dumps(body), group="provider")


# -- the sweep


def test_a_tick_asks_for_each_shard_once() -> None:
    world = World(shards=3)
    assert sweep.tick(world.ports) == 3
    assert [json.loads(message.body)["shard"] for message in queue(world, "sweep").sent] == [0, 1, 2]


def test_what_is_not_due_costs_one_query_a_shard() -> None:
    scene = connected()
    scene.world.table.requests.clear()
    scene.world.tick()
    assert scene.world.table.requests == {"Query": 4}
    assert scene.refreshes() == []


def test_what_is_due_is_renewed_whatever_its_shard() -> None:
    world = World(shards=5)
    installations = [world.install(name=f"Files {number}") for number in range(4)]
    for installation in installations:
        for user in ("alice", "bob", "carol"):
            world.connect(user, installation)
    assert len({row["due_shard"] for row in world.table.snapshot().values() if "due_shard" in row}) > 1
    world.clock.advance(3100)
    world.tick()
    assert len([form for form in world.provider.token_requests if form["grant_type"] == "refresh_token"]) == 12
    assert all(grant.alive for grant in world.provider.grants)


def due_rows(world: World, number: int) -> list[Message]:
    """Place so many rows that are due into shard 0, later ones first, and queue them."""
    scene = connected_in(world)
    row = scene.row
    for position in reversed(range(number)):
        due_at = int(world.clock.now()) - number + position
        more: dict[str, Value] = {"SK": f"C#{position:020d}", "due_at": due_at, "due_shard": "D#0"}
        world.table.place({**row, **more})
    world.table.requests.clear()
    queued = sweep.sweep_shard(world.ports, 0)
    sent = queue(world, "renewal").sent
    assert queued == len(sent)
    return sent


def connected_in(world: World) -> Scene:
    installation = world.install()
    world.connect("bob", installation)
    return Scene(world, installation)


@requirement("fault:F22")
@requirement("invariant:I16")
@pytest.mark.parametrize("number", [0, 1, 99, 100, 101, 250])
def test_all_pages_of_what_is_due_are_read_overdue_first(number: int) -> None:
    world = World()
    sent = due_rows(world, number)
    assert [json.loads(message.body)["sk"] for message in sent] == [f"C#{position:020d}" for position in range(number)]
    assert world.table.requests == {"Query": number // 100 + 1}


@requirement("fault:F22")
def test_a_very_long_list_is_cut_and_the_rest_waits_for_the_next_tick() -> None:
    world = World()
    assert len(due_rows(world, sweep.MOST_PER_SHARD + 150)) == sweep.MOST_PER_SHARD


class Crowded(FakeTable):
    """The index of one shard, in the order in which it is due: a crowd need not be sorted for each page."""

    def __init__(self, world: World, due: list[Item]) -> None:
        super().__init__(world.clock)
        self._due = due

    def query(self, query: Query) -> Page:
        assert (query.index, query.partition) == ("due", "D#0")
        self.requests["Query"] += 1
        start = int(query.after["at"]) if query.after else 0
        end = start + query.limit
        return Page(self._due[start:end], {"at": end} if end < len(self._due) else None)


def with_a_crowd(kind: str, number: int) -> World:
    """One renewal and one chore are due in shard 0, and before them so many of one kind."""
    world = World()
    row = connected_in(world).row
    chore: Item = {"SK": "A", "kind": "chore", "team": "acme"}
    crowd: dict[str, list[Item]] = {
        "connection": [{**row, "SK": f"C#{position:020d}"} for position in range(number)],
        "chore": [{**chore, "PK": f"V#{position:020d}"} for position in range(number)],
    }
    last: list[Item] = [{**row, "SK": f"C#{'z' * 20}"}, {**chore, "PK": "V#last", "team": "globex"}]
    table = Crowded(world, crowd[kind] + last)
    world.table, world.ports = table, replace(world.ports, table=table)
    sweep.sweep_shard(world.ports, 0)
    return world


def queued_last(world: World) -> tuple[bool, bool]:
    """Whether the renewal, and whether the chore, that came after the crowd was handed on."""
    renewals = [json.loads(message.body)["sk"] for message in queue(world, "renewal").sent]
    chores = [json.loads(message.body)["chore"] for message in queue(world, "chore").sent]
    return f"C#{'z' * 20}" in renewals, "last" in chores


@requirement("fault:F22")
@pytest.mark.parametrize(("crowd", "queued"), [("chore", (True, False)), ("connection", (False, True))])
def test_neither_chores_nor_renewals_of_one_team_keep_the_others_away(crowd: str, queued: tuple[bool, bool]) -> None:
    world = with_a_crowd(crowd, sweep.MOST_PER_SHARD + 50)
    assert queued_last(world) == queued
    sent = [len(queue(world, name).sent) for name in ("chore", "renewal")]
    assert sorted(sent) == [1, sweep.MOST_PER_SHARD]


@requirement("fault:F22")
@pytest.mark.parametrize("crowd", ["chore", "connection"])
def test_control_with_one_room_for_both_a_crowd_of_one_kind_keeps_the_other_away(crowd: str) -> None:
    with weakened(sweep.sweep_shard, "not room.total()", "not all(room.values())"):
        world = with_a_crowd(crowd, sweep.MOST_PER_SHARD + 50)
    assert queued_last(world) == (False, False)


@requirement("fault:F22")
def test_a_sweep_reads_twenty_thousand_rows_at_most() -> None:
    world = with_a_crowd("chore", sweep.MOST_READ + 50)
    assert world.table.requests == {"Query": sweep.MOST_READ // sweep.PAGE}
    assert queued_last(world) == (False, False)


def test_messages_are_grouped_by_provider() -> None:
    scene = nearly_over()
    scene.world.tick()
    (message,) = queue(scene.world, "renewal").sent
    assert scene.connection.destination is not None
    assert message.group == scene.connection.destination.provider_key


@pytest.mark.parametrize(
    "odd",
    [
        {"kind": "something"},
        {"PK": "T#acme", "SK": "A", "kind": "connection"},
        {"n": "1"},
    ],
)
def test_rows_that_are_due_and_no_connections_are_left_out(odd: dict[str, str]) -> None:
    world = World()
    scene = connected_in(world)
    due: dict[str, Value] = {"due_at": int(world.clock.now()), "due_shard": "D#0"}
    world.table.place({**scene.row, "SK": f"C#{'z' * 20}", **due, **odd})
    sweep.sweep_shard(world.ports, 0)
    assert queue(world, "renewal").sent == []


@requirement("fault:F17")
def test_ticks_that_come_twice_at_once_renew_once() -> None:
    scene = nearly_over()
    for _ in range(3):
        sweep.tick(scene.world.ports)
    scene.world.deliver()
    assert len(scene.refreshes()) == 1


@requirement("fault:F17")
def test_a_missed_tick_heals_itself() -> None:
    scene = nearly_over(left=-7200)
    scene.world.tick()
    assert scene.works()
    assert len(scene.refreshes()) == 1


def test_a_queue_that_takes_nothing_brings_the_shard_back() -> None:
    scene = nearly_over()
    queue(scene.world, "renewal").before["send"] = fails(QueueUnavailable("away"))
    scene.world.tick()
    assert scene.refreshes() == []
    assert queue(scene.world, "sweep").waiting() == 1
    scene.world.clock.advance(31)
    scene.world.deliver()
    assert scene.works()


# -- what is left alone


def test_an_idle_connection_leaves_the_round_and_is_exercised_every_three_days() -> None:
    scene = connected()
    world = scene.world
    world.clock.advance(14 * DAY)
    world.tick()
    assert len(scene.refreshes()) == 1
    world.clock.advance(2 * DAY)
    world.tick()
    assert len(scene.refreshes()) == 1
    assert world.status("bob", scene.installation)["status"] == "connected"
    world.clock.advance(DAY)
    world.tick()
    assert len(scene.refreshes()) == 2


def test_an_idle_connection_is_renewed_on_demand_and_comes_back_into_the_round() -> None:
    scene = connected()
    world = scene.world
    world.clock.advance(14 * DAY)
    world.tick()
    world.clock.advance(DAY)
    assert scene.works()
    assert len(scene.refreshes()) == 2
    world.clock.advance(3100)
    world.tick()
    assert len(scene.refreshes()) == 3


def test_a_used_connection_stays_in_the_round() -> None:
    scene = connected()
    for _ in range(30):
        scene.world.clock.advance(12 * 3600)
        assert scene.works()
    before = len(scene.refreshes())
    scene.world.clock.advance(3100)
    scene.world.tick()
    assert len(scene.refreshes()) == before + 1


def test_tokens_that_live_briefly_are_renewed_on_demand_and_exercised() -> None:
    world = World()
    world.provider.lifetime = 300
    scene = connected_in(world)
    world.clock.advance(299)
    world.tick()
    assert scene.refreshes() == []
    assert scene.works()
    assert len(scene.refreshes()) == 1
    world.clock.advance(3 * DAY)
    world.tick()
    assert len(scene.refreshes()) == 2


def test_tokens_of_unknown_end_are_renewed_as_if_they_lived_an_hour() -> None:
    world = World()
    world.provider.lifetime = None
    scene = connected_in(world)
    world.clock.advance(3100)
    world.tick()
    assert scene.works()
    assert len(scene.refreshes()) == 1


@pytest.mark.parametrize("ending", ["revoked", "left", "refused", "made shared"])
def test_what_a_look_up_would_not_hand_out_is_not_renewed(ending: str) -> None:
    scene = nearly_over()
    world = scene.world
    message = message_of(scene)
    if ending == "revoked":
        world.revoke("bob", scene.installation)
    elif ending == "left":
        world.put_member("acme", "bob", None)
    elif ending == "refused":
        world.table.place({**scene.row, "status_reason": "refused"})
    else:
        row = next(row for row in world.table.snapshot().values() if row.get("kind") == "installation")
        world.table.place({**row, "sharing": "shared"})
    world.queues.renewal.send([message])
    world.tick()
    assert scene.refreshes() == []


def test_what_can_never_be_used_again_does_not_stand_in_the_way_at_every_tick() -> None:
    scene = nearly_over()
    world = scene.world
    world.put_member("acme", "bob", None)
    world.tick()
    sent = len(queue(world, "renewal").sent)
    world.tick()
    assert len(queue(world, "renewal").sent) == sent == 1


def test_a_disabled_installation_is_not_renewed_and_comes_back_when_it_is_enabled() -> None:
    scene = nearly_over()
    world = scene.world
    row = next(row for row in world.table.snapshot().values() if row.get("kind") == "installation")
    world.table.place({**row, "enabled": False})
    world.tick()
    assert scene.refreshes() == []
    world.table.place({**row, "enabled": True})
    assert scene.works()
    world.clock.advance(DAY)
    world.tick()
    assert len(scene.refreshes()) == 2


# -- messages


@requirement("fault:F18")
@pytest.mark.parametrize("version", ["g" * 20 + ".1", None])
def test_an_old_message_does_nothing(version: str | None) -> None:
    scene = nearly_over()
    world = scene.world
    message = message_of(scene)
    scene.renew()
    if version is not None:
        message = Message(json.dumps({**json.loads(message.body), "version": version}))
    world.queues.renewal.send([message, message])
    world.deliver()
    assert len(scene.refreshes()) == 1


def test_a_message_from_before_a_leave_and_a_reconnect_does_nothing() -> None:
    scene = nearly_over()
    world = scene.world
    message = message_of(scene)
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.connect("bob", scene.installation)
    before = scene.row
    world.queues.renewal.send([message])
    world.deliver()
    assert (scene.row, scene.refreshes()) == (before, [])


def test_a_key_that_is_no_connections_is_dropped() -> None:
    scene = nearly_over()
    assert renew_one(scene.world.ports, Key("T#acme", "A"), "x.1", 1) == Done("foreign_key")


def test_a_whole_batch_is_renewed_on_threads_that_share_everything() -> None:
    world = World()
    installations = [world.install(name=f"Files {number}") for number in range(20)]
    for installation in installations:
        for user in ("alice", "bob", "carol"):
            world.connect(user, installation)
            world.clock.advance(7)
    world.clock.advance(3300)
    world.tick()
    for installation in installations:
        for user in ("alice", "bob", "carol"):
            assert Scene(world, installation, user).works()
    assert len([form for form in world.provider.token_requests if form["grant_type"] == "refresh_token"]) == 60


def test_one_that_fails_does_not_hold_up_the_others_in_its_batch() -> None:
    world = World()
    scenes = [Scene(world, world.install(name=f"Files {number}")) for number in range(3)]
    for scene in scenes:
        world.connect("bob", scene.installation)
    world.clock.advance(3590)
    world.provider.answer_next.append(replies(503))
    world.tick()
    versions = sorted(scene.connection.version.n for scene in scenes)
    assert versions == [1, 2, 2]
    world.clock.advance(301)
    world.tick()
    assert all(scene.works() for scene in scenes)
