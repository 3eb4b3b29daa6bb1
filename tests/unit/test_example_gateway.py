"""The example gateway: whose tools it shows, whose token a call carries, and how it asks people to connect."""

from __future__ import annotations

import pytest
from mcp.client import Client, ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp_types import (
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
)

from examples.client import Person
from tests.fakes.satellite import LINK
from tests.unit.elicitations import run
from tests.unit.gateways import (
    URL,
    World,
    client_of,
    http_to,
    names,
    said,
    token_of,
    told,
)

FILES, NOTES = "f" * 20, "n" * 20
REVISIONS = pytest.mark.parametrize("handshake", [True, False], ids=["2025-11-25", "2026-07-28"])


@REVISIONS
def test_before_somebody_has_connected_there_is_a_tool_to_do_so_and_then_the_servers_own(handshake: bool) -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", FILES)
        async with world.gateway() as gateway, client_of(gateway, "bob", handshake=handshake) as client:
            assert await names(client) == ["team-files__connect"]
            world.connect("bob", FILES)
            assert await names(client) == ["team-files__whoami"]
            assert await told(client, "team-files__whoami") == "bob"

    run(test)


def test_after_a_revocation_the_connect_tool_has_a_link_at_once_whatever_is_kept() -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", FILES)
        world.connect("bob", FILES)
        async with (
            world.gateway() as gateway,
            http_to(gateway, token_of("bob")) as http,
            Client(streamable_http_client(URL, http_client=http)) as client,
        ):
            assert await told(client, "team-files__whoami") == "bob"
            world.vault.require(world.need("bob", FILES), "revoked")
            is_error, sentence = said(await client.call_tool("team-files__connect", {}))
            assert is_error
            assert LINK in sentence

    run(test)


@REVISIONS
def test_each_call_carries_the_callers_own_token_to_that_server_alone(handshake: bool) -> None:
    async def test() -> None:
        world = World()
        for name, installation in (("Files", FILES), ("Notes", NOTES)):
            world.install(name, installation)
            world.connect("alice", installation)
            world.connect("bob", installation)
        async with (
            world.gateway() as gateway,
            client_of(gateway, "alice", handshake=handshake) as alice,
            client_of(gateway, "bob", handshake=handshake) as bob,
        ):
            for _ in range(2):
                assert await told(alice, "files__whoami") == "alice"
                assert await told(bob, "files__whoami") == "bob"
        assert set(world.asked) == {
            (world.row(user, installation)["url"], f"Bearer token-{installation[0]}-of-{user}")
            for user in ("alice", "bob")
            for installation in (FILES, NOTES)
        }

    run(test)


def test_at_2026_07_28_a_call_shows_the_link_and_goes_on_when_the_person_has_connected() -> None:
    async def test() -> None:
        world, shown = World(), list[str]()
        world.install("Team Files", FILES)
        world.time.then[1] = lambda: world.connect("bob", FILES)
        async with world.gateway() as gateway, client_of(gateway, "bob", Person(shown.append)) as client:
            assert await told(client, "team-files__whoami") == "bob"
        assert shown == [f'To use "Team Files", connect your account first.\n{LINK}']

    run(test)


def test_the_tool_to_connect_says_that_it_is_done() -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", FILES)
        world.time.then[1] = lambda: world.connect("bob", FILES)
        async with world.gateway() as gateway, client_of(gateway, "bob") as client:
            assert await told(client, "team-files__connect") == "Team Files is connected."

    run(test)


def test_whoever_declines_is_told_that_nothing_was_done() -> None:
    async def test() -> None:
        world, asked = World(), list[str]()
        world.install("Team Files", FILES)

        async def declines(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
            assert isinstance(params, ElicitRequestURLParams)
            asked.append(params.url)
            return ElicitResult(action="decline")

        async with world.gateway() as gateway, http_to(gateway, token_of("bob")) as http:
            transport = streamable_http_client(URL, http_client=http)
            async with Client(transport, elicitation_callback=declines) as client:
                is_error, text = said(await client.call_tool("team-files__whoami", {}))
        assert (is_error, asked, world.asked) == (True, [LINK], [])
        assert "nothing was done" in text

    run(test)


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_a_client_that_declares_nothing_is_told_the_link_in_words(mode: str) -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", FILES)
        async with (
            world.gateway() as gateway,
            http_to(gateway, token_of("bob")) as http,
            Client(streamable_http_client(URL, http_client=http), mode=mode) as client,
        ):
            is_error, text = said(await client.call_tool("team-files__whoami", {}))
        assert (is_error, text) == (
            True,
            f'To use "Team Files", connect your account at {LINK} and then ask again.',
        )

    run(test)


def test_a_disabled_installation_is_not_listed_and_what_is_called_of_it_cannot_be_used() -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", FILES)
        world.connect("bob", FILES)
        async with world.gateway() as gateway, client_of(gateway, "bob") as client:
            assert await names(client) == ["team-files__whoami"]
            world.row("bob", FILES)["enabled"] = False
            world.strongroom.forget(need := world.need("bob", FILES))
            world.vault.disable(need)
            result = said(await client.call_tool("team-files__whoami", {}))
            assert result == (True, "Team Files cannot be used now. Try again later.")
            assert await names(client) == []
            assert said(await client.call_tool("team-files__whoami", {})) == (True, "There is no such tool.")

    run(test)


def test_what_is_uninstalled_is_gone_with_the_first_call_that_notices() -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", FILES)
        world.connect("bob", FILES)
        async with world.gateway() as gateway, client_of(gateway, "bob") as client:
            assert await told(client, "team-files__whoami") == "bob"
            world.vault.lists["acme", "bob"].clear()
            world.strongroom.forget(need := world.need("bob", FILES))
            world.vault.forget(need)
            result = said(await client.call_tool("team-files__whoami", {}))
            assert result == (True, "Team Files cannot be used now. Try again later.")
            assert said(await client.call_tool("team-files__whoami", {})) == (True, "There is no such tool.")
            assert await names(client) == []

    run(test)
