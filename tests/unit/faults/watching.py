"""One connection that is due, at a provider of some kind, and somebody who watches what is written of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.table import Change
from tests.unit.renewals import TOKEN_URL, Scene, nearly_over, queue

KINDS: dict[str, dict[str, Any]] = {
    "strict": {},
    "grace": {"grace": 90},
    "none": {"rotates": False},
}
"""How a provider treats refresh tokens: a second use ends the grant; is forgiven for a while; they stay the same."""

TICK = 300
STEP = 15


class Watched(Scene):
    """Remembers what the provider refused, and holds every change of the status against it."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene.world, scene.installation, scene.user)
        self.refused: set[str] = set()
        self.surprises: list[str] = []
        self._ask = self.world.egress.routes["POST", TOKEN_URL]
        self.world.egress.on("POST", TOKEN_URL, self._answer)
        self.world.table.after["commit"] = self._written

    def _answer(self, request: Outgoing) -> Answer:
        answer = self._ask(request)
        form: dict[str, list[str]] = parse_qs(request.body.reveal() if request.body else "")
        if isinstance(answer, Reply) and (answer.status, answer.body) == (400, b'{"error": "invalid_grant"}'):
            self.refused |= set(form.get("refresh_token", ()))
        return answer

    def _written(self, writes: Any) -> None:
        changes = [write for write in writes if isinstance(write, Change) and write.key == self.connection.key]
        for change in changes:
            if change.put.get("status_reason") is not None and self.sealed_refresh() not in self.refused:
                self.surprises.append(f"a person must act, and nobody has refused: {change.put['status_reason']!s}")
            if {"access", "refresh"} & set(change.drop):
                self.surprises.append("a token was deleted")

    def let_pass(self, seconds: int, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Let so much time pass, with the schedule's ticks and the queues' deliveries."""
        for passed in range(STEP, seconds + 1, STEP):
            self.world.clock.advance(STEP)
            self.world.deliver()
            meanwhile()
            if passed % TICK == 0:
                self.world.tick()

    @property
    def uses(self) -> Counter[str]:
        """How often the provider has seen each refresh token."""
        return Counter(self.refreshes())

    @property
    def is_honoured(self) -> bool:
        """Whether the provider still honours the grant."""
        (grant,) = self.world.provider.grants
        return grant.alive

    @property
    def reason(self) -> str | None:
        return self.connection.reason

    def look_up(self) -> int:
        return self.world.look_up(self.user, self.installation).status

    def begins(self, who: str) -> None:
        """Let the schedule or a look-up begin the renewal."""
        if who == "schedule":
            self.world.tick()
        else:
            self.look_up()

    def has_ended_well(self) -> bool:
        """Connected with the provider's own present tokens, and all queues are empty."""
        waiting = sum(queue(self.world, name).waiting() for name in ("sweep", "renewal", "rescue", "chore"))
        return self.reason is None and self.works() and not self.surprises and not waiting


def due(kind: str, left: int = 0) -> Watched:
    """A connection whose access token is over (or good for so many more seconds), at this kind of provider."""
    scene = nearly_over(left=left)
    for name, value in KINDS[kind].items():
        setattr(scene.world.provider, name, value)
    return Watched(scene)
