"""Work that several callers wait for at once, in threads and in event loops alike, and that is done once."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel

from strongroom_satellite.errors import SatelliteError, Unavailable
from strongroom_satellite.workers import Workers

T = TypeVar("T")
Key = tuple[Hashable, ...]


class Flights(Generic[T]):
    """At most one flight for each key, each in a thread of its own.

    A flight belongs to nobody: whoever waits may go (a request is cancelled), and the others still get its outcome.
    """

    def __init__(self, at_once: int) -> None:
        self._lock, self._under_way = threading.Lock(), dict[Key, Future[T]]()
        self._workers = Workers[T](at_once)

    def join(self, key: Key, find: Callable[[], T | None], fly: Callable[[], T]) -> Future[T]:
        """Give what `find` finds, else the flight of this key that is under way, else a new one.

        In one step: a flight ends only after its outcome can be found, so that nobody in between begins another.
        """
        with self._lock:
            found = find()
            if found is not None:
                return _landed_already(found)
            if key not in self._under_way:
                self._under_way[key] = self._begin(key, fly)
            return self._under_way[key]

    def under_way(self, key: Key) -> Future[T] | None:
        with self._lock:
            return self._under_way.get(key)

    def leave(self, is_meant: Callable[[Key], bool]) -> None:
        """Let nobody new join these flights. Whoever waits for one still gets its outcome."""
        with self._lock:
            for key in [one for one in self._under_way if is_meant(one)]:
                del self._under_way[key]

    def _begin(self, key: Key, fly: Callable[[], T]) -> Future[T]:
        flight = Future[T]()
        self._workers.begin(flight, lambda: self._fly(key, flight, fly))
        return flight

    def _fly(self, key: Key, flight: Future[T], fly: Callable[[], T]) -> T:
        try:
            return fly()
        finally:
            with self._lock:
                if self._under_way.get(key) is flight:
                    del self._under_way[key]

    def close(self) -> None:
        """Begin nothing more; what waits for a thread is given up."""
        self._workers.close()


def _landed_already(outcome: T) -> Future[T]:
    done: Future[T] = Future()
    done.set_result(outcome)
    return done


def landed(flight: Future[T], within: float) -> T:
    """Wait for a flight in a thread. Each caller gets an error of its own, so that tracebacks do not pile up in one.

    Raises:
        Unavailable: If it does not land within so many seconds. The flight has a deadline of its own; this is for answers
            that drip, each read just in time.
    """
    try:
        return flight.result(within)
    except TimeoutError:
        raise Unavailable("Strongroom's answer does not end") from None
    except CancelledError:
        raise Unavailable("this Strongroom was closed before there was an answer") from None
    except SatelliteError as error:  # another may not let itself be copied
        raise copy.copy(error).with_traceback(None) from error.__cause__


async def alanded(flight: Future[T], within: float) -> T:
    """As `landed`, in an event loop (asyncio or trio). Whoever is cancelled meanwhile leaves it flying."""
    if not flight.done():
        arrived = anyio.Event()
        native = anyio.lowlevel.current_token().native_token
        # An asyncio loop, or trio's token: neither blocks this thread, and a loop that has ended is told nothing.
        wake = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon  # type: ignore[attr-defined] # typed `object`

        def tell(_: Future[T]) -> None:
            with suppress(RuntimeError):
                wake(arrived.set)

        flight.add_done_callback(tell)
        with anyio.move_on_after(within):
            await arrived.wait()
    return landed(flight, 0)
