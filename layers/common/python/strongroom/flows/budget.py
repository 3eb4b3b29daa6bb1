"""What one discovery may spend, and when it goes on after somebody gave no answer.

Whoever chooses the addresses that we ask, and sees when we go on, could map a network with us: a refused address fails at
once, a silent one after seconds. So an origin that gives no usable answer, whatever the cause, takes until a whole step of
five seconds after the start: before that nobody else is asked, and nobody is answered.
"""

from __future__ import annotations

import math
from dataclasses import replace

from strongroom.domain.destinations import Rules
from strongroom.domain.errors import DiscoveryFailed, EgressRefused
from strongroom.domain.http import Answer, NotSent, Outgoing, Reply
from strongroom.domain.redirects import onward_url, redirection
from strongroom.domain.web_url import web_url
from strongroom.flows.sending import sent
from strongroom.ports import Clock, Egress

MOST_REQUESTS = 10
WITHIN = 15.0
STEP = 5.0
BEFORE_STEP = 0.5
"""A request ends so many seconds before a step, which leaves the resolver's and the scheduler's delays no say."""
LATE = 0.05
"""A wait may end so much too late."""
AT_LEAST = 2.5
"""Seconds that a request is given; if the next step comes sooner, it is given until the one after that."""

NO_EXCEPTIONS = Rules()


class Budget:
    """At most ten requests and fifteen seconds for one discovery, however many places a server names.

    A redirect that is followed is a request like any other.
    """

    def __init__(self, egress: Egress, clock: Clock, rules: Rules = NO_EXCEPTIONS) -> None:
        self._egress, self._clock, self._rules = egress, clock, rules
        self._began, self._left = clock.now(), MOST_REQUESTS
        self._gone: set[str] = set()
        self._debtor, self._due = "", 0.0

    def send(self, request: Outgoing) -> Answer:
        """Send it, and follow as many redirects as it permits.

        Raises:
            DiscoveryFailed: `discovery_too_long`.
        """
        answer = self._once(request)
        for _ in range(request.hops):
            location = redirection(answer)
            if location is None:
                break
            try:
                request = replace(request, url=onward_url(location, request.url, self._rules))
            except EgressRefused:
                self._debtor = _origin(request.url)
                return NotSent("address_refused")
            answer = self._once(request)
        return answer

    def settle(self) -> None:
        """Wait for the step that an origin without an answer takes."""
        if self._debtor:
            self._wait_until(self._due)
            self._debtor = ""

    def to_the_step(self) -> None:
        """Wait for a whole step since the start, unless this is one."""
        self.settle()
        self._wait_until(min(self._step(-LATE), WITHIN))

    @property
    def _elapsed(self) -> float:
        return self._clock.now() - self._began

    def _step(self, ahead: float) -> float:
        """The first step, in seconds since the start, that is so far ahead."""
        return max(1, math.ceil((self._elapsed + ahead) / STEP)) * STEP

    def _once(self, request: Outgoing) -> Answer:
        """Ask an origin, unless it has given no answer before: then none is expected any more."""
        origin = _origin(request.url)
        if origin in self._gone:
            return NotSent("gave_no_answer")
        if origin != self._debtor:
            self.settle()
        step = self._step(AT_LEAST + BEFORE_STEP)
        if self._left == 0 or step > WITHIN:
            raise DiscoveryFailed("the server names too many places, or is too slow", code="discovery_too_long")
        self._left, self._due = self._left - 1, step
        within = min(request.within, step - BEFORE_STEP - self._elapsed)
        answer = sent(self._egress, replace(request, within=within, hops=0))
        self._book(origin, answer)
        return answer

    def _book(self, origin: str, answer: Answer) -> None:
        is_answered = isinstance(answer, Reply) and answer.status < 500
        self._debtor = "" if is_answered else origin
        if not isinstance(answer, Reply):
            self._gone.add(origin)

    def _wait_until(self, step: float) -> None:
        remaining = step - self._elapsed
        if remaining > 0:
            self._clock.wait(remaining)


def _origin(text: str) -> str:
    url = web_url(text, loopback=True)
    return url.origin if url else text
