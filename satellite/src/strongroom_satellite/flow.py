"""The authentication flow of an HTTP client, for httpx2 and httpx: look up, send, report a rejection, send once more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any

from strongroom_satellite import quiet
from strongroom_satellite.asks import Rejected
from strongroom_satellite.injection import injected, rejects
from strongroom_satellite.need import Need
from strongroom_satellite.release import Release
from strongroom_satellite.strongroom import Strongroom


class Flow:
    """What `StrongroomAuth` does. The body of a request is read first, so that it can be sent a second time."""

    def __init__(self, strongroom: Strongroom, *, team: str, installation: str, user: str) -> None:
        """Raises: ValueError: If one of the three has a form that Strongroom never gives out."""
        self.need, self._strongroom = Need(team, installation, user), strongroom
        quiet.about_headers()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.need!r})"

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Serve a client in a thread."""
        request.read()
        release = self._strongroom.look_up(self.need)
        for is_last in (False, True):
            with injected(request, release) as on:
                on.watch(lambda: self._strongroom.look_up(self.need))
                response = yield request
                on.arrived(response)
            report = self._report(response, on.release, is_last)
            if report is None:
                return
            release = self._strongroom.rejected(self.need, report.version, report.status, report.challenge)
            if release.version == report.version:
                return

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Serve a client in an event loop."""
        await request.aread()
        release = await self._strongroom.alook_up(self.need)
        for is_last in (False, True):
            with injected(request, release) as on:
                on.awatch(lambda: self._strongroom.alook_up(self.need))
                response = yield request
                on.arrived(response)
            report = self._report(response, on.release, is_last)
            if report is None:
                return
            release = await self._strongroom.arejected(self.need, report.version, report.status, report.challenge)
            if release.version == report.version:
                return

    def _report(self, response: Any, release: Release, is_last: bool) -> Rejected | None:
        """Tell what to report. After the second try only that scopes are missing, for which there is a link; that the second
        token was rejected as well is seen, and reported, by the next request."""
        is_rejected, challenge = rejects(response.status_code, response.headers.get_list("www-authenticate"))
        if not is_rejected or release.version is None or (is_last and response.status_code == 401):
            return None
        return Rejected(self.need, release.version, response.status_code, challenge)
