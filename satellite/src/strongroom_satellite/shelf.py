"""Releases that still serve."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from strongroom_satellite.clock import Clock, Moment
from strongroom_satellite.need import Need
from strongroom_satellite.release import Release

Value = TypeVar("Value")

MOST_KEPT = 10_000
LONGEST_KEPT = 60.0
MARGIN = 1.0
"""Seconds before its end from which on a release is not used: the request that carries it has yet to be sent."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A release, and until when it serves."""

    release: Release
    asked: Moment
    until: Moment
    ends: Moment | None = None
    """When its token expires, by this machine's clocks; None if it does not."""

    def serves(self, now: Moment, min_validity: int | None) -> bool:
        """Whether it may be used now and is good for so many seconds, or for as many as Strongroom saw to.

        The steady clock does not notice that a laptop slept, and the wall clock may be set back: both have to agree.
        """
        if now.steady >= self.until.steady or now.wall >= self.until.wall:
            return False
        if min_validity is None or self.ends is None:
            return True
        return min(self.ends.steady - now.steady, self.ends.wall - now.wall) >= min_validity


def kept(release: Release, asked: Moment, answered: float | None) -> Kept:
    """Tell until when a release serves: for `cache_until` less the time of the answer, a minute at most. So with its end.

    `answered` is by Strongroom's clock, as `cache_until` is: this machine's may be wrong. The seconds count from before the
    question was sent.
    """
    began = answered if answered is not None else asked.wall
    serves = max(0.0, min(LONGEST_KEPT, release.cache_until - began) - MARGIN)
    ends = asked.later(release.expires_at - began) if release.expires_at is not None else None
    return Kept(release, asked, asked.later(serves), ends)


class Shelf:
    """What is kept, and which version of each need was rejected last. Threads may share it."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._kept: OrderedDict[Need, Kept] = OrderedDict()
        self._rejected: OrderedDict[Need, tuple[str, Moment]] = OrderedDict()

    def find(self, need: Need, min_validity: int | None = None) -> Release | None:
        """Give the release if it serves now."""
        with self._lock:
            return self._find(need, min_validity)

    def keep(self, need: Need, one: Kept) -> Release:
        """Keep a release, and give back the one to use.

        An answer that took its time does not replace what was asked for later, nor bring back a version that was rejected
        meanwhile. Asked for after the rejection, such a version is what Strongroom has.
        """
        with self._lock:
            if self._is_late(need, one):
                return self._find(need, None) or one.release
            _put(self._kept, need, one)
            return one.release

    def reject(self, need: Need, version: str) -> None:
        """Use this version no more."""
        with self._lock:
            _put(self._rejected, need, (version, self._clock.now()))
            one = self._kept.get(need)
            if one is not None and one.release.version == version:
                del self._kept[need]

    def drop(self, need: Need) -> None:
        """Forget what is kept: Strongroom has nothing to give, or does not say."""
        with self._lock:
            self._kept.pop(need, None)

    def _is_late(self, need: Need, one: Kept) -> bool:
        rejected, present = self._rejected.get(need), self._kept.get(need)
        if rejected is not None and one.release.version == rejected[0] and one.asked.steady < rejected[1].steady:
            return True
        return present is not None and one.asked.steady < present.asked.steady

    def _find(self, need: Need, min_validity: int | None) -> Release | None:
        one = self._kept.get(need)
        return one.release if one is not None and one.serves(self._clock.now(), min_validity) else None


def _put(shelf: OrderedDict[Need, Value], need: Need, value: Value) -> None:
    shelf[need] = value
    shelf.move_to_end(need)
    if len(shelf) > MOST_KEPT:
        shelf.popitem(last=False)
