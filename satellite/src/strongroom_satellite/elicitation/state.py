"""The `requestState` of a prompt (MCP 2026-07-28): what the client brings back, and cannot have made or changed.

The seal is that of `mcp.server.request_state`: AES-256-GCM over an envelope that names method, tool, a digest of the
arguments, audience, principal and expiry. It is put on here, whether or not the server has that middleware as well: a
lowlevel `Server` has none of itself.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, InputRequiredResult

from strongroom_satellite.need import Need

AUDIENCE = "strongroom-satellite"
KEY = "strongroom-connect"
"""The name of our question among `inputRequests`."""

_MARK = "strongroom."

Ctx = ServerRequestContext[Any, Any]


@dataclass(frozen=True, slots=True)
class State:
    """How far a prompt has got.

    Attributes:
        holds: How often a retry has waited since the person accepted; None as long as nobody has.
        version: Of a token that lacks scopes, which is not the one to wait for.
    """

    holds: int | None = None
    version: str | None = None


def is_ours(request_state: str | None) -> bool:
    """Whether a `requestState` is of a prompt of ours. A gateway that passes states on to its servers keeps these."""
    return request_state is not None and request_state.startswith(_MARK)


class Sealing:
    """Seals states for one need, and opens them for the same alone."""

    def __init__(self, security: RequestStateSecurity) -> None:
        self._security = security

    async def sealed(self, ctx: Ctx, need: Need, state: State) -> str:
        """Give what the client brings back."""
        given = InputRequiredResult(request_state=json.dumps(asdict(state)))

        async def result(_: Ctx) -> HandlerResult:
            return given

        sealed = await self._boundary(need)(_with_state(ctx, None), result)
        if not isinstance(sealed, InputRequiredResult) or sealed.request_state in (None, given.request_state):
            raise MCPError(code=INTERNAL_ERROR, message="Internal error")  # a state goes out sealed, or not at all
        return f"{_MARK}{sealed.request_state}"

    async def opened(self, ctx: Ctx, need: Need) -> State | None:
        """Give the state that a request brings; None if it brings none of ours.

        Raises:
            MCPError: -32602, if it was altered, has expired, or was made for another user, tool or arguments.
        """
        wire = (ctx.params or {}).get("requestState")
        if not isinstance(wire, str) or not is_ours(wire):
            return None
        found: list[str] = []

        async def handler(verified: Ctx) -> HandlerResult:
            found.append((verified.params or {})["requestState"])
            return None

        await self._boundary(need)(_with_state(ctx, wire.removeprefix(_MARK)), handler)
        return State(**json.loads(found[0]))

    def _boundary(self, need: Need) -> RequestStateBoundary:
        theirs = self._security.bind_principal

        def principal(ctx: Ctx) -> str:
            return _principal(theirs(ctx) if theirs is not None else None, need)

        bound = RequestStateSecurity(
            codec=self._security.codec,
            ttl=self._security.ttl,
            audience=self._security.audience,
            bind_principal=principal,
        )
        return RequestStateBoundary(bound, default_audience=AUDIENCE)


def answer_in(ctx: Ctx) -> str | None:
    """Read what the person answered: `accept`, `decline` or `cancel`; None if there is no answer to our question."""
    responses = (ctx.params or {}).get("inputResponses")
    ours = responses.get(KEY) if isinstance(responses, Mapping) else None
    action = ours.get("action") if isinstance(ours, Mapping) else None
    return action if isinstance(action, str) else None


def _principal(theirs: str | None, need: Need) -> str:
    """Name who may bring a state back: whom the server knows by its own token, if it does, and whose need it is."""
    return json.dumps([theirs, need.team, need.installation, need.user])


def _with_state(ctx: Ctx, request_state: str | None) -> Ctx:
    others = {name: value for name, value in (ctx.params or {}).items() if name != "requestState"}
    return replace(ctx, params=others if request_state is None else {**others, "requestState": request_state})
