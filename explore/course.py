"""What may follow a moment of a run, and what comes of it.

One rule shortens searches. A step that nobody else who lives can tell from its neighbours - it reads what no other actor
writes, and writes what no other reads or writes - is taken at once, alone: whatever the others would have done first, they
can do afterwards with the same end. Which things a kind of actor touches is learned; whenever that grows, a search begins
anew, so that no step was taken alone by mistake.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field

from explore.actors import Node, Request
from explore.casts import ENDINGS, Ground
from explore.state import ONE_CRASH, Bounds, Choice, Facts, State, next_moment, times, total
from explore.steps import FAULTS, taken
from explore.surroundings import CLOCK, EVERYTHING

OUTAGES = {"for 29.9 s": 29.9, "for 31 s": 31.0}
"""How long a table takes no writes: until just before a second look, which then meets a rescue that still waits for its next
try, and until after one."""


@dataclass
class Knowledge:
    """Which things each kind of actor reads and writes, as far as it was seen."""

    reads: dict[str, set[Hashable]] = field(default_factory=dict)
    writes: dict[str, set[Hashable]] = field(default_factory=dict)

    def learn(self, name: str, request: Request) -> bool:
        """Whether this is news."""
        reads, writes = self.reads.setdefault(name, set()), self.writes.setdefault(name, set())
        known = reads.issuperset(request.touches) and writes.issuperset(request.changes)
        reads.update(request.touches)
        writes.update(request.changes)
        return not known


@dataclass
class Nursery:
    """The first nodes of all actors on one ground, kept from search to search, and what is known of them."""

    ground: Ground
    firsts: dict[tuple[str, int, bool], Node] = field(default_factory=dict)
    knowledge: Knowledge = field(default_factory=Knowledge)

    def cast(self, names: Sequence[str], hurried: bool) -> tuple[Node, ...]:
        return tuple(self._first(name, names[: at + 1].count(name), hurried) for at, name in enumerate(names))

    def _first(self, name: str, occurrence: int, hurried: bool) -> Node:
        key = (name, occurrence, hurried)
        if key not in self.firsts:
            self.firsts[key] = self.ground.actor(*key)
        return self.firsts[key]


@dataclass
class Course:
    """How one cast can go on, on one ground. `reduce` False: no step is taken alone. `grew`: the knowledge did."""

    nursery: Nursery
    cast: Sequence[str]
    bounds: Bounds = ONE_CRASH
    reduce: bool = True
    grew: bool = field(default=False, init=False)

    def start(self) -> State:
        ground = self.nursery.ground
        facts = Facts((str(ground.row["grant"]),))
        nodes = self.nursery.cast(list(self.cast), self.bounds.hurries > 0)
        zeros = (0.0,) * len(nodes)
        return State(
            ground.things, total(ground.things), ground.now, nodes, zeros, self.bounds, facts, tuple(self.cast)
        )

    def choices(self, state: State) -> Iterator[Choice]:
        runnable = state.runnable
        for at in runnable:
            if (not self._is_preempted(state, at)) and self._is_alone(state, at):
                yield from self._of_actor(state, at)
                return
        for at in runnable:
            if not self._is_preempted(state, at) or (state.left.preemptions or 0) > 0:
                yield from self._of_actor(state, at)
        yield from times(state)

    def _of_actor(self, state: State, at: int) -> Iterator[Choice]:
        request = state.request_at(at)
        kind = request.kind
        if kind == "commit" and state.now < state.outage_until:
            yield Choice("run", at, "silent before")
        else:
            yield Choice("run", at)
            if kind == "commit" and state.left.outages:
                yield from (Choice("outage", at, length) for length in OUTAGES)
            if state.left.faults:
                yield from (Choice("run", at, how) for how in FAULTS.get(kind, ()))
        if kind == "post" and state.left.slow:
            yield Choice("run", at, "slow")
        # To be killed before a step that changes nothing is to be killed before the next one that does.
        if state.left.crashes and request.changes and not self._is_last_hope(state, at):
            yield Choice("kill", at)

    def _is_last_hope(self, state: State, at: int) -> bool:
        """Whether it alone still has what a silent table did not take: to lose it as well is a second fault at once, which
        no protocol with two sinks survives at a strict provider."""
        return self.cast[at] == "rescue" and state.outage_until > 0

    def _is_preempted(self, state: State, at: int) -> bool:
        """Whether to let this one go on means to stop another, where that is counted."""
        if state.left.preemptions is None:
            return False
        current = state.current
        return current not in (-1, at) and current in state.runnable

    def _is_alone(self, state: State, at: int) -> bool:
        request = state.request_at(at)
        self.grew |= self.nursery.knowledge.learn(self.cast[at], request)
        if not self.reduce or request.kind in ("begin", "receive") or self._sees_all(state):
            return False
        if request.kind == "commit" and (state.left.outages or state.outage_until):
            return False
        if state.left.hurries and CLOCK in request.touches:
            return False
        return all(self._is_apart(request, self.cast[other]) for other in state.alive if other != at)

    def _sees_all(self, state: State) -> bool:
        return any(EVERYTHING in self.nursery.knowledge.reads.get(self.cast[at], ()) for at in state.alive)

    def _is_apart(self, request: Request, other: str) -> bool:
        knowledge = self.nursery.knowledge
        reads, writes = knowledge.reads.get(other, set()), knowledge.writes.get(other, set())
        return (
            writes.isdisjoint(request.touches)
            and writes.isdisjoint(request.changes)
            and reads.isdisjoint(request.changes)
        )

    def after(self, state: State, choice: Choice) -> State:
        match choice.kind:
            case "time":
                return state.later(next_moment(state), hurried=bool(state.runnable))
            case "kill":
                return self._killed(state, choice.actor)
            case "outage":
                left = state.left._replace(outages=state.left.outages - 1)
                dark = state._replace(left=left, outage_until=state.now + OUTAGES[choice.how])
                return taken(dark, choice.actor, "silent before", None)
        left = state.left
        if self._is_preempted(state, choice.actor):
            left = left._replace(preemptions=(left.preemptions or 0) - 1)
        if choice.how == "slow":
            left = left._replace(slow=left.slow - 1)
        elif choice.how and not state.now < state.outage_until:
            left = left._replace(faults=left.faults - 1)
        after = taken(state._replace(left=left), choice.actor, choice.how, self._ended(state, choice.actor))
        return self._with_grants(after)

    def _with_grants(self, state: State) -> State:
        row = state.things[self.nursery.ground.connection].value
        grant = str(row["grant"]) if isinstance(row, dict) else ""
        known = state.facts.grants
        return state if grant == known[-1] else state._replace(facts=state.facts._replace(grants=(*known, grant)))

    def _killed(self, state: State, at: int) -> State:
        node = state.node_at(at)
        facts = state.facts._replace(lost=state.facts.lost or node.holds)
        left = state.left._replace(crashes=state.left.crashes - 1)
        return state.with_node(at, None)._replace(facts=facts, left=left)

    def _ended(self, state: State, at: int) -> Hashable:
        """What had returned when an actor began: it matters to whoever asks for a token."""
        if self.cast[at] != "look_up":
            return ()
        return tuple(sorted(state.returned.intersection(ENDINGS)))

    def words(self, state: State, choice: Choice) -> str:
        if choice.kind == "time":
            return "time passes"
        name, what = f"{self.cast[choice.actor]} {choice.actor + 1}", state.request_at(choice.actor).name
        if choice.kind == "kill":
            return f"{name} is killed before: {what}"
        return f"{name}: {what}" + (f" ({choice.how})" if choice.how else "")
