"""Keys and clients stay until the last provider was told, and no longer than thirty days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.chore import GIVE_UP_AFTER, RevocationChore
from strongroom.domain.cut import GIVEN_UP_AFTER, Cut
from strongroom.domain.errors import KeysUnavailable
from strongroom.domain.policy import DAY
from strongroom.domain.rescue import decode
from strongroom.domain.table import Item, Page, Query, Write
from strongroom.flows import chores, remains
from strongroom.flows.chores import do_chore
from strongroom.flows.settle import settle
from tests.fakes.table import FakeTable
from tests.unit import entered, rotations
from tests.unit.cutting import (
    MINUTE,
    alive,
    cuts,
    drained,
    is_cleared,
    let_pass,
    of_acme,
    revocations,
    the_cut,
    tombstone,
)
from tests.unit.races.deliveries import bodies
from tests.unit.renewals import Scene, connected, heals, queue, refuses_tokens, rows, when
from tests.weakened import weakened
from tests.world import World

HOUR = 3600


# -- keys and clients stay until the providers were told


def unreachable() -> Scene:
    """Bob was connected by a client with a secret, the team is deleted, and the provider is away."""
    scene = connected()
    scene.world.egress.unreachable.add("provider.example")
    scene.world.delete_team("acme")
    let_pass(scene.world, 4)
    return scene


def test_keys_and_clients_stay_while_a_provider_has_still_to_be_told() -> None:
    scene = unreachable()
    assert of_acme(scene.world) == {"team": 1, "provider_client": 1}
    assert "keys_connection" in tombstone(scene.world)
    scene.world.egress.unreachable.clear()
    for _ in range(2):
        scene.world.clock.advance(2 * HOUR)
        let_pass(scene.world)
    assert is_cleared(scene.world)
    assert of_acme(scene.world) == {"team": 1}
    assert "keys_connection" not in tombstone(scene.world)


def test_control_who_does_not_wait_for_them_leaves_a_grant_alive() -> None:
    with weakened(remains.still_needed, "bool(waiting) and ", "False and "):
        scene = unreachable()
    scene.world.egress.unreachable.clear()
    scene.world.clock.advance(2 * HOUR)
    let_pass(scene.world)
    assert alive(scene.world) == ["bob"]


class LateIndex(FakeTable):
    """The index names a row half a minute after it was written, one at a time, and says that there may be more."""

    def _store(self, results: Sequence[tuple[Write, Any]]) -> None:
        super()._store(results)
        for row in (row for _, row in results if row is not None):
            row["written_at"] = int(self._clock.now())

    def _matching(self, query: Query) -> Iterable[Any]:
        late = int(self._clock.now()) - 30 if query.index == "g1" else 10**12
        return (row for row in super()._matching(query) if int(str(row.get("written_at", 0))) <= late)

    def query(self, query: Query) -> Page:
        return super().query(replace(query, limit=1) if query.index == "g1" else query)


def slow_and_late() -> World:
    """A pass runs out of time with the last row that there is, and the next one follows at once."""
    world = connected().world
    table = LateIndex(world.clock)
    kept = world.table.snapshot()
    del kept[keys.member("acme", "bob")]
    table.restore(kept)
    world.table, world.ports = table, replace(world.ports, table=table)
    world.delete_team("acme")
    drained(world)
    world.clock.advance(10 * MINUTE)
    slow = when(lambda writes: len(writes) == 3, lambda _: world.clock.advance(50), 1)
    table.before["commit"] = slow
    for _ in range(2):
        do_chore(world.ports, str(the_cut(world)["chore"]))
    return world


def test_the_index_has_a_minute_to_name_the_last_chores_before_the_keys_go() -> None:
    world = slow_and_late()
    assert "keys_connection" in tombstone(world)
    let_pass(world, 20)
    assert is_cleared(world)
    assert "keys_connection" not in tombstone(world)


def test_control_who_ends_right_after_a_pass_that_found_something_shreds_what_is_still_needed() -> None:
    with weakened(Cut.is_last, "max(self.made_at, self.found_at)", "self.made_at"):
        world = slow_and_late()
    assert "keys_connection" not in tombstone(world)
    let_pass(world, 3)
    assert alive(world) == ["bob"]


def test_a_provider_that_never_answers_is_given_up_and_the_keys_go() -> None:
    scene = unreachable()
    for _ in range(9 * 4):
        scene.world.clock.advance(DAY // 4)
        scene.world.tick()
    assert [(row["state"], row["outcome"]) for row in revocations(scene.world)] == [("ended", "unreachable")]
    assert "keys_connection" not in tombstone(scene.world)
    assert the_cut(scene.world)["state"] == "ended"


def test_thirty_days_after_the_end_no_chore_is_waited_for() -> None:
    scene = unreachable()
    (chore,) = revocations(scene.world)
    scene.world.table.place({**chore, "due_at": 10**10, "made_at": 10**10})
    scene.world.clock.advance(GIVEN_UP_AFTER)
    scene.world.tick()
    assert "keys_connection" not in tombstone(scene.world)
    assert [row["state"] for row in revocations(scene.world)] == ["open"]


def test_a_chore_of_a_newer_release_is_waited_for() -> None:
    scene = unreachable()
    (chore,) = revocations(scene.world)
    scene.world.table.place({**chore, "form": 2, "state": "parked"})
    scene.world.clock.advance(2 * HOUR)
    scene.world.tick()
    assert "keys_connection" in tombstone(scene.world)


def test_what_is_parked_is_woken_since_nothing_of_the_team_is_left_to_wait_for() -> None:
    scene = unreachable()
    (chore,) = revocations(scene.world)
    parked = {name: value for name, value in chore.items() if name not in ("due_at", "due_shard")}
    scene.world.table.place({**parked, "state": "parked"})
    scene.world.egress.unreachable.clear()
    scene.world.clock.advance(2 * HOUR)
    let_pass(scene.world)
    assert alive(scene.world) == []


def test_a_team_with_a_long_history_is_not_read_again_for_each_pass() -> None:
    scene = unreachable()
    (chore,) = revocations(scene.world)
    for number in range(250):
        name = f"{number:020d}"
        scene.world.table.place({**chore, "PK": f"V#{name}", "chore": name, "g1sk": name, "state": "ended"})
    scene.world.clock.advance(2 * HOUR)
    before = scene.world.table.requests["BatchGetItem"]
    assert do_chore(scene.world.ports, str(the_cut(scene.world)["chore"])) == "another_pass"
    assert scene.world.table.requests["BatchGetItem"] - before < 12


# -- after the keys have gone


def late() -> tuple[World, str]:
    """A renewal's result lay on the rescue queue when the team was deleted, and comes out two days later."""
    scene = connected()
    world = scene.world
    world.clock.advance(3590)
    refuses_tokens(world)
    scene.renew()
    heals(world)
    (text,) = bodies(world, "rescue")
    for delivery in queue(world, "rescue").receive():
        queue(world, "rescue").delete(delivery.receipt)
    world.delete_team("acme")
    let_pass(world, 6)
    assert "keys_connection" not in tombstone(world)
    world.clock.advance(2 * DAY)
    settle(world.ports, decode(text))
    (chore,) = [row for row in revocations(world) if row["state"] == "open"]
    return world, str(chore["chore"])


def test_a_result_that_comes_after_the_keys_are_gone_ends_as_unreachable() -> None:
    world, chore = late()
    assert do_chore(world.new_environment(), chore) == "unreachable"
    (row,) = [row for row in revocations(world) if row["chore"] == chore]
    assert (row["state"], row["outcome"]) == ("ended", "unreachable")
    assert not row.keys() & {"access", "refresh", "due_at"}


def test_control_who_hopes_for_keys_that_are_gone_tries_for_ever() -> None:
    world, chore = late()
    with weakened(chores._is_shredded, "not team.active and ", "False and "):
        for _ in range(10):
            world.clock.advance(HOUR)
            do_chore(world.new_environment(), chore)
    (row,) = [row for row in revocations(world) if row["chore"] == chore]
    assert row["state"] == "open"


def test_keys_that_do_not_come_back_for_a_week_are_given_up_and_not_before() -> None:
    scene = connected()
    scene.world.revoke("bob", scene.installation)
    scene.world.keys.disabled = True
    (chore,) = revocations(scene.world)
    name = str(chore["chore"])
    with pytest.raises(KeysUnavailable):
        do_chore(scene.world.new_environment(), name)
    scene.world.clock.advance(GIVE_UP_AFTER)
    assert do_chore(scene.world.new_environment(), name) == "unreachable"
    assert RevocationChore.from_item(revocations(scene.world)[0]) is None


# -- a client that was entered by hand goes with its installation


def entered_and_removed(*, reachable: bool = True) -> tuple[World, str]:
    world = World()
    installation = entered.installed(world, entered.whole_provider())
    world.connect("bob", installation)
    if not reachable:
        world.egress.unreachable.add("provider.example")
    removed = world.as_user("alice", "DELETE", f"/v1/teams/acme/installations/{installation}")
    assert removed.status == 200, removed.text
    let_pass(world, 4)
    return world, installation


def dropped_at_once() -> AbstractContextManager[None]:
    """The client goes with the end of the cut."""
    return weakened(remains.last_writes, "_let_lapse(clearing, row, now)", "clearing.drop(row)")


def client_rows(world: World) -> list[Item]:
    return [row for row in rows(world, "provider_client") if row["provider_key"] == entered.key_of()]


def test_an_entered_client_lapses_when_no_result_can_come_any_more() -> None:
    """The rescue queue keeps a result for 14 days, and its tokens are revoked with this client."""
    world, _ = entered_and_removed()
    assert is_cleared(world)
    (ended,) = [row["ended_at"] for row in cuts(world)]
    assert [row["ttl"] for row in client_rows(world)] == [int(str(ended)) + 15 * DAY]


def test_an_entered_client_stays_while_a_revocation_needs_its_secret() -> None:
    world, _ = entered_and_removed(reachable=False)
    assert ["ttl" in row for row in client_rows(world)] == [False]
    world.egress.unreachable.clear()
    world.clock.advance(2 * HOUR)
    let_pass(world)
    assert alive(world) == []
    world.clock.advance(2 * HOUR)
    let_pass(world)
    assert [int(str(row["ttl"])) > world.clock.now() + 14 * DAY for row in client_rows(world)] == [True]


def test_control_who_takes_the_client_at_once_can_tell_the_provider_nothing() -> None:
    with weakened(remains.still_needed, "bool(waiting) and ", "False and "), dropped_at_once():
        world, _ = entered_and_removed(reachable=False)
    world.egress.unreachable.clear()
    world.clock.advance(2 * HOUR)
    let_pass(world)
    assert alive(world) == ["bob"]


def late_after_uninstalling() -> tuple[World, str]:
    """A renewal's result lay on the rescue queue when its installation was removed, and comes out ten days later."""
    scene = rotations.connected()
    world = scene.world
    refuses_tokens(world)
    scene.renew()
    heals(world)
    (text,) = bodies(world, "rescue")
    for delivery in queue(world, "rescue").receive():
        queue(world, "rescue").delete(delivery.receipt)
    removed = world.as_user("alice", "DELETE", f"/v1/teams/acme/installations/{scene.installation}")
    assert removed.status == 200, removed.text
    let_pass(world, 6)
    assert the_cut(world)["state"] == "ended"
    world.clock.advance(10 * DAY)
    world.provider.revoked.clear()
    return world, text


def test_a_result_that_comes_ten_days_after_uninstalling_is_revoked_at_the_provider() -> None:
    world, text = late_after_uninstalling()
    (grant,) = world.provider.grants
    settle(world.ports, decode(text))
    let_pass(world)
    assert {grant.refresh, grant.access} <= set(world.provider.revoked)
    assert is_cleared(world)


def test_control_without_the_client_what_came_late_lives_on_at_the_provider() -> None:
    with dropped_at_once():
        world, text = late_after_uninstalling()
    settle(world.ports, decode(text))
    for _ in range(10 * 4):
        world.clock.advance(DAY // 4)
        world.tick()
    assert world.provider.revoked == []


def test_a_client_that_the_team_shares_stays_when_one_installation_goes() -> None:
    scene = connected()
    other = scene.world.install(name="More Files")
    scene.world.connect("carol", other)
    path = f"/v1/teams/acme/installations/{scene.installation}"
    assert scene.world.as_user("alice", "DELETE", path).status == 200
    let_pass(scene.world, 4)
    assert len(rows(scene.world, "provider_client")) == 1
    assert Scene(scene.world, other, "carol").works()
