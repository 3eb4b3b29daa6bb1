"""How much one member, or one team, may ask for at once.

A row counts, and its condition refuses: whoever asks for more is refused before any server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from strongroom.domain import keys
from strongroom.domain.rows import number, optional_number
from strongroom.domain.table import Below, Change, Exists, Is, Item, Key, Lacks, either

MINUTE: Final = 60
MOST_PENDING: Final = 20
"""Authorizations of one member that may be under way at a time."""
MOST_INSTALLATIONS: Final = 200
"""Servers of one team: every list reads them all."""
KEPT_AFTER: Final = 3600

_ENDS = "ends_"


@dataclass(frozen=True, slots=True)
class PerMinute:
    """So many in one minute of the clock: each minute has a row of its own, which TTL removes."""

    what: str
    most: int

    def key(self, team: str, user: str | None, now: float) -> Key:
        """Where the present minute of one member is counted, or (user None) of the team."""
        what = f"{self.what}-{int(now) // MINUTE}"
        return keys.team_quota(team, what) if user is None else keys.quota(team, user, what)

    def counted(self, team: str, user: str | None, now: float) -> Change:
        """Count one more, unless there have been as many as may be."""
        room = either(Lacks("used"), Below("used", self.most))
        put: Item = {"kind": "quota", "ttl": int(now) + until_next_minute(now) + KEPT_AFTER}
        return Change(self.key(team, user, now), room, put=put, add={"used": 1})

    def is_full(self, row: Item | None) -> bool:
        """Whether the row of the present minute takes no more."""
        return row is not None and (optional_number(row, "used") or 0) >= self.most


DISCOVERIES: Final = PerMinute("discoveries", 10)
DISCOVERIES_OF_TEAM: Final = PerMinute("discoveries", 60)
INSTALLS: Final = PerMinute("installs", 20)
CUTS: Final = PerMinute("cuts", 30)
"""Changes that end what was connected: each leaves work that reads every connection of its installation."""


def until_next_minute(now: float) -> int:
    """Seconds until another minute counts: 1 to 60."""
    return MINUTE - int(now) % MINUTE


@dataclass(frozen=True, slots=True)
class Pending:
    """A member's authorizations that are under way, by id, with the time when each ends by itself (epoch seconds).

    The row holds an attribute for each, so that one that is over is taken out by a write that has read nothing.
    `revision` counts what was added; 0: there is no row.
    """

    key: Key
    ends: Mapping[str, int] = field(default_factory=dict)
    revision: int = 0

    @classmethod
    def from_item(cls, team: str, user: str, item: Item | None) -> Pending:
        key = keys.quota(team, user, "authorizations")
        if item is None:
            return cls(key)
        ends = {name.removeprefix(_ENDS): number(item, name) for name in item if name.startswith(_ENDS)}
        return cls(key, ends, number(item, "revision"))

    def wait(self, now: float) -> int | None:
        """How many seconds until there is room for another one; None: there is room."""
        running = sorted(end for end in self.ends.values() if end > now)
        return None if len(running) < MOST_PENDING else max(1, running[-MOST_PENDING] - int(now))

    def begun(self, authorization: str, ends_at: int, now: float) -> Change:
        """Add one, if nobody has added any since this was read; those whose time is over go out with it."""
        over = tuple(f"{_ENDS}{one}" for one, end in self.ends.items() if end <= now)
        added: Item = {"kind": "quota", f"{_ENDS}{authorization}": ends_at, "ttl": ends_at + KEPT_AFTER}
        as_read = Is("revision", self.revision) if self.revision else Lacks("revision")
        return Change(self.key, as_read, put=added, drop=over, add={"revision": 1})


def ended(team: str, user: str, authorization: str) -> Change:
    """Take one out whose end is known, if the row is still there."""
    return Change(keys.quota(team, user, "authorizations"), Exists(), drop=(f"{_ENDS}{authorization}",))
