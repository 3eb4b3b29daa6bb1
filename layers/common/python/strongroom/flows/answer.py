"""The provider sends the browser back: check the answer, keep the code sealed, and give this browser its secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain import identifiers, keys
from strongroom.domain.authorization import Authorization
from strongroom.domain.authorization_response import (
    AuthorizationCode,
    Denied,
    ProviderSaidNo,
    accept_response,
    parse_callback_query,
)
from strongroom.domain.connection import Connection, Version
from strongroom.domain.errors import AuthorizationRefused, Unavailable
from strongroom.domain.secret import Secret
from strongroom.domain.table import Change, Committed, Missing, Put, Write
from strongroom.flows import quota
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.authority import lacks_authority
from strongroom.flows.reads import Reads, five_reads
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Returned:
    """The browser goes on to the web client with the id and the completion secret, which only it ever gets."""

    authorization: str
    secret: Secret


@dataclass(frozen=True, slots=True)
class Ended:
    """The browser goes on to the web client to be told that there is no connection. `outcome`: `denied` or `failed`."""

    authorization: str
    outcome: str


@dataclass(frozen=True, slots=True)
class AlreadyFinished:
    """This answer came before. A neutral page, and no effect."""


Answered: TypeAlias = Returned | Ended | AlreadyFinished


def take_answer(ports: Ports, provider_key: str, raw_query: Secret) -> Answered:
    """Take a provider's answer out of the callback's raw query, which holds code and state. No code is redeemed here.

    Raises:
        InvalidRequest: If the query has no usable form.
        AuthorizationRefused: If the state is unknown, the time over, or any check of the answer fails.
    """
    params = parse_callback_query(raw_query.reveal())
    key = keys.authorization(identifiers.hashed(params.state.reveal()))
    row = ports.table.read((key,)).get(key)
    if row is None:
        raise AuthorizationRefused("no authorization has this state", code="state_unknown")
    authorization = Authorization.from_item(row)
    if authorization.state != "pending":
        return AlreadyFinished()
    try:
        response = accept_response(params, authorization, provider_key, ports.clock.now())
    except AuthorizationRefused as refusal:
        _end_refused(ports, authorization, refusal.public_code)
        raise
    match response:
        case AuthorizationCode() as code:
            return _returned(ports, authorization, code)
        case Denied():
            ended = _denied(ports, authorization)
            quota.release(ports, authorization)
            return ended
        case ProviderSaidNo(error):
            if _commit(ports, (authorization.fail(f"provider_{error}"),)) and error == "invalid_scope":
                _forget_challenge(ports, authorization)
            return Ended(authorization.id, "failed")


def _end_refused(ports: Ports, authorization: Authorization, why: str) -> None:
    """Mark it failed, audited: what came cannot be the answer, and a second try at it is not wanted."""
    told = noted(
        ports,
        authorization.team,
        "answer_refused",
        "strongroom",
        authorization.owner,
        user=authorization.user,
        installation=authorization.installation,
        why=why,
    )
    _commit(ports, (authorization.fail(why), told))


def _returned(ports: Ports, authorization: Authorization, code: AuthorizationCode) -> Answered:
    ring = ports.vault.sealing_ring("authorization", None)
    secret = Secret(identifiers.url_safe(ports.chance.bytes(identifiers.SECRET_BYTES)))
    step = authorization.step(
        "returned",
        code=ring.seal(code.code, authorization.place("code")),
        secret_hash=identifiers.hashed(secret.reveal()),
    )
    return Returned(authorization.id, secret) if _commit(ports, (step,)) else AlreadyFinished()


def _denied(ports: Ports, authorization: Authorization) -> Answered:
    """Write the denial on the connection only if it has no grant: a denied reconnect leaves it as it is."""
    writes: tuple[Write, ...] = (authorization.step("denied", "verifier"),)
    told = noted(
        ports,
        authorization.team,
        "denied",
        authorization.user,
        authorization.owner,
        installation=authorization.installation,
    )
    denial = _denial(ports, authorization)
    if denial is not None and _commit(ports, (*writes, told, denial)):
        return Ended(authorization.id, "denied")
    return Ended(authorization.id, "denied") if _commit(ports, (*writes, told)) else AlreadyFinished()


def _denial(ports: Ports, authorization: Authorization) -> Put | None:
    reads = _reads(ports, authorization)
    present = _present(authorization, reads)
    if lacks_authority(authorization, reads) is not None or (present is not None and present.tokens is not None):
        return None
    now = int(ports.clock.now())
    denied = Connection(
        owner=authorization.owner,
        version=Version(fresh_id(ports), 0),
        standing=authorization.standing,
        reason="denied",
        since=now,
        tokens=None,
        destination=None,
        revocation=authorization.revocation,
    )
    return Put(denied.to_item(), require=present.version.unchanged() if present else Missing())


def _forget_challenge(ports: Ports, authorization: Authorization) -> None:
    """Ask no more for what the MCP server has challenged for, where the provider does not know it: otherwise nobody could
    reconnect. Not worth failing for."""
    try:
        connection = _present(authorization, _reads(ports, authorization))
        if connection is not None and {*connection.challenged} & {*authorization.scopes}:
            _commit(ports, (Change(connection.key, connection.version.unchanged(), drop=("challenged_scopes",)),))
    except Unavailable:
        ports.journal.note("challenge_not_forgotten")


def _reads(ports: Ports, authorization: Authorization) -> Reads:
    return five_reads(ports.table, authorization.team, authorization.user, authorization.installation)


def _present(authorization: Authorization, reads: Reads) -> Connection | None:
    return reads.shared if authorization.sharing == "shared" else reads.own


def _commit(ports: Ports, writes: tuple[Write, ...]) -> bool:
    return isinstance(ports.table.commit(writes, fresh_id(ports)), Committed)
