"""What an authorization server saw of each connection's refresh tokens: a ledger of their hashes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from local.peers.wire import Exchange
from local.services.exchange import fingerprint

NOBODY = ""
"""Whose a refresh token is that the server never gave to anybody."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One refresh token that came to the server, by its SHA-256. `given`: it was answered with new tokens. Times are seconds
    since the epoch."""

    token: str
    came_at: float
    answered_at: float
    given: bool


@dataclass(slots=True)
class Book:
    """One grant: when its code was redeemed, which refresh tokens came, the oldest first; and how to try the newest one."""

    redeemed_at: float
    sightings: list[Sighting] = field(default_factory=list)
    newest: str = field(default="", repr=False)
    last: Exchange | None = field(default=None, repr=False)

    @property
    def refreshes(self) -> int:
        return sum(one.given for one in self.sightings)

    def repeated(self) -> list[tuple[Sighting, Sighting]]:
        """Each sighting of a refresh token that had been seen before, after the one before it."""
        before: dict[str, Sighting] = {}
        found = []
        for one in self.sightings:
            if one.token in before:
                found.append((before[one.token], one))
            before[one.token] = one
        return found

    def shortest_life(self) -> float:
        """The shortest time, in seconds, from one pair of tokens to the request for the next."""
        given = [self.redeemed_at, *(one.answered_at for one in self.sightings if one.given)]
        asked = [one.came_at for one in self.sightings if one.given]
        return min((later - earlier for earlier, later in zip(given, asked, strict=False)), default=float("inf"))


def books(exchanges: Iterable[Exchange], codes: Mapping[str, str]) -> dict[str, Book]:
    """Sort what came to a token endpoint by whose it was.

    `codes` tells whose each code was, by its SHA-256; from there on every refresh token belongs to whom it was given.
    """
    kept: dict[str, Book] = {}
    owners: dict[str, str] = {}
    for one in exchanges:
        form, given = one.form, one.given if one.status == 200 else {}
        if form.get("grant_type") == "authorization_code":
            owner = codes.get(fingerprint(form.get("code", "")), NOBODY)
            kept[owner] = Book(one.answered_at)
        else:
            shown = fingerprint(form.get("refresh_token", ""))
            owner = owners.get(shown, NOBODY)
            book = kept.setdefault(owner, Book(one.answered_at))
            book.sightings.append(Sighting(shown, one.came_at, one.answered_at, bool(given)))
            book.last = one
        if "refresh_token" in given:
            kept[owner].newest = given["refresh_token"]
            owners[fingerprint(given["refresh_token"])] = owner
    return kept
