"""The ports of one actor: every call is a step, before which the scheduler may let somebody else go first.

Some steps need no choice, since nobody can tell when they were done: chance, which is the actor's own; opening a blob at
the key service; dialling; reading rows that nobody writes; and the clock while nobody ever waits. That nobody writes or
waits is assumed until somebody does: then the search begins anew, without the assumption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from explore.scheduler import Actor, Scheduler
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.table import Commit, Item, Key, Page, Query, Write
from strongroom.ports import Chance, Egress, KeyService, Line, Message, Queue, Table
from tests.fakes.clock import FakeClock

T = TypeVar("T")


class Mistaken(Exception):
    """An assumption did not hold; the knowledge has grown, and the search begins anew."""


@dataclass
class Knowledge:
    """What the runs so far have shown. `reduce` False: every step is a choice."""

    reduce: bool = True
    written: set[Key] = field(default_factory=set)
    trusted: set[Key] = field(default_factory=set)
    time_passes: bool = False

    def is_written(self, keys: Sequence[Key]) -> None:
        """Raises: Mistaken: If a read of one of these rows was taken for nobody's business."""
        fresh = set(keys) - self.written
        self.written |= fresh
        if fresh & self.trusted:
            raise Mistaken

    def somebody_waits(self) -> None:
        """Raises: Mistaken: If the clock was taken for standing still."""
        if not self.time_passes:
            self.time_passes = True
            raise Mistaken

    def nobody_writes(self, keys: Sequence[Key]) -> bool:
        if not self.written.isdisjoint(keys):
            return False
        self.trusted.update(keys)
        return True


@dataclass(frozen=True)
class Steps:
    """Where the calls of one actor become steps."""

    scheduler: Scheduler
    actor: Actor
    knowledge: Knowledge

    def take(self, step: str, act: Callable[[], T], *, alone: bool = False, wakes_at: float = 0.0) -> T:
        """Do a step when its turn comes. `alone`: nobody else can tell when it is done."""
        if alone and self.knowledge.reduce:
            self.scheduler.check(self.actor)
        else:
            self.scheduler.pause(self.actor, step, wakes_at)
        try:
            seen = act()
        except Exception as error:
            self.actor.has_seen(type(error))
            raise
        self.actor.has_seen(seen)
        return seen

    def growing(self, learn: Callable[[], None]) -> None:
        try:
            learn()
        except Mistaken as mistaken:
            self.scheduler.fail(mistaken)
            self.scheduler.check(self.actor)


@dataclass(frozen=True)
class SteppedTable:
    steps: Steps
    inner: Table

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        quiet = self.steps.knowledge.nobody_writes(keys)
        return self.steps.take(f"read {_named(keys)}", lambda: self.inner.read(keys), alone=quiet)

    def query(self, query: Query) -> Page:
        return self.steps.take(f"query {query.partition}", lambda: self.inner.query(query))

    def commit(self, writes: Sequence[Write], mark: str) -> Commit:
        touched = [write.key for write in writes]
        self.steps.growing(lambda: self.steps.knowledge.is_written(touched))
        return self.steps.take(f"commit {_named(touched)}", lambda: self.inner.commit(writes, mark))


def _named(keys: Sequence[Key]) -> str:
    return ", ".join(f"{key.pk}/{key.sk}" for key in keys[:4])


@dataclass(frozen=True)
class SteppedKeys:
    steps: Steps
    inner: KeyService

    def generate(self, context: Mapping[str, str]) -> tuple[bytes, bytes]:
        return self.steps.take("generate a key", lambda: self.inner.generate(context))

    def decrypt(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        return self.steps.take("open a key", lambda: self.inner.decrypt(blob, context), alone=True)


@dataclass(frozen=True)
class SteppedQueue:
    steps: Steps
    name: str
    inner: Queue

    def send(self, messages: Sequence[Message]) -> None:
        self.steps.take(f"send to {self.name}", lambda: self.inner.send(messages))

    def postpone(self, receipt: str, seconds: int) -> None:
        self.steps.take(f"postpone on {self.name}", lambda: self.inner.postpone(receipt, seconds))


@dataclass(frozen=True)
class SteppedEgress:
    steps: Steps
    inner: Egress

    def send(self, request: Outgoing) -> Answer:
        return self.steps.take(f"{request.method} {request.url}", lambda: self.inner.send(request))

    @contextmanager
    def dial(self, url: str, within: float) -> Iterator[Line]:
        self.steps.take(f"dial {url}", lambda: None, alone=True)
        with self.inner.dial(url, within) as line:
            yield _SteppedLine(self.steps, line)


@dataclass(frozen=True)
class _SteppedLine:
    steps: Steps
    inner: Line

    def send(self, request: Outgoing) -> Answer:
        return self.steps.take(f"{request.method} {request.url}", lambda: self.inner.send(request))


@dataclass(frozen=True)
class SteppedClock:
    steps: Steps
    inner: FakeClock

    def now(self) -> float:
        return self.steps.take("look at the clock", self.inner.now, alone=not self._may_jump)

    @property
    def _may_jump(self) -> bool:
        return self.steps.knowledge.time_passes and self.steps.scheduler.may_hurry

    def wait(self, seconds: float) -> None:
        self.steps.growing(self.steps.knowledge.somebody_waits)
        self.steps.take("stop waiting", lambda: None, wakes_at=self.inner.now() + seconds)


@dataclass(frozen=True)
class SteppedChance:
    steps: Steps
    inner: Chance

    def bytes(self, length: int) -> bytes:
        return self.steps.take("draw", lambda: self.inner.bytes(length), alone=True)
