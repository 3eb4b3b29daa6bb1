"""Faults by switch: the next calls of an endpoint go wrong in a chosen way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from local.services.exchange import OAuthError, answer
from local.services.serving import drop

BEFORE = frozenset({"status", "error", "html", "error_200", "hang_before", "close_before"})
AFTER = frozenset({"hang_after", "close_after", "status_after"})
CHANGED = frozenset({"no_refresh_token", "expires_in"})
ENDPOINTS = frozenset({"token", "revoke", "register"})
MOST_SECONDS = 60

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misbehaviour.

    `status`, `retry_after` (seconds) and `error` shape an answer; `seconds` limits a hang; `expires_in` is what the
    answer says instead of the truth (None: it says nothing).
    """

    kind: str
    status: int = 500
    retry_after: int | None = None
    error: str = "invalid_grant"
    seconds: int = 30
    expires_in: object = None


class Faults:
    """What is still to go wrong, per endpoint, first in first out; and how often it did."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Fault]] = {}
        self.done: Counter[str] = Counter()

    def clear(self) -> None:
        self._waiting.clear()

    def add(self, wanted: Mapping[str, object]) -> int:
        """Take an order such as `{"endpoint": "token", "kind": "status", "status": 503, "times": 2}`.

        Raises:
            OAuthError: If there is no such fault.
        """
        endpoint, times = wanted.get("endpoint", "token"), wanted.get("times", 1)
        if endpoint not in ENDPOINTS or not isinstance(times, int) or not 0 < times <= 1000:
            raise OAuthError("invalid_request", "endpoint is token, revoke or register; times is 1 to 1000.")
        fault = _fault({name: value for name, value in wanted.items() if name not in ("endpoint", "times")})
        self._waiting.setdefault(endpoint, []).extend([fault] * times)
        return times

    def take(self, endpoint: str) -> Fault | None:
        waiting = self._waiting.get(endpoint)
        if not waiting:
            return None
        fault = waiting.pop(0)
        self.done[f"{endpoint}:{fault.kind}"] += 1
        return fault

    def around(self, endpoint: str, handler: Handler) -> Handler:
        """Let the next fault of this endpoint happen before, after or inside its handler."""

        async def misbehaving(request: Request) -> Response:
            fault = self.take(endpoint)
            if fault is None:
                return await handler(request)
            if fault.kind in BEFORE:
                return await _instead(fault, request)
            request.state.fault = fault
            done = await handler(request)
            return await _instead(fault, request) if fault.kind in AFTER else done

        return misbehaving


def fault_inside(request: Request) -> Fault | None:
    """Give the fault that the handler itself has to play, if any."""
    fault = cast("Fault | None", getattr(request.state, "fault", None))
    return fault if fault and fault.kind in CHANGED else None


def _fault(wanted: Mapping[str, object]) -> Fault:
    try:
        fault = Fault(**wanted)  # type: ignore[arg-type]
    except TypeError as unknown:
        raise OAuthError("invalid_request", "Unknown field, or kind is missing.") from unknown
    numbers = (fault.status, fault.seconds, fault.retry_after or 0)
    if fault.kind not in BEFORE | AFTER | CHANGED or not all(isinstance(number, int) for number in numbers):
        raise OAuthError("invalid_request", "Unknown kind, or no number where one has to be.")
    return fault


async def _instead(fault: Fault, request: Request) -> Response:
    match fault.kind.removesuffix("_before").removesuffix("_after"):
        case "html":
            return HTMLResponse("<!doctype html><title>Oops</title><h1>We will be right back</h1>", 200)
        case "error_200":
            return answer({"error": fault.error})
        case "error":
            return answer({"error": fault.error}, 401 if fault.error == "invalid_client" else 400)
        case "hang":
            await _until_gone(request, fault.seconds)
        case "close":
            if request.client:
                drop((request.client.host, request.client.port))
            await _until_gone(request, fault.seconds)
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    return answer({"error": "temporarily_unavailable"}, fault.status, headers)


async def _until_gone(request: Request, seconds: int) -> None:
    """Wait until the caller has given up, or so many seconds."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    try:
        await asyncio.wait_for(gone(), min(seconds, MOST_SECONDS))
    except TimeoutError:
        return
