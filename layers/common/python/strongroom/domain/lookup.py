"""What a look-up answers, decided from one consistent read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain.connection import Connection, Standing
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.status import person_must_act

USUAL_VALIDITY = 60
LONGEST_VALIDITY = 600
LEAST_VALIDITY = 10
LONGEST_CACHE = 60
LONGEST_WAIT = 12.0


@dataclass(frozen=True, slots=True)
class Wish:
    """How good the token must be: seconds of validity left, and not the version that was seen to fail."""

    min_validity: int = USUAL_VALIDITY
    not_version: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_validity <= LONGEST_VALIDITY:
            raise InvalidRequest(f"min_validity is 0 to {LONGEST_VALIDITY} seconds")


@dataclass(frozen=True, slots=True)
class HandOut:
    """This connection's token is good enough."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Renew:
    """Renew first. `good_enough`: if that fails for a passing fault, the present token may still be handed out."""

    connection: Connection
    good_enough: bool


@dataclass(frozen=True, slots=True)
class PersonMustAct:
    """Nothing can be given until somebody connects, reconnects or waits out a rejection."""

    reason: str


Decision: TypeAlias = HandOut | Renew | PersonMustAct


def decide(connection: Connection | None, expected: Standing, wish: Wish, now: float) -> Decision:
    """Decide what to do for a look-up.

    A token is good enough with `min_validity` seconds left, or with half of its own life left if that is less, so that
    short-lived tokens are not renewed at every call. A token of unknown expiry is good until it is reported. After a
    failed renewal, ten seconds are enough.
    """
    reason = person_must_act(connection, expected, int(now))
    if reason is not None or connection is None or connection.tokens is None:
        return PersonMustAct(reason or "never_connected")
    forced = wish.not_version == str(connection.version)
    if not forced and _left(connection, now) >= _wanted(connection, wish):
        return HandOut(connection)
    if connection.tokens.refresh is not None:
        return Renew(connection, good_enough=not forced and is_usable(connection, now))
    if forced:
        return PersonMustAct("rejected")
    return HandOut(connection) if is_usable(connection, now) else PersonMustAct("expired_without_refresh")


def is_usable(connection: Connection, now: float) -> bool:
    """Whether the token is good for the ten seconds that a call needs."""
    return _left(connection, now) >= LEAST_VALIDITY


def cache_until(connection: Connection, now: float) -> int:
    """How long a satellite may keep the answer: the promise after a revocation is sixty seconds."""
    return int(min(now + LONGEST_CACHE, now + _left(connection, now)))


def _left(connection: Connection, now: float) -> float:
    expires_at = connection.tokens.expires_at if connection.tokens else 0
    return float("inf") if expires_at is None else expires_at - now


def _wanted(connection: Connection, wish: Wish) -> float:
    lifetime = connection.tokens.lifetime if connection.tokens else None
    return min(wish.min_validity, lifetime / 2) if lifetime is not None else wish.min_validity
