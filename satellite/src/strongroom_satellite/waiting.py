"""Wait until a person has connected."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from strongroom_satellite.clock import Clock, SystemClock
from strongroom_satellite.errors import AuthorizationRequired, Unavailable
from strongroom_satellite.need import Need
from strongroom_satellite.release import Release
from strongroom_satellite.strongroom import Strongroom

GROWTH = 1.5
LAST_GROWTH = 100
"""Looks after which a pause grows no more: any `most` is reached by then, and no float overflows."""

Told = Callable[[float, float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, in seconds: after `first`, then ever more seldom, at least every `most`.

    Up to a third of a pause is left out by chance, so that those who wait do not all ask at once.
    """

    first: float = 1.0
    most: float = 8.0
    clock: Clock = field(default_factory=SystemClock)
    chance: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    def pause(self, looks: int) -> float:
        return min(self.most, self.first * GROWTH ** min(looks, LAST_GROWTH)) * (1 - self.chance() / 3)


async def await_connection(
    strongroom: Strongroom,
    need: Need,
    *,
    longest: float,
    other_than: str | None = None,
    pace: Pace | None = None,
    told: Told | None = None,
) -> Release | None:
    """Look up until there is a token, at most `longest` seconds, then give None.

    `other_than` is the version of a token that lacks scopes: it is still handed out, and is not what is waited for. `told`
    is called before each pause with the seconds that have passed and `longest`.

    Raises:
        SatelliteError: If waiting is of no use: the installation was disabled, or removed.
    """
    pace = pace or Pace()
    began, looks = pace.clock.now().steady, 0
    while True:
        release = await _connected(strongroom, need, other_than)
        passed = pace.clock.now().steady - began
        if release is not None or passed >= longest:
            return release
        if told is not None:
            await told(passed, longest)
        await pace.sleep(min(pace.pause(looks), longest - passed))
        looks += 1


async def _connected(strongroom: Strongroom, need: Need, other_than: str | None) -> Release | None:
    if other_than is not None:
        strongroom.forget(need)  # what is kept may be the token that does not do; a refusal is never kept
    try:
        release = await strongroom.alook_up(need)
    except (AuthorizationRequired, Unavailable):
        return None
    return release if other_than is None or release.version != other_than else None
