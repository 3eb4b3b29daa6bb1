"""How everybody stands at one installation, by name: for the team's host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strongroom.domain import keys
from strongroom.domain.connection import Connection
from strongroom.domain.errors import NotFound
from strongroom.domain.installation import Installation
from strongroom.domain.listing import Position
from strongroom.domain.status import Status
from strongroom.domain.table import Item
from strongroom.domain.team import Caller, Member
from strongroom.flows import membership
from strongroom.flows.installed import at_one
from strongroom.ports import Ports, Table

PAGE = 100
"""Members: what one consistent read takes of rows."""


@dataclass(frozen=True, slots=True)
class Stands:
    """How one member stands. `status` None: nobody has to connect, the server needs no OAuth."""

    user: str
    status: Status | None


@dataclass(frozen=True, slots=True)
class Everybody:
    """One page, by user. `next` is where the next one begins; None if there is none."""

    members: Sequence[Stands]
    next: Position | None


def everybody(ports: Ports, host: Caller, team: str, installation: str, after: Position | None) -> Everybody:
    """Tell a host how each member stands at an installation, a page at a time.

    The index only names the members: who is one, and what is connected, is read consistently from the rows. A page costs
    the same, however large the team. It may hold fewer than another, and still have a next one.

    Raises:
        NotFound: If the host does not speak for the team, or there is no such team or installation.
        InvalidRequest: If no page can have ended at the position.
    """
    if not membership.admit_host(ports, host, team).active:
        raise NotFound("the team was deleted")
    found, shared = _installed(ports.table, team, installation)
    members, onward = membership.members_after(ports.table, team, after, PAGE)
    people = [member for member, _ in members]
    serving = [(member, shared) for member in people] if found.sharing == "shared" else _own(ports.table, found, people)
    entries = [entry.for_callers() for entry in at_one(ports, found, serving)]
    stand = [Stands(member.user, entry.connection) for member, entry in zip(people, entries, strict=True)]
    return Everybody(stand, onward)


def _installed(table: Table, team: str, installation: str) -> tuple[Installation, Connection | None]:
    places = (keys.installation(team, installation), keys.shared_connection(team, installation))
    found = table.read(places)
    row, shared = (found.get(place) for place in places)
    if row is None:
        raise NotFound("no such installation")
    return Installation.from_item(row), _connection(shared)


def _own(table: Table, installation: Installation, people: Sequence[Member]) -> list[tuple[Member, Connection | None]]:
    """Each member's own connection; none is read of a server that needs no OAuth."""
    if installation.requires_oauth is False:
        return [(member, None) for member in people]
    places = [keys.connection(installation.team, member.user, installation.id) for member in people]
    rows = membership.read_all(table, places)
    return [(member, _connection(rows.get(place))) for member, place in zip(people, places, strict=True)]


def _connection(row: Item | None) -> Connection | None:
    return Connection.from_item(row) if row is not None else None
