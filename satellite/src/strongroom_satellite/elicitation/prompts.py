"""Run a call for a person, and prompt the person when the call needs it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from mcp.server.request_state import RequestStateSecurity
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types import (
    INVALID_REQUEST,
    CallToolResult,
    ElicitRequest,
    ElicitRequestURLParams,
    InputRequiredResult,
    TextContent,
)
from mcp_types.methods import INPUT_REQUIRED_METHODS

from strongroom_satellite import links
from strongroom_satellite.elicitation.state import KEY, Ctx, Sealing, State, answer_in
from strongroom_satellite.elicitation.watch import Watches
from strongroom_satellite.errors import AuthorizationRequired, Misconfigured, SatelliteError
from strongroom_satellite.links import Way
from strongroom_satellite.need import Need
from strongroom_satellite.strongroom import Strongroom
from strongroom_satellite.waiting import Pace, await_connection

HOLD = 45.0
"""Seconds that one retry waits for the person: many clients give a request up after 60."""

HOLDS = 3
"""Retries that wait, one after the other, before the person is asked again."""

WATCH = 600.0
"""Seconds for which a connection is watched for: as long as an authorization lives."""

Result = TypeVar("Result")


class Prompts:
    """One for a gateway, entered (`async with`) for as long as it serves.

    `security` seals what clients at revision 2026-07-28 bring back. The default's key lives in this process: several that
    serve the same clients share one, `RequestStateSecurity(keys=[...])`.
    """

    def __init__(
        self,
        strongroom: Strongroom,
        *,
        security: RequestStateSecurity | None = None,
        pace: Pace | None = None,
        hold: float = HOLD,
        watch: float = WATCH,
    ) -> None:
        self._strongroom, self._pace, self._hold = strongroom, pace or Pace(), hold
        self._sealing = Sealing(security or RequestStateSecurity.ephemeral())
        self._watches = Watches(strongroom, self._pace, watch)
        self._tasks: TaskGroup | None = None

    async def call_or_prompt(
        self,
        ctx: ServerRequestContext[Any, Any] | Context[Any, Any],
        need: Need,
        name: str,
        call: Callable[[], Awaitable[Result]],
    ) -> Result | CallToolResult | InputRequiredResult:
        """Give the call's result, or what makes this client ask the person to connect.

        `call` begins after a look-up has succeeded, and may raise `AuthorizationRequired` all the same, in a group too: then
        the person is prompted. It runs at most once in a request, from its beginning in the retry too.
        `need` is the signed-in user's; `name` is what people know the installation by.

        Raises:
            UrlElicitationRequiredError: -32042, for a client at revision 2025-11-25.
            MCPError: -32602 for a state that is not this user's, of this request; -32600 with a sentence, where a client is
                told in words and the request is not a tool call.
            SatelliteError: As from a look-up.
        """
        request = ctx.request_context if isinstance(ctx, Context) else ctx
        state = await self._sealing.opened(request, need)
        if state is not None:
            waited = await self._resumed(request, need, name, state)
            if waited is not None:
                return waited
        try:
            await self._strongroom.alook_up(need)
            return await call()
        except Exception as error:
            required = links.required_in(error)
            if required is None or required.need not in (None, need):
                raise
        return await self._prompt(request, need, name, required)

    async def _resumed(
        self, ctx: Ctx, need: Need, name: str, state: State
    ) -> CallToolResult | InputRequiredResult | None:
        """Go on after a prompt: None means with the call, from its beginning."""
        answer = answer_in(ctx)
        if answer in ("decline", "cancel"):
            return _said(ctx, links.declined(name))
        if answer != "accept" and state.holds is None:
            return None
        holds = (state.holds or 0) + 1

        async def told(passed: float, longest: float) -> None:
            await ctx.session.report_progress(passed, longest, f"Waiting for {links.shown(name)} to be connected")

        release = await await_connection(
            self._strongroom, need, longest=self._hold, other_than=state.version, pace=self._pace, told=told
        )
        if release is not None or holds >= HOLDS:
            return None
        # A state without a question: the client retries by itself, and the person is left alone.
        waiting = State(holds=holds, version=state.version)
        return InputRequiredResult(request_state=await self._sealing.sealed(ctx, need, waiting))

    async def _prompt(
        self, ctx: Ctx, need: Need, name: str, required: AuthorizationRequired
    ) -> CallToolResult | InputRequiredResult:
        way, elicitation = _way(ctx), links.elicitation_of(required, name)
        if way is Way.WORDS or elicitation is None:
            return _said(ctx, links.words(required, name))
        asked = ElicitRequestURLParams.model_validate(elicitation)
        lacking = await self._lacking(need, required)
        if way is Way.ERROR:
            asked.elicitation_id = self._watches.begin(self._entered(), ctx.session, need, lacking)
            raise UrlElicitationRequiredError([asked], asked.message)
        return InputRequiredResult(
            input_requests={KEY: ElicitRequest(params=asked)},
            request_state=await self._sealing.sealed(ctx, need, State(version=lacking)),
        )

    async def _lacking(self, need: Need, required: AuthorizationRequired) -> str | None:
        """Give the version of the token that lacks scopes, if that is why: it is handed out all the while."""
        if required.code != "insufficient_scope":
            return None
        try:
            return (await self._strongroom.alook_up(need)).version
        except SatelliteError:
            return None

    def _entered(self) -> TaskGroup:
        if self._tasks is None:
            raise Misconfigured("enter Prompts with `async with` before it is used")
        return self._tasks

    async def __aenter__(self) -> Prompts:
        self._tasks = await anyio.create_task_group().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks, self._tasks = self._entered(), None
        tasks.cancel_scope.cancel()
        await tasks.__aexit__(None, None, None)  # told of the error, it would wrap it in a group


def _way(ctx: Ctx) -> Way:
    declared = ctx.session.client_capabilities
    capabilities = declared.model_dump(by_alias=True, mode="json", exclude_none=True) if declared else None
    way = links.understood_by(ctx.protocol_version, capabilities)
    # No other result may ask for input, and the seal knows none but these.
    return Way.WORDS if way is Way.INPUT_REQUIRED and ctx.method not in INPUT_REQUIRED_METHODS else way


def _said(ctx: Ctx, sentence: str) -> CallToolResult:
    if ctx.method != "tools/call":
        raise MCPError(code=INVALID_REQUEST, message=sentence)
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)
