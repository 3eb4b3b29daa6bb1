"""Room for so many renewals of one provider at a time, in one worker: a slow one must not get hold of all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from strongroom.flows.attempts import fraction
from strongroom.ports import Ports

MOST_OF_ONE_PROVIDER = 16
"""A quarter of a worker's 64: enough to renew hundreds while a batch lasts where answers take a fraction of a second, and no
more than a provider can be expected to serve one client at once."""
LOOK_AGAIN = 0.1


class Slots:
    """Counts who is in, by provider. One for each batch; its threads share it."""

    def __init__(self, most: int = MOST_OF_ONE_PROVIDER) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def one(self, ports: Ports, provider_key: str, last: float) -> Iterator[bool]:
        """Hold a slot; False if there is none until `last` (epoch seconds)."""
        taken = self._wait(ports, provider_key, last)
        try:
            yield taken
        finally:
            if taken:
                self._give_back(provider_key)

    def _wait(self, ports: Ports, provider_key: str, last: float) -> bool:
        while not self._take(provider_key):
            if ports.clock.now() >= last:
                return False
            ports.clock.wait(LOOK_AGAIN * (0.5 + fraction(ports)))
        return True

    def _take(self, provider_key: str) -> bool:
        with self._lock:
            free = self._taken[provider_key] < self._most
            self._taken[provider_key] += free
            return free

    def _give_back(self, provider_key: str) -> None:
        with self._lock:
            self._taken[provider_key] -= 1
