"""A hostile MCP server beside an honest one in the same team: it names the honest one's provider as its own.

They share the provider's issuer, and with it the team's client. What the hostile one asks for must not reach the other.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain import provider_client, registration
from strongroom.domain.http import Outgoing, Reply
from strongroom.flows import clients
from tests.fakes.egress import replying
from tests.fakes.provider import serve_mcp
from tests.requirements import requirement
from tests.unit.attacks.scenes import parameters
from tests.unit.clients import client_rows
from tests.weakened import weakened
from tests.world import World

TRAP, REGISTER = "https://trap.example/mcp", "https://provider.example/register"


def beside(world: World) -> tuple[str, str]:
    """The honest installation and the hostile one."""
    serve_mcp(world.egress, TRAP, world.provider.issuer)
    return world.install(), world.install(name="Trap", url=TRAP)


def trap_wants(world: World, *scopes: str) -> None:
    metadata = "https://trap.example/.well-known/oauth-protected-resource/mcp"
    challenge = f'Bearer resource_metadata="{metadata}", scope="{" ".join(scopes)}"'
    world.egress.on("POST", TRAP, replying(401, www_authenticate=challenge))


def registered_for(world: World, url: str) -> object:
    """The scopes that the provider has registered the client of this authorization for."""
    return world.provider.clients[parameters(url)["client_id"]].get("scope")


@requirement("attack:B20")
def test_a_neighbours_scopes_are_neither_asked_of_the_honest_servers_people_nor_forced_on_their_client() -> None:
    world = World()
    honest, trap = beside(world)
    trap_wants(world, "admin:org", "delete_everything")
    world.begin("bob", trap)
    begun = world.begin("alice", honest)
    assert (parameters(begun.url)["scope"], registered_for(world, begun.url)) == ("files", "files")


def takes_no_junk(world: World) -> None:
    """The provider refuses to register scopes that it does not know; who names none gets `files`."""
    register: Any = world.egress.routes["POST", REGISTER]

    def choosy(request: Outgoing) -> Any:
        asked = json.loads(request.body.reveal() if request.body else "{}")
        if {*asked.get("scope", "files").split()} <= {"files", "files:write"}:
            return register(request)
        return Reply(400, {}, b'{"error": "invalid_client_metadata"}')

    world.egress.on("POST", REGISTER, choosy)


@requirement("attack:B20")
def test_junk_that_the_provider_refuses_leaves_the_honest_servers_registration_alone() -> None:
    world = World()
    takes_no_junk(world)
    honest, trap = beside(world)
    trap_wants(world, "files", "junk")
    assert registered_for(world, world.begin("bob", trap).url) is None
    assert registered_for(world, world.begin("alice", honest).url) == "files"


@requirement("attack:B20")
def test_control_if_a_client_without_scopes_served_everybody_the_neighbour_would_choose_it_for_all() -> None:
    world = World()
    takes_no_junk(world)
    honest, trap = beside(world)
    trap_wants(world, "files", "junk")
    with weakened(provider_client.KeptClient._covers, "wanted == {*self.scopes}", "True"):
        world.begin("bob", trap)
        assert registered_for(world, world.begin("alice", honest).url) is None


@requirement("attack:B20")
def test_ever_new_scopes_do_not_take_a_client_from_who_has_one() -> None:
    world = World()
    honest, trap = beside(world)
    first = parameters(world.begin("alice", honest).url)["client_id"]
    for number in range(15):
        trap_wants(world, f"scope-{number}")
        world.begin("bob", trap)
        world.clock.advance(10)
    assert parameters(world.begin("carol", honest).url)["client_id"] == first


# A provider that makes us register again and again


def secrets_live(world: World, seconds: int) -> None:
    register: Any = world.egress.routes["POST", REGISTER]

    def ending(request: Outgoing) -> Any:
        made = json.loads(register(request).body)
        return Reply(
            201, {}, json.dumps({**made, "client_secret_expires_at": int(world.clock.now()) + seconds}).encode()
        )

    world.egress.on("POST", REGISTER, ending)


@requirement("attack:B4")
@pytest.mark.parametrize("seconds", [1, 2, 600, 899])
def test_a_secret_that_ends_before_an_authorization_could_is_of_no_use(seconds: int) -> None:
    world = World()
    secrets_live(world, seconds)
    refused = world.as_user("bob", "POST", f"/v1/teams/acme/installations/{world.install()}/authorize")
    assert refused.json["error"] == "registration_unusable"
    assert client_rows(world) == []


@requirement("attack:B4")
def test_control_without_that_rule_each_authorization_has_a_client_of_its_own() -> None:
    world = World()
    secrets_live(world, 2)
    installation = world.install()
    with weakened(registration.require_a_life, "ends is not None", "False"):
        for _ in range(3):
            world.begin("bob", installation)
            world.clock.advance(5)
    assert len(client_rows(world)) == 3


@requirement("attack:B4")
def test_however_many_generations_there_are_few_of_them_are_read() -> None:
    world = World()
    installation = world.install()
    key = parameters(world.begin("bob", installation).url)["redirect_uri"].rpartition("/")[2]
    [row] = client_rows(world)
    for number in range(2, 60):
        world.table.place({**row, "SK": f"K#{number:08d}", "generation": number, "state": "retired"})
    assert len(clients.generations(world.ports, key)) == clients.MOST_GENERATIONS
    assert world.call("GET", f"/oauth/clients/{key}").status == 404
