"""One server that is running, for one need, and the task that owns it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
from mcp.client import Client

from strongroom_satellite.clock import Clock
from strongroom_satellite.errors import SatelliteError
from strongroom_satellite.need import Need
from strongroom_satellite.release import Release
from strongroom_satellite.secret import Secret
from strongroom_satellite.stdio.limits import Limits
from strongroom_satellite.stdio.pipes import Streams
from strongroom_satellite.stdio.server import StdioServer

MakeClient = Callable[[Streams], Client]


class DidNotStart(SatelliteError):
    """A server could not be run, ended before its first answer, or did not answer in time. What it wrote is not in here."""

    code = "server_did_not_start"


class Child:
    """A server with one person's variables. Everything of it is entered and left in one task (`own`), as AnyIO demands;
    others use the client that this task hands out.

    It serves from its start until it ends, is stopped, or its token changes (`leave`).
    """

    def __init__(self, need: Need, server: StdioServer, release: Release, chosen: Mapping[str, Secret]) -> None:
        self.need, self.server = need, server
        self._version, self._chosen = release.version, dict(chosen)
        self._scope = anyio.CancelScope()
        self._ready, self._free, self.ended, self.over = anyio.Event(), anyio.Event(), anyio.Event(), anyio.Event()
        self._client: Client | None = None
        self._failure: SatelliteError | None = None
        self._calls, self._is_leaving = 0, False
        self.last_used = 0.0
        self.is_checked = False

    # -- for those who use it

    @property
    def serves(self) -> bool:
        return not (self._is_leaving or self.ended.is_set() or self.over.is_set())

    def serves_for(self, need: Need, server: StdioServer) -> bool:
        return self.serves and self.need == need and self.server == server

    @property
    def is_idle(self) -> bool:
        return self._calls == 0

    def has(self, release: Release, chosen: Mapping[str, Secret]) -> bool:
        """Whether it was started with just this. An environment cannot be changed from outside."""
        return self._version == release.version and self._chosen == chosen

    @contextmanager
    def taken(self, clock: Clock) -> Iterator[None]:
        """Be in use, so that it is not idle, and may finish when its token changes."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self.last_used = clock.now().steady
            if not self._calls:
                self._free.set()

    async def client(self) -> Client | None:
        """Wait until it is there; None if it was stopped before.

        Raises:
            DidNotStart: If it never came.
        """
        await self._ready.wait()
        if self._failure is not None:
            raise copy.copy(self._failure)
        if self.ended.is_set() and not self._is_leaving:
            raise DidNotStart("the server ended before it could be used")
        return None if self._is_leaving else self._client

    # -- its end

    def stop(self) -> None:
        """Stop it now, whoever uses it."""
        self._is_leaving = True
        self._scope.cancel()

    def leave(self) -> None:
        """Serve nobody new."""
        self._is_leaving = True

    async def finish(self, within: float) -> None:
        """Let those finish who use it, but not for ever, and stop."""
        with anyio.move_on_after(within):
            while self._calls:
                self._free = anyio.Event()
                await self._free.wait()
        self.stop()

    # -- its owner

    async def own(
        self, open_streams: Callable[[anyio.Event], Streams], make_client: MakeClient, limits: Limits
    ) -> None:
        """Start it, and keep it until its end. No error leaves here: those who wait for it are told."""
        try:
            with self._scope:
                await self._live(open_streams(self.ended), make_client, limits)
            if self._scope.cancelled_caught:
                self._fail(f"it did not answer within {limits.start:g} seconds")
        except Exception as problem:  # whatever a foreign program makes of a handshake
            self._fail(f"it could not be run, or ended at once ({_kind(problem)})")
        finally:
            self._chosen, self._client = {}, None
            self._ready.set()
            self.ended.set()
            self.over.set()

    async def _live(self, streams: Streams, make_client: MakeClient, limits: Limits) -> None:
        self._scope.deadline = anyio.current_time() + limits.start
        async with make_client(streams) as client:
            self._scope.deadline = math.inf
            self._client = client
            self._ready.set()
            await self.ended.wait()

    def _fail(self, why: str) -> None:
        if not self._ready.is_set() and not self._is_leaving:
            self._failure = DidNotStart(f"the server did not start: {why}")


def _kind(problem: Exception) -> str:
    """Name the first error's class. Its text may be the server's."""
    while isinstance(problem, ExceptionGroup):
        problem = problem.exceptions[0]
    return type(problem).__name__
