"""When to ask Strongroom again."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 8.0
MOST_DOUBLINGS = 5
SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    Attributes:
        attempt: For one answer. An HTTP API cuts a request after 30 s, and a renewal is over before that: with less, a
            gateway would give up on a token that is being renewed for it.
        total: For all attempts of one look-up, with the pauses and the wait for a thread. With 0 there is one attempt.
        connect: For a connection to Strongroom.

    Raises:
        ValueError: If one of them is no time: by NaN no time is ever over.
    """

    attempt: float = 31.0
    total: float = 60.0
    connect: float = 5.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.attempt, self.total, self.connect))):
            raise ValueError("patience is a finite number of seconds")
        if self.attempt <= 0 or self.connect <= 0 or self.total < 0:
            raise ValueError("patience is more than no time at all")


def pause(tries: int, retry_after: int | None, chance: Callable[[], float]) -> float:
    """Tell how many seconds to wait after so many tries.

    Without a word from Strongroom: anything up to a bound that doubles ("full jitter"), so that many gateways do not come
    back at once. With `Retry-After`: that, and up to half of it (at least half a second) more, never less.

    `chance` gives a number from 0 to 1.
    """
    if retry_after is not None:
        return retry_after + chance() * max(SPREAD, retry_after * SPREAD)
    return float(chance() * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, MOST_DOUBLINGS)))
