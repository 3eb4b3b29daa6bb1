"""An actor is a function of what it has seen: the production flow runs until it asks the outside for something that nobody
has answered yet.

What a flow does between two calls to a port depends on the answers that it got, and on nothing else. So its life is a tree:
a node for each thing that it may have seen so far, which knows what the actor asks next, or with what it ended. A node is
made once, by running the real flow with the answers that lead there; every schedule that gives the same answers meets the
same node.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeVar

if TYPE_CHECKING:
    from explore.surroundings import Surroundings

T = TypeVar("T")


class Stopped(BaseException):
    """The actor has asked for something that is not answered yet. No `except Exception` of a flow catches it, as none
    survives a SIGKILL; what it asks while it unwinds is not answered either."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call to a port: a step before which anybody else may go first.

    `touches` are the things that the answer depends on, `changes` those that it may change. `waits`: seconds until somebody
    who waits goes on. `kind` says which faults it can meet.
    """

    name: str
    act: Callable[[Surroundings], object]
    touches: tuple[Hashable, ...]
    changes: tuple[Hashable, ...] = ()
    waits: float = 0.0
    kind: str = "read"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a request, and when (`at`). `mark` tells two different answers apart; `error` was raised instead of an
    answer."""

    mark: Hashable
    at: float
    answer: object = None
    error: Exception | None = None


class Script:
    """Gives an actor the answers of a path through its tree, one by one, and stops it where the path ends."""

    def __init__(self, answers: list[Seen]) -> None:
        self._answers = answers
        self._at = 0
        self.now = 0.0
        """When the last answer was given: until somebody waits, no time passes."""
        self.asked: Request | None = None

    def ask(self, request: Request) -> object:
        """Raises: Stopped: at the first request beyond the path, and ever after."""
        if self.asked is not None:
            raise Stopped
        if self._at == len(self._answers):
            self.asked = request
            raise Stopped
        seen = self._answers[self._at]
        self._at += 1
        self.now = seen.at
        if seen.error is not None:
            raise seen.error
        return seen.answer


Deed = Callable[[Script], object]


@dataclass(eq=False)
class Node:
    """One thing that an actor may have seen. `request` None: it has ended, with `result`.

    `holds`: tokens that a provider gave are in its hands and nowhere else. `effects` remembers what its request does to
    which surroundings.
    """

    lives: ClassVar[int] = 0
    """How often a flow was run so far in this process."""

    deed: Deed
    parent: Node | None = None
    seen: Seen | None = None
    request: Request | None = None
    result: object = None
    holds: bool = False
    began: float = 0.0
    nexts: dict[Hashable, Node] = field(default_factory=dict)
    effects: dict[Hashable, object] = field(default_factory=dict)

    @classmethod
    def first(cls, deed: Deed) -> Node:
        return _lived(cls(deed))

    @property
    def over(self) -> bool:
        return self.request is None

    def after(self, seen: Seen, holds: bool, began: float) -> Node:
        """Give the node that this answer leads to, and make it if nobody was there before."""
        key = (seen.mark, seen.at)
        known = self.nexts.get(key)
        if known is None:
            known = self.nexts[key] = _lived(Node(self.deed, self, seen, holds=holds, began=began))
        return known

    def answers(self) -> list[Seen]:
        """Everything that it has seen, in order."""
        found: list[Seen] = []
        node: Node | None = self
        while node is not None and node.seen is not None:
            found.append(node.seen)
            node = node.parent
        return found[::-1]


def _lived(node: Node) -> Node:
    Node.lives += 1
    script = Script(node.answers())
    try:
        node.result = node.deed(script)
    except Stopped:
        node.request = script.asked
    if script.asked is not None:
        node.request = script.asked
    return node
