"""Renewing one connection. One function serves the schedule, the look-up and the report of a rejected token.

Everything that can fail is done before the lease is taken: the reads, the keys, name resolution, TLS. Then the lease, which
records that the refresh token may be spent; one request; one judgement; and a result that is committed on the version.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain import exchange, renewal, token_requests
from strongroom.domain.catalog import STRICT, CatalogEntry
from strongroom.domain.connection import Connection
from strongroom.domain.errors import EgressRefused, IntegrityError, NotFound, ProviderFailed
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.renewal_outcome import Adopted, Failed, NotDue, Outcome, Renewed, Unclear, Waiting
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.schedule import second_look_after
from strongroom.domain.secret import Secret
from strongroom.domain.table import Committed, Item
from strongroom.domain.team import Team
from strongroom.flows import clients, renewal_faults
from strongroom.flows.attempts import fraction, fresh_id
from strongroom.flows.sending import back_channel
from strongroom.flows.settle import Discarded, Kept, Lost, OnRescue, Stored, Superseded, keep
from strongroom.ports import Line, Ports, Ring


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be renewed, why, how its provider deviates, and until when."""

    team: Team
    connection: Connection
    entry: CatalogEntry
    cause: str
    until: float

    @property
    def second_look(self) -> int:
        """Seconds after which a request whose answer was lost is repeated, once."""
        return second_look_after(self.entry.refreshing.reuse_detected, self.entry.refreshing.grace)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Everything that a renewal needs besides the lease and the line."""

    wanted: _Wanted
    kept: KeptClient
    ring: Ring
    request: Outgoing
    refresh_token: Secret


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request that leaves under a lease. `intent_at` is when the lease was asked for, `at` when the request left."""

    prepared: _Prepared
    lease: str
    intent_at: int
    at: float


def renew(ports: Ports, team: Team, connection: Connection, cause: str, until: float) -> Outcome:
    """Renew a connection that was just read and whose standing is good; give up in time for `until` (epoch seconds).

    `cause` is a word for the log: `schedule` or `look_up`.
    """
    wanted = _Wanted(team, connection, _entry(ports, connection), cause, until)
    held_up = _held_up(connection, ports.clock.now(), wanted.second_look)
    if held_up is not None:
        return held_up
    outcome = _renew(ports, wanted)
    _note(ports, connection, cause, outcome)
    return outcome


def _entry(ports: Ports, connection: Connection) -> CatalogEntry:
    where = connection.destination
    return ports.catalog.entry(where.issuer, where.token_endpoint) if where is not None else STRICT


def _held_up(connection: Connection, now: float, second_look: int) -> Waiting | Failed | NotDue | None:
    match renewal.assess(connection, now, second_look):
        case renewal.Busy(look_again):
            return Waiting(look_again)
        case renewal.Leave(why, not_before):
            return Failed(connection.renewal.last_error or why, not_before) if not_before else NotDue(why)
        case renewal.Go():
            return None


def _renew(ports: Ports, wanted: _Wanted) -> Outcome:
    try:
        prepared = _prepare(ports, wanted)
    except (IntegrityError, NotFound) as error:
        return renewal_faults.stuck(ports, wanted.connection, error.public_code)
    if not prepared.kept.is_live:
        return renewal_faults.replaced(ports, wanted.connection)
    to_dial = wanted.until - renewal.CALL - renewal.COMMIT - ports.clock.now()
    if to_dial < renewal.LEAST_DIAL:
        return Failed("out_of_time", int(wanted.until))
    try:
        with ports.egress.dial(prepared.request.url, min(renewal.DIAL, to_dial)) as line:
            return _with_line(ports, prepared, line)
    except EgressRefused:
        return renewal_faults.failed_before_lease(ports, wanted.connection, "address_refused")
    except ProviderFailed:
        return renewal_faults.failed_before_lease(ports, wanted.connection, "unreachable")


def _prepare(ports: Ports, wanted: _Wanted) -> _Prepared:
    """Fetch keys and client, open the refresh token, write the request.

    Raises:
        KeysUnavailable: Before anything was sent: the provider is not called if its answer could not be sealed.
        NotFound: If the provider client is gone.
    """
    connection, team = wanted.connection, wanted.team
    destination = connection.required_destination()
    tokens = connection.tokens
    if tokens is None or tokens.refresh is None:
        raise NotFound("nothing to renew with")
    ring = ports.vault.sealing_ring("connection", team.sealing_keys)
    kept = clients.known(ports, team.sealing_keys, destination)
    refresh_token = ring.open(tokens.refresh, connection.place("refresh_token"))
    channel = back_channel(ports, destination.token_endpoint, kept.client, destination)
    request = token_requests.refresh_request(channel, refresh_token, destination.resource)
    return _Prepared(wanted, kept, ring, request, refresh_token)


def _with_line(ports: Ports, prepared: _Prepared, line: Line) -> Outcome:
    wanted, lease, asked_at = prepared.wanted, fresh_id(ports), ports.clock.now()
    connection, until = wanted.connection, wanted.until
    if asked_at + renewal.CALL + renewal.COMMIT > until:
        return Failed("out_of_time", int(until))
    taken = ports.table.commit((renewal.take_lease(connection, lease, asked_at, wanted.second_look),), lease)
    if not isinstance(taken, Committed) and not _is_ours(taken.failed.get(0), connection, lease):
        return _not_taken(wanted, taken.failed.get(0), asked_at)
    sent_at = ports.clock.now()
    lease_ends = asked_at + renewal.LEASE - renewal.CLOCKS_APART
    if sent_at + renewal.CALL > min(lease_ends, until - renewal.COMMIT):
        return renewal_faults.failed(ports, connection, lease, "out_of_time", 0)
    return _judge(ports, _Sent(prepared, lease, int(asked_at), sent_at), line.send(prepared.request))


def _is_ours(found: Item | None, connection: Connection, lease: str) -> bool:
    """Whether the row holds this very lease: a write whose answer got lost was repeated, and meanwhile somebody noted a use
    or a rejection in the row, so that its mark does not tell any more."""
    present = Connection.from_item(found) if found is not None else None
    return present is not None and (present.renewal.lease, present.version) == (lease, connection.version)


def _not_taken(wanted: _Wanted, found: Item | None, now: float) -> Outcome:
    """Somebody was faster: say what the row says now."""
    present = Connection.from_item(found) if found is not None else None
    if present is None or present.version != wanted.connection.version:
        return Adopted()
    return _held_up(present, now, wanted.second_look) or Waiting(int(now) + 1)


def _judge(ports: Ports, sent: _Sent, answer: Answer) -> Outcome:
    wanted, kept = sent.prepared.wanted, sent.prepared.kept
    connection = wanted.connection
    match exchange.judge_token_answer(answer, sent.at, wanted.entry.reading, "refresh"):
        case exchange.Issued() as issued:
            outcome = _commit(ports, sent, issued)
            clients.note_success(ports, kept, wanted.until)
            return outcome
        case exchange.Refused():
            return renewal_faults.refused(ports, connection, sent.lease)
        case exchange.ClientRejected() as rejected:
            failed = renewal_faults.failed(ports, connection, sent.lease, "client_rejected")
            clients.note_rejection(ports, kept, rejected, connection.owner.team, wanted.until)
            return failed
        case exchange.RateLimited(retry_after):
            return renewal_faults.failed(ports, connection, sent.lease, "rate_limited", retry_after)
        case exchange.Transient(code, may_be_spent=True, retry_after=wait):
            return renewal_faults.maybe_spent(ports, connection, sent.lease, code, wait)
        case exchange.Transient(code, retry_after=wait):
            return renewal_faults.failed(ports, connection, sent.lease, code, wait)
        case exchange.Ambiguous():
            return _unclear(ports, sent)


def _unclear(ports: Ports, sent: _Sent) -> Outcome:
    wanted, now = sent.prepared.wanted, int(ports.clock.now())
    change = renewal.unclear(wanted.connection, sent.lease, sent.intent_at, now, wanted.second_look)
    until = renewal_faults.look_again_at(ports, change)
    return Unclear(until, again=not wanted.connection.renewal.is_unanswered)


def _commit(ports: Ports, sent: _Sent, issued: exchange.Issued) -> Outcome:
    """Seal both tokens anew, for the next version, and store them, whatever it takes."""
    prepared, wanted = sent.prepared, sent.prepared.wanted
    connection = wanted.connection
    version = connection.version.next()
    refresh_token = issued.refresh_token or prepared.refresh_token
    access = prepared.ring.seal(issued.access_token, connection.place("access_token", version))
    refresh = prepared.ring.seal(refresh_token, connection.place("refresh_token", version))
    tokens = renewal.renewed_tokens(connection, issued, access, refresh, sent.at)
    now = int(ports.clock.now())
    used_at = connection.last_used_at if wanted.cause == "schedule" else now
    due = renewal.next_due(tokens, used_at, ports.policy, now, fraction(ports), wanted.entry.refreshing)
    return _told(keep(ports, RenewalResult(connection, tokens, due, fresh_id(ports)), wanted.until))


def _told(kept: Kept) -> Outcome:
    match kept:
        case Stored(connection):
            return Renewed(connection)
        case Superseded() | Discarded():
            return Adopted()
        case OnRescue():
            return Failed("table_unavailable", 0)
        case Lost():
            return Failed("token_lost", 0)


def _note(ports: Ports, connection: Connection, cause: str, outcome: Outcome) -> None:
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
