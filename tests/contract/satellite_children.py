"""A pool of children on a fake Strongroom, time that a test holds in its hand, and what a child shows outside."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any, ParamSpec

import anyio
from mcp.client import Client
from mcp_types import TextContent

from strongroom_satellite import Need, Patience, Strongroom
from strongroom_satellite.clock import Moment
from strongroom_satellite.stdio import StdioPool, StdioServer
from tests.fakes.satellite import NOW, FakeStrongroom

TELLING = str(Path(__file__).with_name("telling_server.py"))
INSTALLATION = "a" * 20
ALICE, BOB = Need("acme", INSTALLATION, "alice"), Need("acme", INSTALLATION, "bob")
HANGS = 60.0
P = ParamSpec("P")


def in_a_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run a test in an event loop; one that hangs fails."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def bounded() -> None:
            with anyio.fail_after(HANGS):
                await test(*args, **kwargs)

        anyio.run(bounded)

    return run


def telling(*, env: tuple[str, ...] = ("NOTES_KEY",), **more: Any) -> StdioServer:
    return StdioServer(sys.executable, ("-I", "-S", TELLING), env=env, **more)


class Time:
    """Stand still until the test moves the hands."""

    def __init__(self) -> None:
        self._now, self._lock = NOW, threading.Lock()
        self._sleepers: list[tuple[float, anyio.Event]] = []

    def now(self) -> Moment:
        with self._lock:
            return Moment(self._now, self._now)

    async def sleep(self, seconds: float) -> None:
        woken = anyio.Event()
        self._sleepers.append((self.now().steady + seconds, woken))
        await woken.wait()

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
        for due, woken in self._sleepers:
            if due <= self._now:
                woken.set()
        self._sleepers = [one for one in self._sleepers if not one[1].is_set()]


class Ground:
    """A pool on all that. Alice and bob have a key each."""

    def __init__(self) -> None:
        self.time = Time()
        self.fake = FakeStrongroom(lambda: self.time.now().wall)
        self.give(ALICE, NOTES_KEY="key-of-alice")
        self.give(BOB, NOTES_KEY="key-of-bob")
        # One attempt: nothing waits for a clock that stands still.
        self.strongroom = Strongroom(self.fake, clock=self.time, patience=Patience(total=0.5))

    def give(self, need: Need, **env: str) -> None:
        self.fake.connect(need, f"token-of-{need.user}", url=None, headers={}, env=env)

    @asynccontextmanager
    async def pool(self, **more: Any) -> AsyncIterator[StdioPool]:
        with self.strongroom:
            async with StdioPool(self.strongroom, clock=self.time, sleep=self.time.sleep, **more) as pool:
                yield pool

    async def told(self, pool: StdioPool, need: Need, server: StdioServer, tool: str = "tell", **asked: Any) -> Any:
        async with pool.session(need, server) as client:
            return await called(client, tool, **asked)


async def called(client: Client, tool: str, **asked: Any) -> Any:
    [part] = (await client.call_tool(tool, asked)).content
    assert isinstance(part, TextContent)
    return json.loads(part.text)


class Watch:
    """A process, held by a handle that stays its own even when its number is given away."""

    def __init__(self, pid: int) -> None:
        self.pid, self._handle = pid, os.pidfd_open(pid)

    def kill(self) -> None:
        signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    async def end(self) -> None:
        """Wait until it has ended."""
        await anyio.wait_readable(self._handle)
        os.close(self._handle)


def is_there(pid: int) -> bool:
    """Whether the kernel knows it, if only as a zombie."""
    return Path(f"/proc/{pid}").exists()


def running_in(folder: Path) -> list[int]:
    """Name the processes that run in a folder: in one of its own, a test finds its own children alone."""
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cwd") if leads_to(path) == str(folder)]


def leads_to(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""


class Held:
    """A call that is under way in a child for as long as the test wants."""

    def __init__(self, folder: Path) -> None:
        self._begun, self._until = folder / "begun", folder / "until"
        os.mkfifo(self._begun)
        os.mkfifo(self._until)
        self.asked = {"begun": str(self._begun), "until": str(self._until)}

    async def begun(self) -> None:
        await anyio.to_thread.run_sync(self._begun.read_text)

    async def release(self) -> None:
        await anyio.to_thread.run_sync(partial(self._until.write_text, "now"))
