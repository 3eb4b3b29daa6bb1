"""Time, as an argument."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment by two clocks, in seconds: `wall` since the epoch, `steady` since anything, but never back."""

    wall: float
    steady: float

    def later(self, seconds: float) -> Moment:
        return Moment(self.wall + seconds, self.steady + seconds)


class Clock(Protocol):
    def now(self) -> Moment: ...


class SystemClock:
    """This machine's."""

    def now(self) -> Moment:
        return Moment(time.time(), time.monotonic())
