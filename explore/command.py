"""`python3 -m explore`: every order of the production flows' steps, a crash anywhere, and what held.

Exit status 0: every invariant held in everything that was to be explored.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from time import perf_counter

from explore import crashes
from explore.casts import KINDS, Ground
from explore.course import Nursery
from explore.invariants import Invariants
from explore.mixes import Guilty, Mixes, explored
from explore.plan import PARTS, Task, tasks
from explore.search import Search, Violation

MOST_SHOWN = 3


@dataclass(frozen=True)
class Told:
    """What a search has found, small enough to come back from another process."""

    task: Task
    states: int
    steps: int
    runs: int
    ends: int
    whole: bool
    violations: tuple[Violation, ...]


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    started, parts = perf_counter(), options.only or [*PARTS, "crashes", "mixes"]
    with ProcessPoolExecutor(max(1, options.jobs), mp_context=get_context("spawn")) as pool:
        mixed = _mixes(pool, options.mixes, options.seed, options.jobs) if "mixes" in parts else []
        told = list(_searched(pool, [task for task in tasks() if task.part in parts]))
        guilty = sum(len(one.violations) for one in told) + sum(not one.whole for one in told)
        guilty += _crashes(pool) if "crashes" in parts else 0
        guilty += sum(_told_of_mix(one.result()) for one in mixed)
    states, steps, runs = (sum(getattr(one, name) for one in told) for name in ("states", "steps", "runs"))
    _say(
        f"\n{states:,} states, {steps:,} steps between them, {runs:,} runs of the flows, {guilty} violations"
        f" in {perf_counter() - started:.0f} s"
    )
    return 1 if guilty else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py explore", description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=[*PARTS, "crashes", "mixes"])
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--mixes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    return parser


def _searched(pool: ProcessPoolExecutor, wanted: Sequence[Task]) -> Iterator[Told]:
    """Run all searches; tell of each part when it is whole."""
    _say(f"{len(wanted)} searches; a part is told of when it is whole, which may take a minute or two")
    left, sums, kinds = Counter(task.part for task in wanted), dict[str, Counter[str]](), dict[str, dict[str, None]]()
    for told in pool.map(_run, wanted):
        part = told.task.part
        left[part] -= 1
        kinds.setdefault(part, {})[told.task.kind] = None
        sums.setdefault(part, Counter()).update(
            states=told.states, steps=told.steps, runs=told.runs, ends=told.ends, violations=len(told.violations)
        )
        _tell(told)
        if not left[part]:
            _say(f"{part} ({', '.join(kinds[part])}): {PARTS[part]}\n  {_counted(sums[part])}")
        yield told


def _counted(sums: Counter[str]) -> str:
    return ", ".join(f"{amount:,} {name}" for name, amount in sums.items())


@cache
def _ground(kind: str) -> tuple[Nursery, Invariants]:
    """Made once in each process: what is known of the actors serves all searches."""
    ground = Ground.due(kind)
    return Nursery(ground), Invariants(ground)


def _run(task: Task) -> Told:
    nursery, judge = _ground(task.kind)
    found = Search(nursery, task.cast, judge, task.bounds).run()
    shown = tuple(found.violations)
    return Told(task, found.states, found.steps, found.runs, len(found.ends), found.whole, shown)


def _tell(told: Told) -> None:
    name = f"{told.task.kind}: {' | '.join(told.task.cast)}"
    if not told.whole:
        _say(f"{name}: NOT ALL of it")
    for violation in told.violations[:MOST_SHOWN]:
        _say(f"{name}: {'; '.join(violation.rules)}")
        _say_all(f"    {step}" for step in violation.schedule)


def _crashes(pool: ProcessPoolExecutor) -> int:
    found = dict(zip(KINDS, pool.map(_swept, KINDS), strict=True))
    _say("\ncrashes: each operation alone, killed before and after each of its calls; what a look-up gets in the end")
    _say_all(crashes.table(found))
    return sum(bool(crash.broken) for those in found.values() for crash in those)


def _swept(kind: str) -> list[crashes.Crash]:
    return list(crashes.sweep(Ground.due(kind, bob_revoked=True)))


def _mixes(pool: ProcessPoolExecutor, examples: int, from_seed: int, parts: int) -> list[Future[str]]:
    """Begin to play the mixes, in as many parts as there are processes; each has a seed of its own."""
    shares = [examples // parts + (at < examples % parts) for at in range(parts)]
    seeds = range(from_seed, from_seed + parts)
    _say(f"mixes: {examples} of up to nine actors, drawn from the seeds {', '.join(map(str, seeds))}")
    return [pool.submit(_mixed, share, one) for share, one in zip(shares, seeds, strict=True)]


def _mixed(examples: int, from_seed: int) -> str:
    try:
        explored(examples, from_seed, Mixes.of())
    except Guilty as guilty:
        return f"mixes from seed {from_seed}: {guilty}"
    return ""


def _told_of_mix(guilt: str) -> int:
    if guilt:
        _say(guilt)
    return bool(guilt)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _say_all(lines: Iterable[str]) -> None:
    for line in lines:
        _say(line)
