"""A small MCP gateway: many people and many MCP servers behind one URL, each call with the caller's own token.

It shows people the tools of every server that their team has installed, as `<server>__<tool>`. Whoever has not connected a
server yet is shown `<server>__connect` instead, and any call prompts with a link, inline.

    python3 -m examples.gateway --url http://127.0.0.1:8406/mcp --issuer http://127.0.0.1:8402 --team acme

Where Strongroom is, and who this gateway is, stands in the environment: STRONGROOM_URL, and what AWS's own tools read.
People show a JWT of the sign-in service that names this gateway as its audience; its `sub` is who they are for Strongroom.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import uvicorn
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.lowlevel.server import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    CallToolRequestParams,
    CallToolResult,
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
)
from starlette.applications import Starlette

from examples.signed_in import SignedIn, keys_of
from examples.startup import HttpServer, check_credentials, listening_at, started_servers
from strongroom_satellite import Misconfigured, Need, NotFound, SatelliteError, Strongroom, StrongroomAuth
from strongroom_satellite.elicitation import Prompts, required_in
from strongroom_satellite.stdio import StdioPool, StdioServer

NAME = "Example gateway"
BETWEEN = "__"
CONNECT = "connect"
PATIENCE = 60.0
"""Seconds in which a server has to answer a call."""

LISTING = 10.0
"""Seconds in which a server has to list its tools: those of all the others wait for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """One installed server as one person sees it."""

    need: Need
    name: str
    slug: str
    url: str | None
    is_connected: bool


class Gateway:
    """The handlers. Who calls is told by the access token that the transport has checked, and by nothing else."""

    def __init__(
        self,
        strongroom: Strongroom,
        team: str,
        prompts: Prompts,
        pool: StdioPool,
        started: Mapping[str, StdioServer],
        *,
        listing: float = LISTING,
        make_http: Callable[..., httpx2.AsyncClient] | None = None,
    ) -> None:
        self._strongroom, self._team, self._prompts = strongroom, team, prompts
        self._pool, self._started, self._listing = pool, started, listing
        self._known: dict[str, list[Place]] = {}
        # Once: reading the trusted certificates takes longer than a call.
        self._make_http = make_http or partial(httpx2.AsyncClient, verify=httpx2.create_ssl_context())

    async def list_tools(self, _ctx: Any, _params: PaginatedRequestParams | None) -> ListToolsResult:
        """The tools of every server, those of one that cannot be asked just now left out."""
        tools: dict[str, list[Tool]] = {}
        places = await self._places(_user())
        async with anyio.create_task_group() as asking:
            for place in places:
                asking.start_soon(self._list_one, place, tools)
        return ListToolsResult(tools=[tool for slug in sorted(tools) for tool in tools[slug]])

    async def _list_one(self, place: Place, tools: dict[str, list[Tool]]) -> None:
        if not place.is_connected:
            tools[place.slug] = [_connect_tool(place)]
            return
        try:
            with anyio.fail_after(self._listing):
                async with self._client(place) as client:
                    tools[place.slug] = [_renamed(tool, place) for tool in await _tools_of(client)]
        except Exception as problem:  # one server in trouble does not take the others' tools away
            _log(place.slug, problem)
            if required_in(problem):
                tools[place.slug] = [_connect_tool(place)]

    async def call_tool(self, ctx: Any, params: CallToolRequestParams) -> CallToolResult | InputRequiredResult:
        """Call one tool as the person who calls; prompt if they have to connect first."""
        slug, _, tool = params.name.partition(BETWEEN)
        place = await self._find(_user(), slug)
        if place is None or not tool:
            return _told("There is no such tool.", is_error=True)

        async def call() -> CallToolResult:
            if tool == CONNECT:
                self._strongroom.forget(place.need)  # what is kept may have been revoked a moment ago
                await self._strongroom.alook_up(place.need)
                return _told(f"{place.name} is connected.")
            return await self._pass_on(place, tool, params.arguments)

        try:
            return await self._prompts.call_or_prompt(ctx, place.need, place.name, call)
        except MCPError:  # the prompt is one
            raise
        except Exception as problem:
            _log(place.slug, problem)
            self._known.pop(place.need.user, None)  # it may have been uninstalled
            return _told(_sentence(INTERNAL_ERROR, place.name), is_error=True)

    async def _pass_on(self, place: Place, tool: str, arguments: dict[str, Any] | None) -> CallToolResult:
        """Call it there. What the server says of itself, and what it would have people open, does not come from here."""
        try:
            with anyio.fail_after(PATIENCE):
                async with self._client(place) as client:
                    result = await client.call_tool(tool, arguments)
        except Exception as problem:
            refusal = _refusal_in(problem)
            if refusal is None or required_in(problem):
                raise
            _log(place.slug, problem)
            return _told(_sentence(refusal.code, place.name), is_error=True)
        return result.model_copy(update={"meta": None})

    async def _find(self, user: str, slug: str) -> Place | None:
        """Find a server by the prefix of its tools. Whether it may be used is told by the look-up, call by call."""
        found = next((one for one in self._known.get(user, ()) if one.slug == slug), None)
        return found or next((one for one in await self._places(user) if one.slug == slug), None)

    async def _places(self, user: str) -> list[Place]:
        listed = await self._listed(user)
        self._known[user] = [self._place(one, slug, user) for one, slug in zip(listed, _slugs(listed), strict=True)]
        return self._known[user]

    async def _listed(self, user: str) -> list[dict[str, Any]]:
        try:
            return [one for one in await self._strongroom.ainstallations(self._team, user) if one["enabled"]]
        except NotFound:
            return []  # nobody of this team
        except SatelliteError as problem:
            _log("what is installed", problem)
            raise MCPError(code=INTERNAL_ERROR, message="Nothing can be listed now. Try again later.") from problem

    def _place(self, one: Mapping[str, Any], slug: str, user: str) -> Place:
        connection = one["connection"]
        is_connected = connection is None or connection["status"] == "connected"
        return Place(Need(self._team, one["installation"], user), one["name"], slug, one["url"], is_connected)

    @asynccontextmanager
    async def _client(self, place: Place) -> AsyncIterator[Client]:
        """A client of that server for that person, and nobody else."""
        if place.url is None:
            async with self._pool.session(place.need, self._server(place.name)) as client:
                yield client
            return
        need = place.need
        auth = StrongroomAuth(self._strongroom, team=need.team, installation=need.installation, user=need.user)
        async with (
            self._make_http(auth=auth, timeout=PATIENCE) as http,
            Client(streamable_http_client(place.url, http_client=http)) as client,
        ):
            yield client

    def _server(self, name: str) -> StdioServer:
        if name not in self._started:
            raise Misconfigured(f"this gateway is not told how to start {name!r}: see --servers")
        return self._started[name]


def _user() -> str:
    token = get_access_token()
    if token is None or token.subject is None:
        raise PermissionError("no access token")
    return token.subject


def _slugs(listed: Sequence[Mapping[str, Any]]) -> list[str]:
    """A prefix for the tools of each server; where names look alike, the id's beginning tells them apart.

    It follows a character that no name gives, so that nobody can name a server like the prefix of another one.
    """
    plain = [re.sub(r"[^a-z0-9]+", "-", one["name"].lower()).strip("-") or "server" for one in listed]
    return [
        f"{slug}_{one['installation'][:6]}" if plain.count(slug) > 1 else slug
        for slug, one in zip(plain, listed, strict=True)
    ]


async def _tools_of(client: Client) -> list[Tool]:
    page = await client.list_tools()
    tools = list(page.tools)
    while page.next_cursor:
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
    return tools


def _refusal_in(problem: BaseException) -> MCPError | None:
    """Find what the server answered instead of a result: the stock transport's task groups wrap it."""
    inside = problem.exceptions if isinstance(problem, BaseExceptionGroup) else ()
    found = (_refusal_in(one) for one in inside)
    return problem if isinstance(problem, MCPError) else next((one for one in found if one), None)


def _sentence(code: int, name: str) -> str:
    if code in (INVALID_PARAMS, METHOD_NOT_FOUND):
        return f"{name} has no such tool, or does not take these arguments."
    return f"{name} cannot be used now. Try again later."


def _log(about: str, problem: Exception) -> None:
    """Say what kind of trouble there is. Its text may be the server's."""
    while isinstance(problem, ExceptionGroup):
        problem = problem.exceptions[0]
    told = f": {problem}" if isinstance(problem, SatelliteError) else ""
    print(f"{about}: {type(problem).__name__}{told}", file=sys.stderr)


def _renamed(tool: Tool, place: Place) -> Tool:
    return tool.model_copy(update={"name": f"{place.slug}{BETWEEN}{tool.name}"})


def _connect_tool(place: Place) -> Tool:
    described = f"Connect your account to {place.name}. Its tools can be used after that."
    return Tool(name=f"{place.slug}{BETWEEN}{CONNECT}", description=described, input_schema={"type": "object"})


def _told(text: str, *, is_error: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=is_error)


def app_of(gateway: Gateway, url: str, issuer: str, people: SignedIn) -> Starlette:
    """Build the server whose own name is `url`, for people who have signed in at `issuer`."""
    server = Server(NAME, on_list_tools=gateway.list_tools, on_call_tool=gateway.call_tool)
    auth = AuthSettings.model_validate(
        {"issuer_url": issuer, "resource_server_url": url, "validate_token_resource": True}
    )
    return server.streamable_http_app(auth=auth, token_verifier=people)


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM; then stop what was started."""
    with Strongroom.from_environment() as strongroom, listening_at(options.port) as listener:
        check_credentials()
        servers, people = (
            started_servers(options.servers),
            SignedIn(options.issuer, options.url, keys_of(options.issuer)),
        )
        async with StdioPool(strongroom) as pool, Prompts(strongroom) as prompts:
            gateway = Gateway(strongroom, options.team, prompts, pool, servers)
            app = app_of(gateway, options.url, options.issuer, people)
            await HttpServer(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)).serve([listener])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="gateway", description="A small MCP gateway.")
    parser.add_argument("--port", type=int, default=8406)
    parser.add_argument(
        "--url", default="http://127.0.0.1:8406/mcp", help="our own URL, the audience of people's tokens"
    )
    parser.add_argument("--issuer", default="http://127.0.0.1:8402", help="the sign-in service")
    parser.add_argument("--team", default="acme")
    parser.add_argument("--servers", type=Path, help="a TOML file: what to start for installations without a URL")
    options = parser.parse_args(arguments)
    try:
        anyio.run(serve, options)
    except SatelliteError as problem:
        print(f"The gateway does not start: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
