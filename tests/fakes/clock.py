"""Time and chance that a test holds in its hand, and a journal that it can read."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Field = str | int | float | bool | None


class FakeClock:
    """Stand still until somebody waits or the test moves the hands. `waits` lists every wait, in seconds."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.waits: list[float] = []

    def now(self) -> float:
        with self._lock:
            return self._now

    def wait(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("nobody waits backwards")
        with self._lock:
            self.waits.append(seconds)
            self._now += seconds

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody waiting for it."""
        with self._lock:
            self._now += seconds

    def set(self, now: float) -> None:
        with self._lock:
            self._now = now


class FakeChance:
    """Give bytes that differ at every call and repeat from run to run with the same seed."""

    def __init__(self, seed: str = "a seed") -> None:
        self._seed = seed
        self._calls = 0
        self._lock = threading.Lock()

    def bytes(self, length: int) -> bytes:
        with self._lock:
            self._calls += 1
            return hashlib.shake_256(f"{self._seed}:{self._calls}".encode()).digest(length)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal."""

    level: Literal["note", "alarm"]
    event: str
    fields: Mapping[str, Field] = field(default_factory=dict)


class FakeJournal:
    """Collect lines in `entries` and metrics in `counts`. An alarm is counted under its event, too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.entries: list[Entry] = []
        self.counts: Counter[str] = Counter()
        self._about: dict[str, Field] = {}

    def about(self, request_id: str) -> None:
        self._about = {"request_id": request_id}

    def note(self, event: str, **fields: Field) -> None:
        with self._lock:
            self.entries.append(Entry("note", event, {**self._about, **fields}))

    def alarm(self, event: str, **fields: Field) -> None:
        with self._lock:
            self.entries.append(Entry("alarm", event, {**self._about, **fields}))
            self.counts[event] += 1

    def count(self, metric: str, amount: int = 1) -> None:
        with self._lock:
            self.counts[metric] += amount

    def events(self) -> list[str]:
        """Give the names of all events, in order."""
        return [entry.event for entry in self.entries]

    def alarms(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.level == "alarm"]
