"""What a look-up answers, decided from one consistent read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain.connection import Connection, Standing
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.sealed_tokens import SealedTokens
from strongroom.domain.status import person_must_act

USUAL_VALIDITY = 60
LONGEST_VALIDITY = 600
LEAST_VALIDITY = 10
LONGEST_CACHE = 60
LONGEST_WAIT = 12.0
LEAST_INTERVAL = 10
"""Seconds after a renewal in which no look-up asks for another one. Whatever a provider says of its tokens, it is asked six
times a minute at most, however many ask us; a token that is over sooner is not good for the ten seconds of a call anyway."""


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


@dataclass(frozen=True, slots=True)
class TooSoon:
    """The token is over, and was renewed so short a time ago that the provider is left alone. `until`: ask again then."""

    until: int


Decision: TypeAlias = HandOut | Renew | PersonMustAct | TooSoon


def decide(connection: Connection | None, expected: Standing, wish: Wish, now: float, restored_at: int = 0) -> Decision:
    """Decide what to do for a look-up.

    A token is good enough with `min_validity` seconds left, or with half of its own life left if that is less, so that
    short-lived tokens are not renewed at every call. A token of unknown expiry is good until it is reported. After a
    failed renewal, ten seconds are enough. One from before the table was restored is not handed out: it may have been
    revoked since.
    """
    reason = person_must_act(connection, expected, int(now), restored_at)
    if reason is not None or connection is None or connection.tokens is None:
        return PersonMustAct(reason or "never_connected")
    suspect = connection.tokens.are_suspect(restored_at, int(now))
    forced = wish.not_version == str(connection.version)
    if not (forced or suspect) and _left(connection, now) >= _wanted(connection, wish):
        return HandOut(connection)
    if connection.tokens.refresh is None:
        return _without_renewal(connection, forced, now)
    if forced or suspect:
        return Renew(connection, good_enough=False)
    return _renewal(connection, connection.tokens, now)


def _without_renewal(connection: Connection, forced: bool, now: float) -> Decision:
    if forced:
        return PersonMustAct("rejected")
    return HandOut(connection) if is_usable(connection, now) else PersonMustAct("expired_without_refresh")


def _renewal(connection: Connection, tokens: SealedTokens, now: float) -> Decision:
    """Renew, unless that was done a moment ago: then what is there is handed out for as long as it lasts.

    A forced renewal is exempt: there is one for each version, and the second version that is rejected forces none.
    """
    allowed_at = tokens.obtained_at + LEAST_INTERVAL
    if now >= allowed_at:
        return Renew(connection, good_enough=is_usable(connection, now))
    return HandOut(connection) if _left(connection, now) > 0 else TooSoon(allowed_at)


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
