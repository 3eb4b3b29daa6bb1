"""What was cut, and is still to be cleared away: the rows behind an ended membership, an ended binding or a deleted team.

The cut itself is one write that renews an epoch or a binding or sets a tombstone: everything that hung on it is unreadable
from then on. This chore follows. It names what ended, touches only rows that carry it, and may be begun again at any time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from strongroom.domain import keys
from strongroom.domain.chore import KEPT_FOR, listing
from strongroom.domain.policy import Policy
from strongroom.domain.rows import OF_OUR_FORM, number, optional_number, optional_text, readable
from strongroom.domain.table import Change, Is, Item, Key, Missing, Put, every

What: TypeAlias = Literal["member", "binding", "team"]
"""What ended: a membership (its epoch), an installation's binding, or a whole team."""

SETTLED_AFTER = 60
"""Seconds after the cut from which a pass that finds nothing is the last: whatever was under way has ended by then."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The chore. `mark` is the epoch or binding that ended. `why` is a stable code, for records: `left`, `revoked`,
    `installation_changed`, `uninstalled` or `team_deleted`.

    `provider_key` names the client that belonged to an uninstalled installation alone, if it had one.
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
        )

    def is_last(self, begun_at: int, found: int) -> bool:
        """Whether the pass that began then, and found so many rows, ends the chore."""
        return found == 0 and begun_at >= self.made_at + SETTLED_AFTER

    def again(self, due_at: int) -> Change:
        """Have another pass then."""
        as_read = every(Is("state", "open"), Is("passes", self.passes), OF_OUR_FORM)
        return Change(self.key, as_read, put={"passes": self.passes + 1, "due_at": due_at})

    def ended(self, now: int) -> Change:
        """Nothing is left."""
        put: Item = {"state": "ended", "ended_at": now, "ttl": now + KEPT_FOR}
        return Change(self.key, every(Is("state", "open"), OF_OUR_FORM), put=put, drop=("due_shard", "due_at"))


def _what(value: object) -> What:
    match value:
        case "member" | "binding" | "team":
            return value
    raise ValueError("the row says of nothing that we know that it ended")
