"""HTTP clients with our authentication on real connections: httpx2 and httpx, in threads and in event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import httpx2
import pytest

from strongroom_satellite import StrongroomAuth, plain_httpx
from tests.fakes.egress_servers import LOOPBACK, Server
from tests.unit.satellites import HEADER, INSTALLATION, TOKEN, Scripted, gateway, released, saying

IN_TIME = 10.0
KINDS = [(httpx2, False), (httpx2, True), (httpx, False), (httpx, True)]


def url_of(server: Server, path: str = "/mcp") -> str:
    return f"http://{LOOPBACK}:{server.port}{path}"


def held_by(server: Server) -> str:
    return repr(server.heard)


Get = Callable[..., Any]


def asking_with(library: Any, is_async: bool) -> Get:
    """Ask for URLs one after the other with one client of one of the four kinds; errors are given back."""
    kind = StrongroomAuth if library is httpx2 else plain_httpx.StrongroomAuth

    def sync(auth: Any, urls: tuple[str, ...], options: dict[str, Any]) -> list[Any]:
        with library.Client(auth=auth, timeout=IN_TIME, **options) as client:
            return [outcome(partial(client.post, url, content=b"hello")) for url in urls]

    async def asynchronous(auth: Any, urls: tuple[str, ...], options: dict[str, Any]) -> list[Any]:
        got: list[Any] = []
        async with library.AsyncClient(auth=auth, timeout=IN_TIME, **options) as client:
            for url in urls:
                try:
                    got.append(await client.post(url, content=b"hello"))
                except Exception as error:
                    got.append(error)
        return got

    def ask(strongroom: Scripted, *urls: str, **options: Any) -> list[Any]:
        options = {"follow_redirects": True, "trust_env": False, **options}
        with gateway(strongroom) as satellite:
            auth = kind(satellite, team="acme", installation=INSTALLATION, user="alice")
            return asyncio.run(asynchronous(auth, urls, options)) if is_async else sync(auth, urls, options)

    return ask


each_client = pytest.mark.parametrize(
    "get", [asking_with(*kind) for kind in KINDS], ids=["httpx2", "httpx2-async", "httpx", "httpx-async"]
)


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return error


def for_server(url: str) -> Scripted:
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Api-Key": HEADER}
    return Scripted(saying(released(url=url, headers=headers)))
