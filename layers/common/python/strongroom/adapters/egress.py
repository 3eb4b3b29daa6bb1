"""The guarded client: every request to an address that a person or a provider chose goes through here."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from strongroom.adapters.egress_connection import (
    Connect,
    Deadline,
    Dialler,
    Resolve,
    Unconnected,
    connect_to,
    system_resolver,
    verified_tls,
)
from strongroom.adapters.egress_memory import Silences
from strongroom.domain.destinations import Destination, Rules, follow, judge
from strongroom.domain.errors import EgressRefused, ProviderFailed
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing
from strongroom.domain.redirects import redirection
from strongroom.ports import Line

MOST_HOPS = 3
SURVIVE_A_MOVE = frozenset({"accept", "mcp-protocol-version", "user-agent"})
OURS_TO_SET = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110 §5.6.2
_VALUE = re.compile(r"[!-~](?:[ \t!-~]*[!-~])?|", re.ASCII)  # RFC 9110 §5.5, without obs-text


class GuardedEgress:
    """Sends requests to public addresses over verified TLS, and only within their limits.

    It keeps no connection between requests, reads nothing from the environment (proxies, netrc, certificate paths),
    keeps no cookies and writes no log. `ports` are allowed beside 443, `own_hosts` (`host` or `host:port`) are never
    called, `loopback` is the development switch of `domain.destinations.Rules`. `now` is the time of day. Make it while
    the process starts, so that name resolution is bounded before the first name is looked up.
    """

    def __init__(
        self,
        *,
        resolve: Resolve | None = None,
        connect: Connect = connect_to,
        tls: Callable[[], ssl.SSLContext] = verified_tls,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        ports: Iterable[int] = (),
        own_hosts: Iterable[str] = (),
        loopback: bool = False,
    ) -> None:
        self._rules = Rules(frozenset(ports), frozenset(host.lower() for host in own_hosts), loopback)
        self._dialler = Dialler(resolve or system_resolver(), connect, tls)
        self._monotonic = monotonic
        self._silences = Silences(now)

    def send(self, request: Outgoing) -> Answer:
        """Send one request, each time over a new connection, and follow the redirects that it permits.

        A redirect is followed for GET alone, at most three times, judged and resolved anew; on the way to another
        origin everything that may be a credential stays behind. A POST is never sent twice. A GET to an origin that
        another GET could not reach within the last ten seconds is `NotSent` at once.

        Raises:
            EgressRefused: If the URL, a redirect, an address behind a name or the form of the request is not allowed.
        """
        check_form(request)
        destination = judge(request.url, self._rules)
        _load_client()
        deadline = Deadline(self._monotonic, request.within)
        answer = self._unless_silent(destination, request, deadline)
        for _ in range(permitted_hops(request)):
            location = redirection(answer)
            if location is None:
                return answer
            onward = follow(location, destination, self._rules)
            request = onwards(request, destination, onward)
            answer, destination = self._later(onward, request, deadline), onward
        return NoAnswer("too_many_redirects") if permitted_hops(request) and redirection(answer) else answer

    @contextmanager
    def dial(self, url: str, within: float) -> Iterator[Line]:
        """Do everything that can fail before a request is worth a lease: names, addresses, TLS, the client's import.

        Raises:
            EgressRefused: If the URL or an address behind its name is not allowed.
            ProviderFailed: If no connection could be made within so many seconds.
        """
        destination = judge(url, self._rules)
        _load_client()
        try:
            connection = self._dialler.open(destination, Deadline(self._monotonic, within))
        except Unconnected as failure:
            raise ProviderFailed(failure.reason) from None
        with connection:
            yield OpenLine(connection, destination, self._rules, self._monotonic)

    def _unless_silent(self, destination: Destination, request: Outgoing, deadline: Deadline) -> Answer:
        """Send it, unless it is a GET to an origin that could not be reached a moment ago."""
        if request.method != "GET":
            return self._once(destination, request, deadline)
        silence = self._silences.recall(destination.origin)
        if silence is not None:
            return silence
        chance = deadline.remains()
        answer = self._once(destination, request, deadline)
        self._silences.learn(destination.origin, answer, chance)
        return answer

    def _once(self, destination: Destination, request: Outgoing, deadline: Deadline) -> Answer:
        try:
            connection = self._dialler.open(destination, deadline)
        except Unconnected as failure:
            return NotSent(failure.reason)
        with connection:
            return _over(connection, destination, request, deadline)

    def _later(self, destination: Destination, request: Outgoing, deadline: Deadline) -> Answer:
        """Send after a redirect: by then something has been sent, whatever becomes of this one."""
        answer = self._unless_silent(destination, request, deadline)
        return NoAnswer(answer.reason) if isinstance(answer, NotSent) else answer


class OpenLine:
    """A connection that waits for its one request."""

    def __init__(
        self, connection: socket.socket, destination: Destination, rules: Rules, monotonic: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._destination = destination
        self._rules = rules
        self._monotonic = monotonic
        self._used = False

    def send(self, request: Outgoing) -> Answer:
        """Send one request; its time starts now. Redirects are not followed.

        Raises:
            EgressRefused: If the request is for another origin, its form is not allowed, or the line was used before.
        """
        check_form(request)
        destination = judge(request.url, self._rules)
        if self._used or destination.origin != self._destination.origin:
            raise EgressRefused("the line was opened for one request to another origin")
        self._used = True
        return _over(self._connection, destination, request, Deadline(self._monotonic, request.within))


def check_form(request: Outgoing) -> None:
    """Check that nothing in the request can become another header or another request.

    Raises:
        EgressRefused: If a header is not ours to take from a caller, or would not arrive as it is.
    """
    for name, value in request.headers.items():
        if name.lower() in OURS_TO_SET or not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value.reveal()):
            raise EgressRefused("a header of the request is not allowed")
    if request.method == "GET" and request.body is not None:
        raise EgressRefused("a GET carries no body")


def permitted_hops(request: Outgoing) -> int:
    """Give the number of redirects that may be followed."""
    return min(request.hops, MOST_HOPS) if request.method == "GET" else 0


def onwards(request: Outgoing, current: Destination, onward: Destination) -> Outgoing:
    """Make the request that follows a redirect; another origin gets only the headers that cannot be a credential."""
    if onward.origin == current.origin:
        return request
    return replace(request, headers={n: v for n, v in request.headers.items() if n.lower() in SURVIVE_A_MOVE})


def _load_client() -> None:
    import strongroom.adapters.egress_exchange  # noqa: F401


def _over(connection: socket.socket, destination: Destination, request: Outgoing, deadline: Deadline) -> Answer:
    from strongroom.adapters.egress_exchange import exchange

    return exchange(connection, destination, request, deadline)
