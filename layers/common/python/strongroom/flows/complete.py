"""Finishing an authorization: as the user who began, in the browser that consented."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain import exchange, keys, token_requests
from strongroom.domain.authorization import (
    AlreadyDone,
    Authorization,
    Destroy,
    NotYet,
    Over,
    Redeem,
    State,
    Unknown,
    judge_completion,
)
from strongroom.domain.authorization_request import AuthorizationCode
from strongroom.domain.catalog import CatalogEntry
from strongroom.domain.connection import Connection, SealedTokens, Version
from strongroom.domain.errors import (
    AuthorizationRefused,
    Conflict,
    InvalidRequest,
    NotFound,
    ProviderFailed,
    Unavailable,
)
from strongroom.domain.http import Outgoing
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.renewal import COMMIT, next_due
from strongroom.domain.rescue import CompletionResult
from strongroom.domain.return_to import checked_return_to
from strongroom.domain.secret import Secret
from strongroom.domain.table import Committed
from strongroom.domain.team import Team
from strongroom.flows import clients
from strongroom.flows.attempts import fraction, fresh_id, noted
from strongroom.flows.reads import five_reads
from strongroom.flows.sending import sent
from strongroom.flows.settle import (
    Discarded,
    Lost,
    OnRescue,
    Stored,
    Superseded,
    keep,
    lacks_authority,
    refusal_record,
)
from strongroom.ports import Ports, Ring

ANSWER_WITHIN = 22.0


@dataclass(frozen=True, slots=True)
class Completed:
    """The authorization as it was read, and the state that it is in now."""

    authorization: Authorization
    state: State


@dataclass(frozen=True, slots=True)
class _Ready:
    """Everything that the exchange of the code needs, fetched before the authorization leaves `returned`."""

    authorization: Authorization
    kept: KeptClient
    entry: CatalogEntry
    request: Outgoing
    ring: Ring


def see(ports: Ports, user: str, authorization_id: str) -> Completed:
    """Tell the person who began it how an authorization stands.

    Raises:
        NotFound: To everybody else.
    """
    authorization = _read(ports, authorization_id)
    if authorization.user != user:
        raise NotFound("somebody else's authorization")
    return Completed(authorization, authorization.state_at(int(ports.clock.now())))


def complete(ports: Ports, user: str, authorization_id: str, secret: Secret, *, confirm_shared: bool) -> Completed:
    """Finish an authorization, once.

    Raises:
        NotFound: To anybody but the person who began.
        Conflict: `still_pending`, or `confirmation_required` in shared mode. Nothing changed.
        AuthorizationRefused: With a wrong secret (it is destroyed then), without authority, or when it is over.
        ProviderFailed: If the provider did not give tokens. The person begins again.
    """
    until = ports.clock.now() + ANSWER_WITHIN
    authorization = _read(ports, authorization_id)
    match judge_completion(authorization, user, secret, int(ports.clock.now())):
        case Redeem():
            return _redeem(ports, authorization, confirm_shared, until)
        case AlreadyDone():
            return Completed(authorization, authorization.state_at(int(ports.clock.now())))
        case NotYet():
            raise Conflict("the provider has not answered yet", code="still_pending")
        case Destroy(stranger):
            raise _destroyed(ports, authorization, user, stranger)
        case Over():
            raise AuthorizationRefused("it has ended", code="authorization_over")
        case Unknown():
            raise NotFound("no such authorization for this person")


def way_back(ports: Ports, authorization: Authorization) -> str | None:
    """Where the person wanted to go afterwards: checked once more, since origins may have changed (RFC 9700 §4.11)."""
    wanted = authorization.return_to
    try:
        return checked_return_to(wanted, ports.policy.web_origins) if wanted is not None else None
    except InvalidRequest:
        return None


def _read(ports: Ports, authorization_id: str) -> Authorization:
    key = keys.authorization(authorization_id)
    row = ports.table.read((key,)).get(key)
    if row is None:
        raise NotFound("no such authorization")
    return Authorization.from_item(row)


def _destroyed(ports: Ports, authorization: Authorization, by: str, stranger: bool) -> Exception:
    """End it, audited: one half without the other means that two people are involved."""
    why = "wrong_user" if stranger else "wrong_secret"
    told = noted(
        ports,
        authorization.team,
        "authorization_destroyed",
        by,
        user=authorization.user,
        installation=authorization.installation,
        why=why,
    )
    ports.table.commit((authorization.fail(why), told), fresh_id(ports))
    ports.journal.alarm("authorization_destroyed", team=authorization.team, why=why)
    return NotFound("somebody else's authorization") if stranger else AuthorizationRefused("it was not this browser")


def _redeem(ports: Ports, authorization: Authorization, confirm_shared: bool, until: float) -> Completed:
    team = _with_authority(ports, authorization)
    if authorization.sharing == "shared" and not confirm_shared:
        raise Conflict("the whole team will use this account", code="confirmation_required")
    ready = _prepare(ports, team, authorization)
    if ports.clock.now() + ready.request.within + COMMIT > until:
        raise Unavailable("too late to send the code and store what comes of it", retry_after=1)
    redeeming = _leave_returned(ports, authorization)
    asked_at = ports.clock.now()
    answer = sent(ports, ready.request)
    outcome = exchange.judge_token_answer(answer, asked_at, ready.entry.reading)
    issued = _judge(ports, ready, redeeming, outcome, until)
    kept = keep(ports, _result(ports, ready, issued, asked_at), until)
    clients.note_success(ports, ready.kept, until)
    match kept:
        case Stored():
            return Completed(redeeming, "completed")
        case Discarded(why):
            raise AuthorizationRefused("the authority ended meanwhile", code=why)
        case OnRescue():
            raise Unavailable("stored a moment later", retry_after=5)
        case Superseded() | Lost():
            raise AuthorizationRefused("the tokens could not be kept", code="not_kept")


def _with_authority(ports: Ports, authorization: Authorization) -> Team:
    """Check the authority before the code is spent.

    Raises:
        AuthorizationRefused: And the authorization ends, audited.
    """
    reads = five_reads(ports.table, authorization.team, authorization.user, authorization.installation)
    why = lacks_authority(authorization, reads)
    if why is not None or reads.team is None:
        why = why or "no_longer_member"
        ports.table.commit((authorization.fail(why), refusal_record(ports, authorization, why)), fresh_id(ports))
        raise AuthorizationRefused("no authority to finish this", code=why)
    return reads.team


def _prepare(ports: Ports, team: Team, authorization: Authorization) -> _Ready:
    """Fetch the keys for what is coming, and write the request.

    Raises:
        KeysUnavailable: Nothing has changed; the person may try again.
    """
    if authorization.code is None:
        raise AuthorizationRefused("there is no code")
    ring = ports.vault.sealing_ring("connection", team.sealing_keys)
    opening = ports.vault.ring("authorization", None)
    code = AuthorizationCode.restore(opening.open(authorization.code, authorization.place("code")))
    verifier = opening.open(authorization.verifier, authorization.place("verifier"))
    destination = authorization.destination
    kept = clients.known(ports, team.sealing_keys, destination)
    entry = ports.catalog.entry(destination.issuer, destination.token_endpoint)
    request = token_requests.code_request(
        destination.token_endpoint,
        kept.client,
        code,
        verifier,
        authorization.redirect_uri,
        destination.resource,
        entry,
        clients.assertion_for(ports, kept.client, destination.issuer),
    )
    return _Ready(authorization, kept, entry, request, ring)


def _leave_returned(ports: Ports, authorization: Authorization) -> Authorization:
    """Take the right to redeem: one conditional write, so that the code is sent once, and never after its time.

    Raises:
        AuthorizationRefused: If the time ended while keys were fetched.
        Conflict: `being_finished`.
    """
    now = int(ports.clock.now())
    if authorization.state_at(now) == "expired":
        raise AuthorizationRefused("its time is over", code="authorization_over")
    step = authorization.step("redeeming", "code", "verifier", redeeming_at=now)
    if not isinstance(ports.table.commit((step,), fresh_id(ports)), Committed):
        raise Conflict("it is being finished already", code="being_finished")
    return authorization.now_redeeming(now)


def _judge(
    ports: Ports, ready: _Ready, authorization: Authorization, outcome: exchange.Outcome, until: float
) -> exchange.Issued:
    """Go on with tokens; end with anything else: the code is spent either way."""
    if isinstance(outcome, exchange.Issued):
        return outcome
    try:
        ports.table.commit((authorization.fail("exchange_failed"),), fresh_id(ports))
    finally:
        if isinstance(outcome, exchange.ClientRejected):
            clients.note_rejection(ports, ready.kept, outcome, authorization.team, until)
    ports.journal.note(
        "exchange_failed",
        outcome=type(outcome).__name__.lower(),
        team=authorization.team,
        installation=authorization.installation,
    )
    raise ProviderFailed("the provider gave no tokens", code="exchange_failed")


def _result(ports: Ports, ready: _Ready, issued: exchange.Issued, asked_at: float) -> CompletionResult:
    """Seal the tokens for a new grant."""
    authorization, now = ready.authorization, int(ports.clock.now())
    empty = Connection(
        owner=authorization.owner,
        version=Version(fresh_id(ports), 1),
        standing=authorization.standing,
        reason=None,
        since=now,
        tokens=None,
        destination=authorization.destination,
        requested_scopes=authorization.scopes,
        authorized_by=authorization.user,
        begun_at=authorization.begun_at,
        last_used_at=now,
    )
    refresh = issued.refresh_token
    tokens = SealedTokens(
        access=ready.ring.seal(issued.access_token, empty.place("access_token")),
        refresh=ready.ring.seal(refresh, empty.place("refresh_token")) if refresh else None,
        expires_at=issued.expires_at,
        lifetime=issued.lifetime,
        obtained_at=int(asked_at),
        scopes=issued.scopes if issued.scopes is not None else authorization.scopes,
        endless=issued.endless,
    )
    due = next_due(tokens, now, ports.policy, now, fraction(ports), ready.entry.refreshing)
    return CompletionResult(authorization.id, empty.holding(tokens), due if refresh else None)
