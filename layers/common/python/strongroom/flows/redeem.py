"""Redeeming the code of an authorization: once, with everything at hand that keeping the tokens will need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from strongroom.domain import exchange, failed_consent, refresh_life, token_requests
from strongroom.domain.account import account_told
from strongroom.domain.authorization import Authorization
from strongroom.domain.authorization_response import AuthorizationCode
from strongroom.domain.connection import Connection, Version
from strongroom.domain.errors import AuthorizationRefused, Conflict, ProviderFailed, Unavailable
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.renewal import COMMIT, next_due
from strongroom.domain.rescue import CompletionResult
from strongroom.domain.sealed_tokens import SealedTokens
from strongroom.domain.table import Committed
from strongroom.domain.team import Team
from strongroom.flows import clients
from strongroom.flows.attempts import fraction, fresh_id
from strongroom.flows.authority import lacks_authority, refusal_record
from strongroom.flows.reads import five_reads
from strongroom.flows.sending import Asked, Asking, asked, asking_as, note_success, sent
from strongroom.flows.settle import Discarded, Kept, Lost, OnRescue, Stored, Superseded, keep
from strongroom.ports import Ports, Ring


@dataclass(frozen=True, slots=True)
class _Ready:
    """Everything that the exchange of the code needs, fetched before the authorization leaves `returned`."""

    authorization: Authorization
    kept: KeptClient
    asking: Asking
    ring: Ring


def redeem(ports: Ports, authorization: Authorization, confirm_shared: bool, until: float) -> Authorization:
    """Redeem the code of a returned authorization and store what comes of it, by `until` (epoch seconds).

    Gives the authorization as it was while the code was on its way; by then it is `completed`.

    Raises:
        Conflict: `confirmation_required` or `being_finished`.
        AuthorizationRefused: Without authority, or when it is over.
        ProviderFailed: If the provider did not give tokens.
        Unavailable: If it is too late to begin, or the tokens are stored a moment later.
    """
    team = _with_authority(ports, authorization)
    if authorization.sharing == "shared" and not confirm_shared:
        raise Conflict("the whole team will use this account", code="confirmation_required")
    ready = _prepare(ports, team, authorization)
    within = ready.asking.request.within
    if ports.clock.now() + within + COMMIT > until:
        raise Unavailable("too late to send the code and store what comes of it", retry_after=1)
    redeeming = _leave_returned(ports, authorization)
    asked_at = ports.clock.now()
    answered = asked(ports, ready.asking, partial(sent, ports.egress))
    outcome = exchange.judge_token_answer(answered.answer, asked_at, ready.asking.entry.reading)
    if exchange.is_unanswered(outcome):
        # The token endpoint's address is a provider's choice: what became of the request must not show in the time.
        _wait_until(ports, asked_at + within)
    issued = _judge(ports, ready, redeeming, outcome, until)
    kept = keep(ports, _result(ports, ready, issued, asked_at, _account(ready, answered)), until)
    note_success(ports, ready.kept, answered, authorization.team, until)
    _check_stored(kept)
    return redeeming


def _check_stored(kept: Kept) -> None:
    """Raises: AuthorizationRefused or Unavailable: unless the tokens are in the table."""
    match kept:
        case Stored():
            return
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
    back, resource = authorization.redirect_uri, destination.resource
    asking = asking_as(
        ports,
        destination.token_endpoint,
        kept,
        destination,
        lambda channel: token_requests.code_request(channel, code, verifier, back, resource),
    )
    return _Ready(authorization, kept, asking, ring)


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
        why = "client_rejected" if isinstance(outcome, exchange.ClientRejected) else "exchange_failed"
        told = refusal_record(ports, authorization, why)
        shown = failed_consent.noted(authorization.team, authorization.installation, why, int(ports.clock.now()))
        ports.table.commit((authorization.fail("exchange_failed"), told, shown), fresh_id(ports))
    finally:
        if isinstance(outcome, exchange.ClientRejected):
            clients.note_rejection(ports, ready.kept, outcome, authorization.team, until)
    ports.journal.note(
        "exchange_failed",
        outcome=type(outcome).__name__.lower(),
        team=authorization.team,
        installation=authorization.installation,
    )
    if isinstance(outcome, exchange.ClientRejected):
        raise ProviderFailed("the provider does not know us, or not this secret", code="client_rejected")
    raise ProviderFailed("the provider gave no tokens", code="exchange_failed")


def _wait_until(ports: Ports, time: float) -> None:
    remaining = time - ports.clock.now()
    if remaining > 0:
        ports.clock.wait(remaining)


def _account(ready: _Ready, answered: Asked) -> str | None:
    """Who the person is at the provider, if the answer with the tokens tells."""
    destination = ready.authorization.destination
    return account_told(answered.answer, ready.asking.entry.reading, destination.issuer, destination.client_id)


def _result(
    ports: Ports, ready: _Ready, issued: exchange.Issued, asked_at: float, account: str | None
) -> CompletionResult:
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
        account=account,
    )
    refresh = issued.refresh_token
    lasting = refresh_life.of_consent(issued, int(asked_at), ready.asking.entry.refreshing)
    tokens = SealedTokens(
        access=ready.ring.seal(issued.access_token, empty.place("access_token")),
        refresh=ready.ring.seal(refresh, empty.place("refresh_token")) if refresh else None,
        expires_at=issued.expires_at,
        lifetime=issued.lifetime,
        obtained_at=int(asked_at),
        scopes=issued.scopes if issued.scopes is not None else authorization.scopes,
        endless=issued.endless,
        refresh_expires_at=lasting.ends_at,
        refresh_extended_at=lasting.extended_at,
    )
    due = next_due(tokens, now, ports.policy, now, fraction(ports), ready.asking.entry.refreshing)
    return CompletionResult(authorization.id, empty.holding(tokens), due if refresh else None)
