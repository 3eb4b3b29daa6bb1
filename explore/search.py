"""Every schedule, nearest first: from each state everything that may follow, and no state twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from explore.actors import Node
from explore.course import Course, Nursery
from explore.state import ONE_CRASH, Bounds, State

Judge = Callable[[State, State | None], list[str]]


@dataclass(frozen=True)
class Violation:
    """What was broken, and the schedule that leads there."""

    rules: tuple[str, ...]
    schedule: tuple[str, ...]


@dataclass
class Found:
    """What a search has found. `steps` are the ways on that were tried; `ends` the states in which all actors had ended;
    `runs` how often a flow was run, each time with other answers."""

    cast: tuple[str, ...]
    bounds: Bounds
    kind: str
    steps: int = 0
    states: int = 0
    runs: int = 0
    ends: set[Hashable] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)
    seconds: float = 0.0
    whole: bool = True


@dataclass
class Search:
    """Explore one cast. `judge` names what a step, or (without a state before it) an end, has broken."""

    nursery: Nursery
    cast: Sequence[str]
    judge: Judge
    bounds: Bounds = ONE_CRASH
    reduce: bool = True
    enough: int = 20
    """Violations after which it stops."""
    most_states: int = 2_000_000

    def run(self) -> Found:
        """Explore everything; begin anew while what is known of the actors grows."""
        started, lives = perf_counter(), Node.lives
        while True:
            course = Course(self.nursery, self.cast, self.bounds, self.reduce)
            found = self._whole(course)
            if not course.grew or found.violations or not self.reduce:
                found.seconds, found.runs = perf_counter() - started, Node.lives - lives
                return found

    def _whole(self, course: Course) -> Found:
        found = Found(tuple(self.cast), self.bounds, self.nursery.ground.kind)
        start = course.start()
        came: dict[Hashable, tuple[Hashable, str]] = {start.key: (None, "")}
        waiting = deque([start])
        while waiting and len(found.violations) < self.enough:
            if len(came) > self.most_states:
                found.whole = False
                break
            state = waiting.popleft()
            if state.is_end:
                self._end(found, came, state)
            for choice in course.choices(state):
                found.steps += 1
                after = course.after(state, choice)
                key = after.key
                if key in came:
                    continue
                came[key] = (state.key, course.words(state, choice))
                rules = self.judge(after, state)
                if rules:
                    found.violations.append(Violation(tuple(rules), _way(came, key)))
                else:
                    waiting.append(after)
        found.states = len(came)
        return found

    def _end(self, found: Found, came: dict[Hashable, tuple[Hashable, str]], state: State) -> None:
        found.ends.add((state.total, state.now, state.facts, tuple(map(_result, state.nodes))))
        rules = self.judge(state, None)
        if rules:
            found.violations.append(Violation(tuple(rules), _way(came, state.key)))


def _result(node: Node | None) -> Hashable:
    return None if node is None else repr(node.result)


def _way(came: dict[Hashable, tuple[Hashable, str]], key: Hashable) -> tuple[str, ...]:
    words: list[str] = []
    while key is not None:
        key, word = came[key]
        words.append(word)
    return tuple(words[-2::-1])
