"""A world in which every call of ours to a port is a step, and anything can happen at any step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Literal, TypeAlias, get_args

from strongroom.domain.destinations import Destination
from strongroom.domain.http import Answer, Outgoing
from strongroom.ports import Line
from tests.fakes.egress import FakeEgress
from tests.fakes.faults import Hook
from tests.fakes.keys import Operation as OfKeys
from tests.fakes.provider import serve_mcp
from tests.fakes.queue import Operation as OfQueues
from tests.fakes.table import Operation as OfTable
from tests.unit.renewals import queue
from tests.world import MCP_URL, World

Part: TypeAlias = Literal["table", "keys", "network", "queue"]
When: TypeAlias = Literal["before", "after"]
Deed: TypeAlias = Callable[[], Any]
QUEUES = ("sweep", "renewal", "rescue", "chore")
MOST_STEPS = 80


@dataclass(frozen=True, slots=True)
class Step:
    """One call to a port. `number` counts the calls of the operation from 1, `of_part` those to the same part.

    `before`: nothing is done yet; `after`: the work is done, and the answer is on its way. `argument` is what the fake got.
    """

    number: int
    of_part: int
    part: Part
    when: When
    argument: Any


@dataclass
class Running:
    """One operation, and who watches its steps."""

    watcher: Callable[[Step], None]
    number: int = 0
    of_part: dict[Part, int] = field(default_factory=dict)

    def pass_step(self, part: Part, when: When, argument: Any) -> None:
        if when == "before":
            self.number += 1
            self.of_part[part] = self.of_part.get(part, 0) + 1
        self.watcher(Step(self.number, self.of_part[part], part, when, argument))


class Steps:
    """Counts the steps of the operation that runs. What happens at a step is an operation of its own, not counted."""

    def __init__(self) -> None:
        self._running: list[Running | None] = []

    @contextmanager
    def of(self, watcher: Callable[[Step], None]) -> Iterator[Running]:
        running = Running(watcher)
        self._running.append(running)
        try:
            yield running
        finally:
            self._running.pop()

    def passed(self, part: Part, when: When, argument: Any) -> None:
        running = self._running[-1] if self._running else None
        if running is None:
            return
        self._running.append(None)
        try:
            running.pass_step(part, when, argument)
        finally:
            self._running.pop()

    def hooks(self, part: Part, operations: Any, when: When) -> dict[Any, Hook]:
        return {operation: partial(self.passed, part, when) for operation in get_args(operations)}


@dataclass
class SteppedEgress(FakeEgress):
    """The outside world, with each dialling and each request a step."""

    steps: Steps = field(default_factory=Steps)

    @contextmanager
    def dial(self, url: str, within: float) -> Iterator[Line]:
        self.steps.passed("network", "before", url)
        with super().dial(url, within) as line:
            self.steps.passed("network", "after", url)
            yield line

    def answer(self, destination: Destination, request: Outgoing) -> Answer:
        self.steps.passed("network", "before", request)
        answer = super().answer(destination, request)
        self.steps.passed("network", "after", request)
        return answer


class Stepped(World):
    """The same world; `steps` sees every call to table, keys, network and queues. `installed` is what was ever installed."""

    def __init__(self, **policy: Any) -> None:
        super().__init__(**policy)
        self.installed: list[str] = []
        self.steps = Steps()
        self.egress = SteppedEgress(steps=self.steps)
        self.provider.serve(self.egress)
        serve_mcp(self.egress, MCP_URL, self.provider.issuer)
        self._watch()
        self.ports = self.new_environment()

    def install(self, *asked: Any, **more: Any) -> str:
        self.installed.append(super().install(*asked, **more))
        return self.installed[-1]

    def _watch(self) -> None:
        """Hang the steps into everything that a call of ours can reach."""
        for when in get_args(When):
            getattr(self.table, when).update(self.steps.hooks("table", OfTable, when))
            getattr(self.keys, when).update(self.steps.hooks("keys", OfKeys, when))
            for name in QUEUES:
                getattr(queue(self, name), when).update(self.steps.hooks("queue", OfQueues, when))

    def elsewhere(self, deed: Deed) -> Any:
        """Do something in an environment of its own: it shares no lock and no key with what runs here."""
        here, self.ports = self.ports, self.new_environment()
        try:
            return deed()
        finally:
            self.ports = here

    def while_at(self, number: int, deed: Deed, operation: Deed) -> bool:
        """Run the operation, and do the deed just before its step of this number. False: it has not so many steps."""
        done: list[int] = []

        def watcher(step: Step) -> None:
            if (step.number, step.when) == (number, "before"):
                self.elsewhere(deed)
                done.append(number)

        with self.steps.of(watcher):
            operation()
        return bool(done)


def each_step(run: Callable[[int], bool]) -> int:
    """Run anew for each step of an operation, until there is no such step; give how many there are."""
    for number in count(1):
        if not run(number):
            return number - 1
        assert number < MOST_STEPS, "an operation without an end"
    raise AssertionError
