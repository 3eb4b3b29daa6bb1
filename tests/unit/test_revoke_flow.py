"""A person takes back what they allowed."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import QueueUnavailable, StoreUnavailable
from strongroom.domain.renewal_outcome import Renewed
from tests.fakes.faults import fails, meanwhile
from tests.requirements import requirement
from tests.unit.renewals import Scene, connected, nearly_over, queue, raises, rows
from tests.world import World


def test_after_a_revoke_there_is_nothing_left_to_give_or_to_renew() -> None:
    scene = connected()
    answer = scene.world.revoke("bob", scene.installation)
    assert (answer.status, answer.json["connection"]["reason"]) == (200, "revoked")
    assert not scene.row.keys() & {"access", "refresh", "due_at", "due_shard", "lease"}
    assert scene.world.look_up("bob", scene.installation).json["reason"] == "revoked"


def test_the_revoke_and_its_chore_are_one_write() -> None:
    scene = connected()
    scene.world.table.committed.clear()
    scene.world.revoke("bob", scene.installation)
    (commit,) = scene.world.table.committed
    assert len(commit) == 3
    assert [row["event"] for row in rows(scene.world, "record")][-1:] == ["revoked"]


@requirement("fault:F26")
def test_nothing_of_the_provider_is_waited_for() -> None:
    scene = connected()
    scene.world.egress.silent.add("provider.example")
    sent = len(scene.world.egress.sent)
    assert scene.world.revoke("bob", scene.installation).status == 200
    assert len(scene.world.egress.sent) == sent


def test_asking_twice_is_asking_once() -> None:
    scene = connected()
    scene.world.revoke("bob", scene.installation)
    assert scene.world.revoke("bob", scene.installation).json["connection"]["reason"] == "revoked"
    assert len(rows(scene.world, "chore")) == 1


def test_to_ask_again_leaves_what_the_person_is_told() -> None:
    scene = connected()
    scene.world.revoke("bob", scene.installation)
    before = scene.world.status("bob", scene.installation)
    scene.world.clock.advance(60)
    scene.world.revoke("bob", scene.installation)
    assert scene.world.status("bob", scene.installation) == before


def test_a_denial_is_still_told_after_a_revoke_that_had_nothing_to_revoke() -> None:
    world = World()
    installation = world.install()
    world.browse(world.provider.consent(world.begin("bob", installation).url, "bob", error="access_denied"))
    assert world.revoke("bob", installation).json["connection"]["reason"] == "denied"


def test_where_there_is_no_oauth_there_is_nothing_to_revoke() -> None:
    world = World()
    installation = world.install(requires_oauth=False)
    before = world.table.snapshot()
    refused = world.revoke("bob", installation)
    assert (refused.status, refused.json["error"]) == (409, "no_oauth_needed")
    assert world.table.snapshot() == before


def test_who_never_connected_can_revoke_too_and_what_was_begun_before_ends_by_it() -> None:
    world = World()
    installation = world.install()
    mine = world.consent(world.begin("bob", installation), "bob")
    assert world.revoke("bob", installation).json["connection"]["reason"] == "never_connected"
    assert world.complete("bob", mine).json["error"] == "revoked_meanwhile"
    assert rows(world, "chore") == []


def test_a_revoke_that_meets_a_renewal_takes_the_newest_tokens() -> None:
    scene = nearly_over()
    world = scene.world

    def renewed() -> None:
        assert isinstance(scene.renew(world.new_environment()), Renewed)

    world.table.before["commit"] = meanwhile(renewed)
    assert world.revoke("bob", scene.installation).status == 200
    (chore,) = rows(world, "chore")
    assert chore["n"] == 2
    world.deliver()
    assert [grant.alive for grant in world.provider.grants] == [False]


def test_a_revoke_that_meets_a_look_up_is_not_undone_by_its_use() -> None:
    scene = connected()
    world = scene.world
    world.clock.advance(6 * 3600)
    scene.renew()
    world.table.before["commit"] = meanwhile(lambda: world.revoke("bob", scene.installation))
    world.look_up("bob", scene.installation)
    assert world.look_up("bob", scene.installation).json["reason"] == "revoked"


@requirement("fault:F26")
def test_a_queue_that_does_not_answer_leaves_the_chore_to_the_schedule() -> None:
    scene = connected()
    world = scene.world
    queue(world, "chore").before["send"] = fails(QueueUnavailable("away"))
    assert world.revoke("bob", scene.installation).status == 200
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False]


def test_a_revoke_whose_answer_was_lost_is_done_and_can_be_asked_again() -> None:
    scene = connected()
    world = scene.world
    world.table.after["commit"] = fails(StoreUnavailable("lost"))
    assert world.revoke("bob", scene.installation).status == 503
    assert world.look_up("bob", scene.installation).json["reason"] == "revoked"
    assert world.revoke("bob", scene.installation).status == 200
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False]


def test_a_revoke_that_did_nothing_says_so() -> None:
    scene = connected()
    scene.world.table.before["commit"] = raises(StoreUnavailable("busy"))
    assert scene.world.revoke("bob", scene.installation).status == 503
    assert scene.works()


def test_a_row_that_keeps_changing_is_not_called_revoked() -> None:
    scene = connected()
    world = scene.world

    def renewed(writes: object) -> None:
        hook = world.table.before.pop("commit")
        scene.renew(world.new_environment())
        world.table.before["commit"] = hook

    world.table.before["commit"] = renewed
    assert world.revoke("bob", scene.installation).status == 503
    world.table.before.clear()
    assert scene.works()


def test_after_a_revoke_the_person_may_connect_again() -> None:
    scene = connected()
    scene.world.revoke("bob", scene.installation)
    scene.world.clock.advance(1)
    scene.world.connect("bob", scene.installation)
    scene.world.tick()
    assert scene.works()


def test_a_revoke_touches_nobody_else() -> None:
    scene = connected()
    world = scene.world
    world.connect("alice", scene.installation)
    before = Scene(world, scene.installation, "alice").row
    world.revoke("bob", scene.installation)
    assert Scene(world, scene.installation, "alice").row == before


def test_one_who_rejoined_can_revoke_what_an_earlier_membership_left() -> None:
    scene = connected()
    world = scene.world
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    assert world.revoke("bob", scene.installation).status == 200
    world.deliver()
    assert [grant.alive for grant in world.provider.grants] == [False]


@pytest.mark.parametrize(("user", "status"), [("alice", 200), ("bob", 403), ("carol", 403)])
def test_a_shared_account_is_revoked_by_an_admin_alone(user: str, status: int) -> None:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    assert world.revoke(user, installation).status == status
    assert (world.look_up("bob", installation).status == 200) is (status != 200)


def test_a_shared_account_that_was_revoked_says_so_to_admins_and_sends_members_to_them() -> None:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    world.revoke("alice", installation)
    assert world.status("bob", installation)["reason"] == "revoked"
    assert world.look_up("bob", installation).json["reason"] == "admin_must_connect"
    assert world.look_up("alice", installation).json["reason"] == "revoked"


def test_a_stranger_has_nothing_to_revoke() -> None:
    scene = connected()
    assert scene.world.revoke("mallory", scene.installation).status == 404
    assert scene.world.revoke("mallory", scene.installation, "rivals").status == 404
    assert scene.works()
