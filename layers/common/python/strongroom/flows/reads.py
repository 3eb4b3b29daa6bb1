"""The look-up's five reads: everything that decides about one user at one installation, in one consistent request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from strongroom.domain import keys
from strongroom.domain.connection import Connection, Standing
from strongroom.domain.errors import Conflict, Forbidden, NotFound
from strongroom.domain.installation import Installation
from strongroom.domain.status import standing_now
from strongroom.domain.table import Item, Key, Query
from strongroom.domain.team import Member, Team
from strongroom.ports import Table


@dataclass(frozen=True, slots=True)
class Reads:
    """What was found. A missing, removed or foreign thing is None: the reader cannot tell which."""

    team: Team | None
    member: Member | None
    installation: Installation | None
    own: Connection | None
    shared: Connection | None

    def admitted(self) -> Admitted:
        """Let an active member of an active team pass to an installation of that team.

        Raises:
            NotFound: If any of the three is missing.
        """
        if self.team is None or not self.team.active or self.member is None or self.installation is None:
            raise NotFound("no such team, member or installation")
        connection = self.shared if self.installation.sharing == "shared" else self.own
        return Admitted(self.team, self.member, self.installation, connection)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A member of the team, at one of its installations, with the connection that would serve."""

    team: Team
    member: Member
    installation: Installation
    connection: Connection | None

    @property
    def standing(self) -> Standing:
        return standing_now(self.installation, self.member)

    def enabled(self) -> Admitted:
        """Raises: Conflict: `installation_disabled`."""
        if not self.installation.enabled:
            raise Conflict("an admin has disabled the installation", code="installation_disabled")
        return self

    def may_change_connection(self) -> Admitted:
        """In shared mode, only an admin authorizes and revokes.

        Raises:
            Forbidden: If a `team_user` tries.
        """
        if self.installation.sharing == "shared" and not self.member.is_admin:
            raise Forbidden("a shared connection is an admin's to change", code="admin_required")
        return self


def five_reads(table: Table, team: str, user: str, installation: str) -> Reads:
    """Read team, member, installation and both connections, consistently, in one request.

    The five are no snapshot: a connection counts only if its standing equals what was read with it.

    Raises:
        StoreUnavailable: If not every row was answered.
    """
    wanted = (
        keys.team(team),
        keys.member(team, user),
        keys.installation(team, installation),
        keys.connection(team, user, installation),
        keys.shared_connection(team, installation),
    )
    found = table.read(wanted)
    rows = [found.get(key) for key in wanted]
    return Reads(
        team=Team.from_item(rows[0]) if rows[0] else None,
        member=Member.from_item(rows[1]) if rows[1] else None,
        installation=Installation.from_item(rows[2]) if rows[2] else None,
        own=_connection(rows[3]),
        shared=_connection(rows[4]),
    )


def all_rows(table: Table, partition: str, prefix: str, index: Literal["table", "g1"] = "table") -> list[Item]:
    """Read all rows of a partition whose sort key begins so, however many pages they fill."""
    page = table.query(Query(index, partition, prefix=prefix))
    rows = [*page.items]
    while page.after is not None:
        page = table.query(Query(index, partition, prefix=prefix, after=page.after))
        rows.extend(page.items)
    return rows


def team_and_member(table: Table, team: str, user: str) -> tuple[Team, Member]:
    """Read an active team and an active member of it.

    Raises:
        NotFound: If either is missing: a stranger hears the same for a team that exists.
    """
    return both_active(*two_reads(table, team, user))


def two_reads(table: Table, team: str, user: str) -> tuple[Team | None, Member | None]:
    """Read a team and a member of it, consistently, in one request. A missing, removed or foreign thing is None."""
    wanted: tuple[Key, Key] = (keys.team(team), keys.member(team, user))
    found = table.read(wanted)
    team_row, member_row = (found.get(key) for key in wanted)
    return (
        Team.from_item(team_row) if team_row else None,
        Member.from_item(member_row) if member_row else None,
    )


def both_active(team: Team | None, member: Member | None) -> tuple[Team, Member]:
    """Raises: NotFound: If either is missing, or the team was deleted."""
    if team is None or not team.active or member is None:
        raise NotFound("no such team, or not a member")
    return team, member


def _connection(item: Item | None) -> Connection | None:
    return Connection.from_item(item) if item else None
