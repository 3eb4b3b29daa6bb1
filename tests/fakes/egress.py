"""The outside world in memory: who answers at which URL, who is away, and what was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from strongroom.domain.destinations import Destination, Rules, follow, judge
from strongroom.domain.errors import EgressRefused, ProviderFailed
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing, Reply
from strongroom.ports import Line

Behaviour: TypeAlias = Callable[[Outgoing], Answer]
MOST_HOPS = 3
MOVED = frozenset({301, 302, 303, 307, 308})


def replying(status: int, body: bytes = b"", **headers: str) -> Behaviour:
    """Make a behaviour that always gives the same reply; `content_type="..."` becomes the header `content-type`."""
    reply = Reply(status, {name.replace("_", "-"): (value,) for name, value in headers.items()}, body)
    return lambda request: reply


@dataclass
class FakeEgress:
    """Keep the promises of `Egress` without a socket.

    `routes` maps (method, URL) to a behaviour. A host that no route names does not resolve, a path that no route names
    is a 404. `unreachable` and `silent` hold hosts: the first cannot be connected to (`NotSent`), the second take the
    request and say nothing (`NoAnswer`; what they were sent is recorded). The addresses behind `internal` hosts are
    not public.
    """

    rules: Rules = field(default_factory=Rules)
    routes: dict[tuple[str, str], Behaviour] = field(default_factory=dict)
    unreachable: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    internal: set[str] = field(default_factory=set)
    sent: list[Outgoing] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)

    def on(self, method: str, url: str, behaviour: Behaviour) -> None:
        """Let somebody answer at a URL."""
        self.routes[method, url] = behaviour

    def sent_to(self, url: str) -> list[Outgoing]:
        """Give what was sent to one URL, in order."""
        return [request for request in self.sent if request.url == url]

    def send(self, request: Outgoing) -> Answer:
        destination = judge(request.url, self.rules)
        answer = self._once(destination, request)
        hops = min(request.hops, MOST_HOPS) if request.method == "GET" else 0
        for _ in range(hops):
            location = _location(answer)
            if location is None:
                return answer
            destination = follow(location, destination, self.rules)
            request = Outgoing("GET", _text(destination), limit=request.limit, within=request.within)
            answer = _after_the_first(self._once(destination, request))
        return NoAnswer("too_many_redirects") if hops and _location(answer) else answer

    @contextmanager
    def dial(self, url: str, within: float) -> Iterator[Line]:
        destination = judge(url, self.rules)
        self.dialled.append(url)
        failure = self._absence(destination)
        if failure is not None:
            raise ProviderFailed(failure.reason)
        yield FakeLine(self, destination)

    def answer(self, destination: Destination, request: Outgoing) -> Answer:
        """Answer a request that got through to its destination."""
        self.sent.append(request)
        if destination.host in self.silent:
            return NoAnswer("timed_out")
        answer = self.routes.get((request.method, request.url), replying(404))(request)
        if isinstance(answer, Reply) and len(answer.body) > request.limit:
            return NoAnswer("too_large")
        return answer

    def _once(self, destination: Destination, request: Outgoing) -> Answer:
        return self._absence(destination) or self.answer(destination, request)

    def _absence(self, destination: Destination) -> NotSent | None:
        if destination.host in self.internal:
            raise EgressRefused("an address behind the name is not allowed")
        if destination.host in self.unreachable:
            return NotSent("not_connected")
        known = {judge(url, self.rules).host for _, url in self.routes} | self.silent
        return None if destination.host in known else NotSent("not_resolved")


class FakeLine:
    """A connection of the fake world that waits for its one request."""

    def __init__(self, world: FakeEgress, destination: Destination) -> None:
        self._world = world
        self._destination = destination
        self._used = False

    def send(self, request: Outgoing) -> Answer:
        destination = judge(request.url, self._world.rules)
        if self._used or destination.origin != self._destination.origin:
            raise EgressRefused("the line was opened for one request to another origin")
        self._used = True
        return self._world.answer(destination, request)


def _location(answer: Answer) -> str | None:
    if not isinstance(answer, Reply) or answer.status not in MOVED:
        return None
    locations = answer.headers.get("location", ())
    return locations[0] if len(locations) == 1 else None


def _after_the_first(answer: Answer) -> Answer:
    return NoAnswer(answer.reason) if isinstance(answer, NotSent) else answer


def _text(destination: Destination) -> str:
    return f"{destination.scheme}://{destination.authority}{destination.target}"
