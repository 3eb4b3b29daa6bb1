"""HTTP clients with our authentication before servers that a test writes, in threads and in event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import pytest

from strongroom_satellite import StrongroomAuth, plain_httpx
from tests.unit.satellites import INSTALLATION, SERVER, Scripted, gateway

CHALLENGE = 'Bearer error="invalid_token"'
CLIENTS = [(httpx2, False), (httpx2, True), (httpx, False), (httpx, True)]
NAMES = ["httpx2", "httpx2-async", "httpx", "httpx-async"]
Server = Callable[[Any], Any]


class Caller:
    """One HTTP client with our authentication, before a server that a test writes."""

    def __init__(self, library: Any, is_async: bool, strongroom: Scripted, server: Server) -> None:
        self.httpx, self.is_async, self.server, self.heard = library, is_async, server, list[dict[str, Any]]()
        self.satellite = gateway(strongroom)
        kind = StrongroomAuth if library is httpx2 else plain_httpx.StrongroomAuth
        self.auth = kind(self.satellite, team="acme", installation=INSTALLATION, user="alice")

    def _answer(self, request: Any) -> Any:
        self.heard.append({"url": str(request.url), "headers": dict(request.headers), "body": request.content})
        return self.server(request)

    async def _aanswer(self, request: Any) -> Any:
        await request.aread()
        return self._answer(request)

    def _sync_answer(self, request: Any) -> Any:
        request.read()
        return self._answer(request)

    def send(self, url: str = SERVER, method: str = "POST", follow: bool = False, **more: Any) -> Any:
        if self.is_async:
            return asyncio.run(self._asend(url, method, follow, more))
        transport = self.httpx.MockTransport(self._sync_answer)
        with self.httpx.Client(auth=self.auth, transport=transport, follow_redirects=follow) as client:
            return client.request(method, url, **more)

    async def _asend(self, url: str, method: str, follow: bool, more: dict[str, Any]) -> Any:
        transport = self.httpx.MockTransport(self._aanswer)
        async with self.httpx.AsyncClient(auth=self.auth, transport=transport, follow_redirects=follow) as client:
            return await client.request(method, url, **more)

    @property
    def tokens(self) -> list[str | None]:
        return [one["headers"].get("authorization") for one in self.heard]


def rejecting(library: Any, *versions: str, status: int = 401, challenge: str | None = CHALLENGE) -> Server:
    """A server that rejects these versions."""
    headers = {} if challenge is None else {"www-authenticate": challenge}

    def server(request: Any) -> Any:
        bad = any(request.headers.get("authorization", "").endswith(version) for version in versions)
        return library.Response(status, headers=headers) if bad else library.Response(200)

    return server


@dataclass(frozen=True)
class Calling:
    """Make callers of one kind."""

    httpx: Any
    is_async: bool

    def __call__(self, strongroom: Scripted, server: Server | None = None) -> Caller:
        return Caller(self.httpx, self.is_async, strongroom, server or (lambda _: self.httpx.Response(200)))


each_caller = pytest.mark.parametrize("calling", [Calling(*kind) for kind in CLIENTS], ids=NAMES)
