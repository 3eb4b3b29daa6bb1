"""Every schedule, depth first: each run starts anew and repeats the choices before the one that differs.

A state that was met before is not gone on from. It holds the rows, the provider, the queues, the time, everything that
each actor has seen (so where it stands), and what the invariants remember: what comes after it cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter

from explore.invariants import broken
from explore.scheduler import Choice
from explore.stepped import Knowledge, Mistaken
from explore.worlds import Ground, Scene

MOST_VIOLATIONS = 20


@dataclass(frozen=True)
class Violation:
    """What was broken, and the schedule that leads there."""

    rules: tuple[str, ...]
    schedule: tuple[str, ...]


@dataclass
class Found:
    """What a search has found. `ends` are the states in which all actors had ended."""

    cast: tuple[str, ...]
    crashes: int
    runs: int = 0
    states: int = 0
    ends: set[object] = field(default_factory=set)
    violations: list[Violation] = field(default_factory=list)
    seconds: float = 0.0
    whole: bool = True

    def __str__(self) -> str:
        rate = self.runs / self.seconds if self.seconds else 0
        extent = "" if self.whole else ", NOT ALL"
        return (
            f"{' | '.join(self.cast)}, {self.crashes} crash: {self.states} states, {self.runs} runs, {len(self.ends)} ends,"
            f" {len(self.violations)} violations in {self.seconds:.1f} s ({rate:.0f} runs/s){extent}"
        )


@dataclass
class _Branch:
    """One choice of the present schedule."""

    taken: Choice
    left: list[Choice]


class NotTheSame(Exception):
    """A run did not repeat: something is not in the scheduler's hand."""


@dataclass
class Search:
    """Explore one cast. `most_runs` bounds it; then the result says that it is not whole."""

    ground: Ground
    cast: Sequence[str]
    crashes: int = 1
    hurries: int = 1
    reduce: bool = True
    most_runs: int = 1_000_000
    knowledge: Knowledge = field(init=False)

    def __post_init__(self) -> None:
        self.knowledge = Knowledge(self.reduce, time_passes=not self.reduce)

    def run(self) -> Found:
        """Explore everything; begin anew whenever an assumption of the reduction turns out wrong."""
        started = perf_counter()
        while True:
            try:
                found = self._whole()
            except Mistaken:
                continue
            found.seconds = perf_counter() - started
            return found

    def _whole(self) -> Found:
        found, met, path = Found(tuple(self.cast), self.crashes), set[object](), list[_Branch]()
        while True:
            self._once(found, met, path)
            found.runs += 1
            while path and not path[-1].left:
                path.pop()
            if not path or found.runs >= self.most_runs or len(found.violations) >= MOST_VIOLATIONS:
                found.whole = not path
                found.states = len(met)
                return found
            path[-1].taken = path[-1].left.pop(0)

    def _once(self, found: Found, met: set[object], path: list[_Branch]) -> None:
        scene = Scene(self.ground, self.cast, self.knowledge, self.crashes, self.hurries)
        old, at = len(path), 0

        def choose(options: Sequence[Choice]) -> Choice | None:
            nonlocal at
            at += 1
            if at <= old:
                if path[at - 1].taken not in options:
                    raise NotTheSame(str(path[at - 1].taken))
                return path[at - 1].taken
            state = scene.digest
            if state in met:
                return None
            met.add(state)
            path.append(_Branch(options[0], list(options[1:])))
            return options[0]

        if scene.scheduler.run(choose) and scene.digest not in found.ends:
            found.ends.add(scene.digest)
            rules = broken(scene)
            if rules:
                found.violations.append(Violation(tuple(rules), tuple(str(branch.taken) for branch in path)))
