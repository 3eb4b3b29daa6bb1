"""The rules of renewing one connection so that no grant is lost.

A result is committed on the version, not on the lease: success if the version is unchanged, failure only if the version
is unchanged and the lease is mine. Blind writes bring revoked tokens back even under a perfect lock; "only if I hold the
lease" throws away the newest token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain import consent, refresh_life
from strongroom.domain.catalog import Refreshing
from strongroom.domain.connection import NO_ANSWER, RENEWAL_ATTRIBUTES, Connection
from strongroom.domain.exchange import Issued
from strongroom.domain.policy import Policy
from strongroom.domain.schedule import SECOND_LOOK_AFTER, Life, due_at, retry_after
from strongroom.domain.sealed_tokens import SealedTokens
from strongroom.domain.table import Below, Change, Condition, Every, Is, Lacks, Value, either, every

CALL = 10.0
"""Seconds for the provider's answer. CALL < LEASE < the function's timeout (25) < the queue's visibility (30)."""
LEASE = 20
CLOCKS_APART = 2
DIAL = 5.0
LEAST_DIAL = 1.0
"""Seconds for reaching the provider: at most, and what is worth trying."""
ONE_WRITE = 7.0
"""Seconds that one write may take to a table that says nothing."""
COMMIT = ONE_WRITE + 1
"""Seconds that must be left after the call for keeping what it gave: one write, and then the rescue queue."""

SECOND_LOOK_IS_OF_USE = 180
"""Seconds after an intent: the later of the two second looks, and a minute for the queue."""

NOTHING_KNOWN = Refreshing()


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


def assess(connection: Connection, now: float, second_look: int = SECOND_LOOK_AFTER) -> Readiness:
    """Say whether this connection may be renewed now.

    After a request without an answer there is one deliberate second look, so many seconds after its intent.
    """
    state = connection.renewal
    if connection.tokens is None or connection.tokens.refresh is None:
        return Leave("no_refresh_token")
    if state.lease is not None and now < state.lease_until + CLOCKS_APART:
        return Busy((state.intent_at or int(now)) + second_look)
    if state.intents and state.intent_at is not None and now < state.intent_at + second_look:
        return Busy(state.intent_at + second_look)
    if now < state.retry_at:
        return Leave("backing_off", state.retry_at)
    return Go()


def is_second_look(connection: Connection, now: float) -> bool:
    """Whether the next attempt is the one deliberate repetition after a lost answer, while it is of use.

    It asks even a provider that is left alone, or busy with others: the window in which a spent token is forgiven is short,
    and it is one request for each answer that was lost.
    """
    state = connection.renewal
    return state.intents == 1 and state.intent_at is not None and now < state.intent_at + SECOND_LOOK_IS_OF_USE


def take_lease(connection: Connection, lease: str, now: float, second_look: int = SECOND_LOOK_AFTER) -> Change:
    """The write that gives one worker the right to renew, and records that the refresh token may be spent.

    The lease counts from before this request is sent. Nobody may have tried since the row was read: their attempt may
    have spent the token, and the pause after it would be skipped. What was not due soon becomes due at the second look:
    a worker that dies leaves no message behind if it renewed on demand.
    """
    again = int(now) + second_look
    put: dict[str, Value] = {
        "lease": lease,
        "lease_until": int(now) + LEASE,
        "intent_at": int(now),
        "intents": connection.renewal.intents + 1,
        **({"due_at": again} if connection.renewal.due_at > again else {}),
    }
    return Change(connection.key, every(*_untried(connection, now)), put=put)


def _untried(connection: Connection, now: float) -> tuple[Condition, ...]:
    """Nobody renews just now, and nobody has tried since the row was read."""
    free = either(Lacks("lease"), Below("lease_until", int(now) - CLOCKS_APART))
    read = {"failures": connection.renewal.failures or None, "intent_at": connection.renewal.intent_at}
    as_read = (Lacks(name) if value is None else Is(name, value) for name, value in read.items())
    return (connection.version.unchanged(), free, *as_read)


def renewed_tokens(
    connection: Connection,
    issued: Issued,
    access: bytes,
    refresh: bytes,
    asked_at: float,
    kept: bool = False,
    known: Refreshing = NOTHING_KNOWN,
) -> SealedTokens:
    """What the row will know of the new tokens. What the provider left out stays as it was (RFC 6749 §5.1, §6).

    `kept`: the refresh token is the one from before.
    """
    old = connection.tokens
    before = None if issued.endless or old is None else old.lifetime
    lifetime = issued.lifetime if issued.lifetime is not None else before
    scopes = issued.scopes if issued.scopes is not None else (old.scopes if old else ())
    lasting = refresh_life.after_renewal(old, issued, kept, int(asked_at), known)
    return SealedTokens(
        access,
        refresh,
        issued.expires_at,
        lifetime,
        int(asked_at),
        scopes,
        issued.endless,
        refresh_expires_at=lasting.ends_at,
        refresh_extended_at=lasting.extended_at,
    )


def next_due(
    tokens: SealedTokens,
    last_used_at: int,
    policy: Policy,
    now: int,
    chance: float,
    known: Refreshing = NOTHING_KNOWN,
) -> int:
    """When the schedule takes up these tokens. `known` is how refresh tokens behave at their provider."""
    life = Life(tokens.obtained_at, tokens.expires_at, tokens.lifetime, tokens.endless, unused_life(known))
    due = due_at(life, last_used_at, now, policy, chance)
    tried_by = consent.tried_by(tokens, policy)
    return due if tried_by is None else min(due, tried_by)


def unused_life(known: Refreshing) -> int | None:
    """For how many seconds a refresh token may lie unused: where each use gives another one, for its whole life."""
    limits = (known.idle, known.lifetime if known.rotates and not known.from_consent else None)
    return min((limit for limit in limits if limit is not None), default=None)


def refused(connection: Connection, lease: str, now: int, restored_at: int = 0) -> Change:
    """The provider ended the grant. If an earlier request had no answer, that one may have spent the token: say so; or that
    the table was restored, if a newer token than this one may have been lost with it.

    The refresh token stays: it ends only by a revoke, a cut or a completed reconnect, each through a chore.
    """
    suspect = connection.tokens is not None and connection.tokens.are_suspect(restored_at, now)
    reason = "restored" if suspect else "lost_response" if connection.renewal.intents else "refused"
    drop = (*RENEWAL_ATTRIBUTES, "due_shard", "due_at")
    return Change(connection.key, _mine(connection, lease), put={"status_reason": reason, "since": now}, drop=drop)


def replaced(connection: Connection, now: int) -> Change:
    """Our client at the provider has been retired: nothing was sent. Written only while nobody renews, who may be about to
    succeed. The tokens stay, as for `refused`."""
    drop = (*RENEWAL_ATTRIBUTES, "due_shard", "due_at")
    put: dict[str, Value] = {"status_reason": "client_replaced", "since": now}
    return Change(connection.key, every(*_untried(connection, now)), put=put, drop=drop)


def failed(connection: Connection, lease: str, error: str, wait: int | None, now: int, chance: float) -> Change:
    """A fault with a definite answer: nothing was spent, tokens untouched, later again.

    What an earlier attempt may have spent stays remembered. `wait` is what the provider asked for, in seconds.
    """
    earlier = connection.renewal
    if wait is not None and earlier.failures:
        # Kept to the second at first; who asks for one second each time is left alone for longer all the same.
        wait = max(wait, retry_after(earlier.failures + 1, chance))
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
    """Nothing left us. Written only while nobody holds a lease, who may be about to succeed, and over no newer attempt.

    A lease that a dead worker left is forgotten: the table takes this write, so it took a pending rescue before the pause
    that follows is over. Whoever comes then has all the time for reaching the provider.
    """
    put = _trouble(connection, error, None, now, chance)
    drop = ("lease", "lease_until") if connection.renewal.lease is not None else ()
    return Change(connection.key, every(*_untried(connection, now)), put=put, drop=drop)


def unclear(
    connection: Connection, lease: str, intent_at: int, now: int, second_look: int = SECOND_LOOK_AFTER
) -> Change:
    """Sent, and no answer: the refresh token may be spent. The intent stays, for the second look.

    However often it has failed before, the second look waits its time and no longer; only if it gets no answer either, the
    pauses grow.
    """
    again, earlier = intent_at + second_look, connection.renewal
    later = now + retry_after(earlier.failures + 1, 0.5) if earlier.is_unanswered else again
    put = _trouble(connection, NO_ANSWER, max(again, later) - now, now, 0.0)
    return Change(connection.key, _mine(connection, lease), put=put, drop=("lease", "lease_until"))


def _trouble(connection: Connection, error: str, wait: int | None, now: int, chance: float) -> dict[str, Value]:
    failures = connection.renewal.failures + 1
    retry_at = now + (wait if wait is not None else retry_after(failures, chance))
    since = connection.renewal.failing_since
    return {
        "failures": failures,
        "failing_since": now if since is None else since,
        "last_error": error,
        "retry_at": retry_at,
        "due_at": retry_at,
    }


def _mine(connection: Connection, lease: str) -> Every:
    return every(connection.version.unchanged(), Is("lease", lease))
