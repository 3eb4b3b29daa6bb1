"""A queue in memory: delivers, hides, counts, and gives up into a dead-letter queue, by a clock that tests set."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from strongroom.domain.errors import QueueUnavailable
from strongroom.ports import Message
from tests.fakes.clock import FakeClock
from tests.fakes.faults import Hook

Operation = Literal["send", "postpone"]

MOST_BYTES = 256 * 1024
MOST_DELAY = 900
MOST_HIDDEN = 43_200
GROUP = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as a consumer gets it. `times` is how often it has been received, this time included."""

    body: str
    group: str | None
    receipt: str
    times: int


@dataclass(slots=True, eq=False)
class _Held:
    message: Message
    visible_at: float
    received: int = 0
    receipt: str = ""


class FakeQueue:
    """Messages in the order of their sending; a received one hides for `visibility` seconds, then comes back.

    After `most_receives` deliveries the next receive moves it to `dead`. `before` and `after` hold a hook for `send` or
    `postpone`; `requests` counts calls by SQS's names; `sent` lists every message that was ever taken.
    """

    def __init__(self, clock: FakeClock | None = None, visibility: int = 30, most_receives: int = 3) -> None:
        self._clock = clock or FakeClock()
        self._visibility = visibility
        self._most_receives = most_receives
        self._held: list[_Held] = []
        self._receipts = 0
        self._lock = threading.RLock()
        self.before: dict[Operation, Hook] = {}
        self.after: dict[Operation, Hook] = {}
        self.requests: Counter[str] = Counter()
        self.sent: list[Message] = []
        self.dead: list[Message] = []

    def send(self, messages: Sequence[Message]) -> None:
        for message in messages:
            _check(message)
        self._run("before", "send", messages)
        with self._lock:
            self.requests["SendMessageBatch"] += -(-len(messages) // 10)
            self.sent.extend(messages)
            self._held.extend(_Held(message, self._clock.now() + message.delay) for message in messages)
        self._run("after", "send", messages)

    def postpone(self, receipt: str, seconds: int) -> None:
        if not 0 <= seconds <= MOST_HIDDEN:
            raise ValueError("a message can be hidden for up to twelve hours")
        self._run("before", "postpone", (receipt, seconds))
        with self._lock:
            self.requests["ChangeMessageVisibility"] += 1
            self._find(receipt).visible_at = self._clock.now() + seconds
        self._run("after", "postpone", (receipt, seconds))

    def receive(self, most: int = 10) -> list[Delivery]:
        """Deliver what is visible now, oldest first."""
        with self._lock:
            self._bury()
            return [self._deliver(held) for held in self._visible()[:most]]

    def delete(self, receipt: str) -> None:
        """Take a message off the queue for good, as the event source does after success."""
        with self._lock:
            self._held = [held for held in self._held if held.receipt != receipt]

    def waiting(self) -> int:
        """Count what is on the queue, visible or not."""
        return len(self._held)

    def _run(self, when: Literal["before", "after"], operation: Operation, argument: object) -> None:
        hooks = self.before if when == "before" else self.after
        if hook := hooks.get(operation):
            hook(argument)

    def _visible(self) -> list[_Held]:
        return [held for held in self._held if held.visible_at <= self._clock.now()]

    def _bury(self) -> None:
        spent = [held for held in self._visible() if held.received >= self._most_receives]
        self.dead.extend(held.message for held in spent)
        self._held = [held for held in self._held if held not in spent]

    def _deliver(self, held: _Held) -> Delivery:
        self._receipts += 1
        held.receipt = f"receipt-{self._receipts}"
        held.received += 1
        held.visible_at = self._clock.now() + self._visibility
        return Delivery(held.message.body, held.message.group, held.receipt, held.received)

    def _find(self, receipt: str) -> _Held:
        for held in self._held:
            if held.receipt == receipt and held.visible_at > self._clock.now():
                return held
        raise QueueUnavailable("the receipt belongs to no message in flight")


def _check(message: Message) -> None:
    if not message.body:
        raise ValueError("a message has a body")
    if len(message.body.encode()) > MOST_BYTES:
        raise ValueError("a message has at most 256 KiB")
    if message.group is not None and not GROUP.fullmatch(message.group):
        raise ValueError("a group has 1 to 128 printable characters")
    if not 0 <= message.delay <= MOST_DELAY:
        raise ValueError("a message is delayed by at most 15 minutes")
