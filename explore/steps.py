"""What one step does: to the surroundings, and to the actor who takes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import cast

from explore.actors import Node, Request, Seen
from explore.state import SLOW, State, weight
from explore.surroundings import EVERYTHING, Surroundings, Thing
from strongroom.domain.errors import ProviderFailed, QueueUnavailable, StoreUnavailable
from strongroom.domain.http import NoAnswer, Reply
from strongroom.domain.table import Committed

FAULTS: dict[str, tuple[str, ...]] = {
    "read": ("silent before",),
    "commit": ("silent before", "silent after"),
    "send": ("silent before", "silent after"),
    "dial": ("silent before",),
    "post": ("silent before", "silent after", "500 before", "500 after", "429 before"),
}
"""How a call can fail: before anything was done, or after."""

ERRORS: dict[str, Callable[[], Exception]] = {
    "read": lambda: StoreUnavailable("a fault"),
    "commit": lambda: StoreUnavailable("a fault"),
    "send": lambda: QueueUnavailable("a fault"),
    "dial": lambda: ProviderFailed("a fault"),
}


@dataclass(frozen=True, slots=True)
class Effect:
    """What a request does in certain surroundings: the node that follows, what is new, and by how much the total moves."""

    node: Node
    new: tuple[tuple[Hashable, Thing], ...]
    moves: int
    loses: bool


def taken(state: State, at: int, how: str, ended: Hashable) -> State:
    """Let an actor take its step. `how` names the fault that it meets; `ended` is what it is told when it begins."""
    effect = _effect(state, state.node_at(at), state.request_at(at), how, ended)
    after = effect.node
    slow = SLOW if how == "slow" else 0.0
    waits = after.request.waits if after.request is not None else 0.0
    new = state.with_node(at, after, state.now + waits + slow if waits or slow else 0.0)
    if effect.new:
        new = new._replace(things={**state.things, **dict(effect.new)}, total=state.total + effect.moves)
    facts = state.facts._replace(lost=True) if effect.loses else state.facts
    return new._replace(facts=facts, current=at if state.left.preemptions is not None else -1)


def _effect(state: State, node: Node, request: Request, how: str, ended: Hashable) -> Effect:
    if request.kind == "begin":
        key: Hashable = (ended, state.now)
    else:
        at = state.now + (SLOW if how == "slow" else 0.0)
        met: Hashable = tuple(thing.digest if (thing := state.things.get(name)) else None for name in request.touches)
        met = state.total if EVERYTHING in request.touches else met
        key = (how, met, at)
    found = node.effects.get(key)
    if found is None:
        found = node.effects[key] = _made(state, node, request, how, ended)
    return cast(Effect, found)


def _made(state: State, node: Node, request: Request, how: str, ended: Hashable) -> Effect:
    if request.kind == "begin":
        return Effect(node.after(Seen(ended, state.now, ended), False, state.now), (), 0, False)
    around = Surroundings(state.things, state.now)
    seen = _seen(request, around, how, state.now + (SLOW if how == "slow" else 0.0))
    held = _holds(node, request, seen)
    lost = how.endswith(" after") and request.name.endswith("/token")
    new = tuple((name, Thing.of(value)) for name, value in around.changed.items())
    moves = sum(weight(name, thing.digest) - _present(state, name) for name, thing in new)
    return Effect(node.after(seen, held, node.began), new, moves, lost)


def _present(state: State, name: Hashable) -> int:
    thing = state.things.get(name)
    return weight(name, thing.digest) if thing is not None else 0


def _seen(request: Request, around: Surroundings, how: str, at: float) -> Seen:
    if how.endswith(" before"):
        return _failed(request, how, at)
    try:
        answer = request.act(around)
    except Exception as error:
        return Seen(("raised", type(error).__name__, str(error)), at, error=error)
    return _failed(request, how, at) if how.endswith(" after") else Seen(_mark(answer), at, answer)


def _failed(request: Request, how: str, at: float) -> Seen:
    if request.kind != "post":
        return Seen(("fault", request.kind), at, error=ERRORS[request.kind]())
    status = how.split()[0]
    answer = NoAnswer("timed_out") if status == "silent" else Reply(int(status), {}, b"")
    return Seen(("fault", status), at, answer)


def _mark(answer: object) -> Hashable:
    text = repr((answer.status, answer.body)) if isinstance(answer, Reply) else repr(answer)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _holds(node: Node, request: Request, seen: Seen) -> bool:
    """Whether tokens are in this actor's hands alone: from the provider's answer until they are stored or sent on."""
    if request.kind == "post" and request.name.endswith("/token"):
        return node.holds or (isinstance(seen.answer, Reply) and seen.answer.status == 200)
    kept = (request.kind == "commit" and isinstance(seen.answer, Committed)) or (
        request.kind == "send" and seen.error is None
    )
    return node.holds and not kept
