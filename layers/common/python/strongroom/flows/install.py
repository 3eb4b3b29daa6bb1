"""Installing an MCP server for a team, and seeing what is installed."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain import identifiers, keys
from strongroom.domain.connection import Connection
from strongroom.domain.destinations import judge
from strongroom.domain.errors import Conflict, Forbidden
from strongroom.domain.installation import Installation, Sharing
from strongroom.domain.status import Status, derive
from strongroom.domain.table import Check, Committed, Is, Item, Key, Missing, Put, every
from strongroom.domain.team import Member
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.reads import all_rows, five_reads, team_and_member
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Listed:
    """An installation with the asking person's own status."""

    installation: Installation
    status: Status


def install(ports: Ports, user: str, team: str, name: str, url: str, sharing: Sharing) -> Listed:
    """Install an MCP server by its URL, under a name that is unique in the team.

    Nothing is asked of the server yet: what it needs is found out when somebody connects. But a URL that could never be
    called is refused here.

    Raises:
        NotFound: If the person is not a member.
        Forbidden: If the person is not an admin.
        EgressRefused: If the URL may not be called.
        Conflict: `name_taken`.
    """
    _, member = team_and_member(ports.table, team, user)
    if not member.is_admin:
        raise Forbidden("only an admin installs", code="admin_required")
    judge(url, ports.policy.destinations())
    now = ports.clock.now()
    new = Installation(fresh_id(ports), team, name, url, sharing, binding=fresh_id(ports), enabled=True)
    writes = (
        Check(keys.team(team), Is("state", "active")),
        Check(keys.member(team, user), every(Is("state", "active"), Is("role", "team_admin"))),
        Put(_name_row(new), require=Missing()),
        Put(new.to_item(int(now), user), require=Missing()),
        noted(ports, team, "installed", user, installation=new.id, url=url, sharing=sharing),
    )
    outcome = ports.table.commit(writes, fresh_id(ports))
    if not isinstance(outcome, Committed):
        raise _why_not(set(outcome.failed))
    return Listed(new, derive(None, new, member, int(now)))


def _why_not(failed: set[int]) -> Exception:
    if failed & {0, 1}:
        return Forbidden("no longer an admin of the team", code="admin_required")
    return Conflict("the team has an installation of this name", code="name_taken")


def _name_row(installation: Installation) -> Item:
    """Hold the name by its hash: folding case makes some letters three, and a sort key has at most 1,024 bytes."""
    key = keys.installation_name(installation.team, identifiers.hashed(installation.name.casefold()))
    return {"PK": key.pk, "SK": key.sk, "kind": "name", "installation": installation.id}


def see(ports: Ports, user: str, team: str, installation: str) -> Listed:
    """Show one installation with the person's own status.

    Raises:
        NotFound: If it is not one of a team of this person.
    """
    admitted = five_reads(ports.table, team, user, installation).admitted()
    return Listed(admitted.installation, _status(ports, admitted.connection, admitted.installation, admitted.member))


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
    listed = [Listed(one, _status(ports, connections.get(_serving(one, user)), one, member)) for one in installations]
    return sorted(listed, key=lambda entry: entry.installation.name.casefold())


def _serving(installation: Installation, user: str) -> Key:
    if installation.sharing == "shared":
        return keys.shared_connection(installation.team, installation.id)
    return keys.connection(installation.team, user, installation.id)


def _status(ports: Ports, connection: Connection | None, installation: Installation, member: Member) -> Status:
    return derive(connection, installation, member, int(ports.clock.now()))
