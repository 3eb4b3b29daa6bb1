"""One baton for several actors: each runs in a thread of its own, and only whoever holds the baton moves.

An actor stops before every step, a call to a port. Then somebody is chosen: an actor whose step is done, one that is
killed before its step, or time, which passes to the next moment at which somebody stops waiting. The same choices make
the same run.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tests.fakes.clock import FakeClock


class Killed(BaseException):
    """The actor's process ends here. No `except Exception` of the flows catches it, as none survives a SIGKILL."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What happens next. `step` says it in words, for the schedule of a violation."""

    kind: Literal["run", "kill", "time"]
    actor: int = -1
    step: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.step}".rstrip()


Chooser: TypeAlias = Callable[[Sequence[Choice]], Choice | None]
"""Choose among at least one; None gives up the run."""


class Actor:
    """One process: what it does, where it stands, and everything that it has seen, as a digest."""

    def __init__(self, name: str, deed: Callable[[], object]) -> None:
        self.name, self.deed = name, deed
        self.state: Literal["new", "ready", "done", "dead"] = "new"
        self.next = "begin"
        self.wakes_at = 0.0
        self.seen = b""
        self.steps = 0
        self.result: object = None
        self.must_die = False
        self.baton = threading.Lock()
        self.baton.acquire()

    @property
    def over(self) -> bool:
        return self.state in ("done", "dead")

    @property
    def position(self) -> tuple[object, ...]:
        """Where it stands: equal positions go on equally in equal surroundings. The dead are all alike."""
        match self.state:
            case "dead":
                return ("dead",)
            case "done":
                return ("done", repr(self.result))
            case _:
                return (self.state, self.seen, self.next, self.wakes_at)

    def has_seen(self, what: object) -> None:
        self.seen = hashlib.blake2b(self.seen + repr(what).encode(), digest_size=16).digest()


class Scheduler:
    """Run actors to their end, one step at a time, as the chooser says.

    At most `crashes` of them are killed. Time passes when everybody waits for it, and `hurries` times besides, while
    somebody stands between two steps: without a bound, one who polls would grow old beside one who does nothing.
    """

    def __init__(self, clock: FakeClock, actors: Sequence[Actor], crashes: int, hurries: int) -> None:
        self.clock, self.actors, self.crashes = clock, actors, crashes
        self.hurries = hurries
        self.kills = 0
        self.hurried = 0
        self._chooser: Chooser = lambda options: options[0]
        self._abandoned = False
        self._failure: BaseException | None = None
        self._finished = threading.Lock()

    def run(self, chooser: Chooser) -> bool:
        """Run all actors; whether they came to their end.

        Raises:
            Exception: Whatever the chooser or a watcher has raised.
        """
        self._chooser = chooser
        self._finished.acquire()
        threads = [threading.Thread(target=self._live, args=(actor,), daemon=True) for actor in self.actors]
        for thread in threads:
            thread.start()
        self._hand(self._pick())
        with self._finished:
            pass
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure
        return not self._abandoned

    def pause(self, actor: Actor, step: str, wakes_at: float = 0.0) -> None:
        """Stop the actor before a step, until it is chosen.

        Raises:
            Killed: If it never is again.
        """
        self.check(actor)
        actor.next, actor.wakes_at = step, wakes_at
        following = self._pick()
        if following is not actor:
            self._hand(following)
            actor.baton.acquire()
        self.check(actor)
        actor.steps += 1

    def check(self, actor: Actor) -> None:
        """Raises: Killed: If the actor's process has ended: what it does while it unwinds reaches nobody."""
        if actor.must_die:
            raise Killed

    def fail(self, failure: BaseException) -> None:
        """Give up the run and raise this at its end."""
        self._failure = self._failure or failure
        self._abandon()

    def _live(self, actor: Actor) -> None:
        actor.baton.acquire()
        try:
            self.check(actor)
            actor.state = "ready"
            actor.result = actor.deed()
            actor.state = "done"
        except Killed:
            actor.state = "dead"
        except BaseException as failure:
            actor.state = "dead"
            self.fail(failure)
        self._hand(self._pick())

    def _pick(self) -> Actor | None:
        while not self._abandoned and (options := self._options()):
            chosen = self._chosen(options)
            match chosen:
                case None:
                    self._abandon()
                case Choice("time"):
                    self._pass_time()
                case Choice("kill", at):
                    self.kills += 1
                    self.actors[at].must_die = True
                    return self.actors[at]
                case Choice(_, at):
                    return self.actors[at]
        return next((actor for actor in self.actors if not actor.over), None)

    def _chosen(self, options: Sequence[Choice]) -> Choice | None:
        try:
            return self._chooser(options)
        except Exception as failure:
            self._failure = self._failure or failure
            return None

    def _options(self) -> list[Choice]:
        """Everything that may happen next. To kill who has not begun, or nobody any more, changes nothing."""
        now = self.clock.now()
        alive = [(at, actor) for at, actor in enumerate(self.actors) if not actor.over]
        runs = [Choice("run", at, f"{a.name}: {a.next}") for at, a in alive if a.wakes_at <= now]
        kills = [Choice("kill", at, f"{a.name} before {a.next}") for at, a in alive if a.state == "ready"]
        time = [Choice("time")] if self._next_moment() is not None and (not runs or self.may_hurry) else []
        return [*runs, *time, *(kills if self.kills < self.crashes else [])]

    @property
    def may_hurry(self) -> bool:
        return self.hurried < self.hurries

    def _pass_time(self) -> None:
        now = self.clock.now()
        self.hurried += any(actor.wakes_at <= now for actor in self.actors if not actor.over)
        self.clock.set(self._next_moment() or now)

    def _next_moment(self) -> float | None:
        now = self.clock.now()
        return min((a.wakes_at for a in self.actors if not a.over and a.wakes_at > now), default=None)

    def _abandon(self) -> None:
        self._abandoned = True
        for actor in self.actors:
            actor.must_die = True

    def _hand(self, following: Actor | None) -> None:
        (self._finished if following is None else following.baton).release()
