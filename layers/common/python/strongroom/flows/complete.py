"""Finishing an authorization: as the user who began, in the browser that consented."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain import keys
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
from strongroom.domain.errors import AuthorizationRefused, Conflict, InvalidRequest, NotFound
from strongroom.domain.return_to import checked_return_to
from strongroom.domain.secret import Secret
from strongroom.flows import quota
from strongroom.flows.attempts import fresh_id, noted
from strongroom.flows.authority import lacks_authority
from strongroom.flows.reads import five_reads
from strongroom.flows.redeem import redeem
from strongroom.ports import Ports

ANSWER_WITHIN = 22.0


@dataclass(frozen=True, slots=True)
class Completed:
    """The authorization as it was read, and the state that it is in now."""

    authorization: Authorization
    state: State


def see(ports: Ports, user: str, authorization_id: str) -> Completed:
    """Tell the person who began it how an authorization stands. One that cannot be completed any more has failed: whoever
    waits for it begins again.

    Raises:
        NotFound: To everybody else, and to whoever has left the team.
    """
    authorization = _read(ports, authorization_id)
    if authorization.user != user:
        raise NotFound("somebody else's authorization")
    reads = five_reads(ports.table, authorization.team, user, authorization.installation)
    if reads.team is None or not reads.team.active or reads.member is None:
        raise NotFound("of a team of which this person is no member any more")
    state = authorization.state_at(int(ports.clock.now()))
    waits = state in ("pending", "returned")
    return Completed(authorization, "failed" if waits and lacks_authority(authorization, reads) else state)


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
            redeeming = redeem(ports, authorization, confirm_shared, until)
            quota.release(ports, authorization)
            return Completed(redeeming, "completed")
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
        authorization.owner,
        user=authorization.user,
        installation=authorization.installation,
        why=why,
    )
    ports.table.commit((authorization.fail(why), told), fresh_id(ports))
    ports.journal.alarm("authorization_destroyed", team=authorization.team, why=why)
    return NotFound("somebody else's authorization") if stranger else AuthorizationRefused("it was not this browser")
