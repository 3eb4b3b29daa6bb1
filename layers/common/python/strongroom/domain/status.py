"""What people see of a connection: derived when it is read, never stored."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from strongroom.domain.connection import Connection, Owner, Standing
from strongroom.domain.consent import ends_soon, has_ended
from strongroom.domain.installation import Installation
from strongroom.domain.sealed_tokens import Expiry, SealedTokens
from strongroom.domain.team import Member

Name: TypeAlias = Literal["connected", "expired", "auth_required", "not_connected"]
Next: TypeAlias = Literal["connect", "reconnect", "wait", "none"]
REJECTIONS_COUNT_FOR = 900
MOST_REJECTIONS = 4
HELD_NOTHING = frozenset({"never_connected", "denied"})
"""The reasons with which there is nothing to connect again: a denial is only noted where no grant is."""
FAULTS = frozenset({"refused", "lost_response", "client_replaced", "rejected", "restored"})
"""The reasons that came of an error. The others are what somebody did, or the end of a token that nothing renews."""


@dataclass(frozen=True, slots=True)
class LastError:
    """What does not work, by a stable code of ours, and since when (epoch seconds)."""

    code: str
    at: int


@dataclass(frozen=True, slots=True)
class AuthorizedBy:
    """Who connected what the whole team uses. `left_at`: when that person left the team; None: is a member."""

    user: str
    left_at: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """`since` is 0 when nothing ever happened. `next` is what the person can do: connect, reconnect, wait or nothing.
    `expiry` is what is known of the token's end; None if there is no token to speak of. `consent_ends_at`: when renewing
    ends, as things stand; None: nobody has said. `last_success_at`: when tokens were last obtained. `last_error` ends with
    the next success. `disabled`: an admin has disabled the installation, and nobody can do anything about the connection.

    `renewable`: whether Strongroom can renew it without the person. False: the provider gave nothing to renew it with. None:
    there are no tokens that count, or what would renew them has ended at the provider, as `reason` tells. `account`: who it
    is at the provider, where known.
    """

    status: Name
    reason: str | None
    since: int
    next: Next
    expires_at: int | None = None
    expiry: Expiry | None = None
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    consent_ends_at: int | None = None
    last_success_at: int | None = None
    last_error: LastError | None = None
    authorized_by: AuthorizedBy | None = None
    disabled: bool = False
    renewable: bool | None = None
    account: str | None = field(default=None, repr=False)

    def for_callers(self) -> Status:
        """What satellites and hosts are told of it: the account is for people."""
        return replace(self, account=None)


def standing_now(installation: Installation, member: Member) -> Standing:
    """What the standing of a usable connection must equal."""
    epoch = "" if installation.sharing == "shared" else member.epoch
    return Standing(epoch, installation.binding, installation.rebound)


def standing_of(owner: Owner, installation: Installation, member: Member | None) -> Standing | None:
    """What the standing of this owner's connection must equal to serve anybody.

    None: it serves nobody, since the installation is shared in another way by now, or the person is no member.
    """
    if (owner.user is None) != (installation.sharing == "shared"):
        return None
    if owner.user is None:
        return Standing("", installation.binding, installation.rebound)
    return standing_now(installation, member) if member is not None else None


def is_rejected(connection: Connection, now: int) -> bool:
    """Whether, for fifteen minutes now, the MCP server has rejected a second version within fifteen minutes of another, or
    the present one if it cannot be renewed."""
    return rejected_since(connection, now) is not None


def rejected_since(connection: Connection, now: int) -> int | None:
    """Since when it is rejected: the first of the rejections that make it so. None: it is not."""
    recent = [(version, at) for version, at in connection.rejected if now - at < REJECTIONS_COUNT_FOR]
    if connection.tokens is None or connection.tokens.refresh is None:
        return dict(recent).get(str(connection.version))
    second = (
        at
        for version, at in recent
        for other, before in connection.rejected
        if version != other and 0 <= at - before < REJECTIONS_COUNT_FOR
    )
    return min(second, default=None)


def remembered_rejections(connection: Connection, now: int) -> tuple[tuple[str, int], ...]:
    """Give the recent rejections with one of the present version added, each version once, with its first time.

    The first of two that count together is remembered for as long as the second counts.
    """
    present = str(connection.version)
    first = dict(connection.rejected).get(present, 0)
    others = ((version, at) for version, at in connection.rejected if version != present)
    kept = ((version, at) for version, at in others if now - at < 2 * REJECTIONS_COUNT_FOR)
    return (*kept, (present, first if now - first < REJECTIONS_COUNT_FOR else now))[-MOST_REJECTIONS:]


def person_must_act(connection: Connection | None, expected: Standing, now: int, restored_at: int = 0) -> str | None:
    """Give the reason why a person has to act, or None if the connection can serve, now or after a renewal.

    `restored_at`: when the table was last restored to an earlier state; tokens from before that serve only after a renewal.
    A row without tokens says itself how it ended: nothing was taken from it when the binding ended later.
    """
    if connection is None:
        return "never_connected"
    if connection.standing.epoch != expected.epoch:
        return "never_connected"
    if connection.tokens is None:
        return connection.reason or "never_connected"
    if connection.standing.binding != expected.binding:
        return expected.rebound or "installation_changed"
    if connection.reason is not None:
        return connection.reason
    if connection.tokens.refresh is None and connection.tokens.are_suspect(restored_at, now):
        return "restored"
    if is_rejected(connection, now):
        return "rejected"
    if is_over(connection, now) and connection.tokens.refresh is None:
        return "expired_without_refresh"
    return None


def is_over(connection: Connection, now: int) -> bool:
    """Whether the access token has expired. One of unknown expiry never has."""
    tokens = connection.tokens
    return tokens is not None and tokens.expires_at is not None and tokens.expires_at <= now


def derive(
    connection: Connection | None,
    installation: Installation,
    member: Member,
    now: int,
    client_retired_at: int | None = None,
    restored_at: int = 0,
) -> Status:
    """Tell the status of a connection as the person sees it.

    `client_retired_at`: when the provider forgot the client that the next renewal would need, if it has (epoch seconds).
    """
    reason = person_must_act(connection, standing_now(installation, member), now, restored_at)
    if client_retired_at is not None and reason in (None, "rejected"):
        status = _needs_a_person(installation, "client_replaced", client_retired_at)
    elif reason is not None or connection is None or connection.tokens is None:
        since = _since(connection, installation, reason, now, restored_at)
        status = _needs_a_person(installation, reason or "never_connected", since)
    else:
        status = _serving(connection, connection.tokens, now)
    known = _with_what_is_known(status, connection, installation, member, now)
    return known if _can_act(known, installation, member) else replace(known, next="none")


def _since(
    connection: Connection | None, installation: Installation, reason: str | None, now: int, restored_at: int
) -> int:
    """When it came to that a person has to act."""
    if connection is None or reason == "never_connected":
        return 0
    if connection.tokens is None:
        return connection.since
    if connection.standing.binding != installation.binding:
        return installation.bound_at or connection.since
    if connection.reason is not None:
        return connection.since
    match reason:
        case "restored":
            return restored_at
        case "rejected":
            return rejected_since(connection, now) or connection.since
        case _:
            return connection.tokens.expires_at or connection.since


def _needs_a_person(installation: Installation, reason: str, since: int) -> Status:
    if installation.sharing == "shared" and reason == "never_connected":
        return Status("not_connected", None, since, "connect")
    return Status("auth_required", reason, since, "connect" if reason in HELD_NOTHING else "reconnect")


def _serving(connection: Connection, tokens: SealedTokens, now: int) -> Status:
    """Say whether it serves just now, since when, why not, and what a person can do about it."""
    status = _of_time(connection, tokens, now)
    return replace(
        status,
        expires_at=tokens.expires_at,
        expiry=tokens.expiry,
        scopes=tokens.scopes,
        missing_scopes=tuple(scope for scope in connection.requested_scopes if scope not in tokens.scopes),
        consent_ends_at=tokens.refresh_expires_at,
    )


def _of_time(connection: Connection, tokens: SealedTokens, now: int) -> Status:
    over_at, trouble = tokens.expires_at or 0, connection.renewal
    if is_over(connection, now) and has_ended(tokens, now):
        return Status("expired", "consent_ended", max(over_at, tokens.refresh_expires_at or 0), "reconnect")
    if is_over(connection, now) and trouble.failures > 0:
        return Status("expired", trouble.last_error, max(over_at, trouble.failing_since or 0), "wait")
    if ends_soon(tokens, now):
        return Status("connected", "consent_ends_soon", connection.since, "reconnect")
    return Status("connected", None, connection.since, "none")


def _with_what_is_known(
    status: Status, connection: Connection | None, installation: Installation, member: Member, now: int
) -> Status:
    """Add what the row tells besides. Of a connection that does not count any more nothing is told but who made it."""
    disabled = not installation.enabled
    if connection is None:
        return replace(status, disabled=disabled)
    counts = connection.standing == standing_now(installation, member)
    held = connection.tokens if counts else None
    return replace(
        status,
        disabled=disabled,
        last_success_at=held.obtained_at if held else None,
        last_error=_last_error(status, connection) if counts else None,
        authorized_by=_authorized_by(connection, installation),
        renewable=_is_renewable(held, status, now) if held else None,
        account=connection.account if held else None,
    )


def _is_renewable(tokens: SealedTokens, status: Status, now: int) -> bool | None:
    """See `Status`. What the MCP server rejects is renewed all the same."""
    if tokens.refresh is None:
        return False
    has_to_reconnect = status.status == "auth_required" and status.reason != "rejected"
    return None if has_to_reconnect or has_ended(tokens, now) else True


def _last_error(status: Status, connection: Connection) -> LastError | None:
    if status.status == "auth_required":
        return LastError(status.reason, status.since) if status.reason in FAULTS else None
    trouble = connection.renewal
    if trouble.last_error is None or not trouble.failures:
        return None
    return LastError(trouble.last_error, trouble.failing_since or connection.since)


def _authorized_by(connection: Connection, installation: Installation) -> AuthorizedBy | None:
    """Of a shared connection: one's own says nothing that one does not know."""
    if installation.sharing != "shared" or not connection.authorized_by:
        return None
    return AuthorizedBy(connection.authorized_by, connection.authorizer_left_at)


def _can_act(status: Status, installation: Installation, member: Member) -> bool:
    """Whether what would help is this person's to do. Nothing is renewed or connected while it is disabled."""
    if not installation.enabled:
        return False
    return status.next == "wait" or installation.sharing == "per_user" or member.is_admin
