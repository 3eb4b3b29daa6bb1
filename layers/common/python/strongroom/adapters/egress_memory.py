"""Who gave no answer a moment ago: so that nobody makes us knock at a dead door again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable

from strongroom.domain.http import Answer, NoAnswer, NotSent

Origin = tuple[str, str, int]

REMEMBERED_FOR = 10.0
MOST_ORIGINS = 100
FAIR_CHANCE = 2.0  # seconds; who was given less may only have been slow


class Silences:
    """Remembers, for ten seconds, origins that could not be reached or said nothing; one hundred at most, per process.

    `now` is the time of day, not a monotonic clock: an environment that sleeps between two calls may find that no time
    has passed by the latter. A time of day that was set back makes it forget, which costs a knock.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._silent: dict[Origin, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def recall(self, origin: Origin) -> NotSent | None:
        """Give the reason of the last silence if it is fresh. Nothing is sent this time, whatever was the last time."""
        with self._lock:
            reason, since = self._silent.get(origin, ("", 0.0))
            fresh = 0 <= self._now() - since < REMEMBERED_FOR
            if not fresh:
                self._silent.pop(origin, None)
            return NotSent(reason) if reason and fresh else None

    def learn(self, origin: Origin, answer: Answer, chance: float) -> None:
        """Remember a silence; `chance` is how many seconds the origin was given to speak.

        Too little time counts for nothing: who makes us arrive late at an honest server must not make it look dead.
        """
        reason = _silence(answer)
        if reason is None or (reason == "timed_out" and chance < FAIR_CHANCE):
            return
        with self._lock:
            self._silent.pop(origin, None)
            self._silent[origin] = (reason, self._now())
            if len(self._silent) > MOST_ORIGINS:
                del self._silent[next(iter(self._silent))]


def _silence(answer: Answer) -> str | None:
    """Why there was no answer, if there was none at all; one that was broken off or malformed is one."""
    match answer:
        case NotSent(reason) | NoAnswer("timed_out" as reason):
            return reason
        case _:
            return None
