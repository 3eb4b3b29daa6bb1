"""A satellite reports that the MCP server rejected a token."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain.challenge import BearerChallenge, bearer_challenge
from strongroom.domain.connection import Connection
from strongroom.domain.errors import AuthorizationRequired, InsufficientScope, Unavailable
from strongroom.domain.status import person_must_act as reason_to_act
from strongroom.domain.step_up import asks_for_more, is_of_an_older_grant, lies_above
from strongroom.domain.table import Change, Is, Item, Lacks, every
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.look_up import Ask, Released, admit, look_up, note_not_released, person_must_act
from strongroom.flows.reads import Admitted
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Rejection:
    """Which version was answered 401 or 403, and with which `WWW-Authenticate`."""

    version: str
    status: int
    challenge: str | None


def report(ports: Ports, ask: Ask, rejection: Rejection) -> Released:
    """Take a report and answer like a look-up.

    A 403 `insufficient_scope` is no fault of the token: the person may step up, and look-ups go on. Anything else counts
    against the version that was rejected and forces one renewal of it; a second version rejected within fifteen minutes
    means `rejected` for fifteen minutes. A report of an older version changes nothing; nor does a 403 of a connection that
    would not be handed out any more.

    Raises:
        AuthorizationRequired: `insufficient_scope` with a link if consenting again is of use, or as a look-up does. It is of
            none for a scope that was asked for already, or that lies above those an admin has entered.
    """
    challenge = bearer_challenge([rejection.challenge]) if rejection.challenge else None
    if rejection.status == 403 and challenge is not None and challenge.error == "insufficient_scope":
        admitted = admit(ports, ask)
        connection = _in_use(ports, admitted)
        if connection is None or is_of_an_older_grant(rejection.version, connection):
            return look_up(ports, ask)
        raise _step_up(ports, ask, admitted, connection, challenge)
    return look_up(ports, replace(ask, wish=replace(ask.wish, not_version=rejection.version)))


def _in_use(ports: Ports, admitted: Admitted) -> Connection | None:
    """Give the connection that a look-up would serve from. None: there is none whose scopes could be at fault."""
    connection, now = admitted.connection, int(ports.clock.now())
    if connection is None or admitted.installation.requires_oauth is False:
        return None
    reason = reason_to_act(connection, admitted.standing, now, ports.policy.restored_at)
    return connection if reason is None else None


def _step_up(
    ports: Ports, ask: Ask, admitted: Admitted, connection: Connection, challenge: BearerChallenge
) -> AuthorizationRequired:
    """Remember what the server wants, for the authorization that the person may begin now."""
    if lies_above(challenge.scope, admitted.installation.scopes):
        return _of_no_use(ports, ask, "scope_not_allowed", "an admin does not allow all of it")
    wanted = asks_for_more(connection, challenge.scope)
    if not wanted:
        return _of_no_use(ports, ask, "scope_not_enough", "all of it was asked for already")
    if wanted != connection.challenged:
        _remember(ports, ask, connection, wanted)
    return person_must_act(ports, ask, admitted, "insufficient_scope", InsufficientScope)


def _remember(ports: Ports, ask: Ask, connection: Connection, wanted: tuple[str, ...]) -> None:
    """With a record, once for each new set: a set only grows, so that its size tells one from the next."""
    size, owner = len(connection.challenged), connection.owner
    as_read = Is("challenged_count", size) if size else Lacks("challenged_scopes")
    put: Item = {"challenged_scopes": list(wanted), "challenged_count": len(wanted)}
    told = noted(
        ports,
        owner.team,
        "more_scopes_wanted",
        str(ask.caller),
        owner,
        user=owner.user,
        installation=owner.installation,
    )
    change = Change(connection.key, every(connection.version.unchanged(), as_read), put=put)
    try:
        ports.table.commit((change, told), fresh_id(ports))
    except Unavailable:
        ports.journal.note("challenge_not_written")


def _of_no_use(ports: Ports, ask: Ask, reason: str, why: str) -> AuthorizationRequired:
    """Say that this person cannot help: there is no link, since consenting again would end where this began."""
    note_not_released(ports, ask, reason)
    return InsufficientScope(why, reason=reason)
