"""How the provider's pages behave towards browsers: slow, or in a window that knows nothing of the one that opened it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from local.services.exchange import OAuthError

MOST_SECONDS = 60
ISOLATION = "Cross-Origin-Opener-Policy"

Page = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Manners:
    """`isolated`: each page cuts itself off from its opener, to which it then looks closed (HTML, "Cross-origin opener
    policies"). `seconds`: how long each page takes.
    """

    isolated: bool = False
    seconds: int = 0
    rest: Callable[[float], Awaitable[object]] = asyncio.sleep

    def isolate(self, wanted: object) -> None:
        """Raises: OAuthError: If it is no boolean."""
        if not isinstance(wanted, bool):
            raise OAuthError("invalid_request", "on is a boolean.")
        self.isolated = wanted

    def slow(self, seconds: object) -> None:
        """Raises: OAuthError: If it is no number of seconds up to a minute."""
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= MOST_SECONDS:
            raise OAuthError("invalid_request", f"seconds is a whole number from 0 to {MOST_SECONDS}.")
        self.seconds = seconds

    def around(self, page: Page) -> Page:
        """Let a page behave so."""

        async def behaving(request: Request) -> Response:
            if self.seconds:
                await self.rest(self.seconds)
            response = await page(request)
            if self.isolated:
                response.headers[ISOLATION] = "same-origin"
            return response

        return behaving
