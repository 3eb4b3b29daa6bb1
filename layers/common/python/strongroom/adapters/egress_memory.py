"""Who could not be reached a moment ago: so that nobody makes us knock at a dead door again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from strongroom.domain.http import Answer, NotSent

Origin = tuple[str, str, int]

REMEMBERED_FOR = 10.0
MOST_ORIGINS = 100
FAIR_CHANCE = 2.0  # seconds; who was given less may only have been slow


class Silences:
    """Remembers, for ten seconds, origins that could not be reached; one hundred at most, per process.

    What is remembered holds for all teams. So only that counts in which no team has a part: that there was no connection.
    Once there is one, whoever chose the path may have chosen one that is slow, such as a stream of events, at a server that
    answers everybody else.

    `now` is the time of day, not a monotonic clock: an environment that sleeps between two calls may find that no time
    has passed by the latter. A time of day that was set back makes it forget, which costs a knock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._silent: dict[Origin, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def recall(self, origin: Origin) -> NotSent | None:
        """Give why there was no connection the last time, if that is fresh."""
        with self._lock:
            reason, since = self._silent.get(origin, ("", 0.0))
            fresh = 0 <= self._now() - since < REMEMBERED_FOR
            if not fresh:
                self._silent.pop(origin, None)
            return NotSent(reason) if reason and fresh else None

    def learn(self, origin: Origin, answer: Answer, chance: float) -> None:
        """Remember that there was no connection; `chance` is how many seconds there were to make one.

        Too little time counts for nothing: who makes us arrive late at an honest server must not make it look dead.
        """
        if not isinstance(answer, NotSent) or (answer.reason == "timed_out" and chance < FAIR_CHANCE):
            return
        with self._lock:
            self._silent.pop(origin, None)
            self._silent[origin] = (answer.reason, self._now())
            if len(self._silent) > MOST_ORIGINS:
                del self._silent[next(iter(self._silent))]
