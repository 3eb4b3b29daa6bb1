"""Many threads at once, and a clock on which they wait side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.fakes.clock import FakeClock

T = TypeVar("T")


class CrowdClock(FakeClock):
    """Time stands still while anybody works, and goes on to the next one's end when all of a crowd wait.

    So waits of many threads overlap, as they do in the world, and a run costs no real time. Outside of a crowd it is a
    `FakeClock`.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        super().__init__(now)
        self._crowd = threading.Lock()
        self._working = 0
        self._waiting: list[tuple[float, threading.Event]] = []

    def wait(self, seconds: float) -> None:
        if not self._working:
            super().wait(seconds)
            return
        over = threading.Event()
        with self._crowd:
            self._waiting.append((self.now() + seconds, over))
            self._leave()
        over.wait()

    def together(self, deeds: Sequence[Callable[[], T]]) -> list[T]:
        """Do all deeds at once, each on a thread of its own, and give what came of them."""
        self._working = len(deeds)
        with ThreadPoolExecutor(max_workers=len(deeds)) as pool:
            return list(pool.map(self._one, deeds))

    def _one(self, deed: Callable[[], T]) -> T:
        try:
            return deed()
        finally:
            with self._crowd:
                self._leave()

    def _leave(self) -> None:
        """One fewer works; if that was the last, time goes on."""
        self._working -= 1
        if self._working or not self._waiting:
            return
        self.set(max(self.now(), min(end for end, _ in self._waiting)))
        woken = [over for end, over in self._waiting if end <= self.now()]
        self._waiting = [(end, over) for end, over in self._waiting if end > self.now()]
        self._working += len(woken)
        for over in woken:
            over.set()
