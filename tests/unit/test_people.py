"""The host says who is in which team and which satellites ask for it; leaving ends what hung on the membership."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from strongroom.domain import keys
from strongroom.domain.errors import NotFound, StoreUnavailable, Unavailable
from strongroom.domain.table import Value
from strongroom.domain.team import Caller
from strongroom.flows import people
from strongroom.flows.people import put_member, put_satellite
from tests.fakes.faults import fails, meanwhile
from tests.hosts import operators_host_row
from tests.unit.renewals import Scene, connected, nearly_over, rows
from tests.world import ACCOUNT, GATEWAY, HOST, RIVAL_GATEWAY, STRANGER, World

NARROW = Caller(ACCOUNT, "AROANARROWHOST000001")


def member(world: World, user: str, team: str = "acme") -> Mapping[str, Value]:
    row = world.table.row(keys.member(team, user))
    assert row is not None
    return row


def events(world: World, event: str) -> list[Mapping[str, Value]]:
    return [row for row in rows(world, "record") if row["event"] == event]


# -- members


def test_the_first_member_makes_the_team() -> None:
    world = World()
    assert world.put_member("newcomers", "carol-1", "team_admin").json == {
        "team": "newcomers",
        "user": "carol-1",
        "role": "team_admin",
    }
    assert world.table.row(keys.team("newcomers")) is not None
    assert world.as_user("carol-1", "GET", "/v1/teams/newcomers/installations").status == 200


def test_a_repeated_put_changes_nothing_above_all_not_the_epoch() -> None:
    scene = connected()
    before = scene.world.table.snapshot()
    assert scene.world.put_member("acme", "bob", "team_user").status == 200
    assert scene.world.table.snapshot() == before
    assert scene.works()


def test_a_new_role_keeps_the_membership() -> None:
    scene = connected()
    epoch = member(scene.world, "bob")["epoch"]
    scene.world.put_member("acme", "bob", "team_admin")
    assert (member(scene.world, "bob")["role"], member(scene.world, "bob")["epoch"]) == ("team_admin", epoch)
    assert scene.works()


def test_leaving_is_felt_before_the_call_returns() -> None:
    scene = connected()
    world = scene.world
    assert world.put_member("acme", "bob", None).json["role"] is None
    assert world.look_up("bob", scene.installation).status == 404
    assert world.as_user("bob", "GET", "/v1/teams/acme/installations").status == 404
    assert "epoch" not in member(world, "bob")


def test_leaving_a_second_time_or_without_having_been_there_changes_nothing() -> None:
    world = World()
    world.put_member("acme", "bob", None)
    before = world.table.snapshot()
    assert world.put_member("acme", "bob", None).status == 200
    assert world.put_member("acme", "nobody", None).status == 200
    assert world.put_member("nowhere", "nobody", None).status == 200
    assert world.table.snapshot() == before


def test_who_comes_back_has_none_of_what_an_earlier_membership_had() -> None:
    scene = connected()
    world = scene.world
    epoch = member(world, "bob")["epoch"]
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    assert member(world, "bob")["epoch"] != epoch
    assert world.status("bob", scene.installation)["reason"] == "never_connected"
    assert world.look_up("bob", scene.installation).json["reason"] == "never_connected"
    assert scene.row["access"]


def test_who_comes_back_and_connects_again_replaces_what_was_left() -> None:
    scene = connected()
    world = scene.world
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.connect("bob", scene.installation)
    for _ in range(3):
        world.clock.advance(60)
        world.tick()
    assert scene.works()
    assert [(row["why"], row["state"]) for row in rows(world, "chore")] == [("left", "ended"), ("replaced", "parked")]


def test_one_who_left_during_a_renewal_gets_nothing_and_the_newest_tokens_are_kept_for_the_revocation() -> None:
    scene = nearly_over()
    world = scene.world
    world.provider.answer_next.append(
        lambda request: (world.put_member("acme", "bob", None), world.provider.honest(request))[1]
    )
    assert world.look_up("bob", scene.installation).status == 404
    world.put_member("acme", "bob", "team_user")
    world.revoke("bob", scene.installation)
    world.deliver()
    (grant,) = world.provider.grants
    assert world.provider.revoked == [grant.refresh, grant.access]


def test_leaving_touches_nobody_else() -> None:
    scene = connected()
    scene.world.connect("alice", scene.installation)
    scene.world.put_member("acme", "alice", None)
    assert scene.works()


def test_an_epoch_ends_even_if_the_member_was_put_anew_at_the_same_moment() -> None:
    scene = connected()
    world = scene.world

    def out_and_in() -> None:
        world.put_member("acme", "bob", None)
        world.put_member("acme", "bob", "team_user")

    world.table.before["commit"] = meanwhile(out_and_in)
    assert world.put_member("acme", "bob", None).status == 200
    assert member(world, "bob")["state"] == "left"


def test_a_role_is_not_given_to_one_who_left_at_the_same_moment_without_a_new_epoch() -> None:
    scene = connected()
    world = scene.world
    epoch = member(world, "bob")["epoch"]
    world.table.before["commit"] = meanwhile(lambda: world.put_member("acme", "bob", None))
    world.put_member("acme", "bob", "team_admin")
    assert member(world, "bob")["epoch"] != epoch
    assert world.look_up("bob", scene.installation).json["reason"] == "never_connected"


def test_two_first_members_at_once_make_one_team() -> None:
    world = World()
    world.table.before["commit"] = meanwhile(lambda: world.put_member("newcomers", "bob-1", "team_admin"))
    assert world.put_member("newcomers", "carol-1", "team_admin").status == 200
    assert {member(world, user, "newcomers")["state"] for user in ("carol-1", "bob-1")} == {"active"}


def test_a_deleted_team_never_comes_back() -> None:
    world = World()
    row = world.table.row(keys.team("rivals"))
    assert row is not None
    world.table.place({**row, "state": "deleted"})
    for role in ("team_admin", None):
        assert world.put_member("rivals", "mallory", role).status == 404
    assert world.put_satellite("rivals", GATEWAY).status == 404
    assert world.look_up("mallory", "i" * 20, by=RIVAL_GATEWAY, team="rivals").status == 404


def test_each_change_is_recorded_with_who_made_it() -> None:
    world = World()
    world.put_member("acme", "bob", "team_admin")
    world.put_member("acme", "bob", None)
    (*_, promoted), (left,) = events(world, "member_put"), events(world, "member_left")
    assert (promoted["by"], promoted["user"], promoted["role"]) == (str(HOST), "bob", "team_admin")
    assert (left["by"], left["user"], left.get("role")) == (str(HOST), "bob", None)


def test_a_table_that_does_not_answer_leaves_everything() -> None:
    world = World()
    before = world.table.snapshot()
    world.table.before["commit"] = fails(StoreUnavailable("busy"))
    assert world.put_member("acme", "bob", None).status == 503
    assert world.table.snapshot() == before


def test_a_row_that_keeps_changing_is_an_error_and_no_loop() -> None:
    world = World()
    row = world.table.row(keys.member("acme", "bob"))
    assert row is not None
    turn = [0]

    def changes(writes: object) -> None:
        turn[0] += 1
        world.table.place({**row, "epoch": f"epoch-{turn[0]}"})

    world.table.before["commit"] = changes
    with pytest.raises(Unavailable):
        put_member(world.ports, HOST, "acme", "bob", None)
    assert turn[0] < 20


# -- hosts


@pytest.mark.parametrize(
    ("patterns", "team", "speaks"),
    [
        (["acme"], "acme", True),
        (["acme"], "acme-2", False),
        (["acme-*"], "acme-2", True),
        (["acme-*"], "acme", False),
        (["*"], "anything", True),
        ([], "acme", False),
        (["rivals", "acme"], "acme", True),
    ],
)
def test_a_host_speaks_for_the_teams_that_the_operator_named(patterns: list[str], team: str, speaks: bool) -> None:
    world = World()
    world.table.place(operators_host_row(NARROW, patterns))
    if speaks:
        put_member(world.ports, NARROW, team, "carol-1", "team_user")
        return
    with pytest.raises(NotFound):
        put_member(world.ports, NARROW, team, "carol-1", "team_user")
    with pytest.raises(NotFound):
        put_satellite(world.ports, NARROW, team, STRANGER, allowed=True)


@pytest.mark.parametrize("caller", [GATEWAY, STRANGER])
def test_a_satellite_or_a_stranger_is_no_host(caller: Caller) -> None:
    world = World()
    with pytest.raises(NotFound):
        put_member(world.ports, caller, "acme", "carol-1", "team_admin")


# -- satellites


def test_a_satellite_is_let_in_and_out() -> None:
    scene = connected()
    world = scene.world
    assert world.look_up("bob", scene.installation, by=STRANGER).status == 403
    world.put_satellite("acme", STRANGER)
    assert world.look_up("bob", scene.installation, by=STRANGER).status == 200
    world.put_satellite("acme", STRANGER, allowed=False)
    assert world.look_up("bob", scene.installation, by=STRANGER).status == 404
    assert world.look_up("bob", scene.installation).status == 200


def test_a_satellite_that_is_put_twice_is_put_once() -> None:
    world = World()
    before = world.table.snapshot()
    world.put_satellite("acme", GATEWAY)
    assert world.table.snapshot() == before


def test_two_satellites_that_are_put_at_once_are_both_there() -> None:
    world = World()
    world.table.before["commit"] = meanwhile(lambda: world.put_satellite("acme", STRANGER))
    world.put_satellite("acme", RIVAL_GATEWAY)
    row = world.table.row(keys.team("acme"))
    assert row is not None
    assert row["satellites"] == sorted(map(str, (GATEWAY, RIVAL_GATEWAY, STRANGER)))


def test_a_host_that_is_made_a_satellite_stays_a_host() -> None:
    world = World()
    world.put_satellite("acme", HOST)
    assert world.put_member("acme", "carol-1", "team_user").status == 200
    assert world.look_up("carol-1", world.install(), by=HOST).status == 409


def test_there_is_no_satellite_of_a_team_that_does_not_exist() -> None:
    world = World()
    assert world.put_satellite("nowhere", GATEWAY).status == 404


def test_a_list_of_satellites_survives_a_role_change_of_members() -> None:
    scene: Scene = connected()
    scene.world.put_member("acme", "bob", "team_admin")
    assert scene.works()
    assert people._satellites({"satellites": "no list"}) == frozenset()
