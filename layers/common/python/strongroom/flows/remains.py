"""What a cut leaves standing until the providers were told: the clients and keys that its revocations need."""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.domain import keys
from strongroom.domain.chore import RevocationChore, listing
from strongroom.domain.cut import GIVEN_UP_AFTER, Cut
from strongroom.domain.policy import DAY
from strongroom.domain.rows import NewerRow
from strongroom.domain.sealing import TEAM_PURPOSES, keys_attribute
from strongroom.domain.table import Change, Exists, Is, Item, Key, Write, every
from strongroom.flows.attempts import fresh_id
from strongroom.flows.clearing import Clearing
from strongroom.flows.reads import all_rows

RESCUED_WITHIN = 15 * DAY
"""Seconds after which no result comes from the rescue queue any more: it keeps them for 14 days."""


def still_needed(clearing: Clearing, now: int) -> bool:
    """Whether a revocation has still to be told with what stays until last; thirty days after the cut none is waited for."""
    cut = clearing.cut
    if cut.what != "team" and not _own_client(clearing):
        return False
    waiting = [row for page in clearing.named(listing(cut.team), over="ended") for row in _untold(cut, page)]
    for row in waiting:
        _wake(clearing, row)
    return bool(waiting) and now < cut.made_at + GIVEN_UP_AFTER


def last_writes(clearing: Clearing, now: int) -> tuple[Write, ...]:
    """Let go of what was needed until last; give the writes that belong to the end of the chore itself."""
    cut = clearing.cut
    if cut.what == "team":
        for page in clearing.named(f"{keys.team(cut.team).pk}#P"):
            _drop_clients(clearing, page)
        return (_shredded(cut, now),)
    for row in _own_client(clearing):
        _let_lapse(clearing, row, now)
    return ()


def _shredded(cut: Cut, now: int) -> Change:
    """The tombstone without its wrapped keys: whatever was sealed under them is noise from now on."""
    gone = tuple(keys_attribute(purpose) for purpose in TEAM_PURPOSES)
    return Change(keys.team(cut.team), every(Is("state", "deleted")), put={"shredded_at": now}, drop=gone)


def _own_client(clearing: Clearing) -> list[Item]:
    """The client that was entered for an uninstalled installation alone, in all of its generations."""
    cut = clearing.cut
    if cut.provider_key is None or cut.why != "uninstalled":
        return []
    return all_rows(clearing.ports.table, keys.provider_client(cut.provider_key, 0).pk, "K#")


def _drop_clients(clearing: Clearing, rows: Iterable[Item]) -> None:
    for row in rows:
        if (row.get("kind"), row.get("team")) == ("provider_client", clearing.cut.team):
            clearing.drop(row)


def _let_lapse(clearing: Clearing, row: Item, now: int) -> None:
    """Keep a client for as long as a result may lie on the rescue queue, whose tokens it would have to revoke."""
    place = Key(str(row["PK"]), str(row["SK"]))
    change = Change(place, Exists(), put={"ttl": now + RESCUED_WITHIN})
    clearing.ports.table.commit((change,), fresh_id(clearing.ports))


def _untold(cut: Cut, page: Iterable[Item]) -> list[Item]:
    """Chores of the team that have still to tell a provider, and need what this cut would take away."""
    mine = (row for row in page if (row.get("work"), row.get("team")) == ("revoke", cut.team))
    still = (row for row in mine if row.get("state") in ("open", "parked"))
    return [row for row in still if cut.provider_key in (None, row.get("provider_key"))]


def _wake(clearing: Clearing, row: Item) -> None:
    """What is parked waits for what keeps it, and that may have gone with the rest; what is kept still is parked again."""
    try:
        parked = RevocationChore.parked_in(row)
    except NewerRow:
        return
    if parked is not None:
        woken = parked.woken(clearing.ports.policy, int(clearing.ports.clock.now()))
        clearing.ports.table.commit((woken,), fresh_id(clearing.ports))
