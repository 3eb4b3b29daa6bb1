"""Larger mixes than can be searched whole: Hypothesis chooses who takes part, what goes wrong, and every step.

A seed makes the same mixes again. What is found guilty is made small, and printed step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from explore.casts import KINDS, Ground
from explore.course import Course, Nursery
from explore.invariants import Invariants
from explore.state import Bounds, Choice, State

ACTORS = ("renew", "look_up", "complete", "revoke", "leave", "report")
LONGEST = 4000
"""Steps after which a run counts as one that never ends."""


class Guilty(AssertionError):
    """An invariant does not hold. The text tells the schedule."""


@dataclass
class Mixes:
    """What runs share: the grounds, and what the actors were seen to do on them."""

    nurseries: dict[str, tuple[Nursery, Invariants]]

    @classmethod
    def of(cls) -> Mixes:
        grounds = {kind: Ground.due(kind) for kind in KINDS}
        return cls({kind: (Nursery(ground), Invariants(ground)) for kind, ground in grounds.items()})

    def play(self, kind: str, cast: tuple[str, ...], bounds: Bounds, pick: Callable[[list[Choice]], Choice]) -> State:
        """Play one run to its end.

        Raises:
            Guilty: If an invariant does not hold on the way or in the end.
        """
        nursery, judge = self.nurseries[kind]
        course = Course(nursery, cast, bounds, reduce=False)
        state, way = course.start(), list[str]()
        while not state.is_end:
            choice = pick(list(course.choices(state)))
            way.append(course.words(state, choice))
            after = course.after(state, choice)
            _check(judge(after, state), way)
            state = after
            if len(way) > LONGEST:
                raise Guilty("I6: it does not end")
        _check(judge(state, None), way)
        return state


def _check(rules: list[str], way: list[str]) -> None:
    if rules:
        raise Guilty("; ".join(rules) + "".join(f"\n    {step}" for step in way))


casts = st.lists(st.sampled_from(ACTORS), min_size=4, max_size=8).map(tuple)
bounds = st.builds(
    Bounds,
    crashes=st.integers(0, 2),
    faults=st.integers(0, 2),
    slow=st.integers(0, 1),
    hurries=st.integers(0, 2),
    outages=st.integers(0, 1),
)


def explored(examples: int, from_seed: int, mixes: Mixes, *, shrink: bool = True) -> None:
    """Play so many mixes.

    Raises:
        Guilty: With the smallest mix that breaks an invariant; without `shrink`, with the first.
    """

    @seed(from_seed)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink) if shrink else (Phase.generate,),
        print_blob=False,
    )
    @given(st.sampled_from(sorted(KINDS)), casts, bounds, st.randoms(use_true_random=False))
    def _mix(kind: str, cast: tuple[str, ...], limits: Bounds, chance) -> None:  # type: ignore[no-untyped-def]
        mixes.play(kind, ("rescue", *cast), limits, chance.choice)

    _mix()
