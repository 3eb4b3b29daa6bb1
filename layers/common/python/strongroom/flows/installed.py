"""What is installed, as one of the team's people sees it: each installation with their own status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from strongroom.domain import keys
from strongroom.domain.by_hand import ByHand, by_hand
from strongroom.domain.connection import Connection
from strongroom.domain.found import Found, found_at
from strongroom.domain.installation import Installation
from strongroom.domain.listing import Position, Shown, Wanted
from strongroom.domain.secret_rotation import SecretState
from strongroom.domain.status import AuthorizedBy, Status, derive
from strongroom.domain.table import Item, Key
from strongroom.domain.team import Member, Role
from strongroom.flows import clients, membership
from strongroom.flows.reads import Admitted, all_rows, five_reads, team_and_member
from strongroom.ports import Ports

EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True)
class Listed:
    """An installation with the asking person's own status. To an admin also how the secret of its client stands, if one was
    entered, and the callback URL under which that client has to be registered at the provider."""

    installation: Installation
    status: Status
    to_admin: bool = False
    secret: SecretState | None = None
    callback_url: str | None = None

    @property
    def connection(self) -> Status | None:
        """The status to show; None where nobody has to connect: the server needs no OAuth."""
        return None if self.installation.requires_oauth is False else self.status

    def for_callers(self) -> Listed:
        """What satellites are told of it."""
        return replace(self, status=self.status.for_callers())

    @property
    def shown(self) -> Shown:
        return self.connection.status if self.connection else "no_oauth"

    @property
    def place(self) -> str:
        """What lists are sorted by: it is unique in the team."""
        return self.installation.name.casefold()

    @property
    def provider(self) -> ByHand | None:
        """What an admin has entered about the provider: everybody may see it, the client's secret is elsewhere."""
        return by_hand(self.installation)

    @property
    def found(self) -> Found | None:
        """What was found out about the provider, which an authorization finds out anew."""
        return found_at(self.installation)


@dataclass(frozen=True, slots=True)
class Listing:
    """One page. `next` is where the next one begins; None if there is none. `role`: the asking person's own, if it is that
    person who asks."""

    entries: Sequence[Listed]
    next: Position | None
    role: Role | None = None


def see(ports: Ports, user: str, team: str, installation: str) -> Listed:
    """Show one installation with the person's own status.

    Raises:
        NotFound: If it is not one of a team of this person.
    """
    admitted = five_reads(ports.table, team, user, installation).admitted()
    entry = Listed(admitted.installation, present_status(ports, admitted))
    return _with_secrets(ports, admitted.member, [entry])[0]


def present_status(ports: Ports, admitted: Admitted) -> Status:
    """Tell the status of the connection that would serve this member."""
    return at_one(ports, admitted.installation, [(admitted.member, admitted.connection)])[0].status


def at_one(
    ports: Ports, installation: Installation, serving: Sequence[tuple[Member, Connection | None]]
) -> list[Listed]:
    """Tell how members stand at one installation, each with the connection that would serve them.

    The provider clients and whoever authorized for the team are read once, however many members there are.
    """
    connections = {connection.key: connection for _, connection in serving if connection is not None}
    retired = clients.retired_among(ports, connections.values())
    entries = [
        Listed(installation, _status(ports, connection, installation, member, retired))
        for member, connection in serving
    ]
    return _with_who_has_left(ports, entries)


def listing(ports: Ports, user: str, team: str, wanted: Wanted = EVERYTHING) -> Listing:
    """List the team's installations, each with the person's own status, by name; to an admin with what only admins see.

    Raises:
        NotFound: If the person is not a member.
    """
    _, member = team_and_member(ports.table, team, user)
    page = listing_of(ports, team, member, wanted)
    return replace(page, entries=_with_secrets(ports, member, page.entries), role=member.role)


def listing_of(ports: Ports, team: str, member: Member, wanted: Wanted) -> Listing:
    """List the team's installations, each with this member's status, for whoever was let pass to see that.

    Two queries, however many members there are: the team's partition holds the installations and the shared connections,
    the member's own partition the rest. Then the provider clients and whoever authorized for the team, each once.
    """
    of_team = all_rows(ports.table, keys.team(team).pk, "I#")
    own = all_rows(ports.table, keys.member(team, member.user).pk, "C#")
    entries = [entry for entry in _all(ports, member, of_team, own) if wanted.shown in (None, entry.shown)]
    if wanted.after is not None:
        entries = [entry for entry in entries if entry.place > wanted.after.after]
    page = _with_who_has_left(ports, entries[: wanted.limit])
    return Listing(page, Position(page[-1].place) if len(entries) > wanted.limit else None)


def _all(ports: Ports, member: Member, of_team: Sequence[Item], own: Sequence[Item]) -> list[Listed]:
    installations = [Installation.from_item(row) for row in of_team if row["kind"] == "installation"]
    rows = [row for row in of_team if row["kind"] == "connection"] + [*own]
    connections = {connection.key: connection for connection in map(Connection.from_item, rows)}
    serving = {one.id: connections.get(_serving(one, member.user)) for one in installations}
    retired = clients.retired_among(ports, filter(None, serving.values()))
    listed = [Listed(one, _status(ports, serving[one.id], one, member, retired)) for one in installations]
    return sorted(listed, key=lambda entry: entry.place)


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


def _with_secrets(ports: Ports, member: Member, entries: Sequence[Listed]) -> list[Listed]:
    """Tell an admin how the secrets of the clients stand that were entered: in one more read, if there are any."""
    if not member.is_admin:
        return [*entries]
    entered = {one.provider.provider_key for one in entries if one.provider is not None}
    states = clients.secret_states(ports, entered) if entered else {}
    secrets = [states.get(one.provider.provider_key) if one.provider else None for one in entries]
    return [
        replace(one, to_admin=True, secret=secret, callback_url=callback_url(ports, one.installation))
        for one, secret in zip(entries, secrets, strict=True)
    ]


def callback_url(ports: Ports, installation: Installation) -> str | None:
    """Where the provider sends browsers back to, for a client that was entered by hand."""
    entered = by_hand(installation)
    return ports.policy.redirect_uri(entered.provider_key) if entered is not None else None


def _with_who_has_left(ports: Ports, entries: Sequence[Listed]) -> list[Listed]:
    """Tell when whoever authorized for the team has left it: the row says it some time later, the membership at once."""
    present = {by.user for entry in entries if (by := entry.status.authorized_by) and by.left_at is None}
    if not present:
        return [*entries]
    left = membership.left_among(ports, entries[0].installation.team, present)
    return [replace(entry, status=_told(entry.status, left)) for entry in entries]


def _told(status: Status, left: Mapping[str, int]) -> Status:
    by = status.authorized_by
    if by is None or by.left_at is not None or by.user not in left:
        return status
    return replace(status, authorized_by=AuthorizedBy(by.user, left[by.user] or status.since))
