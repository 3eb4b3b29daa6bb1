"""Renewing one connection. One function serves the schedule, the look-up and the report of a rejected token.

Everything that can fail is done before the lease is taken: the reads, the keys, name resolution, TLS. Then the lease, which
records that the refresh token may be spent; one request; one judgement; and a result that is committed on the version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain import exchange, renewal, token_requests
from strongroom.domain.catalog import STRICT, CatalogEntry
from strongroom.domain.connection import Connection
from strongroom.domain.errors import (
    EgressRefused,
    IntegrityError,
    NotFound,
    ProviderFailed,
    QueueUnavailable,
    StoreUnavailable,
)
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.schedule import second_look_after
from strongroom.domain.secret import Secret
from strongroom.domain.table import Change, Committed, Item, Write
from strongroom.domain.team import Team
from strongroom.flows import clients
from strongroom.flows.attempts import fraction, fresh_id, noted
from strongroom.flows.settle import Discarded, Kept, Lost, OnRescue, Stored, Superseded, keep
from strongroom.ports import Line, Message, Ports, Ring


@dataclass(frozen=True, slots=True)
class Renewed:
    """New tokens are in the table."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Adopted:
    """Somebody else changed the tokens meanwhile: read again."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider ended the grant: a person has to act."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Not now: a passing fault. `error` is a stable code; try again at `until`."""

    error: str
    until: int


@dataclass(frozen=True, slots=True)
class Unclear:
    """Sent, and no answer. `again`: the one second look is still to come, at `until`; else pauses grow."""

    until: int
    again: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody else renews now, or did so moments ago without an answer. Look again at `until`."""

    until: int


@dataclass(frozen=True, slots=True)
class NotDue:
    """There is nothing to renew. `why` is a stable word."""

    why: str


Renewal: TypeAlias = Renewed | Adopted | Refused | Failed | Unclear | Waiting | NotDue


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Everything that a renewal needs besides the lease and the line."""

    connection: Connection
    kept: KeptClient
    entry: CatalogEntry
    ring: Ring
    request: Outgoing
    refresh_token: Secret
    cause: str
    until: float


def renew(ports: Ports, team: Team, connection: Connection, cause: str, until: float) -> Renewal:
    """Renew a connection that was just read and whose standing is good; give up in time for `until` (epoch seconds).

    `cause` is a word for the log: `schedule`, `look_up`, `rejected`.
    """
    entry = _entry(ports, connection)
    held_up = _held_up(connection, ports.clock.now(), _second_look(entry))
    if held_up is not None:
        return held_up
    outcome = _renew(ports, team, connection, entry, cause, until)
    _note(ports, connection, cause, outcome)
    return outcome


def _entry(ports: Ports, connection: Connection) -> CatalogEntry:
    where = connection.destination
    return ports.catalog.entry(where.issuer, where.token_endpoint) if where is not None else STRICT


def _second_look(entry: CatalogEntry) -> int:
    return second_look_after(entry.refreshing.reuse_detected, entry.refreshing.grace)


def _held_up(connection: Connection, now: float, second_look: int) -> Waiting | Failed | NotDue | None:
    match renewal.assess(connection, now, second_look):
        case renewal.Busy(look_again):
            return Waiting(look_again)
        case renewal.Leave(why, not_before):
            return Failed(connection.renewal.last_error or why, not_before) if not_before else NotDue(why)
        case renewal.Go():
            return None


def _renew(ports: Ports, team: Team, connection: Connection, entry: CatalogEntry, cause: str, until: float) -> Renewal:
    try:
        prepared = _prepare(ports, team, connection, entry, cause, until)
    except (IntegrityError, NotFound) as error:
        return _stuck(ports, connection, error.public_code)
    if not prepared.kept.is_live:
        return _replaced(ports, connection)
    to_dial = until - renewal.CALL - renewal.COMMIT - ports.clock.now()
    if to_dial < renewal.LEAST_DIAL:
        return Failed("out_of_time", int(until))
    try:
        with ports.egress.dial(prepared.request.url, min(renewal.DIAL, to_dial)) as line:
            return _with_line(ports, prepared, line)
    except (EgressRefused, ProviderFailed) as error:
        why = "address_refused" if isinstance(error, EgressRefused) else "unreachable"
        now = int(ports.clock.now())
        return _written(ports, renewal.failed_before_lease(connection, why, now, fraction(ports)), why)


def _stuck(ports: Ports, connection: Connection, error: str) -> Failed:
    """What cannot be opened or has no client any more is an alarm, and waits like any fault: it must not come back at
    once for ever, nor withhold an access token that is still good."""
    ports.journal.alarm("renewal_stuck", code=error, team=connection.owner.team)
    now = int(ports.clock.now())
    return _written(ports, renewal.failed_before_lease(connection, error, now, fraction(ports)), error)


def _prepare(
    ports: Ports, team: Team, connection: Connection, entry: CatalogEntry, cause: str, until: float
) -> _Prepared:
    """Fetch keys and client, open the refresh token, write the request.

    Raises:
        KeysUnavailable: Before anything was sent: the provider is not called if its answer could not be sealed.
        NotFound: If the provider client is gone.
    """
    destination = connection.required_destination()
    tokens = connection.tokens
    if tokens is None or tokens.refresh is None:
        raise NotFound("nothing to renew with")
    ring = ports.vault.sealing_ring("connection", team.sealing_keys)
    kept = clients.known(ports, team.sealing_keys, destination)
    refresh_token = ring.open(tokens.refresh, connection.place("refresh_token"))
    request = token_requests.refresh_request(
        destination.token_endpoint,
        kept.client,
        refresh_token,
        destination.resource,
        entry=entry,
        assertion=clients.assertion_for(ports, kept.client, destination.issuer),
    )
    return _Prepared(connection, kept, entry, ring, request, refresh_token, cause, until)


def _with_line(ports: Ports, prepared: _Prepared, line: Line) -> Renewal:
    connection, lease, asked_at = prepared.connection, fresh_id(ports), ports.clock.now()
    if asked_at + renewal.CALL + renewal.COMMIT > prepared.until:
        return Failed("out_of_time", int(prepared.until))
    second_look = _second_look(prepared.entry)
    taken = ports.table.commit((renewal.take_lease(connection, lease, asked_at, second_look),), lease)
    if not isinstance(taken, Committed):
        return _not_taken(connection, taken.failed.get(0), asked_at, second_look)
    sent_at = ports.clock.now()
    lease_ends = asked_at + renewal.LEASE - renewal.CLOCKS_APART
    if sent_at + renewal.CALL > min(lease_ends, prepared.until - renewal.COMMIT):
        return _failed(ports, connection, lease, "out_of_time", 0)
    return _judge(ports, prepared, lease, int(asked_at), sent_at, line.send(prepared.request))


def _not_taken(connection: Connection, found: Item | None, now: float, second_look: int) -> Renewal:
    """Somebody was faster: say what the row says now."""
    present = Connection.from_item(found) if found is not None else None
    if present is None or present.version != connection.version:
        return Adopted()
    return _held_up(present, now, second_look) or Waiting(int(now) + 1)


def _judge(ports: Ports, prepared: _Prepared, lease: str, intent_at: int, sent_at: float, answer: Answer) -> Renewal:
    connection = prepared.connection
    match exchange.judge_token_answer(answer, sent_at, prepared.entry.reading, "refresh"):
        case exchange.Issued() as issued:
            outcome = _commit(ports, prepared, issued, sent_at)
            clients.note_success(ports, prepared.kept, prepared.until)
            return outcome
        case exchange.Refused():
            return _refused(ports, connection, lease)
        case exchange.ClientRejected() as rejected:
            failed = _failed(ports, connection, lease, "client_rejected")
            clients.note_rejection(ports, prepared.kept, rejected, connection.owner.team, prepared.until)
            return failed
        case exchange.RateLimited(retry_after):
            return _failed(ports, connection, lease, "rate_limited", retry_after)
        case exchange.Transient(code, True, wait):
            now = int(ports.clock.now())
            spent = renewal.failed_and_maybe_spent(connection, lease, code, wait, now, fraction(ports))
            return _written(ports, spent, code)
        case exchange.Transient(code, _, wait):
            return _failed(ports, connection, lease, code, wait)
        case exchange.Ambiguous():
            second_look = _second_look(prepared.entry)
            change = renewal.unclear(connection, lease, intent_at, int(ports.clock.now()), second_look)
            _write_if_possible(ports, (change,))
            return Unclear(_int(change.put["retry_at"]), again=not connection.renewal.is_unanswered)


def _commit(ports: Ports, prepared: _Prepared, issued: exchange.Issued, sent_at: float) -> Renewal:
    """Seal both tokens anew, for the next version, and store them, whatever it takes."""
    connection = prepared.connection
    version = connection.version.next()
    refresh_token = issued.refresh_token or prepared.refresh_token
    access = prepared.ring.seal(issued.access_token, connection.place("access_token", version))
    refresh = prepared.ring.seal(refresh_token, connection.place("refresh_token", version))
    tokens = renewal.renewed_tokens(connection, issued, access, refresh, sent_at)
    now = int(ports.clock.now())
    used_at = connection.last_used_at if prepared.cause == "schedule" else now
    due = renewal.next_due(tokens, used_at, ports.policy, now, fraction(ports), prepared.entry.refreshing)
    kept = keep(ports, RenewalResult(connection, tokens, due, fresh_id(ports)), prepared.until)
    return _told(kept)


def _told(kept: Kept) -> Renewal:
    match kept:
        case Stored(connection):
            return Renewed(connection)
        case Superseded() | Discarded():
            return Adopted()
        case OnRescue():
            return Failed("table_unavailable", 0)
        case Lost():
            return Failed("token_lost", 0)


def _refused(ports: Ports, connection: Connection, lease: str) -> Renewal:
    return _person_must_act(ports, connection, renewal.refused(connection, lease, int(ports.clock.now())))


def _replaced(ports: Ports, connection: Connection) -> Renewal:
    """The provider has forgotten our client: its tokens are of no use with another one (RFC 6749 §6)."""
    return _person_must_act(ports, connection, renewal.replaced(connection, int(ports.clock.now())))


def _person_must_act(ports: Ports, connection: Connection, change: Change) -> Renewal:
    owner = connection.owner
    told = noted(
        ports,
        owner.team,
        "auth_required",
        "strongroom",
        user=owner.user,
        installation=owner.installation,
        reason=str(change.put["status_reason"]),
    )
    try:
        return Refused() if isinstance(ports.table.commit((change, told), fresh_id(ports)), Committed) else Adopted()
    except StoreUnavailable:
        ports.journal.note("renewal_outcome_not_written")
        return Failed("table_unavailable", 0)


def _failed(ports: Ports, connection: Connection, lease: str, error: str, wait: int | None = None) -> Failed:
    now = int(ports.clock.now())
    return _written(ports, renewal.failed(connection, lease, error, wait, now, fraction(ports)), error)


def _written(ports: Ports, change: Change, error: str) -> Failed:
    _write_if_possible(ports, (change,))
    return Failed(error, _int(change.put["retry_at"]))


def _write_if_possible(ports: Ports, writes: tuple[Write, ...]) -> bool:
    """Write down what went wrong. If somebody else has changed the row, or the table is silent, that is no harm: the
    lease ends by itself and its intent is remembered."""
    try:
        return isinstance(ports.table.commit(writes, fresh_id(ports)), Committed)
    except StoreUnavailable:
        ports.journal.note("renewal_outcome_not_written")
        return False


def _note(ports: Ports, connection: Connection, cause: str, outcome: Renewal) -> None:
    owner = connection.owner
    error = outcome.error if isinstance(outcome, Failed) else None
    ports.journal.note(
        "renewal",
        outcome=type(outcome).__name__.lower(),
        error=error,
        cause=cause,
        team=owner.team,
        user=owner.user,
        installation=owner.installation,
        version=str(connection.version),
    )
    ports.journal.count(f"Renewal{type(outcome).__name__}")


def ask_for_second_look(ports: Ports, connection: Connection, delay: int) -> None:
    """Send the one delayed message that repeats a request whose answer was lost. The sweep would find it later anyway."""
    group = connection.required_destination().provider_key
    try:
        ports.queues.renewal.send([renewal_message(connection, group, delay)])
    except QueueUnavailable:
        ports.journal.note("second_look_not_queued")


def renewal_message(connection: Connection, group: str, delay: int = 0) -> Message:
    """Ask the renewal queue for one connection: its key and version, nothing that could be believed."""
    key = connection.key
    body = {"form": 1, "pk": key.pk, "sk": key.sk, "version": str(connection.version)}
    return Message(json.dumps(body), group=group, delay=delay)


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("not a whole number")
    return value
