"""What the actors share: rows, what was sent, the provider and the time, each a thing that is replaced and never changed."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import cast

from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.table import Key, Write
from strongroom.ports import Message
from tests.fakes.clock import FakeClock
from tests.fakes.egress import FakeEgress
from tests.fakes.provider import FakeProvider, Grant, serve_mcp
from tests.fakes.rows import Row
from tests.fakes.table import FakeTable
from tests.world import MCP_URL

PROVIDER = "the provider"
CLOCK = "the clock"
EVERYTHING = "everything"
"""What a query may see."""
RESCUE = ("sent", "rescue", "anybody")
CHORES = "the chore queue"
"""What a worker of the chore queue waits for: whatever anybody has sent there."""


def mark_of(mark: str) -> tuple[str, str]:
    """What the table remembers of one transaction."""
    return ("mark", mark)


def sent_by(queue: str, actor: str) -> tuple[str, str, str]:
    """What one actor has put on a queue: two who send do not meet, unless somebody receives there."""
    return RESCUE if queue == "rescue" else ("sent", queue, actor)


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of the surroundings. Equal digests mean equal things."""

    value: object
    digest: bytes

    @classmethod
    def of(cls, value: object) -> Thing:
        return cls(value, _digest(value))


def _digest(value: object) -> bytes:
    if isinstance(value, Mapping):
        value = sorted(value.items())
    return hashlib.blake2b(repr(value).encode(), digest_size=16).digest()


@dataclass
class WatchedProvider(FakeProvider):
    """Remembers whose every token was, and how often a spent refresh token came back."""

    issued: dict[str, str] = field(default_factory=dict)
    reused: int = 0
    refused: int = 0

    def __repr__(self) -> str:
        grants = [(g.alive, g.access, g.refresh, sorted(g.spent), vars(g)) for g in self.grants]
        others = (sorted(self.codes), sorted(self.clients), sorted(self.revoked), self.reused, self.refused)
        return repr((self._serial, grants, *others))

    def copied(self, clock: FakeClock) -> WatchedProvider:
        twin = copy(self)
        twin.clock, twin.codes, twin.issued = clock, dict(self.codes), dict(self.issued)
        twin.grants = [replace(grant, spent=set(grant.spent)) for grant in self.grants]
        twin.revoked, twin.token_requests, twin.clients = list(self.revoked), [], dict(self.clients)
        return twin

    def honest(self, request: Outgoing) -> Answer:
        before = self._serial
        token = self.token_requests[-1].get("refresh_token")
        self.reused += any(token in grant.spent for grant in self.grants)
        answer = super().honest(request)
        self.refused += self._serial == before
        return answer

    def _issue(self, grant: Grant) -> Answer:
        answer = super()._issue(grant)
        self.issued[grant.access] = grant.account
        return answer


class Surroundings:
    """The fakes, made of things, for as long as one request takes. `changed` is what it has changed."""

    def __init__(self, things: Mapping[Hashable, Thing], now: float) -> None:
        self.clock = FakeClock(now)
        self.table = _TableOf(things, self.clock)
        self.changed: dict[Hashable, object] = self.table.changed
        self._things = things
        self._provider: WatchedProvider | None = None

    @property
    def provider(self) -> WatchedProvider:
        if self._provider is None:
            self._provider = cast(WatchedProvider, self._things[PROVIDER].value).copied(self.clock)
            self.changed[PROVIDER] = self._provider
        return self._provider

    def answer(self, request: Outgoing) -> Answer:
        """Let the provider, or the MCP server before it, answer."""
        outside = FakeEgress()
        self.provider.serve(outside)
        serve_mcp(outside, MCP_URL, self.provider.issuer)
        return outside.send(request)

    def send(self, place: Hashable, messages: Sequence[Message]) -> None:
        now = self.clock.now()
        self.changed[place] = (*sent(self._things, place), *((now + message.delay, message) for message in messages))

    def rescued(self) -> Message:
        """The first message of the rescue queue."""
        return sent(self._things, RESCUE)[0][1]

    def first_chore(self) -> Message:
        """A message of the chore queue."""
        return waiting_chores(self._things)[0]


def sent(things: Mapping[Hashable, Thing], place: Hashable) -> tuple[tuple[float, Message], ...]:
    """What lies on a queue, each with the time from which it can be seen."""
    return cast("tuple[tuple[float, Message], ...]", things[place].value) if place in things else ()


def waiting_chores(things: Mapping[Hashable, Thing]) -> list[Message]:
    """What lies on the chore queue, whoever has sent it."""
    places = sorted(place for place in things if isinstance(place, tuple) and place[:2] == ("sent", "chore"))
    return [message for place in places for _, message in sent(things, place)]


class _TableOf(FakeTable):
    """The fake table over things; tells which rows and marks a commit has made."""

    def __init__(self, things: Mapping[Hashable, Thing], clock: FakeClock) -> None:
        super().__init__(clock)
        self.changed: dict[Hashable, object] = {}
        self._rows = {key: cast(Row, thing.value) for key, thing in things.items() if isinstance(key, Key)}
        self._rows = {key: row for key, row in self._rows.items() if row is not None}
        self._marks = {
            key[1]: cast("tuple[float, tuple[Write, ...]]", thing.value)
            for key, thing in things.items()
            if isinstance(key, tuple) and key[0] == "mark"
        }

    def _store(self, results: Sequence[tuple[Write, Row | None]]) -> None:
        super()._store(results)
        self.changed.update({write.key: row for write, row in results})

    def _transaction(self, writes: tuple[Write, ...], mark: str):  # type: ignore[no-untyped-def]
        outcome = super()._transaction(writes, mark)
        if mark in self._marks:
            self.changed[mark_of(mark)] = self._marks[mark]
        return outcome
