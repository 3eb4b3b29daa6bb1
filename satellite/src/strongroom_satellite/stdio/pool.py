"""The servers that are running, each for one need, and the keeper that ends them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import IO, Any

import anyio
from anyio.abc import TaskGroup
from mcp.client import Client

from strongroom_satellite.clock import Clock, SystemClock
from strongroom_satellite.errors import AuthorizationRequired, Misconfigured, Refused, Unavailable
from strongroom_satellite.need import Need
from strongroom_satellite.release import Release
from strongroom_satellite.secret import Secret
from strongroom_satellite.stdio.child import Child, MakeClient
from strongroom_satellite.stdio.limits import Limits
from strongroom_satellite.stdio.pipes import Streams, started
from strongroom_satellite.stdio.server import StdioServer
from strongroom_satellite.strongroom import Strongroom


class TooManyServers(Unavailable):
    """As many servers are running as may be, and none of them is idle."""

    code = "too_many_servers"


class StdioPool:
    """Keeps a child for each need and server, and hands out its client. One event loop's; entered and left in one task.

    A child has one person's variables and is used for no other's calls. Each call looks up first, so that a child whose
    token has changed gets no new calls (an environment cannot be changed from outside), and one whose person has no token
    any more is stopped. For children that nobody calls, the keeper looks up.

    `environ` is where inherited variables come from, `errors` where children write what is no message (nowhere, if not
    given: it may hold what they got), `make_client` what makes the SDK's client of a transport: with callbacks, or with
    `mode="legacy"` for a server that does not answer what it does not know.
    """

    def __init__(
        self,
        strongroom: Strongroom,
        *,
        limits: Limits | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        environ: Mapping[str, str] = os.environ,
        errors: IO[Any] | int = subprocess.DEVNULL,
        make_client: MakeClient = Client,
    ) -> None:
        self._strongroom, self._limits, self._clock = strongroom, limits or Limits(), clock or SystemClock()
        self._sleep, self._environ, self._errors, self._make_client = sleep, environ, errors, make_client
        self._alive: dict[Child, None] = {}
        self._tasks: TaskGroup | None = None
        self._opened = AsyncExitStack()

    # -- for gateways

    @asynccontextmanager
    async def session(self, need: Need, server: StdioServer) -> AsyncIterator[Client]:
        """Give the client of a server that was started for this need. One call, or a few: not for as long as one likes.

        If the token changes meanwhile, there is `Limits.finish` to end; if it is revoked, or cannot be
        checked, there is none.

        Raises:
            AuthorizationRequired: If the person has to act.
            Misconfigured: If the installation lacks a variable that the server's configuration lists.
            DidNotStart: If the server does not come up.
            SatelliteError: For everything else that a look-up may raise.
        """
        while True:
            child = await self._child(need, server)
            with child.taken(self._clock):
                client = await child.client()
                if client is not None:
                    yield client
                    return

    # -- which child

    async def _child(self, need: Need, server: StdioServer) -> Child:
        while True:
            release = await self._released(need)
            chosen = server.chosen(release.env)
            # From here on nobody else runs until a child is found or there is none: two calls do not start two.
            child = next((one for one in self._alive if one.serves_for(need, server)), None)
            if child is not None and child.has(release, chosen):
                return child
            if child is not None:
                self._retire(child)
            if len(self._alive) < self._limits.most:
                return self._begin(Child(need, server, release, chosen), chosen)
            await self._make_room()

    async def _released(self, need: Need) -> Release:
        """Look up; if Strongroom says that there is nothing for this person, stop all that was started for them."""
        try:
            return await self._strongroom.alook_up(need)
        except (AuthorizationRequired, Refused):
            for child in tuple(self._alive):
                if child.need == need:
                    child.stop()
            raise

    def _begin(self, child: Child, chosen: Mapping[str, Secret]) -> Child:
        if self._tasks is None:
            raise Misconfigured("servers are started inside `async with` of their pool")
        command = child.server.found(self._environ.get("PATH"))
        child.last_used = self._clock.now().steady
        self._alive[child] = None
        self._tasks.start_soon(self._own, child, command, chosen)
        return child

    async def _own(self, child: Child, command: Sequence[str], chosen: Mapping[str, Secret]) -> None:
        def open_streams(ended: anyio.Event) -> Streams:
            return started(
                command,
                child.server.environment(chosen, self._environ),
                cwd=child.server.cwd,
                errors=self._errors,
                ended=ended,
                grace=self._limits.grace,
            )

        try:
            await child.own(open_streams, self._make_client, self._limits)
        finally:
            del self._alive[child]

    async def _make_room(self) -> None:
        """Wait for an idle child that is being stopped, else stop the one that was used longest ago.

        Raises:
            TooManyServers: If all are in use.
        """
        idle = [child for child in self._alive if child.is_idle]
        leaving = next((child for child in idle if not child.serves), None)
        goes = leaving or min(idle, key=lambda child: child.last_used, default=None)
        if goes is None:
            raise TooManyServers(f"{self._limits.most} servers are running, and all of them are in use")
        goes.stop()
        await goes.over.wait()

    def _retire(self, child: Child) -> None:
        if child.serves and self._tasks is not None:
            child.leave()
            self._tasks.start_soon(child.finish, self._limits.finish)

    # -- the keeper

    async def _keep(self, tasks: TaskGroup) -> None:
        while True:
            await self._sleep(self._limits.look)
            now = self._clock.now().steady
            for child in [one for one in self._alive if one.serves]:
                if child.is_idle and now - child.last_used >= self._limits.idle:
                    child.stop()
                elif not child.is_checked:
                    child.is_checked = True
                    tasks.start_soon(self._check, child)

    async def _check(self, child: Child) -> None:
        """Keep a child only if it has what a look-up gives now. What cannot be checked may be revoked, so it is stopped."""
        try:
            with anyio.fail_after(self._limits.check):
                release = await self._released(child.need)
            if not child.has(release, child.server.chosen(release.env)):
                self._retire(child)
        except Exception:  # whatever a look-up may raise: to a call it is told, and here nobody is to be told
            child.stop()
        finally:
            child.is_checked = False

    # -- beginning and end

    async def __aenter__(self) -> StdioPool:
        async with AsyncExitStack() as opened:
            self._tasks = await opened.enter_async_context(anyio.create_task_group())
            self._tasks.start_soon(self._keep, self._tasks)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop all children, and come back when they have ended. An error of the body stays as it is, in no group."""
        tasks, self._tasks = self._tasks, None
        for child in tuple(self._alive):
            child.stop()
        if tasks is not None:
            tasks.cancel_scope.cancel()
        await self._opened.__aexit__(None, None, None)
