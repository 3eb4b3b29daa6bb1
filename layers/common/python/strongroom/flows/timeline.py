"""What happened: to one connection, for whoever it serves, and in a whole team, for its admins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from strongroom.domain import keys, timeline
from strongroom.domain.breaker import Breaker
from strongroom.domain.connection import Connection, Owner
from strongroom.domain.errors import Forbidden
from strongroom.domain.installation import Installation
from strongroom.domain.record import records_in, records_of
from strongroom.domain.status import Status
from strongroom.domain.table import Cursor, Item, Key, Query
from strongroom.domain.team import Caller, Member, Team
from strongroom.domain.timeline import Position, Told, Trouble
from strongroom.flows import membership
from strongroom.flows.installed import present_status
from strongroom.flows.reads import Admitted, five_reads, team_and_member
from strongroom.ports import Ports, Table


@dataclass(frozen=True, slots=True)
class Timeline:
    """How a connection stands, and how it came to that: `events` newest first."""

    reader: Member
    installation: Installation
    connection: Connection | None
    status: Status
    trouble: Trouble | None
    events: Sequence[Told]

    @property
    def needs_nobody(self) -> bool:
        """Whether there is nothing to connect: the server needs no OAuth."""
        return self.installation.requires_oauth is False


@dataclass(frozen=True, slots=True)
class Records:
    """One page of a team's records, newest first, for a member or (None) the team's host. `next` is where the next one
    begins; None if there is none."""

    reader: Member | None
    told: Sequence[Told]
    next: Position | None


def timeline_of(ports: Ports, user: str, team: str, installation: str) -> Timeline:
    """Tell a member the story of the connection that serves them here: their own, or the team's.

    Raises:
        NotFound: If it is not an installation of a team of this person.
    """
    admitted = five_reads(ports.table, team, user, installation).admitted()
    connection, now = admitted.connection, int(ports.clock.now())
    return Timeline(
        reader=admitted.member,
        installation=admitted.installation,
        connection=connection,
        status=present_status(ports, admitted),
        trouble=None
        if admitted.installation.requires_oauth is False
        else timeline.trouble_of(connection, admitted.standing, _health(ports, connection), now),
        events=_events(ports, _owner(admitted)),
    )


def _health(ports: Ports, connection: Connection | None) -> Breaker:
    if connection is None or connection.destination is None:
        return Breaker("")
    key = keys.breaker(connection.destination.provider_key)
    return Breaker.from_item(connection.destination.provider_key, ports.table.read((key,)).get(key))


def _owner(admitted: Admitted) -> Owner:
    """Whose records these may be: derived from who asks, and from nothing that was asked."""
    user = None if admitted.installation.sharing == "shared" else admitted.member.user
    return Owner(admitted.team.id, user, admitted.installation.id)


def _events(ports: Ports, owner: Owner) -> list[Told]:
    """The index only names the rows. What is told is read from them, and each must say itself whose story it is."""
    partition, now = records_of(owner), int(ports.clock.now())
    named = _newest(ports.table, "g1", partition, timeline.MOST_EVENTS)
    wanted = [Key(str(row["PK"]), str(row["SK"])) for row in named]
    found = ports.table.read(wanted) if wanted else {}
    rows = [found[key] for key in wanted if key in found]
    loopback = ports.policy.loopback
    own = [row for row in rows if row.get("g1pk") == partition and timeline.is_kept(row, now)]
    return [Told.from_item(row, loopback=loopback) for row in own]


def records(ports: Ports, user: str, team: str, after: Position | None) -> Records:
    """Tell an admin who changed what in the team, a page at a time, from now or from `after` on back.

    Raises:
        NotFound: If the person is not a member.
        Forbidden: If the person is not an admin.
    """
    known, member = team_and_member(ports.table, team, user)
    if not member.is_admin:
        raise Forbidden("only an admin reads the team's records", code="admin_required")
    return _records(ports, known, member, after)


def records_for_host(ports: Ports, host: Caller, team: str, after: Position | None) -> Records:
    """Tell a host the same, also of a team that was deleted: nobody else can ask any more who did that.

    Raises:
        NotFound: If the host does not speak for the team, or there was never such a team.
    """
    return _records(ports, membership.admit_host(ports, host, team), None, after)


def _records(ports: Ports, team: Team, reader: Member | None, after: Position | None) -> Records:
    now = int(ports.clock.now())
    oldest = timeline.oldest_kept(now, team.created_at)
    rows: list[Item] = []
    for month in timeline.months_back(after.at if after else now, oldest):
        rows += _month(ports.table, team.id, month, after, timeline.PAGE + 1 - len(rows))
        if len(rows) > timeline.PAGE:
            break
    told = [Told.from_item(row, loopback=ports.policy.loopback) for row in rows if timeline.is_kept(row, now)]
    page = told[: timeline.PAGE]
    return Records(reader, page, Position(page[-1].id) if len(told) > timeline.PAGE else None)


def _month(table: Table, team: str, month: str, after: Position | None, most: int) -> list[Item]:
    """Read a month's records, newest first. The partition is made of the caller's team, never of where a page ended."""
    partition = records_in(team, month)
    start = {"PK": partition, "SK": after.id} if after is not None else None
    return _newest(table, "table", partition, most, start)


def _newest(
    table: Table, index: Literal["table", "g1"], partition: str, most: int, after: Cursor | None = None
) -> list[Item]:
    rows: list[Item] = []
    while len(rows) < most:
        page = table.query(Query(index, partition, descending=True, limit=most - len(rows), after=after))
        rows.extend(page.items)
        after = page.after
        if after is None:
            break
    return rows
