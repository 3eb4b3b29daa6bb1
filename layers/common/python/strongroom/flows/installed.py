"""What is installed, as one of the team's people sees it: each installation with their own status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from strongroom.domain import keys
from strongroom.domain.by_hand import ByHand, by_hand
from strongroom.domain.connection import Connection
from strongroom.domain.installation import Installation
from strongroom.domain.status import Status, derive
from strongroom.domain.table import Key
from strongroom.domain.team import Member
from strongroom.flows import clients
from strongroom.flows.reads import Admitted, all_rows, five_reads, team_and_member
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Listed:
    """An installation with the asking person's own status."""

    installation: Installation
    status: Status

    @property
    def provider(self) -> ByHand | None:
        """What an admin has entered about the provider: everybody may see it, the client's secret is elsewhere."""
        return by_hand(self.installation)


def see(ports: Ports, user: str, team: str, installation: str) -> Listed:
    """Show one installation with the person's own status.

    Raises:
        NotFound: If it is not one of a team of this person.
    """
    admitted = five_reads(ports.table, team, user, installation).admitted()
    return Listed(admitted.installation, present_status(ports, admitted))


def present_status(ports: Ports, admitted: Admitted) -> Status:
    """Tell the status of the connection that would serve this member."""
    connection = admitted.connection
    retired = clients.retired_among(ports, [connection] if connection else [])
    return _status(ports, connection, admitted.installation, admitted.member, retired)


def listing(ports: Ports, user: str, team: str) -> list[Listed]:
    """List the team's installations, each with the person's own status, by name.

    Two queries, however many members there are: the team's partition holds the installations and the shared connections,
    the member's own partition the rest.

    Raises:
        NotFound: If the person is not a member.
    """
    _, member = team_and_member(ports.table, team, user)
    of_team = all_rows(ports.table, keys.team(team).pk, "I#")
    installations = [Installation.from_item(row) for row in of_team if row["kind"] == "installation"]
    rows = [row for row in of_team if row["kind"] == "connection"] + all_rows(
        ports.table, keys.member(team, user).pk, "C#"
    )
    connections = {connection.key: connection for connection in map(Connection.from_item, rows)}
    serving = {one.id: connections.get(_serving(one, user)) for one in installations}
    retired = clients.retired_among(ports, filter(None, serving.values()))
    listed = [Listed(one, _status(ports, serving[one.id], one, member, retired)) for one in installations]
    return sorted(listed, key=lambda entry: entry.installation.name.casefold())


def _serving(installation: Installation, user: str) -> Key:
    if installation.sharing == "shared":
        return keys.shared_connection(installation.team, installation.id)
    return keys.connection(installation.team, user, installation.id)


def _status(
    ports: Ports,
    connection: Connection | None,
    installation: Installation,
    member: Member,
    retired: Mapping[Key, int],
) -> Status:
    since = retired.get(connection.key) if connection is not None else None
    return derive(connection, installation, member, int(ports.clock.now()), since, ports.policy.restored_at)
