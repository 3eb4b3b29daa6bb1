"""A satellite asks for a person's token. The hot path: one read, one opening, one log line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from strongroom.domain import keys
from strongroom.domain.connection import Connection
from strongroom.domain.errors import AuthorizationRequired, NotFound, Unavailable
from strongroom.domain.installation import usual_headers
from strongroom.domain.lookup import LONGEST_CACHE, HandOut, PersonMustAct, Renew, TooSoon, Wish, cache_until, decide
from strongroom.domain.schedule import use_is_worth_a_write
from strongroom.domain.sealed_tokens import Expiry
from strongroom.domain.secret import Secret
from strongroom.domain.status import REJECTIONS_COUNT_FOR, is_over, is_rejected, remembered_rejections
from strongroom.domain.table import Below, Change, Committed, Lacks, Value, either, every
from strongroom.domain.team import Caller, Team, admit_satellite
from strongroom.flows.attempts import fraction, fresh_id, noted
from strongroom.flows.reads import Admitted, five_reads
from strongroom.ports import Ports

if TYPE_CHECKING:
    from strongroom.domain.renewal_outcome import Outcome

ANSWER_WITHIN = 22.0
FIRST_PAUSE = 0.2


@dataclass(frozen=True, slots=True)
class Trusted:
    """A gateway that the operator trusts for every team: it came through the function's `direct` alias."""

    def __str__(self) -> str:
        return "direct"


TRUSTED = Trusted()


@dataclass(frozen=True, slots=True)
class Ask:
    """Whose token a satellite wants, and how good it must be."""

    caller: Caller | Trusted
    team: str
    installation: str
    user: str
    wish: Wish


@dataclass(frozen=True, slots=True)
class Released:
    """A token on its way out, and what else a satellite injects: the only answer of Strongroom that holds either. Never the
    refresh token.

    `access_token`, `expiry` and `version` are None if the server wants no token. `url` None: the satellite starts it itself.
    """

    access_token: Secret | None
    expires_at: int | None
    expiry: Expiry | None
    scopes: tuple[str, ...]
    version: str | None
    cache_until: int
    url: str | None
    headers: dict[str, Secret]
    env: dict[str, Secret]


def look_up(ports: Ports, ask: Ask) -> Released:
    """Give the token of this person at this installation, renewed if need be; none where the server wants none.

    A renewal takes seconds in which a membership may end and a token expire: what is read after it decides.

    Raises:
        Forbidden: If nobody registered the caller.
        NotFound: If team, member or installation is missing or foreign to the caller.
        Conflict: `installation_disabled`, or what it injects may not be used: see `injection.given`.
        AuthorizationRequired: If a person has to act first.
        Unavailable: If a renewal did not succeed in time and nothing good is left.
    """
    started = ports.clock.now()
    until = started + ANSWER_WITHIN
    admitted = _after_rejection(ports, ask, admit(ports, ask))
    pause = FIRST_PAUSE
    outcome: Outcome | None = None
    while True:
        if admitted.installation.requires_oauth is False:
            return _release_without_token(ports, ask, admitted)
        now = ports.clock.now()
        match decide(admitted.connection, admitted.standing, ask.wish, now, ports.policy.restored_at):
            case PersonMustAct(reason):
                raise person_must_act(ports, ask, admitted, reason)
            case HandOut(connection):
                return _release(ports, ask, admitted, connection)
            case TooSoon(allowed_at):
                raise Unavailable("renewed a moment ago, and over again", retry_after=max(1, ceil(allowed_at - now)))
            case Renew(connection, good_enough):
                # Most look-ups renew nothing, and a cold one waits for every import.
                from strongroom.flows import on_demand

                if on_demand.will_do(outcome, good_enough):
                    return _release(ports, ask, admitted, connection)
                outcome = on_demand.renewal(ports, admitted, connection, until, good_enough)
        if not on_demand.will_do(outcome, good_enough):
            if not on_demand.worth_waiting(outcome, ports.clock.now(), started):
                raise on_demand.not_now(outcome, ports.clock.now())
            ports.clock.wait(pause * (0.75 + fraction(ports) / 2))
            pause = min(pause * 1.5, 1.0)
        admitted = admit(ports, ask)


def admit(ports: Ports, ask: Ask) -> Admitted:
    """Read, and let a satellite of the team pass for an active member at an enabled installation."""
    reads = five_reads(ports.table, ask.team, ask.user, ask.installation)
    admit_satellite_of(ports, reads.team, ask.caller, team=ask.team, installation=ask.installation, user=ask.user)
    return reads.admitted().enabled()


def _after_rejection(ports: Ports, ask: Ask, admitted: Admitted) -> Admitted:
    """Remember that the present version was rejected, if it is the one that the satellite does not want.

    It forces one renewal; a second version rejected within fifteen minutes means that a new token does not help. What has
    ended otherwise is not written to any more.
    """
    connection = admitted.connection
    if connection is None or connection.tokens is None or ask.wish.not_version != str(connection.version):
        return admitted
    if connection.standing != admitted.standing or connection.reason is not None:
        return admitted
    _remember_rejection(ports, ask, connection)
    return admit(ports, ask)


def _remember_rejection(ports: Ports, ask: Ask, connection: Connection) -> None:
    now = int(ports.clock.now())
    rejected = remembered_rejections(connection, now)
    entries: list[Value] = [{"version": version, "at": at} for version, at in rejected]
    change = Change(connection.key, connection.version.unchanged(), put={"rejected": entries})
    begins = not is_rejected(connection, now) and is_rejected(replace(connection, rejected=rejected), now)
    try:
        if not (begins and _told_once(ports, ask, connection, change, now)):
            ports.table.commit((change,), fresh_id(ports))
    except Unavailable:
        ports.journal.note("rejection_not_written")


def _told_once(ports: Ports, ask: Ask, connection: Connection, change: Change, now: int) -> bool:
    """Remember it with a record: from now on the person is asked to act. Of many reports at once, one writes it."""
    owner = connection.owner
    untold = either(Lacks("rejected_told"), Below("rejected_told", now - REJECTIONS_COUNT_FOR + 1))
    told = noted(
        ports,
        owner.team,
        "auth_required",
        str(ask.caller),
        owner,
        user=owner.user,
        installation=owner.installation,
        reason="rejected",
    )
    once = replace(
        change, require=every(connection.version.unchanged(), untold), put={**change.put, "rejected_told": now}
    )
    return isinstance(ports.table.commit((once, told), fresh_id(ports)), Committed)


def admit_satellite_of(ports: Ports, team: Team | None, caller: Caller | Trusted, /, **asked: str) -> None:
    """Check the second lock, the row. A caller that the team does not list costs one more read, to tell why not, and
    is written down with what it asked for.

    Raises:
        NotFound: If the caller belongs elsewhere.
        Forbidden: If nobody registered this caller.
    """
    if isinstance(caller, Trusted) or (team is not None and team.active and str(caller) in team.satellites):
        return
    key = keys.caller(caller.account, caller.role_id)
    known = ports.table.read((key,)).get(key)
    ports.journal.note("caller_turned_away", caller=str(caller), **asked)
    admit_satellite(team, caller, known)


def person_must_act(
    ports: Ports, ask: Ask, admitted: Admitted, reason: str, kind: type[AuthorizationRequired] = AuthorizationRequired
) -> AuthorizationRequired:
    """Say who has to do what, with a link into the web client for whoever can; written down first."""
    note_not_released(ports, ask, reason)
    shared = admitted.installation.sharing == "shared"
    if shared and not admitted.member.is_admin:
        return kind("an admin has to connect", reason="admin_must_connect")
    link = ports.policy.connect_link(ask.team, ask.installation)
    return kind("a person has to connect", reason=reason, link=link)


def note_not_released(ports: Ports, ask: Ask, reason: str) -> None:
    ports.journal.note(
        "token_not_released",
        caller=str(ask.caller),
        team=ask.team,
        user=ask.user,
        installation=ask.installation,
        reason=reason,
    )


def _release(ports: Ports, ask: Ask, admitted: Admitted, connection: Connection) -> Released:
    """Open the access token and hand it out; the log line comes first.

    Raises:
        Unavailable: If it ended while it was renewed.
    """
    tokens = connection.tokens
    if tokens is None:
        raise NotFound("nothing to hand out")
    now = ports.clock.now()
    if is_over(connection, int(now)):
        raise Unavailable("over before it could be handed out", retry_after=1)
    ring = ports.vault.ring("connection", admitted.team.sealing_keys)
    access_token = ring.open(tokens.access, connection.place("access_token"))
    headers, env = _injected(ports, admitted, access_token)
    ports.journal.note(
        "token_released",
        caller=str(ask.caller),
        team=ask.team,
        user=ask.user,
        installation=ask.installation,
        version=str(connection.version),
        connection_of=connection.owner.user,
    )
    _remember_use(ports, connection, int(now))
    return Released(
        access_token=access_token,
        expires_at=tokens.expires_at,
        expiry=tokens.expiry,
        scopes=tokens.scopes,
        version=str(connection.version),
        cache_until=cache_until(connection, now),
        url=admitted.installation.url,
        headers=headers,
        env=env,
    )


def _release_without_token(ports: Ports, ask: Ask, admitted: Admitted) -> Released:
    """Hand out what the installation injects; the server wants no token. The log line comes first."""
    headers, env = _injected(ports, admitted, None)
    ports.journal.note(
        "released_without_token",
        caller=str(ask.caller),
        team=ask.team,
        user=ask.user,
        installation=ask.installation,
        entries=len(headers) + len(env),
    )
    return Released(
        access_token=None,
        expires_at=None,
        expiry=None,
        scopes=(),
        version=None,
        cache_until=int(ports.clock.now()) + LONGEST_CACHE,
        url=admitted.installation.url,
        headers=headers,
        env=env,
    )


def _injected(
    ports: Ports, admitted: Admitted, access_token: Secret | None
) -> tuple[dict[str, Secret], dict[str, Secret]]:
    """Make headers and environment for the satellite."""
    installation = admitted.installation
    if installation.injected is None:
        return (usual_headers(access_token) if access_token is not None else {}), {}
    from strongroom.flows.injecting import given_out  # most installations inject nothing of their own

    given = given_out(ports, admitted.team, installation, access_token)
    return given.headers, given.env


def _remember_use(ports: Ports, connection: Connection, now: int) -> None:
    """Note the use, at most once in six hours; what is used stays in the hourly round. Not worth failing for."""
    if not use_is_worth_a_write(connection.last_used_at, now):
        return
    used = Change(connection.key, connection.version.unchanged(), put={"last_used_at": now})
    try:
        ports.table.commit((used,), fresh_id(ports))
    except Unavailable:
        ports.journal.note("use_not_written")
