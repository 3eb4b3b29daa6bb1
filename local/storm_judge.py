"""What must hold after a storm, judged from what the providers saw, what was killed, and what was answered. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from local.storm_ledger import NOBODY, Book, Sighting

TOKEN = "token"  # noqa: S105 - the word for an answer
LOST_RESPONSE = "lost_response"
PROVIDER_PATIENCE = 10.0
"""Seconds after which Strongroom does not wait for a provider's answer any more."""
UNDER_WAY = 1.0
"""Seconds for which a request may be under way although who sent it is dead."""


@dataclass(frozen=True, slots=True, order=True)
class Connection:
    """One person at one provider."""

    provider: str
    user: str

    def __str__(self) -> str:
        return f"{self.user} at {self.provider}"


@dataclass(frozen=True, slots=True)
class Death:
    """A process that was killed at `at`, and what it was doing `since`: the connections of the task that it did not answer.
    Times are seconds since the epoch."""

    function: str
    pid: int
    at: float
    since: float = 0.0
    over: frozenset[Connection] = frozenset()


@dataclass(frozen=True, slots=True)
class LookUp:
    """A look-up's answer in one word, and whose token it gave, as the provider says; None if it says nothing."""

    connection: Connection
    word: str
    account: str | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a connection came through: `word` is "token" or why a person has to act. `account` is what the MCP server says of
    the token; `honoured`, for one that is lost, whether the provider still takes its newest refresh token."""

    connection: Connection
    word: str
    account: str | None = None
    honoured: bool = False


@dataclass(frozen=True, slots=True)
class Storm:
    """All that is known of one storm.

    `books` hold everything since the connections were made; `refreshed` counts in the rounds of this storm alone. `fresh`:
    seconds for which new tokens are good enough for everybody.
    """

    books: Mapping[Connection, Book] = field(repr=False)
    refreshed: Counter[Connection]
    look_ups: Sequence[LookUp]
    deaths: Sequence[Death]
    ends: Sequence[End]
    fresh: float

    def violations(self) -> list[str]:
        """Say what must not have happened; nothing, if all is well."""
        return [*self._foreign(), *self._repeated(), *self._needless(), *self._lost()]

    def _foreign(self) -> Iterator[str]:
        told: list[LookUp | End] = [*self.look_ups, *self.ends]
        for one in told:
            if one.account not in (None, one.connection.user):
                yield f"{one.connection}: was given a token of {one.account}"
        for connection, book in self.books.items():
            if connection.user == NOBODY:
                yield f"{connection.provider}: {len(book.sightings)} requests are nobody's"

    def _repeated(self) -> Iterator[str]:
        for connection, book in self.books.items():
            for first, _ in book.repeated():
                if not self._excused(connection, first):
                    yield f"{connection}: a refresh token came twice, and nobody had died nor lost an answer"

    def _needless(self) -> Iterator[str]:
        for connection, book in self.books.items():
            if book.shortest_life() < self.fresh:
                yield f"{connection}: refreshed {book.shortest_life():.1f} s after new tokens were given"

    def _lost(self) -> Iterator[str]:
        for end in self.ends:
            if why := self._why_lost(end):
                yield f"{end.connection}: lost ({end.word}): {why}"

    def _why_lost(self, end: End) -> str | None:
        """Say why a connection is lost; None if it is not, or if nobody could have kept it: its token was spent, and whoever
        was to hear the next one died."""
        if end.word == TOKEN:
            return None if end.account is not None else "the MCP server does not take it"
        if end.honoured:
            return "its provider still honours it"
        if end.word != LOST_RESPONSE:
            return "for no reason that a death explains"
        return None if self._spent_by_the_dead(end.connection) else "nobody died over it"

    def _spent_by_the_dead(self, connection: Connection) -> bool:
        book = self.books.get(connection)
        return book is not None and any(self._excused(connection, first) for first, _ in book.repeated())

    def _excused(self, connection: Connection, first: Sighting) -> bool:
        """Whether what came of this request may be unknown to us: who sent it died over it, or waited in vain."""
        waited_in_vain = first.answered_at - first.came_at > PROVIDER_PATIENCE
        return waited_in_vain or any(
            connection in death.over and death.since <= first.came_at <= death.at + UNDER_WAY for death in self.deaths
        )

    # -- what is shown

    def lost(self) -> list[End]:
        """Connections that a person must connect again although no strict provider forced it on us."""
        return [end for end in self.ends if self._why_lost(end)]

    def answers(self) -> Counter[str]:
        return Counter(one.word for one in self.look_ups)

    def table(self) -> list[tuple[str, str]]:
        repeated = sum(len(book.repeated()) for book in self.books.values())
        return [
            ("connections", _by(end.connection.provider for end in self.ends)),
            ("look-ups", str(len(self.look_ups))),
            *((f"  {word}", str(number)) for word, number in sorted(self.answers().items())),
            ("refreshes", _span(self.refreshed)),
            ("kills", _by(death.function for death in self.deaths)),
            ("  over a renewal or look-up", str(sum(bool(death.over) for death in self.deaths))),
            ("tokens seen twice", str(repeated)),
            ("lost_response", str(sum(end.word == LOST_RESPONSE for end in self.ends) - _of(self.lost()))),
            ("lost", str(len(self.lost()))),
        ]


def _span(counted: Counter[Connection]) -> str:
    each = sorted(counted.values())
    return f"{counted.total()} ({each[0]} to {each[-1]} of each connection)" if each else "0"


def _of(ends: Iterable[End]) -> int:
    return sum(end.word == LOST_RESPONSE for end in ends)


def _by(names: Iterable[str]) -> str:
    counted = Counter(names)
    listed = ", ".join(f"{name} {number}" for name, number in sorted(counted.items()))
    return f"{counted.total()} ({listed})" if counted else "0"


def calm_violations(storm: Storm) -> list[str]:
    """Say what must not have happened in one round in which nobody died: all connections were due, so that each is
    refreshed, and every look-up gives a token. That none is refreshed again while it is fresh holds for every storm."""
    return [*_not_refreshed(storm), *_not_answered(storm)]


def _not_refreshed(storm: Storm) -> Iterator[str]:
    for end in storm.ends:
        if not storm.refreshed[end.connection]:
            yield f"{end.connection}: was due, and was not refreshed"


def _not_answered(storm: Storm) -> Iterator[str]:
    for word, number in storm.answers().items():
        if word != TOKEN:
            yield f"{number} look-ups were answered {word} although nobody had died"
