"""Lists of scopes that are meant to fill our rows, to hide what we look for, or to keep a person from reconnecting."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from strongroom.domain import scope, server_metadata
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import Item
from strongroom.flows import answer
from tests.fakes.egress import replying
from tests.fakes.faults import fails, in_turn
from tests.requirements import requirement
from tests.unit.attacks.scenes import rows, state_of
from tests.unit.renewals import Scene, connected
from tests.unit.test_step_up import asked, step_up, wants
from tests.weakened import weakened
from tests.world import MCP_URL, Begun, World

RESOURCE_METADATA = "https://files.example/.well-known/oauth-protected-resource/mcp"
HUNDRED_LONG = [f"{number:03d}".ljust(512, "x") for number in range(100)]


# B20: rows stay small, whoever lists scopes


def lists_many_for_its_resource(world: World) -> None:
    document = {"resource": MCP_URL, "authorization_servers": [world.provider.issuer], "scopes_supported": HUNDRED_LONG}
    challenge = f'Bearer resource_metadata="{RESOURCE_METADATA}"'
    world.egress.on("POST", MCP_URL, replying(401, www_authenticate=challenge))
    body = json.dumps(document).encode()
    world.egress.on("GET", RESOURCE_METADATA, replying(200, body, content_type="application/json"))


def challenges_for_many(world: World) -> None:
    challenge = f'Bearer resource_metadata="{RESOURCE_METADATA}", scope="{" ".join(HUNDRED_LONG)}"'
    world.egress.on("POST", MCP_URL, replying(401, www_authenticate=challenge))


def supports_many(world: World) -> None:
    world.provider.metadata |= {"scopes_supported": HUNDRED_LONG}


def grants_many(world: World) -> None:
    tokens = {"access_token": "a", "token_type": "Bearer", "expires_in": 3600, "scope": " ".join(HUNDRED_LONG)}
    world.provider.answer_next.append(replying(200, json.dumps(tokens).encode(), content_type="application/json"))


FLOODS = {
    "the resource's metadata": lists_many_for_its_resource,
    "the challenge": challenges_for_many,
    "the provider's metadata": supports_many,
    "the token answer": grants_many,
}


def largest(world: World, kind: str) -> int:
    return max(size(row) for row in rows(world, kind))


def size(row: Item) -> int:
    return len(repr(row))


def flooded(flood: Any) -> World:
    world = World()
    installation = world.install()
    flood(world)
    world.connect("bob", installation)
    version = world.look_up("bob", installation).json["version"]
    for number in range(20):
        more = f"{number}".ljust(500, "m")
        world.reject("bob", installation, version, 403, challenge=f'Bearer error="insufficient_scope", scope="{more}"')
    return world


@requirement("attack:B20")
@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_no_list_of_scopes_fills_the_rows_that_every_look_up_reads(flood: Any) -> None:
    world = flooded(flood)
    for kind in ("connection", "authorization", "provider_client"):
        assert largest(world, kind) < largest(connected().world, kind) + 2 * scope.LONGEST


@requirement("attack:B20")
@pytest.mark.parametrize("flood", [lists_many_for_its_resource, grants_many])
def test_control_without_the_limit_of_characters_they_would_be_filled(flood: Any) -> None:
    with weakened(scope.are_few, 'and len(" ".join(scopes)) <= LONGEST', ""):
        world = flooded(flood)
    assert largest(world, "connection") > 10 * scope.LONGEST


@requirement("attack:B20")
def test_a_token_answer_with_too_many_scopes_counts_as_one_that_grants_what_was_asked_for() -> None:
    world = World()
    installation = world.install()
    grants_many(world)
    world.connect("bob", installation)
    shown = world.status("bob", installation)
    assert (shown["scopes"], shown["missing_scopes"]) == (["files"], [])


@requirement("attack:B20")
@requirement("mcp:A3")
def test_too_many_scopes_of_a_resource_are_not_asked_for() -> None:
    world = World()
    installation = world.install()
    lists_many_for_its_resource(world)
    assert "scope" not in parse_qs(urlsplit(world.begin("bob", installation).url).query)


# A4: what is only looked for is found in a list of any length


def supporting_a_hundred_and_fifty(world: World) -> str:
    listed = [f"scope{number}" for number in range(150)]
    world.provider.metadata |= {"scopes_supported": [*listed, "offline_access"]}
    return parse_qs(urlsplit(world.begin("bob", world.install()).url).query)["scope"][0]


@requirement("mcp:A4")
@requirement("attack:B20")
def test_a_long_list_hides_no_offline_access() -> None:
    assert supporting_a_hundred_and_fifty(World()) == "files offline_access"


@requirement("mcp:A4")
def test_control_read_like_a_list_that_is_asked_for_it_would_hide_it() -> None:
    reading = 'scopes_among(texts(document, "scopes_supported"))'
    with weakened(server_metadata.read_provider, reading, 'texts(document, "scopes_supported")[:100]'):
        assert supporting_a_hundred_and_fifty(World()) == "files"


# S2: a challenge that the provider knows nothing of


def poisoned() -> Scene:
    """The MCP server has challenged for a scope that its provider does not have."""
    scene = connected()
    assert wants(scene, "files no-such-scope").json["reason"] == "insufficient_scope"
    assert asked(scene) == {"files", "no-such-scope"}
    return scene


def refused(scene: Scene, error: str = "invalid_scope", begun: Begun | None = None) -> str:
    """The provider ends the authorization that bob goes through."""
    world = scene.world
    through = begun or world.begin(scene.user, scene.installation)
    back = world.browse(world.provider.consent(through.url, scene.user, error=error))
    assert "outcome=failed" in back.headers["location"]
    return state_of(world, through.id)


@requirement("mcp:S2")
@requirement("attack:B20")
def test_a_scope_that_the_provider_refuses_keeps_nobody_from_reconnecting() -> None:
    scene = poisoned()
    before = scene.connection.version
    assert refused(scene) == "failed"
    assert scene.works()
    assert (scene.connection.version, scene.connection.challenged) == (before, ())
    assert asked(scene) == {"files"}
    step_up(scene)
    assert scene.works()


@requirement("mcp:S2")
def test_control_without_forgetting_it_is_asked_for_for_ever() -> None:
    scene = poisoned()
    with weakened(answer.take_answer, 'and error == "invalid_scope"', "and False"):
        refused(scene)
    assert asked(scene) == {"files", "no-such-scope"}


@requirement("mcp:S2")
def test_a_shared_connection_forgets_it_too() -> None:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    scene = Scene(world, installation, "alice")
    wants(scene, "no-such-scope")
    refused(scene)
    assert asked(scene) == {"files"}


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable", "no-such-error"])
def test_any_other_end_leaves_the_challenge_as_it_is(error: str) -> None:
    scene = poisoned()
    refused(scene, error)
    assert asked(scene) == {"files", "no-such-scope"}


def test_an_authorization_from_before_the_challenge_says_nothing_about_it() -> None:
    scene = connected()
    begun = scene.world.begin(scene.user, scene.installation)
    wants(scene, "mail")
    refused(scene, begun=begun)
    assert asked(scene) == {"files", "mail"}


def test_a_repeated_answer_forgets_nothing_more() -> None:
    scene = poisoned()
    begun = scene.world.begin(scene.user, scene.installation)
    refused(scene, begun=begun)
    wants(scene, "no-such-scope")
    scene.world.browse(scene.world.provider.consent(begun.url, scene.user, error="invalid_scope"))
    assert asked(scene) == {"files", "no-such-scope"}


def test_tokens_that_are_renewed_meanwhile_keep_the_challenge_and_are_not_touched() -> None:
    scene = poisoned()
    begun = scene.world.begin(scene.user, scene.installation)
    scene.world.table.before["commit"] = renewing(scene)
    refused(scene, begun=begun)
    assert scene.works()
    assert asked(scene) == {"files", "no-such-scope"}


def renewing(scene: Scene) -> Any:
    """Renew just before the challenge would be forgotten."""

    def hook(writes: Any) -> None:
        if any("challenged_scopes" in getattr(write, "drop", ()) and len(write.drop) == 1 for write in writes):
            del scene.world.table.before["commit"]
            scene.renew()

    return hook


def test_a_table_that_cannot_forget_it_just_now_fails_nothing() -> None:
    scene = poisoned()
    begun = scene.world.begin(scene.user, scene.installation)
    scene.world.table.before["commit"] = in_turn([None, fails(StoreUnavailable("busy"))])
    assert refused(scene, begun=begun) == "failed"
    assert "challenge_not_forgotten" in repr(scene.world.journal.entries)
