"""One moment of a run: what the surroundings are, where each actor stands, and what may follow."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Mapping
from functools import cache
from typing import Literal, NamedTuple

from explore.actors import Node, Request
from explore.surroundings import CHORES, RESCUE, Thing, sent, waiting_chores

FUNCTION_TIMEOUT = 25.0
SUCCESS = 2
"""Parts of a result: what had ended when the actor began, and what came of it. A third part is an error's code."""
SLOW = 9.9
"""Seconds that a slow answer takes: just less than the deadline of a call."""


class Bounds(NamedTuple):
    """How much may go wrong in one run.

    `crashes`: actors that are killed. `faults`: calls that fail. `slow`: answers of the provider that take almost as long as
    a call may. `hurries`: how often time passes while somebody stands between two steps. `outages`: how often the table
    takes no writes for a while. `preemptions`: how often somebody else goes on although the present actor could; None: no
    limit.
    """

    crashes: int = 1
    faults: int = 0
    slow: int = 0
    hurries: int = 0
    outages: int = 0
    preemptions: int | None = None


class Facts(NamedTuple):
    """What the invariants remember of a run. `lost`: an answer got lost, or died in a process that held it."""

    grants: tuple[str, ...]
    lost: bool = False


class Choice(NamedTuple):
    """What happens next. `how` names the fault that a call meets; "" if it meets none."""

    kind: Literal["run", "kill", "time", "outage"]
    actor: int = -1
    how: str = ""


class State(NamedTuple):
    """A moment. `total` stands for all things; `wakes`: when each actor goes on; `left`: what of the bounds is left."""

    things: Mapping[Hashable, Thing]
    total: int
    now: float
    nodes: tuple[Node | None, ...]
    wakes: tuple[float, ...]
    left: Bounds
    facts: Facts
    cast: tuple[str, ...]
    current: int = -1
    outage_until: float = 0.0

    @property
    def key(self) -> Hashable:
        """Equal keys go on equally. The dead are None."""
        places = tuple(map(id, self.nodes))
        return (self.total, self.now, places, self.wakes, self.left, self.facts, self.current, self.outage_until)

    def node_at(self, at: int) -> Node:
        """Where an actor stands.

        Raises:
            LookupError: If it was killed.
        """
        node = self.nodes[at]
        if node is None:
            raise LookupError("it was killed")
        return node

    def request_at(self, at: int) -> Request:
        """What an actor asks next.

        Raises:
            LookupError: If it asks nothing any more.
        """
        request = self.node_at(at).request
        if request is None:
            raise LookupError("it has ended")
        return request

    @property
    def alive(self) -> list[int]:
        return [at for at, node in enumerate(self.nodes) if node is not None and node.request is not None]

    @property
    def returned(self) -> frozenset[str]:
        """Who has returned with success: only then something was promised."""
        over = [
            (name, node) for name, node in zip(self.cast, self.nodes, strict=True) if node is not None and node.over
        ]
        return frozenset(name for name, node in over if isinstance(node.result, tuple) and len(node.result) == SUCCESS)

    @property
    def runnable(self) -> list[int]:
        return [at for at in self.alive if self.wakes[at] <= self.now and not self._is_idle(at)]

    def _is_idle(self, at: int) -> bool:
        """Whether it waits for a message that nobody has sent."""
        request = self.request_at(at)
        if request.kind != "receive":
            return False
        return not (waiting_chores(self.things) if CHORES in request.touches else sent(self.things, RESCUE))

    @property
    def is_end(self) -> bool:
        """Whether nothing can follow: all have ended, or wait for what nobody sends."""
        return not self.runnable and self.next_moment is None

    @property
    def next_moment(self) -> float | None:
        later = (self.wakes[at] for at in self.alive if self.wakes[at] > self.now)
        return min(later, default=None)

    def with_node(self, at: int, node: Node | None, wakes: float = 0.0) -> State:
        nodes = (*self.nodes[:at], node, *self.nodes[at + 1 :])
        return self._replace(nodes=nodes, wakes=(*self.wakes[:at], wakes, *self.wakes[at + 1 :]))

    def later(self, moment: float, hurried: bool) -> State:
        left = self.left._replace(hurries=self.left.hurries - 1) if hurried else self.left
        return self._replace(now=moment, left=left)


NOTHING_WRONG = Bounds(crashes=0)
ONE_CRASH = Bounds(crashes=1)


@cache
def weight(name: Hashable, digest: bytes) -> int:
    """What a thing adds to the total: sums of these are equal only for equal things."""
    return int.from_bytes(hashlib.blake2b(repr(name).encode() + digest, digest_size=16).digest(), "big")


def total(things: Mapping[Hashable, Thing]) -> int:
    return sum(weight(name, thing.digest) for name, thing in things.items())


def may_hurry(state: State, moment: float) -> bool:
    """Whether so much time may pass while somebody stands between two steps: no process lives longer than its timeout."""
    busy = [state.node_at(at) for at in state.runnable]
    return state.left.hurries > 0 and all(not node.began or moment <= node.began + FUNCTION_TIMEOUT for node in busy)


def next_moment(state: State) -> float:
    """Raises: LookupError: if nobody waits."""
    if state.next_moment is None:
        raise LookupError("nobody waits")
    return state.next_moment


def times(state: State) -> Iterator[Choice]:
    moment = state.next_moment
    if moment is not None and (not state.runnable or may_hurry(state, moment)):
        yield Choice("time")
