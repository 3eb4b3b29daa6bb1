"""What people see of a connection: derived when it is read, never stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from strongroom.domain.connection import Connection, Expiry, Owner, SealedTokens, Standing
from strongroom.domain.consent import ends_soon, has_ended
from strongroom.domain.installation import Installation
from strongroom.domain.team import Member

Name: TypeAlias = Literal["connected", "expired", "auth_required", "not_connected"]
Next: TypeAlias = Literal["connect", "reconnect", "wait", "none"]
REJECTIONS_COUNT_FOR = 900
MOST_REJECTIONS = 4


@dataclass(frozen=True, slots=True)
class Status:
    """`since` is 0 when nothing ever happened. `next` is what the person can do: connect, reconnect, wait or nothing.
    `expiry` is what is known of the token's end; None if there is no token to speak of. `consent_ends_at`: when renewing
    ends, as things stand; None: nobody has said."""

    status: Name
    reason: str | None
    since: int
    next: Next
    expires_at: int | None = None
    expiry: Expiry | None = None
    scopes: tuple[str, ...] = ()
    missing_scopes: tuple[str, ...] = ()
    consent_ends_at: int | None = None


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
    recent = [(version, at) for version, at in connection.rejected if now - at < REJECTIONS_COUNT_FOR]
    if connection.tokens is None or connection.tokens.refresh is None:
        return str(connection.version) in dict(recent)
    return any(
        version != other and 0 <= at - before < REJECTIONS_COUNT_FOR
        for version, at in recent
        for other, before in connection.rejected
    )


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
    """
    if connection is None:
        return "never_connected"
    if connection.standing.epoch != expected.epoch:
        return "never_connected"
    if connection.standing.binding != expected.binding:
        return expected.rebound or "installation_changed"
    if connection.reason is not None:
        return connection.reason
    if connection.tokens is None:
        return "never_connected"
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
        replaced = _needs_a_person(connection, installation, member, "client_replaced")
        return replace(replaced, since=client_retired_at)
    if reason is not None or connection is None or connection.tokens is None:
        return _needs_a_person(connection, installation, member, reason or "never_connected")
    tokens = connection.tokens
    name, why, action = _serving(connection, tokens, now)
    return Status(
        status=name,
        reason=why,
        since=connection.since,
        next=action if action == "wait" or _may_connect(installation, member) else "none",
        expires_at=tokens.expires_at,
        expiry=tokens.expiry,
        scopes=tokens.scopes,
        missing_scopes=tuple(scope for scope in connection.requested_scopes if scope not in tokens.scopes),
        consent_ends_at=tokens.refresh_expires_at,
    )


def _serving(connection: Connection, tokens: SealedTokens, now: int) -> tuple[Name, str | None, Next]:
    """Say whether it serves just now, why not, and what a person can do about it."""
    if is_over(connection, now) and has_ended(tokens, now):
        return "expired", "consent_ended", "reconnect"
    if is_over(connection, now) and connection.renewal.failures > 0:
        return "expired", connection.renewal.last_error, "wait"
    if ends_soon(tokens, now):
        return "connected", "consent_ends_soon", "reconnect"
    return "connected", None, "none"


def _needs_a_person(connection: Connection | None, installation: Installation, member: Member, reason: str) -> Status:
    may_connect = _may_connect(installation, member)
    since = connection.since if connection is not None and reason != "never_connected" else 0
    if installation.sharing == "shared" and reason == "never_connected":
        return Status("not_connected", None, since, "connect" if may_connect else "none")
    again: Next = "connect" if reason == "never_connected" else "reconnect"
    return Status("auth_required", reason, since, again if may_connect else "none")


def _may_connect(installation: Installation, member: Member) -> bool:
    return installation.sharing == "per_user" or member.is_admin
