"""Writing what a provider gave, so that it cannot be lost: to the table, or, if that fails, to the rescue queue.

The same code serves the worker that got the tokens and the consumer of the rescue queue. A result that fits nothing any
more is revoked through a chore, never dropped; one that lost to another renewal of the same grant is left alone, since
revoking it could end the grant that won.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from strongroom.domain import keys
from strongroom.domain.authorization import Authorization
from strongroom.domain.chore import RevocationChore
from strongroom.domain.connection import Connection, Version
from strongroom.domain.errors import InvalidRequest, StoreUnavailable
from strongroom.domain.renewal import COMMIT
from strongroom.domain.rescue import CompletionResult, RenewalResult, Rescued
from strongroom.domain.rows import NewerRow, number, readable
from strongroom.domain.table import Committed, Condition, Item, Missing, Put, Refused, Write
from strongroom.flows.attempts import fraction, fresh_id, noted
from strongroom.flows.authority import authority_checks, lacks_authority, refusal_record
from strongroom.flows.reads import five_reads
from strongroom.flows.recovery import tell_recovery
from strongroom.ports import Message, Ports


@dataclass(frozen=True, slots=True)
class Stored:
    """The tokens are in the table."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Superseded:
    """Another renewal of the same grant was first. Its tokens stand; ours are left alone."""


@dataclass(frozen=True, slots=True)
class Discarded:
    """The tokens fit nothing any more; a chore revokes them. `why` is a stable code."""

    why: str


@dataclass(frozen=True, slots=True)
class OnRescue:
    """The table did not take them in time; the rescue queue did."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Neither the table nor the queue took them. An alarm has been raised."""


Settled: TypeAlias = Stored | Superseded | Discarded
Kept: TypeAlias = Settled | OnRescue | Lost


def keep(ports: Ports, result: Rescued, until: float) -> Kept:
    """Store a result; while the table does not answer, repeat; in time before `until`, give it to the rescue queue.

    So it goes with whatever else stops the write, a mistake of ours included: nobody else has these tokens.
    """
    try:
        return settle_patiently(ports, result, until - COMMIT)
    except StoreUnavailable:
        return _rescue(ports, result)
    except Exception as error:
        ports.journal.alarm("result_not_written", kind=type(error).__name__, team=result.connection.owner.team)
        return _rescue(ports, result)


def settle_patiently(ports: Ports, result: Rescued, last_try: float) -> Settled:
    """Store a result; while the table does not answer, try again until `last_try`; at least once, however late it is.

    Raises:
        NewerRow: At once, if a newer release has rewritten the row: to ask again soon is of no use.
        StoreUnavailable: If the table did not answer in time; repeat the same result.
    """
    turn = 0
    while True:
        try:
            return settle(ports, result)
        except NewerRow:
            raise
        except StoreUnavailable:
            turn += 1
            pause = 0.05 * 2 ** min(turn, 5) * (0.5 + fraction(ports) / 2)
            if ports.clock.now() + pause >= last_try:
                raise
            ports.clock.wait(pause)


def _rescue(ports: Ports, result: Rescued) -> OnRescue | Lost:
    owner = result.connection.owner
    try:
        ports.queues.rescue.send([Message(result.encode())])
    except Exception:
        ports.journal.alarm("token_lost", team=owner.team, installation=owner.installation)
        return Lost()
    ports.journal.alarm("result_on_rescue_queue", team=owner.team, installation=owner.installation)
    return OnRescue()


def settle(ports: Ports, result: Rescued) -> Settled:
    """Do the conditional write that the result is for.

    Raises:
        StoreUnavailable: If the table did not answer; repeat the same result.
    """
    match result:
        case RenewalResult():
            return settle_renewal(ports, result)
        case CompletionResult():
            return settle_completion(ports, result)


def settle_renewal(ports: Ports, result: RenewalResult) -> Settled:
    """Replace the tokens of an unchanged version. A renewal that overlaps a cut commits into the unreadable row, where
    the cut's chore finds the newest token.

    Raises:
        StoreUnavailable: If the outcome is not known, or a newer release has rewritten the row: it will know what to do.
    """
    outcome = ports.table.commit((result.write(ports.policy),), result.mark)
    if isinstance(outcome, Committed):
        tell_recovery(ports, result)
        return Stored(result.after())
    found = outcome.failed.get(0)
    if found is not None and readable(found).get("grant") == result.connection.version.grant:
        return _of_the_same_grant(ports, result, number(found, "n"))
    _discard(ports, result.after(), "superseded_by_another_grant", result.mark)
    return Discarded("superseded_by_another_grant")


def _of_the_same_grant(ports: Ports, result: RenewalResult, n: int) -> Settled:
    """Another renewal was first, unless the row holds tokens from before ours were asked for: then the table was restored,
    and these are the newest."""
    before = result.connection.version
    if n >= before.n:
        return Superseded()
    over = replace(result.write(ports.policy), require=Version(before.grant, n).unchanged())
    if not isinstance(ports.table.commit((over,), result.mark), Committed):
        raise StoreUnavailable("the row moved on: look again")
    return Stored(result.after())


def _discard(ports: Ports, connection: Connection, why: str, id: str, *also: Write) -> None:
    """Leave the chore that revokes these tokens. Its id comes from the result: a repetition makes no second one.

    Raises:
        StoreUnavailable: If the outcome is not known, or the chore is not there although the table answered.
    """
    chore = RevocationChore.of(connection, why, id, int(ports.clock.now()))
    if chore is None:
        raise ValueError("nothing to revoke")
    outcome = ports.table.commit((chore.to_put(ports.policy), *also), fresh_id(ports))
    if isinstance(outcome, Refused) and 0 not in outcome.failed:
        raise StoreUnavailable("the authorization moved on: look again")


def settle_completion(ports: Ports, result: CompletionResult) -> Settled:
    """Store a new grant and end its authorization, in one transaction that checks the authority once more.

    A version that changed meanwhile (a renewal got in between) is no refusal: read again, try again.

    Raises:
        StoreUnavailable: If the table did not answer, or the row kept changing.
    """
    for _ in range(5):
        settled = _try_completion(ports, result)
        if settled is not None:
            return settled
        ports.clock.wait(0.05 * (0.5 + fraction(ports)))
    raise StoreUnavailable("the connection kept changing")


def _try_completion(ports: Ports, result: CompletionResult) -> Settled | None:
    row = ports.table.read((keys.authorization(result.authorization),)).get(keys.authorization(result.authorization))
    if row is None:
        return _orphaned(ports, result)
    authorization = Authorization.from_item(row)
    if not _is_of(authorization, result.connection):
        raise InvalidRequest("a result of another authorization")
    if authorization.state == "completed":
        return Stored(result.connection)
    reads = five_reads(ports.table, authorization.team, authorization.user, authorization.installation)
    why = lacks_authority(authorization, reads)
    if authorization.state != "redeeming" or why is not None:
        return _refuse(ports, result, authorization, why or "authorization_ended")
    present = reads.shared if authorization.sharing == "shared" else reads.own
    writes = _completion_writes(ports, result, authorization, present)
    return Stored(result.connection) if isinstance(ports.table.commit(writes, fresh_id(ports)), Committed) else None


def _is_of(authorization: Authorization, connection: Connection) -> bool:
    """Whether the authorization is for this very connection: a message that says otherwise is not ours."""
    asked = (authorization.owner, authorization.standing, authorization.destination, authorization.user)
    return asked == (connection.owner, connection.standing, connection.destination, connection.authorized_by)


def _orphaned(ports: Ports, result: CompletionResult) -> Settled:
    """The authorization's row is gone, days after it ended. If the tokens were stored before, they must not be revoked."""
    key = result.connection.key
    present = ports.table.read((key,)).get(key)
    if present is not None and present["grant"] == result.connection.version.grant:
        return Stored(result.connection)
    _discard(ports, result.connection, "authorization_ended", result.connection.version.grant)
    return Discarded("authorization_ended")


def _refuse(ports: Ports, result: CompletionResult, authorization: Authorization, why: str) -> Settled:
    told = refusal_record(ports, authorization, why)
    end = (authorization.fail(why),) if authorization.state == "redeeming" else ()
    _discard(ports, result.connection, why, result.connection.version.grant, told, *end)
    return Discarded(why)


def _completion_writes(
    ports: Ports, result: CompletionResult, authorization: Authorization, present: Connection | None
) -> tuple[Write, ...]:
    now = ports.clock.now()
    replaced = RevocationChore.of(present, "replaced", fresh_id(ports), int(now)) if present else None
    told = noted(
        ports,
        authorization.team,
        "connected",
        authorization.user,
        authorization.owner,
        installation=authorization.installation,
        sharing=authorization.sharing,
        provider=authorization.authorization_host,
    )
    return (
        *authority_checks(authorization),
        Put(_row_to_store(ports, result, present), require=_as_read(present)),
        authorization.step("completed", "code", "verifier"),
        told,
        *((replaced.to_put(ports.policy),) if replaced else ()),
    )


def _row_to_store(ports: Ports, result: CompletionResult, present: Connection | None) -> Item:
    kept = replace(result.connection, revocation=present.revocation if present else "")
    shard = ports.policy.shard(kept.key.pk)
    return kept.to_item({"due_at": result.due_at, "due_shard": shard} if result.due_at is not None else None)


def _as_read(present: Connection | None) -> Condition:
    return Missing() if present is None else present.version.unchanged()
