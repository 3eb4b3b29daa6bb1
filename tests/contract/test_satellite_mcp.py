"""The stock MCP client with our authentication, before a real MCP server that wants a token."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import uvicorn
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import MCPServer
from mcp_types import TextContent

from strongroom_satellite import AuthorizationRequired, StrongroomAuth
from tests.fakes.egress_servers import LOOPBACK, listening
from tests.requirements import requirement
from tests.unit.satellites import INSTALLATION, LONGEST, TOKEN, Scripted, gateway, must_act, released, reports, saying


@dataclass
class Guarded:
    """An MCP server that takes the tokens of some versions, and keeps which it got."""

    taken: set[str]
    status: int = 401
    challenge: str = 'Bearer error="invalid_token"'
    got: list[str] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        files = MCPServer("files")
        files.tool(name="list_files")(lambda: "plan.txt")
        self._app: Any = files.streamable_http_app()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            token = dict(scope["headers"]).get(b"authorization", b"").decode()
            self.got.append(token)
            if token.removeprefix(f"Bearer {TOKEN}-") not in self.taken:
                headers = [(b"www-authenticate", self.challenge.encode()), (b"content-length", b"0")]
                await send({"type": "http.response.start", "status": self.status, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)


@contextmanager
def serving(guarded: Guarded) -> Iterator[Guarded]:
    listener = listening()
    guarded.url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/mcp"
    server = uvicorn.Server(uvicorn.Config(guarded, log_config=None, ws="none", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield guarded
    finally:
        server.should_exit = True
        thread.join(LONGEST)
        listener.close()


def call(url: str, strongroom: Scripted) -> str:
    async def ask() -> str:
        async with gateway(strongroom) as satellite:
            auth = StrongroomAuth(satellite, team="acme", installation=INSTALLATION, user="alice")
            async with (
                httpx2.AsyncClient(auth=auth, timeout=LONGEST, trust_env=False) as http,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                [part] = (await client.call_tool("list_files", {})).content
                assert isinstance(part, TextContent)
                return part.text

    return asyncio.run(ask())


def of_a_kind(error: BaseException, kind: type[Exception]) -> list[BaseException]:
    """Find the errors of a kind in the groups that task groups make."""
    if isinstance(error, BaseExceptionGroup):
        return [one for inner in error.exceptions for one in of_a_kind(inner, kind)]
    return [error] if isinstance(error, kind) else []


def test_a_tool_is_called_with_the_persons_token() -> None:
    with serving(Guarded({"v.1"})) as server:
        strongroom = Scripted(saying(released(url=server.url)))

        assert call(server.url, strongroom) == "plan.txt"
    assert set(server.got) == {f"Bearer {TOKEN}-v.1"}
    assert len(strongroom.asked) == 1


@requirement("attack:S6")
def test_a_rejected_token_is_replaced_and_the_client_notices_nothing() -> None:
    with serving(Guarded({"v.2"})) as server:
        strongroom = Scripted(saying(released(url=server.url), released("v.2", url=server.url)))

        assert call(server.url, strongroom) == "plan.txt"
    assert server.got.count(f"Bearer {TOKEN}-v.1") == 1
    [report] = reports(strongroom)
    assert (report.version, report.challenge) == ("v.1", 'Bearer error="invalid_token"')


@pytest.mark.parametrize("reason", ["never_connected", "revoked"])
def test_who_has_to_connect_first_comes_out_of_the_client_as_our_error(reason: str) -> None:
    with serving(Guarded(set())) as server, pytest.raises(BaseException) as caught:  # noqa: PT011 -- a group of some kind
        call(server.url, Scripted(saying(must_act(reason))))

    [error] = of_a_kind(caught.value, AuthorizationRequired)
    assert isinstance(error, AuthorizationRequired)
    assert (error.reason, bool(error.link)) == (reason, True)
    assert server.got == []


def test_who_has_to_allow_more_comes_out_too() -> None:
    wants = Guarded(set(), 403, 'Bearer error="insufficient_scope", scope="files:write"')
    with serving(wants) as server, pytest.raises(BaseException) as caught:  # noqa: PT011 -- a group of some kind
        call(server.url, Scripted(saying(released(url=server.url), must_act("insufficient_scope"))))

    [error] = of_a_kind(caught.value, AuthorizationRequired)
    assert isinstance(error, AuthorizationRequired)
    assert error.reason == "insufficient_scope"
    assert TOKEN not in repr(caught.value)
