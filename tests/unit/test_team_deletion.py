"""A team is deleted whole: a tombstone at once, everything below it afterwards, and its keys last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.team import Caller
from strongroom.flows import cuts
from tests.fakes.faults import fails, meanwhile
from tests.hosts import operators_host_row
from tests.unit import entered
from tests.unit.cutting import (
    alive,
    is_cleared,
    let_pass,
    of_acme,
    revocations,
    told,
    tombstone,
)
from tests.unit.renewals import alarms, connected, rows, when
from tests.weakened import weakened
from tests.world import ACCOUNT, GATEWAY, HOST, MCP_URL, RIVAL_GATEWAY, STRANGER, World

HOUR = 3600


def a_whole_team() -> World:
    """Own and shared connections, a client that was registered, one that was entered by hand, and one who left before."""
    world = World()
    own, team = world.install(), world.install(name="Shared Files", sharing="shared")
    by_hand = entered.installed(world, entered.whole_provider(), name="By Hand")
    for user in ("alice", "bob", "carol"):
        world.connect(user, own)
    world.connect("alice", team, confirm_shared=True)
    world.connect("bob", by_hand)
    world.put_member("acme", "carol", None)
    return world


# -- the call


def test_a_host_deletes_a_team_and_again_and_the_answer_is_the_same() -> None:
    world = World()
    first = world.delete_team("acme")
    after = world.table.snapshot()
    again = world.delete_team("acme")
    assert (first.status, first.json) == (again.status, again.json) == (200, {"team": "acme", "deleted": True})
    assert world.table.snapshot() == after


def test_a_body_that_says_more_deletes_nothing() -> None:
    world = World()
    before = world.table.snapshot()
    refused = world.as_role(HOST, "DELETE", "/v1/host/teams/acme", {"team": "rivals"})
    assert (refused.status, refused.json["error"]) == (400, "unknown_field")
    assert world.table.snapshot() == before


def test_from_that_moment_on_the_team_is_not_there_for_anybody() -> None:
    world = a_whole_team()
    (installation, *_) = (str(row["installation"]) for row in rows(world, "installation"))
    assert world.delete_team("acme").status == 200

    assert world.look_up("bob", installation).status == 404
    assert world.look_up("bob", installation, by=STRANGER).status == 403
    assert world.as_user("alice", "GET", "/v1/teams/acme/installations").status == 404
    assert world.as_user("alice", "POST", "/v1/teams/acme/installations", {"name": "x", "url": MCP_URL}).status == 404
    assert world.put_member("acme", "carol-1", "team_admin").status == 404
    assert world.put_member("acme", "bob", None).status == 404
    assert world.put_satellite("acme", GATEWAY).status == 404


def test_it_is_on_record_who_did_it() -> None:
    world = World()
    world.delete_team("acme")
    (record,) = told(world, "team_deleted")
    assert (record["by"], record["team"]) == (str(HOST), "acme")


@pytest.mark.parametrize("caller", [GATEWAY, STRANGER, Caller(ACCOUNT, "AROANARROWHOST000001")])
def test_whoever_does_not_speak_for_the_team_changes_nothing(caller: Caller) -> None:
    world = World()
    world.table.place(operators_host_row(Caller(ACCOUNT, "AROANARROWHOST000001"), ["rivals"]))
    before = world.table.snapshot()
    assert world.as_role(caller, "DELETE", "/v1/host/teams/acme").status == 404
    assert world.table.snapshot() == before


def test_a_team_that_never_was_is_not_buried() -> None:
    world = World()
    assert world.delete_team("nowhere").status == 404
    assert world.put_member("nowhere", "carol-1", "team_admin").status == 200


def test_an_authorization_under_way_is_finished_by_nobody() -> None:
    world = World()
    installation = world.install()
    mine = world.consent(world.begin("bob", installation), "bob")
    world.delete_team("acme")
    assert world.complete("bob", mine).status == 400
    let_pass(world)
    assert rows(world, "connection") == []
    assert alive(world) == []


def test_a_table_that_does_not_answer_leaves_the_team_as_it_is() -> None:
    world = World()
    before = world.table.snapshot()
    world.table.before["commit"] = fails(StoreUnavailable("busy"))
    assert world.delete_team("acme").status == 503
    assert world.table.snapshot() == before


def test_a_satellite_that_is_put_at_the_same_moment_does_not_come_back() -> None:
    world = World()
    world.table.before["commit"] = meanwhile(lambda: world.put_satellite("acme", STRANGER))
    assert world.delete_team("acme").status == 200
    assert tombstone(world)["satellites"] == []


# -- what follows


def test_everything_goes_and_every_provider_is_told() -> None:
    world = a_whole_team()
    grants = len(world.provider.grants)
    world.delete_team("acme")
    let_pass(world, 6)

    assert of_acme(world) == {"team": 1}
    assert is_cleared(world)
    assert len([row for row in revocations(world) if row["outcome"] == "revoked"]) == grants == 5
    assert alarms(world) == []


def test_the_tombstone_stays_without_keys_and_the_id_is_never_used_again() -> None:
    world = a_whole_team()
    assert {"keys_connection", "keys_installation"} <= tombstone(world).keys()
    world.delete_team("acme")
    let_pass(world, 6)

    left = tombstone(world)
    assert (left["state"], left["satellites"]) == ("deleted", [])
    assert {"deleted_at", "shredded_at"} <= left.keys()
    assert not left.keys() & {"keys_connection", "keys_installation"}
    assert world.put_member("acme", "alice", "team_admin").status == 404
    assert world.delete_team("acme").status == 200


def test_another_team_with_the_same_people_and_accounts_notices_nothing() -> None:
    world = a_whole_team()
    world.put_member("rivals", "bob", "team_user")
    there = world.install("mallory", "rivals")
    world.connect("bob", there, "rivals")
    theirs = {
        key: row for key, row in world.table.snapshot().items() if "rivals" in key.pk or row.get("team") == "rivals"
    }
    world.delete_team("acme")
    let_pass(world, 6)

    now = world.table.snapshot()
    assert {key: now.get(key) for key in theirs} == theirs
    assert world.look_up("bob", there, by=RIVAL_GATEWAY, team="rivals").status == 200
    assert alive(world) == ["bob"]


def test_what_an_earlier_cut_has_not_come_to_yet_goes_with_the_team() -> None:
    world = a_whole_team()
    for user in ("alice", "bob"):
        world.put_member("acme", user, None)
    world.delete_team("acme")
    let_pass(world, 8)
    assert of_acme(world) == {"team": 1}
    assert is_cleared(world)


def test_a_connection_whose_member_has_no_row_is_found_all_the_same() -> None:
    scene = connected()
    kept = scene.world.table.snapshot()
    del kept[keys.member("acme", "bob")]
    scene.world.table.restore(kept)
    scene.world.delete_team("acme")
    let_pass(scene.world, 6)
    assert rows(scene.world, "connection") == []
    assert is_cleared(scene.world)


# -- a member's own row is what leads to the others


def stuck_member() -> World:
    """Bob has a connection that changes at the very moment at which it is taken away, and is in no other list."""
    scene = connected()
    world = scene.world
    world.delete_team("acme")
    row = {name: value for name, value in scene.row.items() if name not in ("g1pk", "g1sk")}
    world.table.place(row)
    world.table.before["commit"] = when(
        lambda writes: any(write.key == scene.connection.key for write in writes),
        lambda writes: world.table.place({**row, "n": int(str(row["n"])) + 1}),
        1,
    )
    return world


def test_a_members_row_stays_until_everything_of_theirs_is_gone() -> None:
    world = stuck_member()
    world.deliver()
    assert world.table.row(keys.member("acme", "bob")) is not None
    world.table.before.clear()
    let_pass(world, 4)
    assert rows(world, "connection") == []


def test_control_if_it_went_first_the_rest_would_never_be_found() -> None:
    world = stuck_member()
    with weakened(cuts._whole_member, "if all(went):", "if True:"):
        world.deliver()
    world.table.before.clear()
    let_pass(world, 4)
    assert rows(world, "connection")


# -- the index is not believed


def test_a_row_of_another_team_that_the_index_names_among_the_members_is_not_touched() -> None:
    world, foreign = with_a_foreign_row()
    world.delete_team("acme")
    let_pass(world, 4)
    assert world.table.row(keys.member("rivals", "mallory")) == foreign


def test_control_who_believes_the_index_takes_somebody_elses_membership() -> None:
    world, foreign = with_a_foreign_row()
    mine = 'keys.member(clearing.cut.team, str(row.get("user") or "-")) == Key(str(row["PK"]), str(row["SK"]))'
    world.delete_team("acme")
    with weakened(cuts._team, mine, "True"):
        let_pass(world, 4)
    assert world.table.row(keys.member("rivals", "mallory")) != foreign


def with_a_foreign_row() -> tuple[World, Mapping[str, Any]]:
    world = World()
    row = world.table.row(keys.member("rivals", "mallory"))
    assert row is not None
    foreign = {**row, "g1pk": "T#acme"}
    world.table.place(foreign)
    return world, foreign


def test_a_chore_for_a_team_that_is_one_still_touches_nothing() -> None:
    world = mistaken()
    before = of_acme(world)
    let_pass(world)
    assert of_acme(world) == before
    assert "cut_stuck" in alarms(world)


def test_control_without_a_look_at_the_tombstone_a_living_team_is_emptied() -> None:
    world = mistaken()
    with weakened(cuts._team, 'row.get("state") == "deleted" for row', "True for row"):
        let_pass(world)
    assert of_acme(world).get("connection") is None


def mistaken() -> World:
    scene = connected()
    row = tombstone(scene.world)
    scene.world.delete_team("acme")
    scene.world.table.place(row)
    return scene.world
