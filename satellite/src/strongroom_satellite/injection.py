"""What is put on a request, where and until when it may go, and what of an answer is Strongroom's concern.

No HTTP client is imported here: written for httpx2's requests, it fits those of httpx, which have the same attributes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from strongroom_satellite.asks import MOST_CHALLENGE
from strongroom_satellite.errors import WrongOrigin
from strongroom_satellite.origin import Origin, check, origin_of, parse_origin
from strongroom_satellite.release import Release

_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|$)')  # one that never ends is quoted to the end: each is read once
_BEARER = re.compile(r"(?:^|,)\s*bearer(?:\s|,|$)", re.IGNORECASE)
_SENDING = "send_request_headers.started"

Trace = Callable[[str, Mapping[str, Any]], Any]


class Injected:
    """The secrets of a release on one request, from before it is sent until its answer is there.

    A request may wait: for a place in the client's pool, for a handshake. So what it carries is looked at again when its
    headers are about to be written (the client's `trace` extension), for what serves then; and where it goes, since a client
    that follows redirects copies headers, and drops none but `Authorization` on the way to another origin.
    """

    def __init__(self, request: Any, release: Release) -> None:
        """Put them on.

        Raises:
            WrongOrigin: If the request goes elsewhere than to the release's MCP server.
        """
        self._request, self._first, self.release = request, release, release
        self._origin = _origin_of(release)
        check(self._origin, _goes_to(request.url))
        self._names = set(release.headers)
        self._own = {name: request.headers[name] for name in release.headers if name in request.headers}
        self._extensions = request.extensions
        for name, value in release.headers.items():
            request.headers[name] = value.reveal()

    def watch(self, latest: Callable[[], Release]) -> None:
        """Have a client in a thread look again. `latest` gives the release that serves at that moment."""
        inner = self._extensions.get("trace")

        def trace(step: str, info: Mapping[str, Any]) -> None:
            if self._sends(step, info):
                self._update(info["request"], latest())
            if inner is not None:
                inner(step, info)

        self._have(trace)

    def awatch(self, latest: Callable[[], Awaitable[Release]]) -> None:
        """As `watch`, in an event loop."""
        inner = self._extensions.get("trace")

        async def trace(step: str, info: Mapping[str, Any]) -> None:
            if self._sends(step, info):
                self._update(info["request"], await latest())
            if inner is not None:
                await inner(step, info)

        self._have(trace)

    def arrived(self, response: Any) -> None:
        """Take them off each request that can be reached from the answer: its own, those of redirects that were followed,
        and the one of a redirect that was not.

        Raises:
            WrongOrigin: If the answer came from another origin after all, through a transport that knows no `trace`.
        """
        for one in (response.request, *(past.request for past in response.history), response.next_request):
            if one is not None:
                self._strip(one)
                one.extensions = self._extensions
        check(self._origin, _goes_to(response.request.url))

    def taken_off(self) -> None:
        """As it was before."""
        self._strip(self._request)
        self._request.headers.update(self._own)
        self._request.extensions = self._extensions

    def _have(self, trace: Trace) -> None:
        self._request.extensions = {**self._extensions, "trace": trace}

    def _sends(self, step: str, info: Mapping[str, Any]) -> bool:
        """Whether this step writes our headers. Raises: WrongOrigin: if it writes them to another origin."""
        # CONNECT asks a proxy for a tunnel; the headers stand in what then goes through it.
        if not step.endswith(_SENDING) or info["request"].method == b"CONNECT":
            return False
        url = info["request"].url
        check(self._origin, origin_of(url.scheme.decode(), url.host.decode(), url.port))
        return True

    def _update(self, sent: Any, latest: Release) -> None:
        """Put the latest release on the request that is written now: it is the engine's own, and ours stays as it is."""
        if latest is not self._first:  # which ours carries, and so each request that follows a redirect of it
            check(_origin_of(latest), self._origin)
            ours = {name.lower().encode() for name in (*self._first.headers, *latest.headers)}
            others = [(name, value) for name, value in sent.headers if name.lower() not in ours]
            new = [(name.encode(), value.reveal().encode()) for name, value in latest.headers.items()]
            sent.headers = [*others, *new]
        self.release = latest

    def _strip(self, request: Any) -> None:
        for name in self._names:
            request.headers.pop(name, None)


@contextmanager
def injected(request: Any, release: Release) -> Iterator[Injected]:
    """Have the secrets on the request while it is under way."""
    on = Injected(request, release)
    try:
        yield on
    finally:
        on.taken_off()


def rejects(status: int, challenges: Iterable[str]) -> tuple[bool, str | None]:
    """Tell whether an answer rejects the token, and give the challenge to report (RFC 6750 §3), of several headers ours.

    A 401 does. A 403 does if it challenges us as a bearer; without a challenge it says that this person may not do this,
    which no other token would change.
    """
    printable = (_UNPRINTABLE.sub(" ", one) for one in challenges)
    ours = ", ".join(one for one in printable if _BEARER.search(_QUOTED.sub('""', one)))
    challenge = ours if 0 < len(ours) <= MOST_CHALLENGE else None
    return status == 401 or (status == 403 and challenge is not None), challenge


def _origin_of(release: Release) -> Origin:
    if release.url is None:
        raise WrongOrigin("this installation has no URL: its server is started, not called")
    return parse_origin(release.url)


def _goes_to(url: Any) -> Origin:
    return origin_of(url.scheme, url.raw_host.decode(), url.port)
