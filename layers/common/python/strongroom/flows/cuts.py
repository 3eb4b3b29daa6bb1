"""Clearing away what was cut: the rows behind an ended membership, an ended binding, an uninstalled server, a deleted team.

Nobody can read any of it any more; this gives the tokens back to their providers and frees the place. Nothing is
remembered between two passes: each takes what still carries the mark of what ended, for as long as its function may work.
The index only names rows; each is read consistently before it is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias

from strongroom.domain import keys
from strongroom.domain.cut import IN_A_ROW, Cut
from strongroom.domain.renewal import CLOCKS_APART
from strongroom.domain.rows import NewerRow
from strongroom.domain.table import Committed, Item, Key
from strongroom.flows import remains
from strongroom.flows.attempts import fresh_id
from strongroom.flows.clearing import Clearing, TimeIsUp
from strongroom.flows.reads import all_rows
from strongroom.flows.revoke import nudge
from strongroom.ports import Ports

WORKS_FOR = 45.0
"""Seconds: a function that has a minute can still end what it has begun, and ask for another pass."""

Passed: TypeAlias = Literal["another_pass", "cleared"]


def clear(ports: Ports, row: Item) -> Passed | None:
    """Have one pass over what a cut has left behind; None if there is nothing to do, or somebody else is at it.

    Raises:
        StoreUnavailable: The chore stays, and the sweep finds it again.
    """
    begun_at = int(ports.clock.now())
    try:
        found = Cut.from_item(row)
    except NewerRow:
        return None
    if found is None or found.due_at > begun_at + CLOCKS_APART:
        return None
    if not isinstance(ports.table.commit((found.take(begun_at),), fresh_id(ports)), Committed):
        return None
    return _pass(ports, found.taken(begun_at), begun_at)


def _pass(ports: Ports, cut: Cut, begun_at: int) -> Passed:
    clearing = Clearing(ports, cut, begun_at + WORKS_FOR)
    try:
        _CLEARED[cut.what](clearing)
        clearing.tell()
        return _passed(ports, clearing, begun_at)
    except TimeIsUp:
        clearing.tell()
        return _go_on(ports, clearing)
    finally:
        ports.journal.note("cut_passed", what=cut.what, team=cut.team, chore=cut.id, found=clearing.found)


def _passed(ports: Ports, clearing: Clearing, begun_at: int) -> Passed:
    cut = clearing.cut
    if not cut.is_last(begun_at, clearing.found):
        return _again(clearing, cut.next_pass(int(ports.clock.now()), waits=clearing.waits))
    if clearing.found:
        ports.journal.alarm("cut_given_up", team=cut.team, chore=cut.id)
    return _finish(ports, clearing, begun_at)


def _go_on(ports: Ports, clearing: Clearing) -> Passed:
    """There is more than one pass can do: have the next one at once."""
    _again(clearing, int(ports.clock.now()))
    if clearing.cut.passes % IN_A_ROW:
        nudge(ports, clearing.cut.id)
    return "another_pass"


def _again(clearing: Clearing, due_at: int) -> Passed:
    ports = clearing.ports
    found_at = int(ports.clock.now()) if clearing.found else None
    ports.table.commit((clearing.cut.again(due_at, found_at),), fresh_id(ports))
    return "another_pass"


def _finish(ports: Ports, clearing: Clearing, begun_at: int) -> Passed:
    """End the chore, and whatever had to stay until the providers were told."""
    cut, now = clearing.cut, int(ports.clock.now())
    if remains.still_needed(clearing, begun_at):
        return _again(clearing, cut.next_pass(now, waits=True))
    done = ports.table.commit((*remains.last_writes(clearing, now), cut.ended(now)), fresh_id(ports))
    return "cleared" if isinstance(done, Committed) else "another_pass"


def _member(clearing: Clearing) -> None:
    """What hung on one membership: connections of its epoch, the counts of what it used, and its name at shared connections.

    Whoever is back meanwhile has a new epoch; what they count and connect now stays.
    """
    cut = clearing.cut
    person = keys.member(cut.team, cut.user or "")
    rows = all_rows(clearing.ports.table, person.pk, "")
    for row in rows:
        if row.get("kind") == "connection" and row.get("epoch") == cut.mark:
            clearing.remove(row)
    if not any(row["SK"] == person.sk and row.get("state") == "active" for row in rows):
        _counts(clearing, rows)
    for row in all_rows(clearing.ports.table, keys.team(cut.team).pk, "I#"):
        if _lost_its_authorizer(row, cut):
            clearing.authorizer_left(row)


def _lost_its_authorizer(row: Item, cut: Cut) -> bool:
    """Whether this person authorized it, in the membership that has ended, and nobody has written down that they left."""
    if row.get("kind") != "connection" or row.get("authorized_by") != cut.user or row.get("authorizer_left_at"):
        return False
    begun_at = row.get("begun_at")
    return row.get("access") is not None and isinstance(begun_at, int) and begun_at <= cut.made_at


def _counts(clearing: Clearing, rows: list[Item]) -> None:
    for row in rows:
        if str(row["SK"]).startswith("Q#"):
            clearing.drop(row)


def _binding(clearing: Clearing) -> None:
    """What was connected under one binding; of an installation that is gone, all that there is: its id never returns."""
    cut = clearing.cut
    place = keys.installation(cut.team, cut.installation or "")
    removes = cut.why == "uninstalled"
    is_gone = removes and not clearing.read([place])
    for row in _connected_at(clearing):
        if row.get("binding") != cut.mark and not is_gone:
            continue
        if removes:
            clearing.remove(row)
        else:
            clearing.empty(row)


def _connected_at(clearing: Clearing) -> Iterator[Item]:
    """Every connection at the installation. The shared one's key is known; the index names the others."""
    cut, installation = clearing.cut, clearing.cut.installation or ""
    yield from clearing.read([keys.shared_connection(cut.team, installation)])
    for page in clearing.named(f"{keys.team(cut.team).pk}#C", f"{installation}#"):
        for row in page:
            owner = keys.parse_connection(Key(str(row["PK"]), str(row["SK"])))
            if owner is not None and owner[1] is not None and (owner[0], owner[2]) == (cut.team, installation):
                yield row


def _team(clearing: Clearing) -> None:
    """Everything that a team had, except what its last revocations need; of a team that is one no more."""
    team = keys.team(clearing.cut.team)
    if not any(row.get("state") == "deleted" for row in clearing.read([team])):
        clearing.ports.journal.alarm("cut_stuck", team=clearing.cut.team, chore=clearing.cut.id)
        clearing.leave()
        return
    for page in clearing.named(team.pk, "U#"):
        for row in page:
            if keys.member(clearing.cut.team, str(row.get("user") or "-")) == Key(str(row["PK"]), str(row["SK"])):
                _whole_member(clearing, row)
    for row in all_rows(clearing.ports.table, team.pk, ""):
        if row["SK"] != team.sk:
            _goes(clearing, row)
    for page in clearing.named(f"{team.pk}#C"):
        for row in page:
            owner = keys.parse_connection(Key(str(row["PK"]), str(row["SK"])))
            if owner is not None and owner[0] == clearing.cut.team:
                clearing.remove(row)


def _whole_member(clearing: Clearing, member: Item) -> None:
    """A member's own row goes last: it is what leads to the others."""
    others = [row for row in all_rows(clearing.ports.table, str(member["PK"]), "") if row["SK"] != member["SK"]]
    went = [_goes(clearing, row) for row in others]
    if all(went):
        clearing.drop(member)


def _goes(clearing: Clearing, row: Item) -> bool:
    if row.get("kind") == "connection":
        return clearing.remove(row)
    clearing.drop(row)
    return True


_CLEARED: dict[str, Callable[[Clearing], None]] = {"member": _member, "binding": _binding, "team": _team}
