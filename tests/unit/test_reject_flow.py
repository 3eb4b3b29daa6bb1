"""A satellite reports that the MCP server rejected a token."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import Value
from strongroom.flows import reject
from tests.fakes.faults import fails, in_turn
from tests.unit.attacks.scenes import records
from tests.unit.renewals import Scene, connected, replies, says
from tests.weakened import weakened
from tests.world import Answered, World

STEP_UP = 'Bearer error="insufficient_scope", scope="files mail"'


def rejects(scene: Scene, version: str | None = None, **body: Any) -> Answered:
    return scene.world.reject(scene.user, scene.installation, version or str(scene.connection.version), **body)


def test_a_rejected_token_is_renewed_once_and_the_new_one_is_the_answer() -> None:
    scene = connected()
    failed = str(scene.connection.version)
    answer = rejects(scene, failed)
    assert answer.status == 200
    assert answer.json["version"] != failed
    assert rejects(scene, failed).json["version"] == answer.json["version"]
    assert len(scene.refreshes()) == 1
    assert scene.works()


def test_a_report_of_an_older_version_changes_nothing() -> None:
    scene = connected()
    old = str(scene.connection.version)
    scene.renew()
    before = scene.row
    assert rejects(scene, old).status == 200
    assert scene.row == before


def test_a_report_from_before_a_leave_and_a_reconnect_changes_nothing() -> None:
    scene = connected()
    world = scene.world
    old = str(scene.connection.version)
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.connect("bob", scene.installation)
    before = scene.row
    for _ in range(3):
        assert rejects(scene, old).json["version"] == str(scene.connection.version)
    assert (scene.row, scene.refreshes()) == (before, [])


def rejected_twice(apart: int = 60) -> Scene:
    scene = connected()
    assert rejects(scene).status == 200
    scene.world.clock.advance(apart)
    answer = rejects(scene)
    assert (answer.status, answer.json["reason"]) == (409, "rejected")
    return scene


@pytest.mark.parametrize("apart", [1, 60, 899])
def test_a_second_version_rejected_within_a_quarter_of_an_hour_asks_the_person_for_a_quarter_of_an_hour(
    apart: int,
) -> None:
    scene = rejected_twice(apart)
    assert scene.world.status("bob", scene.installation)["reason"] == "rejected"
    scene.world.clock.advance(899)
    assert scene.world.look_up("bob", scene.installation).json["reason"] == "rejected"
    scene.world.clock.advance(1)
    assert scene.world.status("bob", scene.installation)["status"] == "connected"
    assert scene.works()


def test_more_reports_of_the_same_version_do_not_make_it_longer() -> None:
    scene = rejected_twice()
    for _ in range(5):
        scene.world.clock.advance(150)
        assert rejects(scene).json["reason"] == "rejected"
    scene.world.clock.advance(150)
    assert scene.world.status("bob", scene.installation)["status"] == "connected"


def test_versions_rejected_far_apart_are_two_ordinary_rejections() -> None:
    scene = connected()
    assert rejects(scene).status == 200
    scene.world.clock.advance(900)
    assert rejects(scene).status == 200
    assert len(scene.refreshes()) == 2


def test_while_it_is_rejected_its_tokens_are_kept_and_renewed() -> None:
    scene = rejected_twice()
    world = scene.world
    renewed = len(scene.refreshes())
    world.table.place({**scene.row, "due_at": int(world.clock.now())})
    world.tick()
    assert len(scene.refreshes()) == renewed + 1
    assert world.status("bob", scene.installation)["reason"] == "rejected"
    assert [grant.alive for grant in world.provider.grants] == [True]


def test_a_reconnect_ends_a_rejection() -> None:
    scene = rejected_twice()
    scene.world.clock.advance(1)
    scene.world.connect("bob", scene.installation)
    assert scene.works()


def test_a_rejected_token_that_cannot_be_renewed_asks_the_person() -> None:
    world = World()
    world.provider.gives_refresh = False
    installation = world.install()
    world.connect("bob", installation)
    scene = Scene(world, installation)
    assert rejects(scene).json["reason"] == "rejected"
    assert world.status("bob", installation)["reason"] == "rejected"
    world.clock.advance(900)
    assert world.look_up("bob", installation).status == 200


def test_a_rejection_while_the_provider_fails_is_a_passing_fault() -> None:
    scene = connected()
    scene.provider_does(replies(503))
    assert rejects(scene).status == 503
    assert scene.world.status("bob", scene.installation)["status"] == "connected"


def test_a_rejection_whose_renewal_is_refused_says_so() -> None:
    scene = connected()
    scene.provider_does(says("invalid_grant"))
    assert rejects(scene).json["reason"] == "refused"


@pytest.mark.parametrize("status", [401, 403])
def test_a_403_that_is_no_step_up_counts_like_a_401(status: int) -> None:
    scene = connected()
    assert rejects(scene, status=status, challenge='Bearer error="invalid_token"').status == 200
    assert len(scene.refreshes()) == 1
    assert scene.connection.rejected != ()


def test_a_step_up_is_no_rejection_and_look_ups_go_on() -> None:
    scene = connected()
    before = scene.row
    answer = rejects(scene, status=403, challenge=STEP_UP)
    assert (answer.status, answer.json["error"]) == (409, "insufficient_scope")
    assert answer.json["link"].startswith("https://web.example/connections?")
    remembered = {"challenged_scopes": ["files", "mail"], "challenged_count": 2}
    assert (scene.row, scene.refreshes()) == ({**before, **remembered}, [])
    assert scene.works()


def ended_by(scene: Scene, how: str) -> None:
    """End the connection in one of the ways in which its tokens stay where they are."""
    world = scene.world
    place = world.table.row(keys.installation("acme", scene.installation))
    assert place is not None
    match how:
        case "installation_changed" | "revoked":
            world.table.place({**place, "binding": "another", "rebound": how, "bound_at": int(world.clock.now())})
        case "never_connected":
            world.put_member("acme", "bob", None)
            world.put_member("acme", "bob", "team_user")
        case "rejected":
            versions = (str(scene.connection.version.next()), str(scene.connection.version))
            entries: list[Value] = [{"version": version, "at": int(world.clock.now())} for version in versions]
            world.table.place({**scene.row, "rejected": entries})
        case _:
            world.table.place({**scene.row, "status_reason": how})


ENDS = ("installation_changed", "revoked", "never_connected", "rejected", "refused", "lost_response", "client_replaced")


@pytest.mark.parametrize("how", ENDS)
def test_a_step_up_of_what_would_not_be_handed_out_any_more_is_a_look_up_and_changes_nothing(how: str) -> None:
    scene = connected()
    version = str(scene.connection.version)
    ended_by(scene, how)
    before = scene.world.table.snapshot()
    answer = rejects(scene, version, status=403, challenge=STEP_UP)
    asked = scene.world.look_up("bob", scene.installation)
    assert (answer.status, answer.json) == (asked.status, asked.json)
    assert (answer.json["error"], answer.json["reason"]) == ("authorization_required", how)
    assert scene.world.table.snapshot() == before
    assert records(scene.world, "more_scopes_wanted") == []


@pytest.mark.parametrize("how", ENDS)
def test_control_without_a_look_at_the_standing_the_person_would_be_sent_for_more_scopes(how: str) -> None:
    scene = connected()
    version = str(scene.connection.version)
    ended_by(scene, how)
    with weakened(reject._in_use, "if reason is None else None", ""):
        assert rejects(scene, version, status=403, challenge=STEP_UP).json["error"] == "insufficient_scope"
    assert len(records(scene.world, "more_scopes_wanted")) == 1


@pytest.mark.parametrize("how", [how for how in ENDS if how != "rejected"])
def test_a_rejection_of_what_has_ended_is_a_look_up_and_changes_nothing(how: str) -> None:
    scene = connected()
    version = str(scene.connection.version)
    ended_by(scene, how)
    before = scene.world.table.snapshot()
    assert rejects(scene, version).json["reason"] == how
    assert (scene.world.table.snapshot(), scene.refreshes()) == (before, [])


def test_a_step_up_is_recorded_once_for_each_new_set_of_scopes() -> None:
    scene = connected()
    for _ in range(3):
        assert rejects(scene, status=403, challenge=STEP_UP).json["reason"] == "insufficient_scope"
    [told] = records(scene.world, "more_scopes_wanted")
    assert (told["user"], told["installation"]) == ("bob", scene.installation)
    assert rejects(scene, status=403, challenge=STEP_UP.replace("mail", "mail calendar")).status == 409
    assert len(records(scene.world, "more_scopes_wanted")) == 2


def test_a_step_up_while_renewing_fails_is_a_step_up_all_the_same() -> None:
    scene = connected()
    scene.world.table.place({**scene.row, "failures": 2, "last_error": "unreachable"})
    assert rejects(scene, status=403, challenge=STEP_UP).json["error"] == "insufficient_scope"


def test_a_step_up_at_a_server_that_needs_no_oauth_any_more_asks_nobody() -> None:
    scene = connected()
    place = scene.world.table.row(keys.installation("acme", scene.installation))
    assert place is not None
    scene.world.table.place({**place, "requires_oauth": False})
    answer = rejects(scene, status=403, challenge=STEP_UP)
    asked = scene.world.look_up("bob", scene.installation)
    assert (answer.status, answer.json) == (asked.status, asked.json)
    assert records(scene.world, "more_scopes_wanted") == []


def test_a_401_with_the_challenge_of_a_step_up_is_a_rejection() -> None:
    scene = connected()
    assert rejects(scene, status=401, challenge=STEP_UP).status == 200
    assert len(scene.refreshes()) == 1


def test_a_challenge_that_makes_no_sense_is_a_plain_rejection() -> None:
    scene = connected()
    assert rejects(scene, challenge='Bearer "" ,,= \\').status == 200


def test_a_rejection_that_cannot_be_written_still_forces_the_renewal() -> None:
    scene = connected()
    scene.world.table.before["commit"] = in_turn([fails(StoreUnavailable("busy"))])
    assert rejects(scene).status == 200
    assert len(scene.refreshes()) == 1


def test_a_report_about_somebody_else_touches_only_that_one() -> None:
    scene = connected()
    scene.world.connect("alice", scene.installation)
    alice = Scene(scene.world, scene.installation, "alice")
    before = scene.row
    answer = scene.world.reject("alice", scene.installation, str(scene.connection.version))
    assert answer.json["version"] == str(alice.connection.version)
    assert scene.row == before
