"""What was cut, and is still to be cleared away: the rows behind an ended membership, an ended binding or a deleted team.

The cut itself is one write that renews an epoch or a binding or sets a tombstone: everything that hung on it is unreadable
from then on. This chore follows. It names what ended, touches only rows that carry it, and may be begun again at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from strongroom.domain import keys
from strongroom.domain.chore import KEPT_FOR, listing
from strongroom.domain.policy import DAY, Policy
from strongroom.domain.rows import OF_OUR_FORM, number, optional_number, optional_text, readable
from strongroom.domain.table import Change, Condition, Is, Item, Key, Missing, Put, every

What: TypeAlias = Literal["member", "binding", "team"]
"""What ended: a membership (its epoch), an installation's binding, or a whole team."""

SETTLED_AFTER = 60
"""Seconds after the cut, and after the last pass that found something, from which one that finds nothing is the last:
whatever was under way has ended by then, and the index tells of it."""
TAKEN_FOR = 120
"""Seconds for which a pass that has begun keeps others away: longer than its function may run."""
WAITS = 3600
"""Seconds between two passes, at most, while there is nothing to do but to wait."""
IN_A_ROW = 8
"""Passes that follow each other at once. Then the schedule goes on: Lambda ends a function that keeps waking itself."""
GIVEN_UP_AFTER = 30 * DAY
"""Seconds after the cut from which it waits for nothing any more: not for rows that nobody can read, nor for providers."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The chore. `mark` is the epoch or binding that ended. `why` is a stable code, for records: `left`, `revoked`,
    `installation_changed`, `uninstalled` or `team_deleted`.

    `provider_key` names the client that belonged to an uninstalled installation alone, if it had one. `passes` counts those
    that have begun; before `due_at` none begins; `found_at` is when one last found something. Epoch seconds.
    """

    id: str
    what: What
    team: str
    why: str
    by: str
    made_at: int
    user: str | None = None
    installation: str | None = None
    mark: str = ""
    provider_key: str | None = None
    passes: int = 0
    due_at: int = 0
    found_at: int = 0

    @property
    def key(self) -> Key:
        return keys.chore(self.id)

    def to_put(self, policy: Policy) -> Put:
        """Make the row, to be written in the cut's own transaction; it is due at once."""
        row = {
            "PK": self.key.pk,
            "SK": self.key.sk,
            "kind": "chore",
            "chore": self.id,
            "work": "cut",
            "what": self.what,
            "state": "open",
            "team": self.team,
            "user": self.user,
            "installation": self.installation,
            "mark_of": self.mark,
            "provider_key": self.provider_key,
            "why": self.why,
            "by": self.by,
            "made_at": self.made_at,
            "passes": 0,
            "due_shard": policy.shard(self.key.pk),
            "due_at": self.made_at,
            "g1pk": listing(self.team),
            "g1sk": self.id,
        }
        return Put({name: value for name, value in row.items() if value is not None}, require=Missing())

    @classmethod
    def from_item(cls, item: Item) -> Cut | None:
        """Read an open cut; None if it has ended, or is other work.

        Raises:
            NewerRow: If a newer release wrote it.
        """
        if item.get("work") != "cut" or item.get("state") != "open":
            return None
        readable(item)
        return cls(
            id=str(item["chore"]),
            what=_what(item["what"]),
            team=str(item["team"]),
            why=str(item["why"]),
            by=str(item["by"]),
            made_at=number(item, "made_at"),
            user=optional_text(item, "user"),
            installation=optional_text(item, "installation"),
            mark=str(item.get("mark_of") or ""),
            provider_key=optional_text(item, "provider_key"),
            passes=optional_number(item, "passes") or 0,
            due_at=optional_number(item, "due_at") or 0,
            found_at=optional_number(item, "found_at") or 0,
        )

    def taken(self, now: int) -> Cut:
        """The chore once another pass has begun."""
        return replace(self, passes=self.passes + 1, due_at=now + TAKEN_FOR)

    def take(self, now: int) -> Change:
        """Begin a pass, alone. Whoever dies in it keeps others away until it could not have worked any more."""
        after = self.taken(now)
        return Change(self.key, self._as_read(), put={"passes": after.passes, "due_at": after.due_at})

    def is_last(self, begun_at: int, found: int) -> bool:
        """Whether the pass that began then, and found so many rows, ends the chore."""
        settled = begun_at >= max(self.made_at, self.found_at) + SETTLED_AFTER
        return settled if found == 0 else begun_at >= self.made_at + GIVEN_UP_AFTER

    def next_pass(self, now: int, *, waits: bool) -> int:
        """When to look again after a pass that came to its end. `waits`: there was nothing that could be done, and less and
        less is to be expected."""
        return now + (min(max(now - self.made_at, SETTLED_AFTER), WAITS) if waits else SETTLED_AFTER)

    def again(self, due_at: int, found_at: int | None) -> Change:
        """Have another pass then. `found_at`: when this one found something; None: it found nothing."""
        found: Item = {} if found_at is None else {"found_at": found_at}
        return Change(self.key, self._as_read(), put={"due_at": due_at, **found})

    def ended(self, now: int) -> Change:
        """Nothing is left."""
        put: Item = {"state": "ended", "ended_at": now, "ttl": now + KEPT_FOR}
        return Change(self.key, self._as_read(), put=put, drop=("due_shard", "due_at"))

    def _as_read(self) -> Condition:
        """No other pass has begun since."""
        return every(Is("state", "open"), Is("passes", self.passes), OF_OUR_FORM)


def _what(value: object) -> What:
    match value:
        case "member" | "binding" | "team":
            return value
    raise ValueError("the row says of nothing that we know that it ended")
