"""Reading who is in a team: for its hosts, and for whoever wants to know who has left."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from strongroom.domain import keys
from strongroom.domain.errors import NotFound
from strongroom.domain.identifiers import checked_user
from strongroom.domain.listing import PAGE, Position
from strongroom.domain.rows import number, optional_number
from strongroom.domain.table import Cursor, Item, Key, Query
from strongroom.domain.team import Caller, Member, Role, Team, speaks_for
from strongroom.ports import Ports, Table

MOST_READ = 100
PAGES_LOOKED_AT = 4
"""So many times its length of rows for one page of members: the index still names whoever has left, who fills no page."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A member, as the host is told: `since` is when this membership began (epoch seconds)."""

    user: str
    role: Role
    since: int


@dataclass(frozen=True, slots=True)
class Roll:
    """One page of members, by user. `next` is where the next one begins; None if there is none."""

    members: Sequence[Enrolled]
    next: Position | None


def admit_host(ports: Ports, host: Caller, team: str) -> Team:
    """Let a host pass that speaks for the team, whether it is active or was deleted.

    Raises:
        NotFound: If the host does not speak for it, or there was never such a team.
    """
    caller, place = keys.caller(host.account, host.role_id), keys.team(team)
    found = ports.table.read((caller, place))
    if not speaks_for(found.get(caller), team) or place not in found:
        raise NotFound("no such team, or the role does not speak for it")
    return Team.from_item(found[place])


def members(ports: Ports, host: Caller, team: str, after: Position | None) -> Roll:
    """Tell a host who is in the team, a page at a time. A page may hold fewer than another, and still have a next one.

    The index only names the rows; who is a member is read from them.

    Raises:
        NotFound: If the host does not speak for the team, or there is no such team.
        InvalidRequest: If no page can have ended at the position.
    """
    if not admit_host(ports, host, team).active:
        raise NotFound("the team was deleted")
    found, onward = members_after(ports.table, team, after, PAGE)
    return Roll([Enrolled(member.user, member.role, since) for member, since in found], onward)


def members_after(
    table: Table, team: str, after: Position | None, most: int
) -> tuple[list[tuple[Member, int]], Position | None]:
    """Read at most so many members, each with since when, and where the next page begins (None: there is none).

    Raises:
        InvalidRequest: If no page can have ended at the position.
    """
    after = Position(checked_user(after.after)) if after else None
    found: list[tuple[Member, int]] = []
    looked_at, more = 0, True
    while more and len(found) < most and looked_at < PAGES_LOOKED_AT * most:
        named, more = _named_after(table, team, after, most - len(found))
        found += _active(read_in_order(table, [keys.member(team, user) for user in named]))
        looked_at += len(named)
        after = Position(named[-1]) if named else after
    return found, after if more else None


def _named_after(table: Table, team: str, after: Position | None, most: int) -> tuple[list[str], bool]:
    page = table.query(
        Query("g1", keys.team(team).pk, prefix="U#", limit=most, after=_cursor(team, after) if after else None)
    )
    return [str(row["user"]) for row in page.items], page.after is not None


def _cursor(team: str, position: Position) -> Cursor:
    """Where the index goes on, made of the caller's team: a position says nothing of whose list it is in."""
    key = keys.member(team, position.after)
    return {"g1pk": keys.team(team).pk, "g1sk": f"U#{key.pk}", "PK": key.pk, "SK": key.sk}


def _active(rows: Iterable[Item]) -> list[tuple[Member, int]]:
    found = [(Member.from_item(row), number(row, "since")) for row in rows]
    return [(member, since) for member, since in found if member is not None]


def read_all(table: Table, wanted: Sequence[Key]) -> dict[Key, Item]:
    """Read any number of rows consistently, a hundred at a time."""
    parts = [wanted[start : start + MOST_READ] for start in range(0, len(wanted), MOST_READ)]
    return {key: row for part in parts for key, row in table.read(part).items()}


def read_in_order(table: Table, wanted: Sequence[Key]) -> list[Item]:
    found = read_all(table, wanted)
    return [found[key] for key in wanted if key in found]


def left_among(ports: Ports, team: str, users: Collection[str]) -> Mapping[str, int]:
    """Tell which of these users are no members of the team any more, and since when; 0 if nobody knows."""
    places = {keys.member(team, user): user for user in sorted({*users})}
    found = read_all(ports.table, [*places])
    gone = ((user, found.get(key)) for key, user in places.items())
    return {
        user: (optional_number(row, "since") or 0) if row is not None else 0
        for user, row in gone
        if row is None or Member.from_item(row) is None
    }
