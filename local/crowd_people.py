"""The people of a crowd: each with a stock MCP client of their own, and with something that befalls them, or nothing."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import anyio
import anyio.to_thread
from mcp.client import Client, ClientRequestContext
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types import ElicitRequestParams, ElicitResult

from examples import client as terminal
from local import jwt
from local.crowd_judge import ANSWERED, PROMPTED, REFUSED, Away, Call
from local.crowd_scene import TOOL, Scene
from local.plan import gateway_url


class Fate(Enum):
    """What befalls somebody while the crowd calls."""

    NOTHING = "nothing"
    SPOILT = "the MCP server turns their token away before its time"
    WITHDRAWN = "the provider withdraws their grant, and they connect again when prompted"
    RETURNS = "they revoke, and connect again when prompted"
    LEAVES = "they revoke, and decline every prompt"


MAY_BE_PROMPTED = frozenset({Fate.WITHDRAWN, Fate.RETURNS, Fate.LEAVES})


@dataclass
class Visitor:
    """Somebody before the gateway. `handshake`: their client speaks revision 2025-11-25."""

    name: str
    fate: Fate
    handshake: bool
    scene: Scene = field(repr=False)
    calls: list[Call] = field(default_factory=list)
    revoked: tuple[float, float] | None = None
    """When they asked to revoke, and were told that it is done."""

    def __post_init__(self) -> None:
        self._terminal = _Terminal(self)
        self._client: Client
        self._connecting = anyio.Lock()
        self._prompts = 0
        self._completed: list[float] = []
        self._connected_at = 0.0

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Sign in, and be connected to the gateway."""
        ports = self.scene.ports
        token = await _off(lambda: jwt.sign_in(self.name, ports.first, for_gateway=True))
        async with (
            terminal.http_of(token) as http,
            terminal.connected_to(
                gateway_url(ports), token, self._terminal, handshake=self.handshake, http=http
            ) as self._client,
        ):
            yield

    async def call(self) -> None:
        """Ask the tool whose token was sent, and note what came of it."""
        began, before = time.time(), self._prompts
        try:
            result = await terminal.call(self._client, self._terminal, TOOL, {})
        except _Declined:
            word, told = PROMPTED, ""
        except MCPError as problem:
            word, told = REFUSED, f"error {problem.code}"
        else:
            told = terminal.text_of(result)
            word = ANSWERED if not result.is_error else PROMPTED if self._prompts > before else REFUSED
        self.calls.append(Call(self.name, began, time.time(), word, told, self._prompts - before))

    async def befall(self) -> None:
        """Let happen to them what is to happen."""
        match self.fate:
            case Fate.SPOILT:
                await _off(lambda: self.scene.levers.spoil(self.name))
            case Fate.WITHDRAWN:
                await _off(lambda: self.scene.levers.withdraw(self.name))
            case Fate.RETURNS | Fate.LEAVES:
                asked = time.time()
                self.revoked = asked, await _off(lambda: self.scene.revoke(self.name))
            case Fate.NOTHING:
                pass

    async def prompted(self) -> bool:
        """Be shown a link: connect again, or decline. Two prompts at once are one errand."""
        self._prompts += 1
        if self.fate is Fate.LEAVES:
            return False
        shown_at = time.time()
        async with self._connecting:
            if self._connected_at <= shown_at:
                self._completed.append(await _off(lambda: self.scene.connect_one(self.name)))
                self._connected_at = time.time()
        return True

    def aways(self) -> list[Away]:
        """From the revoke until they began to complete another authorization."""
        if self.revoked is None:
            return []
        asked, told = self.revoked
        return [Away(self.name, told, min((at for at in self._completed if at > asked), default=float("inf")))]


class _Declined(Exception):
    """A person did not follow the link of an error -32042."""


class _Terminal(terminal.Person):
    """What the client asks, answered by the visitor."""

    def __init__(self, visitor: Visitor) -> None:
        super().__init__(lambda _: None)
        self._visitor = visitor

    async def asked(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002 -- the SDK names them
        return ElicitResult(action="accept" if await self._visitor.prompted() else "decline")

    async def connects(self, required: UrlElicitationRequiredError) -> None:
        if not await self._visitor.prompted():
            raise _Declined
        await super().connects(required)


async def _off(task: Any) -> Any:
    return await anyio.to_thread.run_sync(task)
