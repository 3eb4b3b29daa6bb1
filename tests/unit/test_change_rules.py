"""Who may change an installation, with which body, and by what they have seen of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.fakes.faults import meanwhile
from tests.unit.changing import change, changed, connected, place, revoke_all, shown, stored, uninstall
from tests.world import MCP_URL, Answered, World

# -- what is not of the documented form


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({}, "invalid_request"),
        ({"name": None}, "invalid_request"),
        ({"name": ""}, "invalid_request"),
        ({"name": "x" * 81}, "invalid_request"),
        ({"url": ""}, "invalid_request"),
        ({"url": "https://files.example/" + "x" * 2048}, "invalid_request"),
        ({"sharing": None}, "invalid_request"),
        ({"enabled": "false"}, "invalid_request"),
        ({"scopes": ["a", "a"]}, "invalid_request"),
        ({"scopes": None}, "invalid_request"),
        ({"requires_oauth": None}, "invalid_request"),
        ({"inject": None}, "invalid_request"),
        ({"binding": "mine"}, "unknown_field"),
        ({"revision": 0}, "unknown_field"),
        ({"found": {}}, "unknown_field"),
    ],
)
def test_a_body_of_another_form_is_refused(members: dict[str, Any], error: str) -> None:
    world, installation = connected()
    before = world.table.snapshot()
    refused = change(world, installation, **members)
    assert (refused.status, refused.json["error"]) == (400, error)
    assert world.table.snapshot() == before


# -- who may


@pytest.mark.parametrize(
    ("user", "team", "status"),
    [("bob", "acme", 403), ("mallory", "acme", 404), ("mallory", "rivals", 404), ("alice", "rivals", 404)],
)
def test_only_an_admin_of_its_own_team_changes_an_installation(user: str, team: str, status: int) -> None:
    world, installation = connected()
    before = world.table.snapshot()
    for deed in (uninstall, revoke_all):
        assert deed(world, installation, user, team).status == status
    assert change(world, installation, user, team, name="Mine").status == status
    assert world.table.snapshot() == before


def test_what_was_never_installed_is_not_found() -> None:
    world = World()
    for answer in (change(world, "a" * 20, name="x"), uninstall(world, "a" * 20), revoke_all(world, "a" * 20)):
        assert (answer.status, answer.json["error"]) == (404, "not_found")


DEEDS: dict[str, Callable[[World, str], Answered]] = {
    "change": lambda world, installation: change(world, installation, name="Mine"),
    "uninstall": uninstall,
    "revoke_all": revoke_all,
}


@pytest.mark.parametrize(("role", "status"), [("team_user", 403), (None, 404)])
@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_who_is_no_admin_any_more_when_it_is_written_changes_nothing(
    deed: Callable[[World, str], Answered], role: str | None, status: int
) -> None:
    world, installation = connected()
    before = stored(world, installation)
    world.table.before["commit"] = meanwhile(lambda: world.put_member("acme", "alice", role))
    assert deed(world, installation).status == status
    assert stored(world, installation) == before


# -- If-Match


def test_the_tag_of_what_is_shown_comes_with_every_answer() -> None:
    world = World()
    installed = world.as_user(
        "alice", "POST", "/v1/teams/acme/installations", {"name": "F", "url": MCP_URL, "requires_oauth": True}
    )
    installation = installed.json["installation"]
    assert (installed.headers["etag"], installed.json["revision"]) == ('"0"', 0)
    assert world.as_user("bob", "GET", place(installation)).headers["etag"] == '"0"'
    answer = changed(world, installation, name="Files")
    assert (answer.headers["etag"], answer.json["revision"]) == ('"1"', 1)
    (listed,) = world.as_user("bob", "GET", "/v1/teams/acme/installations").json["installations"]
    assert listed["revision"] == 1


def test_a_change_of_what_was_seen_is_made() -> None:
    world, installation = connected()
    assert change(world, installation, match='"0"', name="Files").headers["etag"] == '"1"'
    assert change(world, installation, match=' "1" ', name="Files 2").status == 200
    assert revoke_all(world, installation, match='"2"').status == 200
    assert uninstall(world, installation, match='"3"').status == 200


@pytest.mark.parametrize("match", ['"0"', "*", 'W/"1"', "1", '"1", "2"', '""', "", '"01"', '"2"'])
def test_a_change_of_something_else_is_refused(match: str) -> None:
    world, installation = connected()
    changed(world, installation, name="Files")
    before = world.table.snapshot()
    for answer in (
        change(world, installation, match=match, name="Files 2"),
        change(world, installation, match=match, name="Files"),
        uninstall(world, installation, match=match),
        revoke_all(world, installation, match=match),
    ):
        assert (answer.status, answer.json["error"]) == (412, "changed_meanwhile")
    assert world.table.snapshot() == before


def test_what_is_changed_between_the_reading_and_the_writing_is_seen_too() -> None:
    world, installation = connected()
    world.table.before["commit"] = meanwhile(lambda: changed(world, installation, scopes=["files"]))
    refused = change(world, installation, match='"0"', name="Files")
    assert refused.status == 412
    assert shown(world, installation)["name"] == "Team Files"


def test_nobody_learns_from_a_tag_whether_a_foreign_installation_is_there() -> None:
    world, installation = connected()
    assert change(world, installation, "mallory", "acme", match='"7"', name="x").status == 404
    assert change(world, installation, "bob", match='"7"', name="x").status == 403
