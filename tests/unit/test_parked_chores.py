"""A grant that a reconnect replaced: left alone while its successor is in use, and ended when that has ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain.catalog import Catalog, CatalogEntry, Revoking
from strongroom.domain.chore import GIVE_UP_AFTER, RevocationChore
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.policy import DAY
from strongroom.domain.table import Change, Item
from strongroom.flows import chores, reads
from tests.fakes.faults import fails, meanwhile
from tests.unit.renewals import Scene, connected, replies, rows, when
from tests.weakened import weakened
from tests.world import World

REVOKE_URL = "https://provider.example/revoke"


def reconnected(world: World | None = None, times: int = 1) -> Scene:
    """Bob has connected, and again so many times; the chores of the replaced grants are done as far as they can be."""
    scene = connected() if world is None else Scene(world, world.install())
    for _ in range(times if world is None else times + 1):
        scene.world.connect("bob", scene.installation)
    scene.world.tick()
    return scene


def known(*, listed: bool = True, **facts: Any) -> World:
    world = World()
    entry = CatalogEntry(name="Provider", issuers=(world.provider.issuer,), revoking=Revoking(**facts))
    world.catalog = Catalog((entry,) if listed else ())
    world.ports = world.new_environment()
    return world


def states(world: World) -> list[tuple[object, object]]:
    return sorted((str(row["state"]), str(row.get("outcome"))) for row in rows(world, "chore"))


def alive(world: World) -> list[bool]:
    return [grant.alive for grant in world.provider.grants]


def ends(scene: Scene) -> None:
    """Bob revokes, and the schedule fires twice."""
    scene.world.revoke("bob", scene.installation)
    scene.world.deliver()
    scene.world.tick()


def changes(state: str) -> Callable[[Any], bool]:
    return lambda writes: any(isinstance(write, Change) and write.put.get("state") == state for write in writes)


# -- parking


def test_a_reconnect_parks_the_grant_that_it_replaces() -> None:
    scene = reconnected()
    (row,) = rows(scene.world, "chore")
    assert row["state"] == "parked"
    assert {"access", "refresh"} <= row.keys()
    assert not row.keys() & {"due_at", "due_shard", "ttl"}
    assert scene.world.provider.revoked == []
    assert scene.works()


def test_no_schedule_and_no_message_does_a_parked_chore() -> None:
    scene = reconnected()
    (row,) = rows(scene.world, "chore")
    scene.world.clock.advance(40 * DAY)
    scene.world.tick()
    assert chores.do_chore(scene.world.ports, str(row["chore"])) is None
    assert rows(scene.world, "chore") == [row]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"ends": "grant"}, [("ended", "kept_for_other")]),
        ({"ends": "token"}, [("ended", "revoked")]),
        ({"body": "json"}, [("parked", "None")]),
        ({"listed": False}, [("parked", "None")]),
    ],
)
def test_only_where_nobody_knows_what_a_revocation_ends_there_is_something_to_wait_for(
    facts: dict[str, Any], found: list[tuple[object, object]]
) -> None:
    assert states(reconnected(known(**facts)).world) == found


# -- waking


@pytest.mark.parametrize("times", [1, 2, 4])
def test_after_a_revocation_no_grant_of_the_row_lives_however_often_it_was_replaced(times: int) -> None:
    scene = reconnected(times=times)
    ends(scene)
    assert alive(scene.world) == [False] * (times + 1)
    assert states(scene.world) == [("ended", "revoked")] * (times + 1)
    assert not any(row.keys() & {"access", "refresh", "due_at"} for row in rows(scene.world, "chore"))


def test_control_who_wakes_nobody_leaves_a_refresh_token_alive_that_the_person_has_revoked() -> None:
    scene = reconnected()
    with weakened(chores._write_down, "_wake_parked(ports, chore)", "pass"):
        ends(scene)
        scene.world.clock.advance(30 * DAY)
        scene.world.tick()
    assert alive(scene.world) == [True, False]


@pytest.mark.parametrize(
    ("status", "outcome"), [(404, "unsupported"), (403, "refused_by_provider"), (503, "unreachable")]
)
def test_however_the_last_chore_ends_the_parked_ones_are_tried(status: int, outcome: str) -> None:
    scene = reconnected()
    world = scene.world
    honest = world.egress.routes["POST", REVOKE_URL]
    world.egress.on("POST", REVOKE_URL, replies(status))
    world.revoke("bob", scene.installation)
    world.deliver()
    if outcome == "unreachable":
        world.clock.advance(GIVE_UP_AFTER)
        world.tick()
    assert states(world) == [("ended", outcome), ("open", "None")]
    world.egress.on("POST", REVOKE_URL, honest)
    world.tick()
    assert alive(world) == [False, True]
    assert states(world) == sorted([("ended", outcome), ("ended", "revoked")])


def test_a_newer_grant_that_is_kept_for_another_connection_ends_the_waiting_too() -> None:
    scene = reconnected()
    other = scene.world.install(name="Other")
    scene.world.connect("bob", other)
    ends(scene)
    assert states(scene.world) == [("ended", "kept_for_other")] * 2
    assert scene.world.look_up("bob", other).status == 200


def test_one_that_was_parked_for_a_month_gets_as_much_patience_as_a_new_one() -> None:
    scene = reconnected()
    world = scene.world
    world.clock.advance(30 * DAY)
    world.revoke("bob", scene.installation)
    world.deliver()
    world.egress.unreachable.add("provider.example")
    world.tick()
    assert states(world) == [("ended", "revoked"), ("open", "None")]
    world.egress.unreachable.clear()
    world.clock.advance(60)
    world.tick()
    assert alive(world) == [False, False]


def after_a_busy_month() -> Scene:
    """The list of the team's chores fills more than one page, and the parked one is the last of them."""
    scene = reconnected()
    world = scene.world
    (row,) = rows(world, "chore")
    for number in range(150):
        name = f"{number:020d}"
        world.table.place({**row, "PK": f"V#{name}", "chore": name, "g1sk": name, "state": "ended"})
    return scene


def test_what_is_parked_is_found_however_many_chores_the_team_has_had() -> None:
    scene = after_a_busy_month()
    ends(scene)
    assert alive(scene.world) == [False, False]


def test_control_who_looks_at_one_page_of_the_list_leaves_it_asleep() -> None:
    scene = after_a_busy_month()
    with weakened(reads.all_rows, "while page.after is not None:", "while False:"):
        ends(scene)
    assert alive(scene.world) == [True, False]


def test_what_others_and_other_rows_have_parked_sleeps_on() -> None:
    scene = reconnected()
    world = scene.world
    second = world.install(name="Other")
    for user, where in (("alice", scene.installation), ("bob", second)):
        world.connect(user, where)
        world.connect(user, where)
    world.tick()
    before = {str(row["chore"]): row for row in rows(world, "chore")}
    ends(scene)
    after = {str(row["chore"]): row for row in rows(world, "chore")}
    theirs = [
        name for name, row in before.items() if row["owner_pk"] != scene.row["PK"] or second in str(row["owner_sk"])
    ]
    assert len(theirs) == 2
    assert all(after[name] == before[name] for name in theirs)


def test_control_who_wakes_by_the_person_alone_wakes_other_rows() -> None:
    scene = reconnected()
    world = scene.world
    second = world.install(name="Other")
    world.connect("bob", second)
    world.connect("bob", second)
    world.tick()
    with weakened(chores._wake_parked, " and parked.owner == ended.owner", ""):
        world.revoke("bob", scene.installation)
        world.deliver()
    woken = [row for row in rows(world, "chore") if second in str(row["owner_sk"])]
    assert [row["state"] for row in woken] == ["open"]


# -- in between


def newest_ends_first(scene: Scene) -> None:
    """Just before the older grant is parked, the newer one is revoked, and that chore is done."""
    world = scene.world

    def deed() -> None:
        world.table.before.clear()
        world.revoke("bob", scene.installation)
        (newest,) = [row for row in rows(world, "chore") if row["why"] == "revoked"]
        assert chores.do_chore(world.new_environment(), str(newest["chore"])) == "revoked"

    world.table.before["commit"] = when(changes("parked"), meanwhile(deed))


def about_to_park() -> tuple[Scene, str]:
    scene = connected()
    scene.world.connect("bob", scene.installation)
    (row,) = rows(scene.world, "chore")
    return scene, str(row["chore"])


def test_a_newer_grant_that_ends_while_the_older_one_is_parked_leaves_it_not_asleep() -> None:
    scene, name = about_to_park()
    newest_ends_first(scene)
    chores.do_chore(scene.world.ports, name)
    scene.world.tick()
    assert alive(scene.world) == [False, False]


def test_control_who_does_not_look_again_after_parking_leaves_it_asleep_for_ever() -> None:
    scene, name = about_to_park()
    newest_ends_first(scene)
    with weakened(chores._park, 'if _kept(ports, chore) != "parked":', "if False:"):
        chores.do_chore(scene.world.ports, name)
    scene.world.tick()
    assert alive(scene.world) == [True, False]


def test_a_worker_that_dies_between_waking_and_ending_leaves_nobody_asleep() -> None:
    scene = reconnected()
    world = scene.world
    world.table.before["commit"] = when(changes("ended"), fails(StoreUnavailable("busy"), 100), times=1)
    ends(scene)
    world.clock.advance(60)
    world.tick()
    assert alive(world) == [False, False]
    assert states(world) == [("ended", "revoked")] * 2


def test_waking_twice_is_waking_once() -> None:
    scene = reconnected()
    world = scene.world
    (row,) = rows(world, "chore")
    parked = RevocationChore.parked_in(row)
    assert parked is not None
    chores._wake(world.ports, parked)
    (woken,) = rows(world, "chore")
    assert (woken["state"], woken["due_at"]) == ("open", int(world.clock.now()))
    world.clock.advance(100)
    chores._wake(world.ports, parked)
    assert rows(world, "chore") == [woken]


def test_a_late_worker_does_not_park_what_was_woken_and_tried_meanwhile() -> None:
    scene = reconnected()
    (row,) = rows(scene.world, "chore")
    late = RevocationChore.parked_in(row)
    assert late is not None
    chores._wake(scene.world.ports, late)
    scene.world.table.place({**opened(scene.world), "attempts": 1})
    scene.world.ports.table.commit((late.parked(),), "m" * 20)
    assert opened(scene.world)["state"] == "open"


def opened(world: World) -> Item:
    (row,) = rows(world, "chore")
    return row
