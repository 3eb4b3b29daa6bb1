"""The real clock and the real chance."""

from __future__ import annotations

import os
import time


class SystemClock:
    def now(self) -> float:
        return time.time()

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)


class SystemChance:
    def bytes(self, length: int) -> bytes:
        return os.urandom(length)
