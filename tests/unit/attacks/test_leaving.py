"""Whoever leaves takes nothing along, leaves nothing behind that serves anybody, and comes back to nothing."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.catalog import Catalog, CatalogEntry, Revoking
from strongroom.domain.table import Put
from strongroom.flows import chores, people
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind
from tests.unit.cutting import alive, drained, is_cleared, let_pass, revocations, told
from tests.unit.renewals import Scene, connected, rows
from tests.weakened import weakened
from tests.world import HOST, RIVAL_GATEWAY, World

FILES = 3
REVOKE_URL = "https://provider.example/revoke"


def leaves(world: World, user: str = "bob") -> None:
    assert world.put_member("acme", user, None).status == 200


def returns(world: World, role: str = "team_user") -> None:
    assert world.put_member("acme", "bob", role).status == 200


# -- before the call returns


@requirement("attack:E3")
def test_what_hung_on_a_membership_is_unreadable_before_the_chore_has_done_anything() -> None:
    scene = connected()
    world = scene.world
    leaves(world)
    drained(world)

    assert world.look_up("bob", scene.installation).status == 404
    assert world.as_user("bob", "GET", f"/v1/teams/acme/installations/{scene.installation}").status == 404
    returns(world)
    assert world.look_up("bob", scene.installation).json["reason"] == "never_connected"
    assert scene.row["access"]


@requirement("attack:E3")
def test_control_an_epoch_that_stays_gives_the_old_token_to_whoever_is_back() -> None:
    scene = connected()
    epoch = str(scene.row["epoch"])
    leaves(scene.world)
    drained(scene.world)
    with weakened(people._join, "fresh_id(ports)", f"{epoch!r}"):
        returns(scene.world)
    assert account_behind(scene.world, "bob", scene.installation) == "bob"


@requirement("attack:E3")
def test_the_chore_is_part_of_the_write_that_ends_the_membership() -> None:
    world = World()
    leaves(world)
    (written,) = [writes for writes in world.table.committed if any("V#" in write.key.pk for write in writes)]
    assert {write.key.pk.partition("#")[0] for write in written} == {"T", "V", "R"}
    (record,) = told(world, "member_left")
    assert (record["by"], record["user"]) == (str(HOST), "bob")


@requirement("attack:E3")
def test_control_a_leave_without_its_chore_leaves_the_tokens_alive_for_ever() -> None:
    scene = connected()
    with weakened(people._take_out, "(left, cut.to_put(ports.policy), told)", "(left, told)"):
        leaves(scene.world)
    let_pass(scene.world, 5)
    assert alive(scene.world) == ["bob"]
    assert scene.row["access"]


# -- nothing is left, and nobody else is touched


@requirement("attack:E3")
def test_who_comes_back_finds_no_row_no_token_and_no_status_of_before() -> None:
    scene = connected()
    world = scene.world
    leaves(world)
    let_pass(world)
    returns(world)

    assert world.status("bob", scene.installation)["reason"] == "never_connected"
    assert [row for row in rows(world, "connection") if "bob" in str(row["PK"])] == []
    assert is_cleared(world)
    world.connect("bob", scene.installation, account="bob-anew")
    assert account_behind(world, "bob", scene.installation) == "bob-anew"


@requirement("attack:E3")
def test_one_account_in_two_teams_lives_on_in_the_other() -> None:
    world = World()
    world.put_member("rivals", "bob", "team_user")
    here, there = world.install(), world.install("mallory", "rivals")
    world.connect("bob", here)
    world.connect("bob", there, "rivals")
    leaves(world)
    let_pass(world)

    assert account_behind(world, "bob", there, "rivals") == "bob"
    assert world.look_up("bob", there, by=RIVAL_GATEWAY, team="rivals").status == 200
    assert [grant.alive for grant in world.provider.grants] == [False, True]


@requirement("attack:E3")
def test_a_second_leave_after_a_return_takes_what_came_in_between() -> None:
    scene = connected()
    world = scene.world
    for account in ("bob-anew", "bob-once-more"):
        leaves(world)
        drained(world)
        returns(world)
        world.connect("bob", scene.installation, account=account)
    leaves(world)
    let_pass(world, 6)
    assert is_cleared(world)
    assert rows(world, "connection") == []


@requirement("attack:E3")
def test_what_the_leaver_authorized_for_all_serves_them_and_nobody_asks_in_their_name() -> None:
    world = World()
    world.put_member("acme", "bob", "team_admin")
    shared = world.install(sharing="shared")
    world.connect("bob", shared, confirm_shared=True)
    leaves(world)
    let_pass(world)

    assert world.look_up("bob", shared).status == 404
    assert account_behind(world, "carol", shared) == "bob"
    assert len(told(world, "authorizer_left")) == 1


# -- three installations at one provider


def known(ends: str | None) -> World:
    world = World()
    revoking: dict[str, Any] = {"ends": ends} if ends else {}
    entry = CatalogEntry(name="Provider", issuers=(world.provider.issuer,), revoking=Revoking(**revoking))
    world.catalog = Catalog((entry,) if ends else ())
    world.ports = world.new_environment()
    return world


def three(ends: str | None) -> tuple[World, list[str]]:
    """Bob uses one account at one provider in three places, and has reconnected in the first of them."""
    world = known(ends)
    places = [world.install(name=f"Files {number}") for number in range(FILES)]
    for place in (*places, places[0]):
        world.connect("bob", place)
    let_pass(world, 1)
    return world, places


@requirement("attack:E3")
@pytest.mark.parametrize("ends", ["grant", "token", None])
def test_after_a_leave_none_of_several_grants_lives_whatever_a_revocation_ends(ends: str | None) -> None:
    world, _ = three(ends)
    if ends == "grant":
        world.provider.ends_whole_grants = True
    leaves(world)
    let_pass(world, 6)

    assert alive(world) == []
    mine = [row for row in revocations(world) if row["why"] == "left"]
    assert [row["outcome"] for row in mine] == ["revoked"] * FILES
    assert {row["state"] for row in rows(world, "chore")} == {"ended"}
    assert rows(world, "connection") == []


@requirement("attack:E3")
def test_each_token_is_revoked_once_and_the_parked_ones_too() -> None:
    world, _ = three(None)
    assert [row["state"] for row in revocations(world)] == ["parked"]
    leaves(world)
    let_pass(world, 6)
    told_of = world.provider.revoked
    assert len(told_of) == len(set(told_of)) == 2 * (FILES + 1)
    assert {grant.refresh for grant in world.provider.grants} <= set(told_of)


def each_chore_at_once(world: World) -> None:
    """Every revocation is done in the moment in which it is made, while the leaver's other rows are still there."""

    def deed(writes: Any) -> None:
        for write in writes:
            if isinstance(write, Put) and write.item.get("work") == "revoke":
                chores.do_chore(world.new_environment(), str(write.item["chore"]))

    world.table.after["commit"] = deed


@requirement("attack:E3")
@pytest.mark.parametrize("ends", ["grant", None])
def test_rows_of_an_ended_membership_do_not_keep_each_others_grants(ends: str | None) -> None:
    world, _ = three(ends)
    if ends == "grant":
        world.provider.ends_whole_grants = True
    leaves(world)
    each_chore_at_once(world)
    let_pass(world, 6)
    assert alive(world) == []


@requirement("attack:E3")
def test_control_who_counts_the_rows_of_an_ended_membership_leaves_grants_alive() -> None:
    """Where the last revocation is believed to end the grant, whoever is kept forgets its tokens; this provider ends one."""
    world, _ = three("grant")
    leaves(world)
    each_chore_at_once(world)
    stands = "return connection.standing == standing_of(owner, installation, member)"
    with weakened(chores._stands, stands, "return True"):
        let_pass(world, 6)
    assert len(alive(world)) == FILES


@requirement("attack:E3")
def test_an_account_that_still_serves_the_team_is_not_ended_by_its_owners_leave() -> None:
    """The provider ends all that the account allowed at once: bob's own connection goes, the shared one serves on."""
    world = known("grant")
    world.put_member("acme", "bob", "team_admin")
    own, shared = world.install(), world.install(name="Shared Files", sharing="shared")
    world.connect("bob", own)
    world.connect("bob", shared, confirm_shared=True)
    leaves(world)
    let_pass(world)

    assert [row["outcome"] for row in revocations(world)] == ["kept_for_other"]
    assert Scene(world, shared, "carol").works()
    assert world.provider.revoked == []
