"""A gateway that prompts, time that goes on when somebody waits, and a client that is nothing but JSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import anyio
import anyio.lowlevel
from mcp.client._memory import InMemoryTransport
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.message import SessionMessage
from mcp_types import (
    CallToolRequestParams,
    CallToolResult,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    GetPromptRequestParams,
    GetPromptResult,
    InputRequiredResult,
    JSONRPCNotification,
    JSONRPCRequest,
    ListToolsResult,
    PaginatedRequestParams,
    PromptMessage,
    RequestParams,
    TextContent,
)

from strongroom_satellite import Need, Strongroom
from strongroom_satellite.clock import Moment
from strongroom_satellite.elicitation import Pace, Prompts
from tests.fakes.satellite import FakeStrongroom

INSTALLATION = "k3b4n5m6q7r2s3t4u5v6"
ANOTHER = "z7z7z7z7z7z7z7z7z7z7"
NAME = "Team Files"
OLD, NEW = "2025-11-25", "2026-07-28"

Gateway: TypeAlias = Server[Any] | MCPServer
Outcome: TypeAlias = CallToolResult | InputRequiredResult

_ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": NEW,
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
}


def need_of(user: str) -> Need:
    return Need("acme", INSTALLATION, user)


@dataclass
class Time:
    """A clock that goes on when somebody sleeps, and what happens meanwhile."""

    seconds: float = 1_700_000_000.0
    naps: list[float] = field(default_factory=list)
    then: dict[int, Callable[[], object]] = field(default_factory=dict)
    """What happens in the nap of this number, from 1."""

    def now(self) -> Moment:
        return Moment(self.seconds, self.seconds)

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.naps.append(seconds)
        self.then.pop(len(self.naps), lambda: None)()
        await anyio.lowlevel.checkpoint()

    @property
    def pace(self) -> Pace:
        return Pace(clock=self, sleep=self.sleep, chance=lambda: 0.0)


@dataclass
class World:
    """One gateway. `user` is who has signed in to it at the moment."""

    user: str = "alice"
    team: str = "acme"
    installation: str = INSTALLATION
    time: Time = field(default_factory=Time)
    lacking: set[str] = field(default_factory=set)
    """Versions of tokens that do not have a scope that the tools need."""
    begun: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vault = FakeStrongroom(lambda: self.time.seconds)
        for installation in (INSTALLATION, ANOTHER):
            for user in ("alice", "bob"):
                self.vault.require(Need("acme", installation, user))
        self.strongroom = Strongroom(self.vault, clock=self.time)

    def connect(self, user: str = "alice", grant: int = 1) -> None:
        self.vault.connect(need_of(user), f"token-of-{user}", n=grant)

    @property
    def need(self) -> Need:
        return Need(self.team, self.installation, self.user)

    async def upstream(self, tool: str) -> CallToolResult:
        """Call the tool of the MCP server behind the gateway."""
        self.begun.append(tool)
        need = self.need
        release = await self.strongroom.alook_up(need)
        assert release.version is not None
        if release.version in self.lacking:
            await self.strongroom.arejected(need, release.version, 403, 'Bearer error="insufficient_scope"')
        self.calls.append(tool)
        return CallToolResult(content=[TextContent(type="text", text=f"{tool} as {self.user}")])


class Person:
    """Answers prompts, and connects when a link was accepted, at once or in the nap of a number."""

    def __init__(self, world: World, action: str = "accept", in_nap: int | None = None) -> None:
        self.world, self.action, self.in_nap = world, action, in_nap
        self.seen: list[ElicitRequestURLParams] = []

    async def __call__(self, context: Any, params: ElicitRequestParams) -> ElicitResult:
        assert isinstance(params, ElicitRequestURLParams)
        self.seen.append(params)
        if self.action == "accept":
            if self.in_nap is None:
                self.world.connect(self.world.user)
            else:
                self.world.time.then[self.in_nap] = lambda: self.world.connect(self.world.user)
        return ElicitResult.model_validate({"action": self.action})


def text(result: CallToolResult) -> str:
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


@asynccontextmanager
async def lowlevel(world: World, **more: Any) -> AsyncIterator[Server[Any]]:
    async with Prompts(world.strongroom, **{"pace": world.time.pace, **more}) as prompts:

        async def list_tools(ctx: ServerRequestContext, params: PaginatedRequestParams | None) -> ListToolsResult:
            return ListToolsResult(tools=[])

        async def call_tool(ctx: ServerRequestContext, params: CallToolRequestParams) -> Outcome:
            return await prompts.call_or_prompt(ctx, world.need, NAME, lambda: world.upstream(params.name))

        yield Server("gateway", on_list_tools=list_tools, on_call_tool=call_tool)
    world.strongroom.close()


@asynccontextmanager
async def highlevel(world: World, **more: Any) -> AsyncIterator[MCPServer]:
    async with Prompts(world.strongroom, **{"pace": world.time.pace, **more}) as prompts:
        server = MCPServer("gateway")

        @server.tool()
        async def list_files(ctx: Context, folder: str = "/") -> CallToolResult | InputRequiredResult:
            return await prompts.call_or_prompt(ctx, world.need, NAME, lambda: world.upstream("list_files"))

        yield server
    world.strongroom.close()


KINDS = (lowlevel, highlevel)


class Raw:
    """A client that is nothing but JSON."""

    def __init__(self, reading: Any, writing: Any, revision: str, capabilities: Mapping[str, Any]) -> None:
        self._reading, self._writing, self._number = reading, writing, 0
        self._revision, self._capabilities = revision, capabilities
        self.notified: list[dict[str, Any]] = []

    async def call(self, tool: str, arguments: Mapping[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """Call a tool, and give the whole answer."""
        return await self.ask("tools/call", {"name": tool, "arguments": dict(arguments or {}), **params})

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        if self._revision == NEW:
            envelope = {**_ENVELOPE, "io.modelcontextprotocol/clientCapabilities": dict(self._capabilities)}
            params = {**params, "_meta": envelope}
        await self._send(JSONRPCRequest(jsonrpc="2.0", id=self._number, method=method, params=params))
        while True:
            message = (await self._reading.receive()).message.model_dump(by_alias=True, mode="json", exclude_none=True)
            if message.get("id") == self._number:
                return dict(message)
            self.notified.append(message)

    async def notification(self) -> dict[str, Any]:
        message = (await self._reading.receive()).message
        return dict(message.model_dump(by_alias=True, mode="json", exclude_none=True))

    async def shake_hands(self) -> None:
        about = {"protocolVersion": self._revision, "capabilities": dict(self._capabilities)}
        await self.ask("initialize", {**about, "clientInfo": {"name": "raw", "version": "1"}})
        await self._send(JSONRPCNotification(jsonrpc="2.0", method="notifications/initialized"))

    async def _send(self, message: JSONRPCRequest | JSONRPCNotification) -> None:
        await self._writing.send(SessionMessage(message))


@asynccontextmanager
async def raw(server: Gateway, revision: str, capabilities: Mapping[str, Any]) -> AsyncIterator[Raw]:
    async with InMemoryTransport(server) as (reading, writing):
        client = Raw(reading, writing, revision, capabilities)
        if revision != NEW:
            await client.shake_hands()
        yield client


URL_MODE: Mapping[str, Any] = {"elicitation": {"url": {}}}


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test in an event loop; one that hangs fails."""

    async def bounded() -> None:
        with anyio.fail_after(30):
            await test()

    anyio.run(bounded)


@asynccontextmanager
async def custom(world: World) -> AsyncIterator[Server[Any]]:
    """Serve what is no tool: a prompt, and a method of the gateway's own."""
    async with Prompts(world.strongroom, pace=world.time.pace) as prompts:

        async def list_all(ctx: ServerRequestContext, params: RequestParams) -> Any:
            return await prompts.call_or_prompt(ctx, world.need, NAME, lambda: world.upstream("all"))

        async def messages(name: str) -> GetPromptResult:
            content = (await world.upstream(name)).content[0]
            return GetPromptResult(messages=[PromptMessage(role="user", content=content)])

        async def get_prompt(ctx: ServerRequestContext, params: GetPromptRequestParams) -> Any:
            return await prompts.call_or_prompt(ctx, world.need, NAME, lambda: messages(params.name))

        server: Server[Any] = Server("gateway", on_get_prompt=get_prompt)
        server.add_request_handler("example/list", RequestParams, list_all)
        yield server
    world.strongroom.close()
