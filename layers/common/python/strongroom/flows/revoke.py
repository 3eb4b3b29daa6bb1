"""A person takes back what they allowed. Local first; the provider is told by a chore."""

from __future__ import annotations

from dataclasses import replace

from strongroom.domain.chore import RevocationChore
from strongroom.domain.connection import Connection, Owner, Version
from strongroom.domain.errors import Conflict, QueueUnavailable
from strongroom.domain.status import Status, derive
from strongroom.domain.table import Committed, Missing, Put
from strongroom.flows.attempts import fresh_id, in_a_few_attempts, noted
from strongroom.flows.messages import chore_message
from strongroom.flows.reads import Admitted, five_reads
from strongroom.ports import Ports


def revoke(ports: Ports, user: str, team: str, installation: str) -> Status:
    """Revoke this person's connection (a shared one: as an admin), whatever state it is in.

    When this returns, no look-up gives anything of it, no renewal that is under way can bring it back, and no
    authorization that was begun before can be completed. Asking twice is asking once: where there is nothing to give, what
    the person is told of it stays.

    Raises:
        NotFound: If it is not an installation of a team of this person.
        Forbidden: If it is shared and the person is no admin.
        Conflict: `no_oauth_needed`.
    """

    def attempt() -> bool:
        admitted = five_reads(ports.table, team, user, installation).admitted().may_change_connection()
        return _revoke(ports, user, admitted)

    in_a_few_attempts(ports, attempt)
    admitted = five_reads(ports.table, team, user, installation).admitted()
    return derive(admitted.connection, admitted.installation, admitted.member, int(ports.clock.now()))


def _revoke(ports: Ports, user: str, admitted: Admitted) -> bool:
    if admitted.installation.requires_oauth is False:
        raise Conflict("the server needs no OAuth", code="no_oauth_needed")
    present, now = admitted.connection, ports.clock.now()
    before = present or _nothing_yet(user, admitted)
    gone = before.with_nothing_to_give("revoked", int(now), fresh_id(ports))
    if before.tokens is None:
        gone = replace(gone, reason=before.reason, since=before.since)
    chore = RevocationChore.of(present, "revoked", fresh_id(ports), int(now)) if present else None
    told = noted(
        ports,
        admitted.team.id,
        "revoked",
        user,
        gone.owner,
        installation=admitted.installation.id,
        sharing=admitted.installation.sharing,
    )
    row = Put(gone.to_item(), require=present.version.unchanged() if present else Missing())
    writes = (row, told, *((chore.to_put(ports.policy),) if chore else ()))
    if not isinstance(ports.table.commit(writes, fresh_id(ports)), Committed):
        return False
    if chore:
        nudge(ports, chore.id)
    return True


def _nothing_yet(user: str, admitted: Admitted) -> Connection:
    owner = Owner(
        admitted.team.id, None if admitted.installation.sharing == "shared" else user, admitted.installation.id
    )
    return Connection(owner, Version("", 0), admitted.standing, None, 0, tokens=None, destination=None)


def nudge(ports: Ports, chore: str) -> None:
    """Have the chore done at once. If the queue does not take it, the sweep finds the row."""
    try:
        ports.queues.chore.send([chore_message(chore)])
    except QueueUnavailable:
        ports.journal.note("chore_not_queued")
