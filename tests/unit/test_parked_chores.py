"""A grant that a reconnect replaced, or that a sibling keeps: left alone while that is in use, and ended after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain.catalog import Catalog, CatalogEntry, Revoking
from strongroom.domain.chore import GIVE_UP_AFTER, LOOKS_AGAIN_AFTER, RevocationChore
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.policy import DAY
from strongroom.domain.table import Change, Item
from strongroom.flows import chores, reads
from tests.fakes.faults import fails, meanwhile
from tests.unit.cutting import let_pass
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
    assert row["due_at"] == int(scene.world.clock.now()) + LOOKS_AGAIN_AFTER
    assert "ttl" not in row
    assert scene.world.provider.revoked == []
    assert scene.works()


def test_no_schedule_and_no_message_does_a_parked_chore() -> None:
    scene = reconnected()
    (row,) = rows(scene.world, "chore")
    scene.world.clock.advance(LOOKS_AGAIN_AFTER - 1)
    scene.world.tick()
    assert chores.do_chore(scene.world.ports, str(row["chore"])) is None
    assert rows(scene.world, "chore") == [row]


def test_one_that_is_kept_for_weeks_looks_once_a_week_and_sleeps_on() -> None:
    scene = reconnected()
    world = scene.world
    (row,) = rows(world, "chore")
    for _ in range(6):
        world.clock.advance(LOOKS_AGAIN_AFTER)
        world.tick()
        world.tick()
        (kept,) = rows(world, "chore")
        assert kept == {**row, "due_at": int(world.clock.now()) + LOOKS_AGAIN_AFTER, "mark": kept["mark"]}
    assert world.provider.revoked == []
    assert scene.works()


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


def test_a_newer_grant_that_is_kept_for_another_connection_waits_with_the_older_one() -> None:
    scene = reconnected()
    other = scene.world.install(name="Other")
    scene.world.connect("bob", other)
    ends(scene)
    assert states(scene.world) == [("parked", "None")] * 2
    assert scene.world.look_up("bob", other).status == 200
    ends(Scene(scene.world, other))
    assert alive(scene.world) == [False] * 3
    assert states(scene.world) == [("ended", "revoked")] * 3


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


def with_others() -> tuple[Scene, str]:
    """Alice has reconnected where Bob has, and Bob somewhere else too."""
    scene = reconnected()
    second = scene.world.install(name="Other")
    for user, where in (("alice", scene.installation), ("bob", second)):
        scene.world.connect(user, where)
        scene.world.connect(user, where)
    scene.world.tick()
    return scene, second


def of_alice(world: World) -> list[Item]:
    return [row for row in rows(world, "chore") if row["user"] == "alice"]


def test_what_others_and_other_rows_have_parked_sleeps_on() -> None:
    scene, second = with_others()
    world = scene.world
    before = {str(row["chore"]): row for row in rows(world, "chore")}
    ends(scene)
    after = {str(row["chore"]): row for row in rows(world, "chore")}
    theirs = [
        name for name, row in before.items() if row["owner_pk"] != scene.row["PK"] or second in str(row["owner_sk"])
    ]
    assert len(theirs) == 2
    assert all(after[name] == before[name] for name in theirs)


def test_what_others_have_parked_sleeps_on_when_a_person_has_ended_everything() -> None:
    scene, second = with_others()
    world = scene.world
    before = of_alice(world)
    ends(scene)
    ends(Scene(world, second))
    assert of_alice(world) == before
    assert [row["state"] for row in before] == ["parked"]
    assert {grant.account for grant in world.provider.grants if grant.alive} == {"alice"}


def test_control_who_wakes_whatever_the_team_has_parked_wakes_other_people() -> None:
    scene, second = with_others()
    world = scene.world
    ends(scene)
    world.revoke("bob", second)
    with (
        weakened(chores._wake_parked, ' or row.get("user") != ended.user', ""),
        weakened(RevocationChore.may_wait_for, "same_person and ", ""),
    ):
        world.deliver()
    assert [row["state"] for row in of_alice(world)] == ["open"]


@pytest.mark.parametrize("other", [{"user": "alice"}, {"client_id": "another"}, {"owner_pk": "T#rivals#U#bob"}])
def test_the_row_itself_says_whether_it_may_have_waited(other: dict[str, str]) -> None:
    """For another person, another client or another team it did not, whatever the index says."""
    scene = reconnected()
    row = {**opened(scene.world), **other}
    parked, same = RevocationChore.parked_in(row), RevocationChore.parked_in(opened(scene.world))
    assert parked is not None
    assert same is not None
    assert same.may_wait_for(same)
    assert not parked.may_wait_for(same)


# -- kept by another connection


def siblings(world: World | None = None, *, whole: bool = False) -> tuple[Scene, Scene]:
    """Bob has two installations at one provider, has revoked the first, and its chore is done as far as it can be."""
    world = World() if world is None else world
    if whole:
        world.provider.ends_whole_grants = True
    first, second = (Scene(world, world.install(name=name)) for name in ("One", "Two"))
    for scene in (first, second):
        world.connect("bob", scene.installation)
    ends(first)
    return first, second


@pytest.mark.parametrize("whole", [False, True])
def test_of_two_connections_at_one_client_none_lives_when_both_are_revoked(whole: bool) -> None:
    _, second = siblings(whole=whole)
    world = second.world
    assert states(world) == [("parked", "None")]
    assert world.provider.revoked == []
    assert second.works()
    assert alive(world) == [True, True]
    ends(second)
    assert alive(world) == [False, False]
    assert states(world) == [("ended", "revoked")] * 2
    assert not any(row.keys() & {"access", "refresh", "due_at"} for row in rows(world, "chore"))


def test_control_who_forgets_what_a_sibling_keeps_leaves_its_grant_alive_for_good() -> None:
    with weakened(chores._kept, 'return "kept_for_other" if ends == "grant" else "parked"', 'return "kept_for_other"'):
        _, second = siblings()
        ends(second)
    second.world.clock.advance(30 * DAY)
    second.world.tick()
    assert alive(second.world) == [True, False]


def test_control_who_keeps_nothing_disconnects_the_sibling() -> None:
    with weakened(chores._kept, "not is_kept(chore, _others(ports, chore))", "True"):
        _, second = siblings(whole=True)
    assert alive(second.world) == [False, False]


def test_control_who_wakes_the_row_s_own_alone_leaves_the_sibling_s_grant_asleep() -> None:
    _, second = siblings()
    with weakened(chores._wake_parked, "parked.may_wait_for(ended)", "parked.owner == ended.owner"):
        ends(second)
    assert alive(second.world) == [True, False]


@pytest.mark.parametrize("how", ["leaves", "uninstalled", "deleted"])
def test_a_keeper_that_a_cut_clears_away_wakes_what_it_kept(how: str) -> None:
    _, second = siblings()
    world = second.world
    deeds: dict[str, Callable[[], Any]] = {
        "leaves": lambda: world.put_member("acme", "bob", None),
        "uninstalled": lambda: world.as_user("alice", "DELETE", f"/v1/teams/acme/installations/{second.installation}"),
        "deleted": lambda: world.delete_team("acme"),
    }
    assert deeds[how]().status in (200, 204)
    let_pass(world, 6)
    assert alive(world) == [False, False]


def test_what_is_woken_and_kept_by_somebody_new_is_parked_again_and_wakes_nobody() -> None:
    world = World()
    scenes = [Scene(world, world.install(name=name)) for name in ("One", "Two", "Three")]
    for scene in scenes:
        world.connect("bob", scene.installation)
    ends(scenes[0])
    ends(scenes[1])
    asleep = rows(world, "chore")
    assert [(row["state"], row.get("woken_at")) for row in asleep] == [("parked", None)] * 2
    world.revoke("bob", scenes[2].installation)
    world.deliver()
    assert states(world) == [("ended", "revoked"), *[("open", "None")] * 2]
    world.connect("bob", scenes[2].installation)
    world.tick()
    asleep = rows(world, "chore")
    assert states(world) == [("ended", "revoked"), *[("parked", "None")] * 2]
    for _ in range(3):
        world.clock.advance(300)
        world.tick()
    assert rows(world, "chore") == asleep
    assert scenes[2].works()
    ends(scenes[2])
    assert alive(world) == [False] * 4


# -- a keeper that ends without a chore of its own


def refused(scene: Scene) -> None:
    """The provider has ended the grant by itself, and a renewal has learned it."""
    scene.world.provider.grants[-1].alive = False
    scene.world.clock.advance(3570)
    assert not scene.works()
    assert scene.row["status_reason"] == "refused"


def gone(scene: Scene) -> None:
    left = {key: row for key, row in scene.world.table.snapshot().items() if row != scene.row}
    scene.world.table.restore(left)


@pytest.mark.parametrize("without_a_word", [refused, gone])
def test_what_a_keeper_leaves_that_ends_without_a_chore_is_ended_within_a_week(
    without_a_word: Callable[[Scene], None],
) -> None:
    _, second = siblings()
    world = second.world
    without_a_word(second)
    world.tick()
    assert states(world) == [("parked", "None")]
    world.clock.advance(LOOKS_AGAIN_AFTER)
    world.tick()
    world.tick()
    assert not world.provider.grants[0].alive
    assert states(world) == [("ended", "revoked")]


def test_control_who_never_looks_leaves_it_asleep_for_ever() -> None:
    _, second = siblings()
    refused(second)
    with weakened(chores.do_chore, "return _look_again(ports, asleep)", "return None"):
        for _ in range(10):
            second.world.clock.advance(LOOKS_AGAIN_AFTER)
            second.world.tick()
    assert alive(second.world) == [True, False]


def test_one_that_a_catalog_has_learned_of_meanwhile_does_not_wait_for_longer() -> None:
    _, second = siblings()
    world = second.world
    entry = CatalogEntry(name="Provider", issuers=(world.provider.issuer,), revoking=Revoking(ends="token"))
    world.catalog = Catalog((entry,))
    world.ports = world.new_environment()
    world.clock.advance(LOOKS_AGAIN_AFTER)
    world.tick()
    world.tick()
    assert alive(world) == [False, True]
    assert second.works()


def test_a_look_that_comes_late_does_not_put_to_sleep_what_was_woken_meanwhile() -> None:
    scene = reconnected()
    late = RevocationChore.parked_in(opened(scene.world))
    assert late is not None
    chores._wake(scene.world.ports, late)
    woken = opened(scene.world)
    scene.world.ports.table.commit((late.sleeps_on(int(scene.world.clock.now())),), "s" * 20)
    assert opened(scene.world) == woken


def test_of_two_looks_at_once_the_later_one_changes_nothing() -> None:
    scene = reconnected()
    late = RevocationChore.parked_in(opened(scene.world))
    assert late is not None
    now = int(scene.world.clock.now())
    scene.world.ports.table.commit((late.sleeps_on(now + 10),), "s" * 20)
    scene.world.ports.table.commit((late.sleeps_on(now + 20),), "t" * 20)
    assert opened(scene.world)["due_at"] == now + 10 + LOOKS_AGAIN_AFTER


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
    scene.world.ports.table.commit((late.parked(int(scene.world.clock.now())),), "m" * 20)
    assert opened(scene.world)["state"] == "open"


def opened(world: World) -> Item:
    (row,) = rows(world, "chore")
    return row
