"""What else hangs on a membership: counts, and an account that serves the whole team; and what people are told of it."""

from __future__ import annotations

import re

import pytest

from strongroom.domain import keys
from strongroom.domain.cut import Cut
from strongroom.domain.record import records_of
from strongroom.domain.timeline_words import CUTS, EVENTS
from strongroom.flows import clearing, cuts, reads
from tests.openapi import ROOT
from tests.unit.cutting import (
    drained,
    leave,
    let_pass,
    rebind,
    the_cut,
    told,
)
from tests.unit.renewals import Scene, connected, rows
from tests.weakened import weakened
from tests.world import HOST, World

EACH_BINDING = pytest.mark.parametrize("why", ["installation_changed", "revoked"])


# -- the rest of a membership


def test_the_counts_of_one_who_left_go_and_those_of_one_who_is_back_stay() -> None:
    for back in (False, True):
        scene = connected()
        world = scene.world
        key = keys.quota("acme", "bob", "authorizations")
        world.put_member("acme", "bob", None)
        if back:
            world.put_member("acme", "bob", "team_user")
        world.table.place({"PK": key.pk, "SK": key.sk, "kind": "quota", "revision": 1})
        let_pass(world)
        assert (world.table.row(key) is not None) == back


def test_a_member_with_more_rows_than_fit_into_a_page_loses_them_all() -> None:
    scene = crowd()
    leave(scene.world, scene.installation)
    let_pass(scene.world)
    assert rows(scene.world, "connection") == []


def test_control_who_looks_at_one_page_leaves_the_rest() -> None:
    scene = crowd()
    leave(scene.world, scene.installation)
    with weakened(reads.all_rows, "while page.after is not None:", "while False:"):
        scene.world.deliver()
    assert rows(scene.world, "connection")


def crowd() -> Scene:
    """Bob has a hundred and fifty rows, most of them facts without tokens."""
    scene = connected()
    fact = {
        name: value for name, value in scene.row.items() if name not in ("access", "refresh", "due_at", "due_shard")
    }
    for number in range(150):
        scene.world.table.place({**fact, "SK": f"C#{number:020d}", "status_reason": "denied"})
    return scene


# -- a shared connection whose authorizer leaves


def shared() -> Scene:
    world = World()
    world.put_member("acme", "bob", "team_admin")
    installation = world.install(sharing="shared")
    world.connect("bob", installation, confirm_shared=True)
    return Scene(world, installation)


def test_a_shared_connection_goes_on_serving_and_says_once_since_when_its_authorizer_is_gone() -> None:
    scene = shared()
    world = scene.world
    at = int(world.clock.now())
    leave(world, scene.installation)
    let_pass(world, 4)

    assert scene.row["authorizer_left_at"] == at
    assert Scene(world, scene.installation, "carol").works()
    (record,) = told(world, "authorizer_left")
    assert (record["user"], record["g1pk"]) == ("bob", records_of(scene.connection.owner))
    assert the_cut(world)["state"] == "ended"
    assert world.provider.revoked == []


def test_it_goes_on_being_renewed_and_the_mark_stays() -> None:
    scene = shared()
    leave(scene.world, scene.installation)
    let_pass(scene.world)
    scene.world.clock.advance(3590)
    assert Scene(scene.world, scene.installation, "carol").works()
    assert scene.connection.version.n > 0
    assert scene.row.get("authorizer_left_at")


def test_two_passes_at_once_write_one_record() -> None:
    scene = shared()
    world = scene.world
    leave(world, scene.installation)
    cut = Cut.from_item(the_cut(world))
    assert cut is not None
    for _ in range(2):
        row = {name: value for name, value in scene.row.items() if name != "authorizer_left_at"}
        clearing.Clearing(world.ports, cut, world.clock.now() + 9).authorizer_left(row)
    assert len(told(world, "authorizer_left")) == 1


def test_control_without_the_condition_both_write() -> None:
    scene = shared()
    world = scene.world
    leave(world, scene.installation)
    cut = Cut.from_item(the_cut(world))
    assert cut is not None
    row = dict(scene.row)
    with weakened(clearing.Clearing.authorizer_left, 'every(same, Lacks("authorizer_left_at"))', "same"):
        for _ in range(2):
            clearing.Clearing(world.ports, cut, world.clock.now() + 9).authorizer_left(row)
    assert len(told(world, "authorizer_left")) == 2


def test_what_another_admin_or_the_same_one_after_a_return_authorizes_carries_no_mark() -> None:
    for again_by in ("alice", "bob"):
        scene = shared()
        world = scene.world
        leave(world, scene.installation)
        drained(world)
        world.clock.advance(5)
        world.put_member("acme", "bob", "team_admin")
        world.connect(again_by, scene.installation, confirm_shared=True)
        let_pass(world)
        assert "authorizer_left_at" not in scene.row
        assert told(world, "authorizer_left") == []


def test_control_who_looks_at_the_name_alone_marks_what_was_authorized_after_the_return() -> None:
    scene = shared()
    world = scene.world
    leave(world, scene.installation)
    drained(world)
    world.clock.advance(5)
    world.put_member("acme", "bob", "team_admin")
    world.connect("bob", scene.installation, confirm_shared=True)
    with weakened(cuts._lost_its_authorizer, " and begun_at <= cut.made_at", ""):
        let_pass(world)
    assert "authorizer_left_at" in scene.row


# -- what people are told


def story(world: World, user: str, installation: str) -> list[tuple[object, object, object]]:
    answer = world.as_user(user, "GET", f"/v1/teams/acme/installations/{installation}/timeline")
    assert answer.status == 200, answer.text
    return [(event["event"], event["by"], event["text"]) for event in answer.json["events"]]


@EACH_BINDING
def test_the_person_reads_why_their_connection_was_cut(why: str) -> None:
    scene = connected()
    rebind(scene.world, scene.installation, why)
    let_pass(scene.world)
    assert ("connection_cut", "strongroom", CUTS[why]) in story(scene.world, "bob", scene.installation)


def test_everybody_reads_that_the_authorizer_has_left_and_admins_by_whom() -> None:
    scene = shared()
    leave(scene.world, scene.installation)
    let_pass(scene.world)
    text = EVENTS["authorizer_left"]
    assert ("authorizer_left", None, text) in story(scene.world, "carol", scene.installation)
    assert ("authorizer_left", str(HOST), text) in story(scene.world, "alice", scene.installation)


def test_an_admin_reads_who_left_and_what_was_cut() -> None:
    scene = connected()
    leave(scene.world, scene.installation)
    let_pass(scene.world)
    records = scene.world.as_user("alice", "GET", "/v1/teams/acme/records").json["records"]
    told_of = {record["event"]: (record["user"], record["text"]) for record in records}
    assert told_of["member_left"] == ("bob", EVENTS["member_left"])
    assert told_of["connection_cut"] == ("bob", CUTS["left"])


def test_every_reason_of_a_cut_has_a_sentence_and_stands_in_the_document() -> None:
    listed = next(
        line for line in (ROOT / "docs/errors.md").read_text("utf-8").splitlines() if "`connection_cut`" in line
    )
    assert set(re.findall(r"`(\w+)`", listed)) == {*CUTS, "connection_cut", "reason"}
    assert all(text[0].isupper() and text.endswith(".") for text in CUTS.values())
