"""The crash sweep: each operation alone, killed before and after each of its calls; then everything recovers.

What a person or a satellite waits for is tried again by them, what a queue brought comes back by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from explore.casts import Ground
from explore.course import Course, Nursery
from explore.invariants import Invariants
from explore.recovery import Aftermath
from explore.state import State, next_moment
from explore.steps import taken

OPERATIONS = ("begin", "return", "complete", "look_up", "report", "renew", "revoke", "leave", "chore")
QUIET = ("clock", "wait", "begin")


@dataclass(frozen=True)
class Crash:
    """One kill: of which operation, at which call, and what came of it. `broken`: invariants that do not hold."""

    operation: str
    call: int
    name: str
    when: str
    in_the_end: str
    lost: bool
    broken: tuple[str, ...]


def sweep(ground: Ground) -> Iterator[Crash]:
    """Kill every operation everywhere."""
    nursery = Nursery(ground)
    judge = Invariants(ground)
    for operation in OPERATIONS:
        yield from _of_one(nursery, judge, operation)


def _of_one(nursery: Nursery, judge: Invariants, operation: str) -> Iterator[Crash]:
    state, calls = Course(nursery, [operation]).start(), 0
    while state.alive:
        if not state.runnable:
            state = state.later(next_moment(state), hurried=False)
            continue
        request = state.request_at(0)
        after = taken(state, 0, "", ())
        if request.kind not in QUIET:
            calls += 1
            for when, place in (("before", state), ("after", after)):
                yield _crash(judge, operation, calls, request.name, when, place)
        state = after


def _crash(judge: Invariants, operation: str, call: int, name: str, when: str, state: State) -> Crash:
    node = state.node_at(0)
    lost = node.holds and not node.over
    dead = state.with_node(0, None)._replace(facts=state.facts._replace(lost=lost))
    told = Aftermath(judge.ground, dead)
    told.recover()
    answer = told.answer()
    return Crash(
        operation, call, name, when, " ".join(str(part) for part in answer[:2]), lost, tuple(judge(dead, None))
    )


def table(found: Mapping[str, Sequence[Crash]]) -> Iterator[str]:
    """Lines to print: for each operation and call, by kind of provider, what a look-up gets in the end."""
    yield f"  {'operation':<10}{'call':>4}  {'what':<44}{'killed':<8}" + "".join(f"{kind:<17}" for kind in found)
    for same in zip(*found.values(), strict=True):
        crash = same[0]
        ends = "".join(f"{_short(one):<17}" for one in same)
        broken = sorted({rule for one in same for rule in one.broken})
        line = f"  {crash.operation:<10}{crash.call:>4}  {crash.name[:42]:<44}{crash.when:<8}{ends}"
        yield line.rstrip() + (f"  BROKEN: {'; '.join(broken)}" if broken else "")


def _short(crash: Crash) -> str:
    if crash.in_the_end.startswith("released"):
        return "a token"
    return crash.in_the_end.rpartition(" ")[2]
