"""The ports of one actor: every call that anybody else can tell, or that somebody else can answer differently, is a request.

What is an actor's own needs none: its chance repeats from run to run, the key service gives what it always gave, and nobody
reads its journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar, cast

from explore.actors import Request, Script
from explore.surroundings import CLOCK, EVERYTHING, PROVIDER, Surroundings, mark_of, sent_by
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.table import Check, Commit, Item, Key, Page, Query, Write
from strongroom.ports import Line, Message
from tests.fakes.clock import FakeChance

T = TypeVar("T")


@dataclass(frozen=True)
class SteppedTable:
    script: Script

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        act: Callable[[Surroundings], object] = lambda around: around.table.read(keys)  # noqa: E731
        return cast(Mapping[Key, Item], self.script.ask(Request(f"read {_named(keys)}", act, tuple(keys))))

    def query(self, query: Query) -> Page:
        act: Callable[[Surroundings], object] = lambda around: around.table.query(query)  # noqa: E731
        return cast(Page, self.script.ask(Request(f"query {query.index} {query.prefix}".rstrip(), act, (EVERYTHING,))))

    def commit(self, writes: Sequence[Write], mark: str) -> Commit:
        wanted = list(writes)
        touched = tuple(write.key for write in wanted)
        memory = (mark_of(mark),) if len(wanted) > 1 else ()
        changed = tuple(write.key for write in wanted if not isinstance(write, Check))
        act: Callable[[Surroundings], object] = lambda around: around.table.commit(wanted, mark)  # noqa: E731
        request = Request(f"commit {_named(touched)}", act, (*touched, *memory), (*changed, *memory), kind="commit")
        return cast(Commit, self.script.ask(request))


def _nothing(around: Surroundings) -> None:
    """What a step does that only passes."""


NAMES = (
    ("T#*#U#*", "C#*", "connection"),
    ("T#*#U#*", "A", "member"),
    ("T#*", "A", "team"),
    ("T#*", "I#*#C", "shared connection"),
    ("T#*", "I#*", "installation"),
    ("A#*", "A", "authorization"),
    ("P#*", "B", "breaker"),
    ("P#*", "K#*", "provider client"),
    ("K#*", "*", "vault key"),
    ("H#*", "A", "caller"),
    ("R#*", "*", "record"),
    ("V#*", "A", "chore"),
)


def _named(keys: Sequence[Key]) -> str:
    names = (next((name for *place, name in NAMES if _lies(key, *place)), f"{key.pk}/{key.sk}") for key in keys)
    return ", ".join(dict.fromkeys(names))


def _lies(key: Key, partition: str, sort: str) -> bool:
    return fnmatchcase(key.pk, partition) and fnmatchcase(key.sk, sort)


@dataclass(frozen=True)
class SteppedQueue:
    script: Script
    actor: str
    name: str

    def send(self, messages: Sequence[Message]) -> None:
        mine = sent_by(self.name, self.actor)
        act: Callable[[Surroundings], object] = lambda around: around.send(mine, messages)  # noqa: E731
        self.script.ask(Request(f"send to {self.name}", act, (mine, CLOCK), (mine,), kind="send"))

    def postpone(self, receipt: str, seconds: int) -> None:
        raise NotImplementedError("the flows that are explored get no receipts")


@dataclass(frozen=True)
class SteppedEgress:
    script: Script

    def send(self, request: Outgoing) -> Answer:
        act: Callable[[Surroundings], object] = lambda around: around.answer(request)  # noqa: E731
        asked = Request(f"{request.method} {request.url}", act, (PROVIDER, CLOCK), (PROVIDER,), kind="post")
        return cast(Answer, self.script.ask(asked))

    @contextmanager
    def dial(self, url: str, within: float) -> Iterator[Line]:  # noqa: ARG002 -- as the port has it
        self.script.ask(Request(f"dial {url}", _nothing, (), kind="dial"))
        yield self


@dataclass(frozen=True)
class SteppedClock:
    """`hurried`: time may pass between two steps, so that to look at the clock is a step of its own."""

    script: Script
    hurried: bool

    def now(self) -> float:
        if not self.hurried:
            return self.script.now
        look = Request("look at the clock", lambda around: around.clock.now(), (CLOCK,), kind="clock")
        return cast(float, self.script.ask(look))

    def wait(self, seconds: float) -> None:
        self.script.ask(Request("stop waiting", _nothing, (), waits=seconds, kind="wait"))


class OwnChance(FakeChance):
    """Bytes of an actor's own. Fractions are all the same, so that those who wait wake at the same moments."""

    def bytes(self, length: int) -> bytes:
        return bytes(4) if length == 4 else super().bytes(length)
