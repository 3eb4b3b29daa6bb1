"""What can go wrong, or get in between, while one operation runs: at one step of it, or for as long as it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from hypothesis import strategies as st

from strongroom.domain.errors import KeysUnavailable, QueueUnavailable, StoreUnavailable, Unavailable
from strongroom.domain.http import Answer, NoAnswer, Outgoing
from tests.unit.races.steps import Part, Step, When
from tests.unit.renewals import Behaviour, Killed, holds_tokens, replies, silence

if TYPE_CHECKING:
    from tests.unit.races.ground import Ground

LONGEST = 25.0
"""Seconds after which Lambda ends a function."""
HOST = "provider.example"


@dataclass(frozen=True)
class Kill:
    """The process ends at a step: before the call left, or with its answer on the way."""

    at: int
    when: When


@dataclass(frozen=True)
class Fault:
    """A part does not answer once: its work is undone (`before`) or done (`after`)."""

    part: Part
    at: int
    when: When


@dataclass(frozen=True)
class NoTokens:
    """The table takes everything but new tokens, and perhaps the rescue queue is away, too."""

    both: bool


@dataclass(frozen=True)
class ProviderDoes:
    """The next request to the token endpoint meets this."""

    what: str


@dataclass(frozen=True)
class Away:
    """The provider cannot be reached at all."""


@dataclass(frozen=True)
class Meanwhile:
    """Somebody else does something at a step: about the same connection (`other` None), or somebody's of this number.

    `what` is the name of a deed, `which` the number of a message or consent.
    """

    at: int
    what: str
    other: int | None
    which: int


Trouble: TypeAlias = Kill | Fault | NoTokens | ProviderDoes | Away | Meanwhile

ERRORS: dict[Part, type[Unavailable]] = {"table": StoreUnavailable, "keys": KeysUnavailable, "queue": QueueUnavailable}
ANSWERS = ("silence", "work in silence", "503", "work and 503", "429", "slow")
DEEDS = ("look up", "revoke", "leave", "come back", "complete", "connect", "work", "stall")
WHEN: st.SearchStrategy[When] = st.sampled_from(("before", "after"))

STEPS = st.integers(1, 12)
TROUBLES: st.SearchStrategy[tuple[Trouble, ...]] = st.lists(
    st.one_of(
        st.builds(Kill, STEPS, WHEN),
        st.builds(Fault, st.sampled_from(["table", "table", "keys", "queue"]), st.integers(1, 6), WHEN),
        st.builds(NoTokens, st.sampled_from([False, False, True])),
        st.builds(ProviderDoes, st.sampled_from(ANSWERS)),
        st.just(Away()),
        st.builds(Meanwhile, STEPS, st.sampled_from(DEEDS), st.sampled_from([None, None, 0, 1, 2]), st.integers(0, 9)),
        st.builds(Meanwhile, STEPS, st.sampled_from(["revoke", "connect", "complete"]), st.none(), st.just(0)),
    ),
    max_size=2,
).map(tuple)


IN_BETWEEN: st.SearchStrategy[tuple[Trouble, ...]] = st.tuples(
    st.builds(Meanwhile, st.integers(3, 9), st.sampled_from(["revoke", "connect", "complete"]), st.none(), st.just(0))
)
"""What changes the version of a connection while it is renewed."""


@contextmanager
def troubled(world: Ground, troubles: tuple[Trouble, ...]) -> Iterator[Callable[[Step], None]]:
    """Prepare the troubles for one operation, give what watches its steps, and clear up after it."""
    for trouble in troubles:
        if isinstance(trouble, ProviderDoes):
            world.provider.answer_next.append(behaviour(world, trouble.what))
        if isinstance(trouble, Away):
            world.egress.unreachable.add(HOST)
    started = world.clock.now()

    def watch(step: Step) -> None:
        if world.clock.now() - started > LONGEST:
            raise Killed
        for trouble in troubles:
            meet(world, trouble, step)

    try:
        yield watch
    finally:
        world.provider.answer_next.clear()
        world.egress.unreachable.discard(HOST)


def meet(world: Ground, trouble: Trouble, step: Step) -> None:
    match trouble:
        case Kill(at, when) if (step.number, step.when) == (at, when):
            raise Killed
        case Fault(part, at, when) if (step.part, step.of_part, step.when) == (part, at, when):
            raise ERRORS[part]
        case NoTokens(both) if step.when == "before":
            if step.part == "table" and isinstance(step.argument, tuple) and holds_tokens(step.argument):
                raise ERRORS["table"]
            if both and step.part == "queue":
                raise ERRORS["queue"]
        case Meanwhile(at, what, other, which) if (step.number, step.when) == (at, "before"):
            world.elsewhere(lambda: world.do(what, other, which))


def behaviour(world: Ground, what: str) -> Behaviour:
    return {
        "silence": silence,
        "work in silence": lambda request: unheard(world, request, NoAnswer("timed_out")),
        "503": replies(503),
        "work and 503": lambda request: unheard(world, request, replies(503)(request)),
        "429": replies(429, retry_after="20"),
        "slow": lambda request: slowly(world, request),
    }[what]


def unheard(world: Ground, request: Outgoing, answer: Answer) -> Answer:
    """The provider does its work, and nobody hears what came of it."""
    given = len(world.provider.held)
    world.provider.honest(request)
    world.witness.at_risk.update(world.provider.held[given:])
    return answer


def slowly(world: Ground, request: Outgoing) -> Answer:
    world.clock.advance(9)
    return world.provider.honest(request)
