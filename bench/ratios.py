"""CPU of two ways to do something, as a ratio within one run.

A machine's speed changes from minute to minute and from neighbour to neighbour; the ratio of two things that are done in
turn changes little, and the median of many such ratios less.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from statistics import median

Act = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Compared:
    """Medians: CPU seconds of one time of each, and the ratio of the first to the second."""

    first: float
    second: float
    ratio: float
    rounds: int


def alternated(first: Act, second: Act, rounds: int, times: int) -> Compared:
    """Do each of two things `times` times in a row, in turn, and who begins changes with every round."""
    pairs = []
    for number in range(rounds):
        if number % 2:
            other, one = cpu_of(second, times), cpu_of(first, times)
        else:
            one, other = cpu_of(first, times), cpu_of(second, times)
        pairs.append((one / times, other / times))
    return compared(pairs)


def compared(pairs: list[tuple[float, float]]) -> Compared:
    firsts, seconds = zip(*pairs, strict=True)
    ratios = [first / second for first, second in pairs]
    return Compared(median(firsts), median(seconds), median(ratios), len(pairs))


def cpu_of(act: Act, times: int) -> float:
    """CPU seconds of the whole process, so that work in other threads counts too."""
    began = time.process_time()
    for _ in repeat(None, times):
        act()
    return time.process_time() - began
