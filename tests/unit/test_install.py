"""Installing an MCP server for a team, and seeing what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from strongroom.domain.errors import StoreUnavailable
from tests.fakes.faults import fails, meanwhile
from tests.unit.entered import begins, provider, whole_provider, without_discovery
from tests.unit.entered import install as entered_install
from tests.unit.renewals import connected, rows
from tests.world import MCP_URL, Answered, World, sent_bodies


def install(world: World, user: str = "alice", team: str = "acme", **body: Any) -> Answered:
    wanted = {"name": "Team Files", "url": MCP_URL, **body}
    return world.as_user(user, "POST", f"/v1/teams/{team}/installations", wanted)


def listing(world: World, user: str, team: str = "acme") -> list[dict[str, Any]]:
    """The whole list, page by page."""
    found: list[dict[str, Any]] = []
    query = ""
    while True:
        answer = world.as_user(user, "GET", f"/v1/teams/{team}/installations", query=query)
        assert answer.status == 200, answer.text
        found.extend(answer.json["installations"])
        if answer.json["next"] is None:
            return found
        query = urlencode({"next": answer.json["next"]})


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
        "confirm_shared": False,
    }
    (told,) = [row for row in rows(world, "record") if row["event"] == "installed"]
    assert (told["by"], told["installation"], told["url"]) == ("alice", installation, MCP_URL)


def test_the_next_step_is_one_that_the_admin_can_take() -> None:
    world = World()
    step = install(world).json["next"]
    begun = world.as_user("alice", step["method"], step["path"], {})
    assert (begun.status, begun.json["provider_host"]) == (201, "provider.example")


def test_a_shared_installation_waits_for_an_admin_who_consents_for_the_whole_team() -> None:
    world = World()
    answer = install(world, sharing="shared")
    assert (answer.json["sharing"], answer.json["connection"]["status"]) == ("shared", "not_connected")
    assert answer.json["next"]["confirm_shared"] is True
    consented = world.consent(world.begin("alice", answer.json["installation"]), "alice")
    assert world.complete("alice", consented).json["error"] == "confirmation_required"


def test_a_server_without_oauth_is_installed_and_nobody_has_to_connect() -> None:
    world = World()
    answer = install(world, requires_oauth=False)
    assert (answer.status, answer.json["requires_oauth"]) == (201, False)
    assert (answer.json["connection"], answer.json["next"], answer.json["provider"]) == (None, None, None)
    path = f"/v1/teams/acme/installations/{answer.json['installation']}/authorize"
    refused = world.as_user("bob", "POST", path, {})
    assert (refused.status, refused.json["error"]) == (409, "no_oauth_needed")
    assert world.egress.sent == []


def test_a_server_that_satellites_start_themselves_has_no_url() -> None:
    world = World()
    answer = install(world, url=None, requires_oauth=False, inject={"env": {"NOTES_KEY": "a key of its own"}})
    assert (answer.status, answer.json["url"]) == (201, None)
    assert answer.json["injects"] == [{"kind": "env", "name": "NOTES_KEY", "carries_token": False}]
    released = world.look_up("bob", answer.json["installation"])
    assert (released.status, released.json["url"], released.json["access_token"]) == (200, None, None)
    assert released.json["env"] == {"NOTES_KEY": "a key of its own"}
    assert world.egress.sent == []


def test_a_server_without_a_url_can_have_a_provider_that_is_entered_whole() -> None:
    world = without_discovery()
    installation = entered_install(world, whole_provider(), url=None).json["installation"]
    begun = begins(world, installation)
    assert begun.json["mcp_host"] is None
    asked = parse_qs(urlsplit(begun.json["authorization_url"]).query)
    world.connect("bob", installation)
    assert "resource" not in asked
    assert not [body for body in sent_bodies(world.egress.sent) if "resource=" in body]
    released = world.look_up("bob", installation).json
    assert (released["url"], released["token_type"]) == (None, "Bearer")
    world.clock.advance(3600)
    renewed = world.look_up("bob", installation).json
    assert renewed["access_token"] != released["access_token"]
    assert not [body for body in sent_bodies(world.egress.sent) if "resource=" in body]


MISFITS: Mapping[str, Mapping[str, Any]] = {
    "no url, and nobody said anything": {"url": None},
    "no url, and OAuth": {"url": None, "requires_oauth": True},
    "no url, and a client alone": {"url": None, "provider": provider()},
    "no OAuth, and a provider": {"requires_oauth": False, "provider": provider()},
    "no OAuth, and scopes": {"requires_oauth": False, "scopes": ["files"]},
    "no OAuth, and a template with the token": {"requires_oauth": False, "inject": {"env": {"A": "{access_token}"}}},
    "OAuth of another type": {"requires_oauth": "true"},
}


@pytest.mark.parametrize("body", MISFITS.values(), ids=MISFITS.keys())
def test_what_does_not_fit_together_is_refused_before_anybody_is_asked(body: Mapping[str, Any]) -> None:
    world = World()
    answer = install(world, **body)
    assert answer.status == 400, answer.text
    assert (listing(world, "alice"), world.egress.sent) == ([], [])


def test_a_url_has_to_be_named_even_if_there_is_none() -> None:
    answer = World().as_user("alice", "POST", "/v1/teams/acme/installations", {"name": "A", "requires_oauth": False})
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


def test_a_url_of_2048_characters_is_taken_and_a_longer_one_is_not() -> None:
    world = World()
    whole = MCP_URL + "?" + "a" * (2048 - len(MCP_URL) - 1)
    assert install(world, url=whole, requires_oauth=True).status == 201
    assert install(world, name="Longer", url=whole + "a", requires_oauth=True).status == 400


def test_what_is_injected_is_kept_sealed_and_shown_by_name_alone() -> None:
    world = World()
    answer = install(world, requires_oauth=True, inject={"headers": {"X-Api-Key": "a canary"}})
    assert answer.json["injects"] == [{"kind": "header", "name": "X-Api-Key", "carries_token": False}]
    assert "a canary" not in answer.text
    assert "a canary" not in str(world.table.snapshot())


def test_a_team_has_200_servers_at_most() -> None:
    world = World()
    world.install()
    (name,) = rows(world, "name")
    for number in range(198):
        world.table.place({**name, "SK": f"N#{number}"})
    assert install(world, name="The last one", requires_oauth=True).status == 201
    one_more = install(world, name="One more")
    assert (one_more.status, one_more.json["error"]) == (409, "too_many_installations")
    assert world.egress.sent == []
    assert install(world, "mallory", "rivals", requires_oauth=True).status == 201


@pytest.mark.parametrize(("user", "status"), [("bob", 403), ("mallory", 404), ("nobody", 404)])
def test_only_an_admin_of_the_team_installs(user: str, status: int) -> None:
    world = World()
    before = world.table.snapshot()
    assert install(world, user).status == status
    assert world.table.snapshot() == before


LOOK_ALIKES = {
    "the same": "Team Files",
    "small letters": "team files",
    "capitals": "TEAM FILES",
    "spaces around and between": "  Team   Files ",
    "a space that does not break": "Team\u00a0Files",
    "wide letters": "\uff34eam Files",
    "a space of no width": "Team\u200b Files",
    "a ligature": "Team \ufb01les",
}


@pytest.mark.parametrize("name", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_a_name_is_given_once_in_a_team_however_it_is_written(name: str) -> None:
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
