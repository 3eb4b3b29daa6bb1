"""Clearing away what was cut: exactly that, all of it, and nothing of anybody else."""

from __future__ import annotations

import pytest

from strongroom.domain import keys
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import Item, Put, Remove
from strongroom.flows import clearing, cuts
from strongroom.flows.reads import five_reads
from strongroom.flows.renew import renew
from tests.fakes.faults import fails, meanwhile
from tests.requirements import requirement
from tests.unit.cutting import (
    End,
    alive,
    change,
    holds,
    installation_row,
    is_cleared,
    leave,
    let_pass,
    one_pass,
    rebind,
    revocations,
    revoke_all,
    the_cut,
    told,
    uninstall,
)
from tests.unit.renewals import Scene, connected, rows, when
from tests.weakened import weakened
from tests.world import RIVAL_GATEWAY, World

ENDS: dict[str, End] = {
    "left": leave,
    "installation_changed": change,
    "revoked": revoke_all,
    "uninstalled": uninstall,
}
EACH_END = pytest.mark.parametrize(("why", "end"), ENDS.items(), ids=ENDS.keys())
EACH_BINDING = pytest.mark.parametrize("why", ["installation_changed", "revoked"])


def own(scene: Scene, user: str = "bob") -> Item | None:
    return scene.world.table.row(keys.connection("acme", user, scene.installation))


# -- what becomes of a connection


@EACH_END
def test_what_was_cut_is_revoked_at_the_provider_and_told_and_the_chore_ends(why: str, end: End) -> None:
    scene = connected()
    end(scene.world, scene.installation)
    let_pass(scene.world)

    (grant,) = scene.world.provider.grants
    assert scene.world.provider.revoked == [grant.refresh, grant.access]
    assert [(row["why"], row["outcome"]) for row in revocations(scene.world)] == [(why, "revoked")]
    (record,) = told(scene.world, "connection_cut")
    assert (record["reason"], record["user"], record["by"]) == (why, "bob", "strongroom")
    assert the_cut(scene.world)["state"] == "ended"
    assert not the_cut(scene.world).keys() & {"due_at", "due_shard"}


@EACH_END
def test_the_row_goes_unless_somebody_will_ask_why_they_are_disconnected(why: str, end: End) -> None:
    scene = connected()
    at = int(scene.world.clock.now())
    end(scene.world, scene.installation)
    let_pass(scene.world)

    if why in ("left", "uninstalled"):
        assert own(scene) is None
        return
    assert not holds(scene.world, keys.connection("acme", "bob", scene.installation))
    status = scene.world.status("bob", scene.installation)
    assert (status["status"], status["reason"], status["since"]) == ("auth_required", why, at)


def test_the_tokens_are_in_the_row_or_in_the_chore_whatever_becomes_of_the_write() -> None:
    scene = connected()
    leave(scene.world, scene.installation)
    scene.world.table.before["commit"] = when(lambda writes: len(writes) == 3, fails(StoreUnavailable("busy")), 1)
    with pytest.raises(StoreUnavailable):
        one_pass(scene.world)
    assert own(scene) is not None
    assert revocations(scene.world) == []
    let_pass(scene.world, 5)
    assert is_cleared(scene.world)


@EACH_END
def test_a_row_that_changes_while_it_is_taken_away_is_taken_as_it_is_then(why: str, end: End) -> None:
    """A renewal comes in between: its tokens are the newest, and the ones that must be revoked."""
    scene = connected()
    world = scene.world
    world.clock.advance(3590)
    renewing = scene.connection
    end(world, scene.installation)
    world.table.before["commit"] = when(
        lambda writes: any(isinstance(write, Remove | Put) and write.key == renewing.key for write in writes),
        meanwhile(lambda: renewed_anyway(scene)),
        1,
    )
    let_pass(world)

    assert is_cleared(world)
    assert world.provider.grants[0].refresh in world.provider.revoked


def renewed_anyway(scene: Scene) -> None:
    """A renewal that was on its way when the cut came commits on the version."""
    ports = scene.world.new_environment()
    team = five_reads(ports.table, "acme", "alice", scene.installation).team
    assert team is not None
    renew(ports, team, scene.connection, "schedule", ports.clock.now() + 23)


@EACH_BINDING
def test_who_begins_again_before_the_pass_comes_is_not_stopped_by_it(why: str) -> None:
    scene = connected()
    world = scene.world
    rebind(world, scene.installation, why)
    mine = world.consent(world.begin("bob", scene.installation), "bob-again")
    let_pass(world)

    assert world.complete("bob", mine).status == 200
    assert scene.works()


def test_control_a_cut_that_counts_as_a_revoke_ends_what_was_begun_after_it() -> None:
    scene = connected()
    world = scene.world
    rebind(world, scene.installation)
    mine = world.consent(world.begin("bob", scene.installation), "bob-again")
    with weakened(clearing.Clearing.empty, "gone = replace(gone, revocation=connection.revocation)", "pass"):
        let_pass(world)
    assert world.complete("bob", mine).status == 400


# -- what carries the mark, and what does not


def test_who_is_back_and_connected_before_the_pass_keeps_that_and_nothing_of_before() -> None:
    scene = connected()
    world = scene.world
    second = world.install(name="More Files")
    world.connect("bob", second)
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.connect("bob", scene.installation, account="bob-anew")
    let_pass(world)

    assert scene.works()
    assert world.table.row(keys.connection("acme", "bob", second)) is None
    assert world.status("bob", second)["reason"] == "never_connected"
    assert the_cut(world)["state"] == "ended"


@requirement("attack:E3")
def test_control_without_the_epoch_a_leave_takes_what_came_after_the_return() -> None:
    scene = connected()
    world = scene.world
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.connect("bob", scene.installation, account="bob-anew")
    with weakened(cuts._member, ' and row.get("epoch") == cut.mark', ""):
        let_pass(world)
    assert own(scene) is None


@EACH_BINDING
def test_what_was_connected_under_the_new_binding_stays(why: str) -> None:
    scene = connected()
    world = scene.world
    world.connect("carol", scene.installation)
    rebind(world, scene.installation, why)
    world.connect("bob", scene.installation, account="bob-anew")
    let_pass(world)

    assert scene.works()
    assert not holds(world, keys.connection("acme", "carol", scene.installation))
    assert [row["user"] for row in told(world, "connection_cut")] == ["carol"]


@requirement("attack:E4")
@EACH_BINDING
def test_control_without_the_binding_a_cut_takes_what_came_after_it(why: str) -> None:
    scene = connected()
    world = scene.world
    rebind(world, scene.installation, why)
    world.connect("bob", scene.installation, account="bob-anew")
    with weakened(cuts._binding, 'row.get("binding") != cut.mark and not is_gone', "False"):
        let_pass(world)
    assert not holds(world, keys.connection("acme", "bob", scene.installation))


def test_two_changes_in_a_row_are_two_cuts_and_each_takes_its_own() -> None:
    scene = connected()
    world = scene.world
    rebind(world, scene.installation)
    world.connect("carol", scene.installation)
    rebind(world, scene.installation, "revoked")
    let_pass(world)

    assert is_cleared(world)
    assert sorted((str(row["user"]), str(row["reason"])) for row in told(world, "connection_cut")) == [
        ("bob", "installation_changed"),
        ("carol", "revoked"),
    ]


def test_an_uninstalled_server_takes_the_rows_of_older_bindings_with_it() -> None:
    scene = connected()
    world = scene.world
    rebind(world, scene.installation)
    uninstall(world, scene.installation)
    let_pass(world)

    assert rows(world, "connection") == []
    assert is_cleared(world)


def test_while_an_installation_is_there_the_mark_decides() -> None:
    scene = connected()
    row = installation_row(scene.world, scene.installation)
    uninstall(scene.world, scene.installation)
    scene.world.table.place({**row, "binding": "another-binding-0000"})
    scene.world.table.place({**scene.row, "binding": "another-binding-0000"})
    let_pass(scene.world)
    assert own(scene) is not None


@EACH_BINDING
def test_the_shared_connection_goes_with_the_others(why: str) -> None:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    rebind(world, installation, why)
    let_pass(world)
    assert not holds(world, keys.shared_connection("acme", installation))
    assert is_cleared(world)


def test_a_mode_switch_takes_the_connections_of_the_old_mode() -> None:
    world = World()
    installation = world.install()
    for user in ("bob", "carol"):
        world.connect(user, installation)
    rebind(world, installation, sharing="shared")
    let_pass(world)
    assert is_cleared(world)
    assert world.status("bob", installation)["status"] == "not_connected"


def test_facts_without_tokens_of_one_who_left_go_too_and_need_no_provider() -> None:
    scene = connected()
    scene.world.revoke("bob", scene.installation)
    leave(scene.world, scene.installation)
    let_pass(scene.world)
    assert own(scene) is None
    assert told(scene.world, "connection_cut") == []
    assert len(revocations(scene.world)) == 1


# -- nobody else


def of_both_teams() -> tuple[World, str, str]:
    """Bob has one account at one provider, and uses it in two teams."""
    world = World()
    world.put_member("rivals", "bob", "team_user")
    here, there = world.install(), world.install("mallory", "rivals")
    world.connect("bob", here)
    world.connect("bob", there, "rivals")
    return world, here, there


@EACH_END
def test_another_team_of_the_same_person_and_account_notices_nothing(why: str, end: End) -> None:
    world, here, there = of_both_teams()
    key = keys.connection("rivals", "bob", there)
    before = world.table.row(key)
    end(world, here)
    let_pass(world)

    assert world.table.row(key) == before
    assert world.look_up("bob", there, by=RIVAL_GATEWAY, team="rivals").status == 200
    assert alive(world) == ["bob"]
    assert {row["team"] for row in revocations(world)} == {"acme"}


@EACH_END
def test_others_in_the_team_and_other_installations_notice_nothing(why: str, end: End) -> None:
    scene = connected()
    world = scene.world
    other = world.install(name="More Files")
    world.connect("carol", other)
    key = keys.connection("acme", "carol", other)
    before = world.table.row(key)
    end(world, scene.installation)
    let_pass(world)
    assert world.table.row(key) == before


# -- the index is not believed


def misnamed(scene: Scene, installation: str) -> Item:
    """A row of rivals that the index names among those of an installation of acme."""
    world = scene.world
    foreign = world.install("mallory", "rivals")
    world.connect("mallory", foreign, "rivals")
    row = world.table.row(keys.connection("rivals", "mallory", foreign))
    assert row is not None
    named = {**row, "g1pk": "T#acme#C", "g1sk": f"{installation}#" + str(row["PK"]), "installation": installation}
    named["binding"] = installation_row(world, installation)["binding"]
    world.table.place(named)
    return named


@EACH_BINDING
def test_a_row_that_the_index_names_in_the_wrong_place_is_not_touched(why: str) -> None:
    scene = connected()
    foreign = misnamed(scene, scene.installation)
    rebind(scene.world, scene.installation, why)
    let_pass(scene.world)
    assert scene.world.table.row(Put(foreign, None).key) == foreign
    assert not holds(scene.world, keys.connection("acme", "bob", scene.installation))


def test_control_who_believes_the_index_cuts_somebody_else() -> None:
    scene = connected()
    foreign = misnamed(scene, scene.installation)
    rebind(scene.world, scene.installation)
    with weakened(cuts._connected_at, " and (owner[0], owner[2]) == (cut.team, installation)", ""):
        let_pass(scene.world)
    assert scene.world.table.row(Put(foreign, None).key) != foreign


def test_what_the_index_tells_of_a_row_is_read_anew() -> None:
    """Between the index and the read, bob connects under the new binding."""
    scene = connected()
    world = scene.world
    rebind(world, scene.installation)
    world.table.after["query"] = when(lambda query: query.index == "g1", meanwhile(lambda: again(scene)), 1)
    let_pass(world)
    assert scene.works()


def again(scene: Scene) -> None:
    scene.world.table.after.clear()
    scene.world.connect("bob", scene.installation, account="bob-anew")
