"""How an installation stands with everybody, for an admin: how many are connected, and why others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from strongroom.domain import counts, failed_consent, keys
from strongroom.domain.connection import Connection
from strongroom.domain.counts import MOST_CONNECTIONS, MOST_MEMBERS, Counts
from strongroom.domain.errors import Forbidden
from strongroom.domain.installation import Installation
from strongroom.domain.status import LastError, Status, derive
from strongroom.domain.table import Item, Key, Query
from strongroom.domain.team import Member
from strongroom.flows import clients, membership
from strongroom.flows.installed import present_status
from strongroom.flows.reads import Admitted, five_reads
from strongroom.ports import Ports, Table


def counted(ports: Ports, user: str, team: str, installation: str) -> Counts:
    """Count who is connected at an installation. Nothing of the answer says who, or with which account.

    The index names rows, and may do so a moment late; connections and the memberships that they count for are read. So
    many of both are looked at, and no more: what an answer costs has a bound, however large the team.

    Raises:
        NotFound: If it is not an installation of a team of this person.
        Forbidden: If the person is not an admin.
    """
    admitted = five_reads(ports.table, team, user, installation).admitted()
    if not admitted.member.is_admin:
        raise Forbidden("only an admin sees how others stand", code="admin_required")
    active, complete = _members(ports.table, team)
    if admitted.installation.requires_oauth is False:
        return counts.count_without_oauth(len(active), complete=complete)
    stands = _stands(ports, admitted, active, complete)
    return counts.with_failed_consent(stands, _failed_consent(ports, admitted.installation))


def _stands(ports: Ports, admitted: Admitted, active: set[str], complete: bool) -> Counts:
    if admitted.installation.sharing == "shared":
        return counts.count_shared(present_status(ports, admitted), len(active), complete=complete)
    return _each(ports, admitted.installation, active, complete)


def _failed_consent(ports: Ports, installation: Installation) -> LastError | None:
    key = keys.failed_consent(installation.team, installation.id)
    return failed_consent.told(ports.table.read([key]).get(key), int(ports.clock.now()))


def _each(ports: Ports, installation: Installation, active: set[str], complete: bool) -> Counts:
    named, all_named = _connections(ports.table, installation)
    of_members = {user: key for key in named if (user := _user_of(key)) is not None}
    rows = membership.read_all(ports.table, [*of_members.values()])
    members = _still(membership.read_all(ports.table, [keys.member(installation.team, user) for user in of_members]))
    statuses = _statuses(ports, installation, members, [Connection.from_item(row) for row in rows.values()])
    everybody = (active - of_members.keys()) | members.keys()
    return counts.count(statuses, len(everybody), complete=complete and all_named)


def _still(rows: Mapping[Key, Item]) -> dict[str, Member]:
    """Who is a member just now: the index may not have heard yet that somebody left."""
    return {member.user: member for row in rows.values() if (member := Member.from_item(row)) is not None}


def _statuses(
    ports: Ports, installation: Installation, members: Mapping[str, Member], connections: Sequence[Connection]
) -> list[Status]:
    retired, now = clients.retired_among(ports, connections), int(ports.clock.now())
    restored_at = ports.policy.restored_at
    return [
        derive(one, installation, members[one.owner.user], now, retired.get(one.key), restored_at)
        for one in connections
        if one.owner.user is not None and one.owner.user in members
    ]


def _user_of(key: Key) -> str | None:
    owner = keys.parse_connection(key)
    return owner[1] if owner is not None else None


def _members(table: Table, team: str) -> tuple[set[str], bool]:
    rows, complete = _named(table, keys.team(team).pk, "U#", MOST_MEMBERS)
    return {str(row["user"]) for row in rows if row.get("state") == "active"}, complete


def _connections(table: Table, installation: Installation) -> tuple[list[Key], bool]:
    partition = f"{keys.team(installation.team).pk}#C"
    rows, complete = _named(table, partition, f"{installation.id}#", MOST_CONNECTIONS)
    return [Key(str(row["PK"]), str(row["SK"])) for row in rows], complete


def _named(table: Table, partition: str, prefix: str, most: int) -> tuple[list[Item], bool]:
    """Rows that the index names, and whether these are all."""
    rows: list[Item] = []
    page = table.query(Query("g1", partition, prefix=prefix, limit=most))
    rows.extend(page.items)
    while page.after is not None and len(rows) < most:
        page = table.query(Query("g1", partition, prefix=prefix, limit=most - len(rows), after=page.after))
        rows.extend(page.items)
    return rows, page.after is None
