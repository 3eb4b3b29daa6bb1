"""Installing an MCP server for a team, and seeing what is installed."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.errors import StoreUnavailable
from tests.fakes.faults import fails, meanwhile
from tests.unit.renewals import connected, rows
from tests.world import MCP_URL, Answered, World


def install(world: World, user: str = "alice", team: str = "acme", **body: Any) -> Answered:
    wanted = {"name": "Team Files", "url": MCP_URL, **body}
    return world.as_user(user, "POST", f"/v1/teams/{team}/installations", wanted)


def listing(world: World, user: str, team: str = "acme") -> list[dict[str, Any]]:
    answer = world.as_user(user, "GET", f"/v1/teams/{team}/installations")
    assert answer.status == 200
    found = answer.json["installations"]
    assert isinstance(found, list)
    return found


def test_an_installation_tells_what_to_do_next() -> None:
    world = World()
    answer = install(world)
    installation = answer.json["installation"]
    assert answer.status == 201
    assert (answer.json["name"], answer.json["url"], answer.json["sharing"]) == ("Team Files", MCP_URL, "per_user")
    assert answer.json["connection"]["reason"] == "never_connected"
    assert answer.json["next"] == {
        "action": "authorize",
        "method": "POST",
        "path": f"/v1/teams/acme/installations/{installation}/authorize",
    }
    (told,) = [row for row in rows(world, "record") if row["event"] == "installed"]
    assert (told["by"], told["installation"], told["url"]) == ("alice", installation, MCP_URL)


def test_installing_asks_nothing_of_the_server_yet() -> None:
    world = World()
    install(world)
    assert world.egress.sent == []


def test_a_shared_installation_waits_for_an_admin() -> None:
    world = World()
    answer = install(world, sharing="shared")
    assert (answer.json["sharing"], answer.json["connection"]["status"]) == ("shared", "not_connected")


@pytest.mark.parametrize(("user", "status"), [("bob", 403), ("mallory", 404), ("nobody", 404)])
def test_only_an_admin_of_the_team_installs(user: str, status: int) -> None:
    world = World()
    before = world.table.snapshot()
    assert install(world, user).status == status
    assert world.table.snapshot() == before


@pytest.mark.parametrize("name", ["Team Files", "team files", "TEAM FILES"])
def test_a_name_is_given_once_in_a_team_whatever_its_case(name: str) -> None:
    world = World()
    install(world)
    assert install(world, name=name).json["error"] == "name_taken"
    assert install(world, "mallory", "rivals", name=name).status == 201
    assert len(listing(world, "alice")) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/mcp",
        "https://127.0.0.1/mcp",
        "https://strongroom.example/mcp",
        "https://files.example:22/",
    ],
)
def test_a_url_that_would_never_be_called_is_refused(url: str) -> None:
    world = World()
    answer = install(world, url=url)
    assert 400 <= answer.status < 500
    assert listing(world, "alice") == []


@pytest.mark.parametrize("role", ["team_user", None])
def test_one_who_ceases_to_be_an_admin_at_the_same_moment_installs_nothing(role: str | None) -> None:
    world = World()
    world.table.before["commit"] = meanwhile(lambda: world.put_member("acme", "alice", role))
    answer = install(world)
    assert (answer.status, answer.json["error"]) == (403, "admin_required")
    assert listing(world, "bob") == []


def test_two_installations_of_one_name_at_once_become_one() -> None:
    world = World()
    world.table.before["commit"] = meanwhile(lambda: install(world))
    assert install(world).json["error"] == "name_taken"
    assert len(listing(world, "alice")) == 1


def test_a_table_that_does_not_answer_installs_nothing() -> None:
    world = World()
    world.table.before["commit"] = fails(StoreUnavailable("busy"))
    assert install(world).status == 503
    assert install(world).status == 201


def test_everybody_sees_the_list_by_name_with_a_status_of_their_own() -> None:
    world = World()
    names = ["beta", "Alpha", "gamma"]
    installed = {name: world.install(name=name) for name in names}
    world.connect("bob", installed["beta"])
    assert [(entry["name"], entry["connection"]["status"]) for entry in listing(world, "bob")] == [
        ("Alpha", "auth_required"),
        ("beta", "connected"),
        ("gamma", "auth_required"),
    ]
    assert {entry["connection"]["status"] for entry in listing(world, "carol")} == {"auth_required"}
    assert listing(world, "mallory", "rivals") == []


def test_a_shared_connection_is_seen_by_all_and_one_of_ones_own_does_not_hide_it() -> None:
    world = World()
    shared, own = world.install(name="Shared", sharing="shared"), world.install(name="Own")
    world.connect("alice", shared, confirm_shared=True)
    world.connect("alice", own)
    assert {entry["name"]: entry["connection"]["status"] for entry in listing(world, "bob")} == {
        "Own": "auth_required",
        "Shared": "connected",
    }


def test_a_list_of_many_pages_is_whole() -> None:
    world = World()
    world.install()
    (first,) = rows(world, "installation")
    for number in range(230):
        name = f"m{number:019d}"
        world.table.place({**first, "SK": f"I#{name}", "installation": name, "name": f"Files {number:03d}"})
    found = listing(world, "bob")
    assert len(found) == 231
    assert [entry["name"] for entry in found] == sorted((entry["name"] for entry in found), key=str.casefold)


def test_a_list_and_a_look_at_one_say_the_same() -> None:
    scene = connected()
    (entry,) = listing(scene.world, "bob")
    assert entry["connection"] == scene.world.status("bob", scene.installation)


@pytest.mark.parametrize(("user", "team"), [("mallory", "acme"), ("mallory", "rivals"), ("bob", "nowhere")])
def test_what_belongs_to_another_team_does_not_exist(user: str, team: str) -> None:
    scene = connected()
    path = f"/v1/teams/{team}/installations/{scene.installation}"
    assert scene.world.as_user(user, "GET", path).status == 404


def test_no_answer_about_an_installation_holds_a_token() -> None:
    scene = connected()
    (grant,) = scene.world.provider.grants
    texts = [
        scene.world.as_user("bob", "GET", "/v1/teams/acme/installations").text,
        scene.world.as_user("bob", "GET", f"/v1/teams/acme/installations/{scene.installation}").text,
    ]
    assert not any(token in text for text in texts for token in (grant.access, grant.refresh))
