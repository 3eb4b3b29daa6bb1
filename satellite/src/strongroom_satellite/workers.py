"""Threads for look-ups."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

from strongroom_satellite.errors import Misconfigured

T = TypeVar("T")


class Workers(Generic[T]):
    """At most so many threads at once, none while there is nothing to do.

    They do not keep a process alive, as those of `ThreadPoolExecutor` do: whoever ends a gateway while a token is being
    renewed does not wait for the answer.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once, self._lock = at_once, threading.Lock()
        self._waiting: deque[tuple[Future[T], Callable[[], T]]] = deque()
        self._alive, self._is_closed = 0, False

    def begin(self, outcome: Future[T], work: Callable[[], T]) -> None:
        """Do the work, now or when a thread is free, and put what comes of it into `outcome`.

        Raises:
            Misconfigured: If this was closed.
        """
        with self._lock:
            if self._is_closed:
                raise Misconfigured("nothing is asked any more: this Strongroom has been closed")
            if self._alive >= self._at_once:
                self._waiting.append((outcome, work))
                return
            threading.Thread(target=self._run, args=(outcome, work), name="strongroom", daemon=True).start()
            self._alive += 1

    def close(self) -> None:
        """Begin nothing more, and give up what waits for a thread."""
        with self._lock:
            self._is_closed = True
            waiting, self._waiting = self._waiting, deque()
        for outcome, _ in waiting:
            outcome.cancel()

    def _run(self, outcome: Future[T], work: Callable[[], T]) -> None:
        following: tuple[Future[T], Callable[[], T]] | None = (outcome, work)
        while following is not None:
            _do(*following)
            with self._lock:
                following = self._waiting.popleft() if self._waiting else None
                self._alive -= following is None


def _do(outcome: Future[T], work: Callable[[], T]) -> None:
    if not outcome.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:
        outcome.set_exception(error)
    else:
        outcome.set_result(result)
