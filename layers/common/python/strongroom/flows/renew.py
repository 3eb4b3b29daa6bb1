"""Renewing one connection. One function serves the schedule, the look-up and the report of a rejected token.

Everything that can fail is done before the lease is taken: the reads, the keys, name resolution, TLS. Then the lease, which
records that the refresh token may be spent; one request; one judgement; and a result that is committed on the version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain import exchange, renewal, token_requests
from strongroom.domain.breaker import Breaker, trouble_in
from strongroom.domain.catalog import STRICT, CatalogEntry
from strongroom.domain.connection import Connection
from strongroom.domain.errors import EgressRefused, IntegrityError, NotFound, ProviderFailed
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.renewal_outcome import Adopted, Failed, Outcome, Paused, Renewed, Unclear
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.schedule import second_look_after
from strongroom.domain.secret import Secret
from strongroom.domain.table import Committed, Item
from strongroom.domain.team import Team
from strongroom.flows import breaker, clients, lease, renewal_faults
from strongroom.flows.attempts import fraction, fresh_id
from strongroom.flows.sending import Asked, Asking, asked, asking_as, note_success
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
    breaker: Breaker
    ring: Ring
    asking: Asking
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
    held_up = lease.held_up(connection, ports.clock.now(), wanted.second_look)
    if held_up is not None:
        return held_up
    outcome = _renew(ports, wanted)
    _note(ports, connection, cause, outcome)
    return outcome


def _entry(ports: Ports, connection: Connection) -> CatalogEntry:
    where = connection.destination
    return ports.catalog.entry(where.issuer, where.token_endpoint) if where is not None else STRICT


def _renew(ports: Ports, wanted: _Wanted) -> Outcome:
    try:
        prepared = _prepare(ports, wanted)
    except (IntegrityError, NotFound) as error:
        return renewal_faults.stuck(ports, wanted.connection, error.public_code)
    if not prepared.kept.is_live:
        return renewal_faults.replaced(ports, wanted.connection)
    now = ports.clock.now()
    to_dial = wanted.until - lease.needed(wanted.connection) - now
    if to_dial < renewal.LEAST_DIAL:
        return Failed("out_of_time", int(wanted.until))
    if renewal.is_second_look(wanted.connection, now):
        return _ask(ports, prepared, to_dial)
    admitted = breaker.admit(ports, prepared.breaker)
    if isinstance(admitted, Paused):
        return admitted
    return _ask(ports, replace(prepared, breaker=admitted), to_dial)


def _ask(ports: Ports, prepared: _Prepared, to_dial: float) -> Outcome:
    wanted = prepared.wanted
    try:
        with ports.egress.dial(prepared.asking.request.url, min(renewal.DIAL, to_dial)) as line:
            return _with_line(ports, prepared, line)
    except EgressRefused:
        return renewal_faults.failed_before_lease(ports, wanted.connection, "address_refused")
    except ProviderFailed:
        failed = renewal_faults.failed_before_lease(ports, wanted.connection, "unreachable")
        _tell_breaker(ports, prepared, exchange.Transient("unreachable"))
        return failed


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
    kept, known = clients.known_to_renew(ports, team.sealing_keys, destination)
    refresh_token = ring.open(tokens.refresh, connection.place("refresh_token"))
    asking = asking_as(
        ports,
        destination.token_endpoint,
        kept,
        destination,
        lambda channel: token_requests.refresh_request(channel, refresh_token, destination.resource),
    )
    return _Prepared(wanted, kept, known, ring, asking, refresh_token)


def _with_line(ports: Ports, prepared: _Prepared, line: Line) -> Outcome:
    wanted, mine, asked_at = prepared.wanted, fresh_id(ports), ports.clock.now()
    connection, until = wanted.connection, wanted.until
    if asked_at + lease.needed(connection) > until:
        return Failed("out_of_time", int(until))
    lease_ends = asked_at + renewal.LEASE - renewal.CLOCKS_APART
    send_by = min(lease_ends, until - renewal.COMMIT) - renewal.CALL
    taken = ports.table.commit((renewal.take_lease(connection, mine, asked_at, wanted.second_look),), mine)
    if not isinstance(taken, Committed) and not _is_ours(taken.failed.get(0), connection, mine):
        return lease.not_taken(connection, taken.failed.get(0), asked_at, wanted.second_look)
    overtaken = lease.settled(ports, connection, mine, send_by)
    if overtaken is not None:
        return overtaken
    sent_at = ports.clock.now()
    if sent_at > send_by:
        return renewal_faults.failed(ports, connection, mine, "out_of_time", 0)
    sent = _Sent(prepared, mine, int(asked_at), sent_at)
    answered = asked(ports, prepared.asking, line.send)
    judged = exchange.judge_token_answer(answered.answer, sent_at, wanted.entry.reading, "refresh")
    outcome = _judge(ports, sent, judged)
    _learn(ports, sent, judged, answered)
    return outcome


def _is_ours(found: Item | None, connection: Connection, lease: str) -> bool:
    """Whether the row holds this very lease: a write whose answer got lost was repeated, and meanwhile somebody noted a use
    or a rejection in the row, so that its mark does not tell any more."""
    present = Connection.from_item(found) if found is not None else None
    return present is not None and (present.renewal.lease, present.version) == (lease, connection.version)


def _judge(ports: Ports, sent: _Sent, judged: exchange.Outcome) -> Outcome:
    """Write down what the answer means for the connection: nothing else comes between the answer and this."""
    connection = sent.prepared.wanted.connection
    match judged:
        case exchange.Issued() as issued:
            return _commit(ports, sent, issued)
        case exchange.Refused():
            return renewal_faults.refused(ports, connection, sent.lease)
        case exchange.ClientRejected():
            return renewal_faults.failed(ports, connection, sent.lease, "client_rejected")
        case exchange.RateLimited(retry_after):
            return renewal_faults.failed(ports, connection, sent.lease, "rate_limited", retry_after)
        case exchange.Transient(code, may_be_spent=True, retry_after=wait):
            again_at = sent.intent_at + sent.prepared.wanted.second_look
            return renewal_faults.maybe_spent(ports, connection, sent.lease, code, wait, again_at)
        case exchange.Transient(code, retry_after=wait):
            return renewal_faults.failed(ports, connection, sent.lease, code, wait)
        case exchange.Ambiguous():
            return _unclear(ports, sent)


def _learn(ports: Ports, sent: _Sent, judged: exchange.Outcome, answered: Asked) -> None:
    """Write down what the answer means for others, after the connection's own outcome, which none of it can change."""
    wanted, kept = sent.prepared.wanted, sent.prepared.kept
    match judged:
        case exchange.Issued():
            note_success(ports, kept, answered, wanted.connection.owner.team, wanted.until)
        case exchange.ClientRejected() as rejected:
            clients.note_rejection(ports, kept, rejected, wanted.connection.owner.team, wanted.until)
        case _:
            pass
    _tell_breaker(ports, sent.prepared, judged)


def _tell_breaker(ports: Ports, prepared: _Prepared, judged: exchange.Outcome) -> None:
    wanted, trouble = prepared.wanted, trouble_in(judged)
    mine = replace(trouble, by=wanted.connection.version.grant) if trouble is not None else None
    breaker.learn(ports, prepared.breaker, mine, wanted.until)


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
    kept, known = refresh_token == prepared.refresh_token, wanted.entry.refreshing
    tokens = renewal.renewed_tokens(connection, issued, access, refresh, sent.at, kept, known)
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
    """Write the line of a renewal; one that was not begun, for its provider's sake, is only counted."""
    ports.journal.count(f"Renewal{type(outcome).__name__}")
    if isinstance(outcome, Paused):
        return
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
