"""The rules of renewing one connection so that no grant is lost.

A result is committed on the version, not on the lease: success if the version is unchanged, failure only if the version
is unchanged and the lease is mine. Blind writes bring revoked tokens back even under a perfect lock; "only if I hold the
lease" throws away the newest token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain.connection import RENEWAL_ATTRIBUTES, Connection, SealedTokens
from strongroom.domain.exchange import Issued
from strongroom.domain.policy import Policy
from strongroom.domain.schedule import Life, due_at, retry_after, second_look_at
from strongroom.domain.table import Below, Change, Every, Is, Lacks, Value, either, every

CALL = 10.0
"""Seconds for the provider's answer. CALL < LEASE < the function's timeout (25) < the queue's visibility (30)."""
LEASE = 20
CLOCKS_APART = 2
DIAL = 5.0
COMMIT = 3.0
"""Seconds that must be left after the call for writing what it gave."""


@dataclass(frozen=True, slots=True)
class Go:
    """Nothing stands against a renewal now."""


@dataclass(frozen=True, slots=True)
class Busy:
    """Somebody else renews, or has crashed while renewing. `until`: look again then."""

    until: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Not now, or not at all. `why` is a stable word; `until` 0 if waiting does not help."""

    why: str
    until: int = 0


Readiness: TypeAlias = Go | Busy | Leave


def assess(connection: Connection, now: float) -> Readiness:
    """Say whether this connection may be renewed now.

    After a request without an answer there is one deliberate second look, thirty seconds after its intent: providers
    with a grace window still take the old token then.
    """
    state = connection.renewal
    if connection.tokens is None or connection.tokens.refresh is None:
        return Leave("no_refresh_token")
    if state.lease is not None and now < state.lease_until + CLOCKS_APART:
        return Busy(second_look_at(state.intent_at or int(now)))
    if state.intents and state.intent_at is not None and now < second_look_at(state.intent_at):
        return Busy(second_look_at(state.intent_at))
    if now < state.retry_at:
        return Leave("backing_off", state.retry_at)
    return Go()


def take_lease(connection: Connection, lease: str, now: float) -> Change:
    """The write that gives one worker the right to renew, and records that the refresh token may be spent.

    The lease counts from before this request is sent.
    """
    free = either(Lacks("lease"), Below("lease_until", int(now) - CLOCKS_APART))
    put: dict[str, Value] = {
        "lease": lease,
        "lease_until": int(now) + LEASE,
        "intent_at": int(now),
        "intents": connection.renewal.intents + 1,
    }
    return Change(connection.key, every(connection.version.unchanged(), free), put=put)


def renewed_tokens(
    connection: Connection, issued: Issued, access: bytes, refresh: bytes, asked_at: float
) -> SealedTokens:
    """What the row will know of the new tokens. What the provider left out stays as it was (RFC 6749 §5.1, §6)."""
    old = connection.tokens
    lifetime = issued.lifetime if issued.lifetime is not None else (old.lifetime if old else None)
    scopes = issued.scopes if issued.scopes is not None else (old.scopes if old else ())
    return SealedTokens(access, refresh, issued.expires_at, lifetime, int(asked_at), scopes)


def next_due(tokens: SealedTokens, last_used_at: int, policy: Policy, now: int, chance: float) -> int:
    """When the schedule takes up these tokens."""
    return due_at(Life(tokens.obtained_at, tokens.expires_at, tokens.lifetime), last_used_at, now, policy, chance)


def refused(connection: Connection, lease: str, now: int) -> Change:
    """The provider ended the grant. If an earlier request had no answer, that one may have spent the token: say so.

    The refresh token stays: it ends only by a revoke, a cut or a completed reconnect, each through a chore.
    """
    reason = "lost_response" if connection.renewal.intents else "refused"
    drop = (*RENEWAL_ATTRIBUTES, "due_shard", "due_at")
    return Change(connection.key, _mine(connection, lease), put={"status_reason": reason, "since": now}, drop=drop)


def failed(connection: Connection, lease: str, error: str, wait: int | None, now: int, chance: float) -> Change:
    """A fault with a definite answer: nothing was spent, tokens untouched, later again.

    What an earlier attempt may have spent stays remembered. `wait` is what the provider asked for, in seconds.
    """
    earlier = connection.renewal
    put = _trouble(connection, error, wait, now, chance) | {"intents": earlier.intents}
    if earlier.intent_at is not None:
        put["intent_at"] = earlier.intent_at
    forget = () if earlier.intent_at is not None else ("intent_at",)
    return Change(connection.key, _mine(connection, lease), put=put, drop=("lease", "lease_until", *forget))


def failed_and_maybe_spent(
    connection: Connection, lease: str, error: str, wait: int | None, now: int, chance: float
) -> Change:
    """A fault after the provider may have done its work: as `failed`, but the intent is remembered."""
    put = _trouble(connection, error, wait, now, chance)
    return Change(connection.key, _mine(connection, lease), put=put, drop=("lease", "lease_until"))


def failed_before_lease(connection: Connection, error: str, now: int, chance: float) -> Change:
    """Nothing left us. Written only while nobody holds a lease, which may be about to succeed."""
    put = _trouble(connection, error, None, now, chance)
    return Change(connection.key, every(connection.version.unchanged(), Lacks("lease")), put=put)


def unclear(connection: Connection, lease: str, intent_at: int, now: int) -> Change:
    """Sent, and no answer: the refresh token may be spent. The intent stays, for the second look."""
    again = second_look_at(intent_at)
    later = now + retry_after(connection.renewal.failures, 0.5) if connection.renewal.failures else again
    put = _trouble(connection, "no_answer", max(again, later) - now, now, 0.0)
    return Change(connection.key, _mine(connection, lease), put=put, drop=("lease", "lease_until"))


def _trouble(connection: Connection, error: str, wait: int | None, now: int, chance: float) -> dict[str, Value]:
    failures = connection.renewal.failures + 1
    retry_at = now + (wait if wait is not None else retry_after(failures, chance))
    return {"failures": failures, "last_error": error, "retry_at": retry_at, "due_at": retry_at}


def _mine(connection: Connection, lease: str) -> Every:
    return every(connection.version.unchanged(), Is("lease", lease))
