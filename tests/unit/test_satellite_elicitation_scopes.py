"""A call that needs another scope than was allowed: a token is there all the while, and is not what is waited for."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from strongroom_satellite import StrongroomAuth
from tests.fakes.satellite import URL
from tests.requirements import requirement
from tests.unit.elicitations import NEW, URL_MODE, Person, World, lowlevel, raw, run, text


@requirement("mcp:L6")
def test_after_a_challenge_for_scopes_another_token_is_waited_for_than_the_one_that_is_there() -> None:
    async def test() -> None:
        world = World()
        world.connect()
        world.lacking.add("grant.1")
        person = Person(world, "accept", in_nap=99)
        world.time.then[3] = lambda: world.connect(grant=2)
        async with lowlevel(world) as server, Client(server, mode=NEW, elicitation_callback=person) as client:
            result = await client.call_tool("list_files", {})

        assert text(result) == "list_files as alice"
        assert len(world.time.naps) == 3
        [asked] = person.seen
        assert asked.message == '"Team Files" needs more permissions than were allowed: allow them to go on.'

    run(test)


@requirement("mcp:L6")
def test_a_second_wait_waits_for_the_same_as_the_first() -> None:
    async def test() -> None:
        world = World(lacking={"grant.1"})
        world.connect()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            asked = (await client.call("list_files"))["result"]
            accepted = {"inputResponses": {"strongroom-connect": {"action": "accept"}}}
            waited = (await client.call("list_files", requestState=asked["requestState"], **accepted))["result"]
            world.connect(grant=2)
            result = (await client.call("list_files", requestState=waited["requestState"]))["result"]

        assert result["content"] == [{"type": "text", "text": "list_files as alice"}]

    run(test)


class Server403:
    """An MCP server, as an HTTP client sees it, that wants another scope than the first grant has."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        token = request.headers["authorization"]
        self.seen.append(token)
        if token == "Bearer token-of-alice":
            challenge = 'Bearer error="insufficient_scope", scope="files:write"'
            return httpx2.Response(403, headers={"www-authenticate": challenge})
        asked = json.loads(request.content)
        results: dict[str, dict[str, Any]] = {
            "tools/call": {"content": [{"type": "text", "text": "as allowed"}]},
            "tools/list": {"tools": [], "ttlMs": 0, "cacheScope": "private"},
        }
        result = {"resultType": "complete", **results[asked["method"]]}
        return httpx2.Response(200, json={"jsonrpc": "2.0", "id": asked["id"], "result": result})


@requirement("mcp:L6")
def test_a_challenge_in_the_stock_transport_becomes_a_prompt_and_the_call_goes_on() -> None:
    """It comes out of the transport in a group, and out of `StrongroomAuth` inside it."""

    async def test() -> None:
        world, server403 = World(), Server403()
        world.connect()
        world.time.then[1] = lambda: world.connect(grant=2)

        async def upstream(tool: str) -> types.CallToolResult:
            auth = StrongroomAuth(world.strongroom, team="acme", installation=world.installation, user=world.user)
            transport = httpx2.MockTransport(server403)
            async with (
                httpx2.AsyncClient(auth=auth, transport=transport) as http,
                Client(streamable_http_client(URL, http_client=http), mode=NEW) as client,
            ):
                return await client.call_tool(tool, {})

        world.upstream = upstream  # type: ignore[method-assign] # our own world
        person = Person(world, in_nap=99)
        async with lowlevel(world) as server, Client(server, mode=NEW, elicitation_callback=person) as client:
            result = await client.call_tool("list_files", {})

        assert text(result) == "as allowed"
        assert len(person.seen) == 1
        assert set(server403.seen) == {"Bearer token-of-alice", "Bearer token-of-alice-2"}

    run(test)
