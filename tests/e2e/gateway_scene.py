"""The local system with the example gateway in it, and people who come to it with the stock client."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.parse
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import anyio
from mcp.client import Client

from examples.client import Person as AtTerminal
from examples.client import connected_to, http_of, text_of
from local import jwt
from local.accounts import SATELLITE
from local.actors import Person, Places, Satellite
from local.environment import ROOT
from local.plan import LOOPBACK, Pace, Ports, demo_options, gateway_url, origin
from local.processes import bare_environment
from local.satellites import SOURCES, who_and_where
from local.seed import operators_rows
from local.signing import send
from local.stack import Stack
from tests.contract.toy_stack import until

PATIENCE = 60.0
P = ParamSpec("P")


def in_a_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test in an event loop; one that hangs fails."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            with anyio.fail_after(PATIENCE):
                await test(*args, **kwargs)

        anyio.run(bounded)

    return run


@dataclass
class Scene:
    """The running system, and alice, bob and carol of team acme."""

    stack: Stack
    people: Mapping[str, Person]

    @property
    def ports(self) -> Ports:
        return self.stack.options.ports

    @property
    def url(self) -> str:
        return gateway_url(self.ports)

    @property
    def log(self) -> Path:
        return self.stack.logs / "example-gateway.log"

    def install(self, name: str, url: str | None = "", **more: Any) -> str:
        """Install a server, as alice; without a URL it is Team Files'."""
        there = Places(self.ports).mcp if url == "" else url
        reply = self.people["alice"].install(name, there, **more)
        assert reply.status == 201, reply.json()
        return str(reply.json()["installation"])

    def connect(self, user: str, installation: str) -> None:
        assert self.people[user].connect(installation).status == 200

    def token(self, user: str) -> str:
        return jwt.sign_in(user, self.ports.first, for_gateway=True)

    def released(self, user: str, installation: str) -> dict[str, Any]:
        """What the gateway is given for somebody."""
        return dict(Satellite(SATELLITE, Places(self.ports)).look_up("acme", installation, user).json())

    def tokens_of(self, user: str) -> dict[str, str]:
        """All that the sign-in service gives to somebody who asks it for everything."""
        asked = {"grant_type": "password", "username": user, "password": "demo", "scope": "openid strongroom"}
        form = urllib.parse.urlencode(asked).encode()
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return dict(send("POST", f"{origin(self.ports.sign_in)}/token", form, kind).json())

    @asynccontextmanager
    async def client(
        self, user: str, *, url: str = "", shown: list[str] | None = None, **more: Any
    ) -> AsyncIterator[Client]:
        """The stock client of somebody who has signed in; what it shows them is added to `shown`."""
        token = self.token(user)
        person = AtTerminal((shown if shown is not None else []).append)
        async with http_of(token) as http, connected_to(url or self.url, token, person, http=http, **more) as client:
            yield client


@contextmanager
def scene_at(ports: Ports, folder: Path) -> Iterator[Scene]:
    """Start the whole system, whose schedule fires only when told; stop it in the end."""
    options = replace(demo_options(ports, Pace(tick_every=0), operators_rows), run_dir=folder)
    with Stack(options, lambda _: None) as stack:
        people = {name: Person(name, "acme", Places(ports)) for name in ("alice", "bob", "carol")}
        try:
            yield Scene(stack, people)
        finally:
            for person in people.values():
                person.browser.close()


async def names(client: Client, slug: str) -> list[str]:
    """The tools of one server."""
    return [tool.name for tool in (await client.list_tools()).tools if tool.name.startswith(f"{slug}__")]


async def told(client: Client, tool: str, **asked: Any) -> str:
    result = await client.call_tool(tool, asked)
    assert not result.is_error, text_of(result)
    return text_of(result)


# -- a gateway of the test's own


def environment(scene: Scene, folder: Path, **changed: str | None) -> dict[str, str]:
    """What the system's own gateway has in its environment, with some of it changed or taken out."""
    path = os.pathsep.join([str(ROOT), str(SOURCES)])
    ours = {**bare_environment(folder), **who_and_where(SATELLITE, scene.stack.url), "PYTHONPATH": path}
    return {name: value for name, value in {**ours, **changed}.items() if value is not None}


def command(scene: Scene, port: int, *more: str, program: tuple[str, ...] = ("-m", "examples.gateway")) -> list[str]:
    """Start another gateway, with the name of the system's own, so that people's tokens are for it too."""
    where = ("--port", str(port), "--url", scene.url, "--issuer", origin(scene.ports.sign_in))
    return [sys.executable, *program, *where, *more]


@contextmanager
def gateway_at(scene: Scene, port: int, folder: Path, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a gateway until the end of the block, if it does not end before."""
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own example
            arguments, env=environment(scene, folder), cwd=folder, stdout=log, stderr=log
        )
    try:
        until(lambda: process.poll() is not None or _answers(port), within=PATIENCE)
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    try:
        return send("GET", f"http://{LOOPBACK}:{port}/mcp").status == 401
    except OSError:
        return False
