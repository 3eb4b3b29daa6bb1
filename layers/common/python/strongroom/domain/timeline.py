"""Why am I disconnected: what happened to one connection, what troubles it now, and what happens next.

Made of the connection's row and of its records. Records hold ids and codes of ours, never a secret or a provider's text,
and only what is named here leaves them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from strongroom.domain.breaker import Breaker
from strongroom.domain.connection import Connection, Standing
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.record import KEPT_FOR, month_of
from strongroom.domain.rows import number, optional_number, optional_text
from strongroom.domain.table import Item
from strongroom.domain.team import Member
from strongroom.domain.web_url import web_url

MOST_EVENTS = 20
PAGE = 50
LONG = 900
"""Seconds of failing after which its end is worth telling."""

STRONGROOM = "strongroom"
FACTS = (
    *("sharing", "provider", "issuer", "generation", "failures", "failing_since", "role", "satellite", "allowed"),
    *("url", "scopes", "client_id", "authorization_endpoint", "token_endpoint", "revocation_endpoint"),
    *("parameters", "pkce_unlisted"),
    *("changed", "name", "requires_oauth", "entries"),
)
"""What a record may tell an admin besides its own members."""

_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.ASCII)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_AHEAD = 60

Fact = str | int | bool


@dataclass(frozen=True, slots=True)
class Told:
    """One record, as it is stored. `user` is whom it is about, if that is not who did it; `link` a page of the provider's
    where a person does what is left to do."""

    id: str
    event: str
    at: int
    by: str
    user: str | None
    installation: str | None
    reason: str | None
    outcome: str | None
    facts: tuple[tuple[str, Fact], ...]
    link: str | None = None

    @classmethod
    def from_item(cls, item: Item, *, loopback: bool) -> Told:
        """Read a record. People click on its link: whatever is in the row, it is an https URL, or none (`loopback`: or http
        on this machine)."""
        page = web_url(item.get("page"), loopback=loopback)
        return cls(
            id=str(item["SK"]),
            event=str(item["event"]),
            at=number(item, "at"),
            by=str(item["by"]),
            user=optional_text(item, "user"),
            installation=optional_text(item, "installation"),
            reason=optional_text(item, "reason") or optional_text(item, "why"),
            outcome=optional_text(item, "outcome"),
            facts=_facts(item),
            link=page.text if page is not None else None,
        )

    def fact(self, name: str) -> int | None:
        """Give a fact that is a number, if there is one."""
        value = dict(self.facts).get(name)
        return value if isinstance(value, int) else None

    def by_for(self, reader: Member | None) -> str | None:
        """Who did it, as far as this reader may know: themselves, or Strongroom; admins learn it of everybody, and so does
        the team's host (None)."""
        if reader is None:
            return self.by
        return self.by if reader.is_admin or self.by in (reader.user, STRONGROOM) else None


def _facts(item: Item) -> tuple[tuple[str, Fact], ...]:
    """Only what has a name here leaves a record, whatever else is in the row."""
    known = ((name, item.get(name)) for name in FACTS)
    return tuple((name, value) for name, value in known if isinstance(value, str | int))


def is_kept(item: Item, now: int) -> bool:
    """Whether a record still counts: the table forgets it some time after its end."""
    return (optional_number(item, "ttl") or 0) > now


@dataclass(frozen=True, slots=True)
class Trouble:
    """Renewals fail, or have to wait. `since` is the first failure in a row, `error` our code of the last, `next_try_at` not
    before when the next attempt is made. Seconds since the epoch."""

    since: int | None
    failures: int
    error: str
    next_try_at: int


def trouble_of(connection: Connection | None, standing: Standing, provider: Breaker, now: int) -> Trouble | None:
    """Say what troubles the renewals of a connection that still counts; None if nothing does, or a person has to act.

    A provider that is left alone for a while holds up whoever would have to ask it before that is over.
    """
    if connection is None or connection.standing != standing or connection.reason is not None:
        return None
    state, tokens = connection.renewal, connection.tokens
    if tokens is None or tokens.refresh is None:
        return None
    known = provider.remembered(now)
    held_up = now < known.open_until and (state.failures > 0 or 0 < state.due_at <= known.open_until)
    if not state.failures and not held_up:
        return None
    again = max(state.retry_at, known.open_until) if held_up else state.retry_at
    return Trouble(state.failing_since, state.failures, state.last_error or known.why, again)


def was_noticed(connection: Connection, at: int) -> bool:
    """Whether the end of failing, now that new tokens are here, is worth a record: only if it took long, since a provider
    may fail and recover as often as it likes.

    `connection` is the row as it was before the renewal that succeeded, `at` when that one was sent.
    """
    state = connection.renewal
    return state.failures > 0 and state.failing_since is not None and at - state.failing_since >= LONG


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page of a team's records ended. It is a moment and nothing else: whose records are read, the caller's own
    request says."""

    id: str

    @property
    def at(self) -> int:
        """Seconds since the epoch."""
        milliseconds = 0
        for letter in self.id[:10]:
            milliseconds = milliseconds * 32 + _CROCKFORD.index(letter)
        return milliseconds // 1000


def checked_position(text: str, now: float) -> Position:
    """Raises: InvalidRequest: If no page can have ended there."""
    position = Position(text)
    if not _ULID.fullmatch(text) or position.at > now + _AHEAD:
        raise InvalidRequest("next is what an earlier page gave as `next`")
    return position


def months_back(start: int, oldest: int) -> Iterator[str]:
    """Name the months from one time back to an earlier one, newest first."""
    if start < oldest:
        return
    day, last = datetime.fromtimestamp(start, UTC), month_of(oldest)
    while month_of(day.timestamp()) >= last:
        yield month_of(day.timestamp())
        day = day.replace(day=1) - timedelta(days=1)


def oldest_kept(now: int, team_made_at: int) -> int:
    """No record that still counts is older."""
    return max(team_made_at, now - KEPT_FOR)
