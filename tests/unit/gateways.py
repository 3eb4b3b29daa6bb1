"""The example gateway without a network: a fake Strongroom, MCP servers in this process, and people with stock clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import anyio
import httpx2
import jwt
from mcp.client import Client
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp_types import CallToolResult
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.client import Person, connected_to, text_of
from examples.gateway import Gateway, app_of
from examples.signed_in import SignedIn
from local.services.signin_tokens import SigningKey, Subject, access_claims
from strongroom_satellite import Need, Strongroom
from strongroom_satellite.elicitation import Prompts
from strongroom_satellite.stdio import StdioPool
from tests.fakes.satellite import FakeStrongroom, listed, stands
from tests.unit.elicitations import Time

URL, ISSUER = "http://127.0.0.1:8406/mcp", "http://127.0.0.1:8402"
FIRST_SERVER = 8501
LATER = 4_000_000_000
KEY = SigningKey("one")


class Keys(jwt.PyJWKClient):
    """The keys that the sign-in service publishes, as they are fetched."""

    def fetch_data(self) -> Any:
        return KEY.published()


def claims_of(user: str, **changed: Any) -> dict[str, Any]:
    """What stands in a good access token, or in one that is changed."""
    subject = Subject(user, "strongroom-terminal", (), 1, URL)
    return {**access_claims(ISSUER, subject, 1, LATER, "j"), **changed}


def token_of(user: str, **changed: Any) -> str:
    return KEY.sign(claims_of(user, **changed), "at+jwt")


class Introspection:
    """Knows whose the tokens are that the fake Strongroom holds."""

    async def verify_token(self, token: str) -> AccessToken | None:
        kind, _, name = token.partition("-of-")
        return AccessToken(token=token, client_id="c", scopes=[], subject=name) if kind.startswith("token") else None


def whoami() -> str:
    """Answer whose token was sent."""
    token = get_access_token()
    return (token and token.subject) or ""


@dataclass
class World:
    """One team with MCP servers, people, and the gateway between them."""

    time: Time = field(default_factory=Time)
    servers: dict[str, ASGIApp] = field(default_factory=dict)
    listing: float = 10.0

    def __post_init__(self) -> None:
        self.vault = FakeStrongroom(lambda: self.time.seconds)
        self.vault.lists = {("acme", user): [] for user in ("alice", "bob")}
        self.strongroom = Strongroom(self.vault, clock=self.time)
        self.asked: list[tuple[str, str | None]] = []

    # -- what is installed

    def install(self, name: str, installation: str, app: ASGIApp | None = None) -> str:
        """Install a server for everybody; nobody has connected it. Without an app it is one that tells who calls."""
        url = f"http://127.0.0.1:{FIRST_SERVER + len(self.servers)}/mcp"
        self.servers[url] = app or files()
        for team, user in self.vault.lists:
            row = listed(installation, name, stands("auth_required"), url=url)
            self.vault.lists[team, user].append(row)
            self.vault.require(Need(team, installation, user))
        return installation

    def connect(self, user: str, installation: str) -> None:
        url = self.row(user, installation)["url"]
        self.vault.connect(self.need(user, installation), f"token-{installation[0]}-of-{user}", url=url)
        self.row(user, installation)["connection"] = stands()

    def row(self, user: str, installation: str) -> dict[str, Any]:
        return next(one for one in self.vault.lists["acme", user] if one["installation"] == installation)

    def need(self, user: str, installation: str) -> Need:
        return Need("acme", installation, user)

    # -- who calls

    @asynccontextmanager
    async def gateway(self, people: SignedIn | None = None) -> AsyncIterator[ASGIApp]:
        """Serve, with all servers that are installed now."""
        async with AsyncExitStack() as serving:
            for app in self.servers.values():
                if hasattr(app, "router"):
                    await serving.enter_async_context(app.router.lifespan_context(app))
            serving.callback(self.strongroom.close)
            prompts = await serving.enter_async_context(Prompts(self.strongroom, pace=self.time.pace))
            pool = await serving.enter_async_context(StdioPool(self.strongroom))
            make_http = partial(httpx2.AsyncClient, transport=Network(self.servers, self.asked))
            gateway = Gateway(self.strongroom, "acme", prompts, pool, {}, listing=self.listing, make_http=make_http)
            app = app_of(gateway, URL, ISSUER, people or SignedIn(ISSUER, URL, Keys(f"{ISSUER}/jwks.json")))
            await serving.enter_async_context(app.router.lifespan_context(app))
            yield app


@dataclass
class Network(httpx2.AsyncBaseTransport):
    """Leads each request to the server of its URL, and notes whose token it carries."""

    servers: Mapping[str, ASGIApp]
    asked: list[tuple[str, str | None]]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append((str(request.url), request.headers.get("authorization")))
        return await httpx2.ASGITransport(app=self.servers[str(request.url)]).handle_async_request(request)


def files(*tools: Callable[..., Any]) -> ASGIApp:
    """An MCP server that wants a token, and tells whose it is."""
    auth = AuthSettings.model_validate({"issuer_url": "http://127.0.0.1:8403", "resource_server_url": None})
    server = MCPServer("Files", token_verifier=Introspection(), auth=auth, log_level="ERROR")
    for tool in tools or (whoami,):
        server.tool()(tool)
    return server.streamable_http_app(json_response=True, stateless_http=True)


def answering(status: int, body: str) -> ASGIApp:
    """A server that says the same to everybody."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body.encode()})

    return app


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """A server that never answers."""
    await anyio.sleep_forever()


async def unreachable(scope: Scope, receive: Receive, send: Send) -> None:
    raise httpx2.ConnectError("canary-address")


def http_to(app: ASGIApp, token: str | None = None, **headers: str) -> httpx2.AsyncClient:
    """A way into the gateway for whoever has this token."""
    shown = {} if token is None else {"Authorization": f"Bearer {token}"}
    written = httpx2.Headers({**shown, **headers}, encoding="latin-1")
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), headers=written)


@asynccontextmanager
async def client_of(app: ASGIApp, user: str, person: Person | None = None, **more: Any) -> AsyncIterator[Client]:
    """The stock client of somebody who has signed in."""
    token = token_of(user)
    async with (
        http_to(app, token) as http,
        connected_to(URL, token, person or silent_person(), http=http, **more) as one,
    ):
        yield one


def silent_person() -> Person:
    return Person(lambda _: None)


async def names(client: Client) -> list[str]:
    return [tool.name for tool in (await client.list_tools()).tools]


async def told(client: Client, tool: str) -> str:
    return text_of(await client.call_tool(tool, {}))


def said(result: CallToolResult) -> tuple[bool | None, str]:
    return result.is_error, text_of(result)


def initialize() -> dict[str, Any]:
    """The first message of revision 2025-11-25."""
    about = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    return {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about}


ACCEPTS = {"Accept": "application/json, text/event-stream"}


async def shake_hands(app: ASGIApp, token: str | None, **headers: str) -> httpx2.Response:
    """Send the first message as it is, and give what comes back."""
    async with http_to(app, token, **{**ACCEPTS, **headers}) as http:
        return await http.post(URL, json=initialize())


def message_in(response: httpx2.Response) -> dict[str, Any]:
    """Read the one message of an event stream."""
    [line] = [one for one in response.text.splitlines() if one.startswith("data: {")]
    return dict(json.loads(line.removeprefix("data: ")))
