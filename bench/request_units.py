"""Requests and capacity units of a look-up and of a renewal: counts, which are the same on every machine.

A day is lived in the tests' world until its rows are there. Then the table's real adapter takes the place of the fake:
what it sends is counted on the wire, and each answer says what it has cost, as DynamoDB's do (`reported`). The units in the
answers follow from the rows (`sizes`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.meter import Meter
from bench.reported import Request
from bench.sizes import item_size
from strongroom.adapters.cipher import AesGcm
from strongroom.domain import keys
from strongroom.domain.breaker import FAULTS_TO_OPEN, FIRST_PAUSE, Breaker
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.sealing import TEAM_PURPOSES, TeamKeys
from strongroom.domain.table import Item
from strongroom.flows.vault import Vault
from tests.world import World

SHORT_OF_EXPIRY = 3570
DUE = 3100
DAY = 86_400
DOWN = Reply(503, {}, b"")
BUSY = Reply(429, {"retry-after": ("120",)}, b"")
ENDED = Reply(400, {"content-type": ("application/json",)}, b'{"error": "invalid_grant"}')


@dataclass(frozen=True, slots=True)
class Journey:
    """What one journey sent. `row_size`: the largest that the connection's row was meanwhile, in bytes."""

    requests: tuple[Request, ...]
    provider_requests: int
    key_service_requests: int
    row_size: int
    row_size_at_rest: int

    @property
    def read_units(self) -> float:
        return sum(request.read_units for request in self.requests)

    @property
    def write_units(self) -> float:
        return sum(request.write_units for request in self.requests)

    def without(self, operation: str) -> Journey:
        """The same without one kind of request."""
        return replace(self, requests=tuple(one for one in self.requests if one.operation != operation))

    @property
    def operations(self) -> list[str]:
        return [request.operation for request in self.requests]


def look_up() -> Journey:
    """Look up bob's token: keys at hand, token fresh, last use noted."""
    day = Day()
    return day.measured(day.look_up)


def first_use() -> Journey:
    """Look up bob's token for the first time in six hours: the use is noted."""
    day = Day(lifetime=8 * 3600)
    day.world.clock.advance(6 * 3600)
    return day.measured(day.look_up)


def renewal_on_demand(row_size: int | None = None) -> Journey:
    """Look up a token that is about to expire. `row_size`: the largest that the row becomes; left out, as it is."""
    day = Day(row_size=row_size)
    day.world.clock.advance(SHORT_OF_EXPIRY)
    return day.measured(day.look_up)


def renewal_by_schedule(row_size: int | None = None, *, before: int = 0) -> Journey:
    """Let the schedule find that one connection is due; `before` renewals have been measured by nobody."""
    day = Day(row_size=row_size)
    for _ in range(before):
        day.world.clock.advance(DUE)
        day.pad_next_token()
        day.world.tick()
    day.world.clock.advance(DUE)
    return day.measured(day.world.tick)


def exercise(row_size: int | None = None) -> Journey:
    """Let the schedule exercise a connection that nobody has looked up for two weeks."""
    day = Day(row_size=row_size)
    row, now = day.row(), int(day.world.clock.now())
    day.world.table.place({**row, "last_used_at": now - 14 * DAY})
    day.world.clock.advance(DUE)
    day.pad_next_token()
    day.world.tick()
    for _ in range(DUE, 3 * DAY, DUE):
        day.world.clock.advance(DUE)
        day.world.tick()
    day.world.clock.advance(DUE)
    return day.measured(day.world.tick)


def fault(answer: Reply, row_size: int | None = None, *, known: Breaker | None = None) -> Journey:
    """Let the schedule renew one connection, and its provider give this answer. `known` is what its breaker says."""
    day = Day(row_size=row_size)
    day.world.clock.advance(DUE)
    day.remember(known)
    day.provider_says(answer)
    return day.measured(day.world.tick, padded=False)


def opening(row_size: int | None = None) -> Journey:
    """Let the schedule meet the fault that opens the breaker."""
    return fault(DOWN, row_size, known=Breaker("", "a turn", faults=FAULTS_TO_OPEN - 1, why="provider_error"))


def paused(row_size: int | None = None) -> Journey:
    """Let the schedule find a connection whose provider is left alone."""
    return _beside_a_breaker(FIRST_PAUSE, row_size)


def well_again(row_size: int | None = None) -> Journey:
    """Let the schedule try a provider whose pause is over, with success."""
    return _beside_a_breaker(-1, row_size)


def _beside_a_breaker(open_for: int, row_size: int | None) -> Journey:
    day = Day(row_size=row_size)
    day.world.clock.advance(DUE)
    until = int(day.world.clock.now()) + open_for
    day.remember(Breaker("", "a turn", faults=FAULTS_TO_OPEN, openings=1, open_until=until, why="provider_error"))
    return day.measured(day.world.tick)


class Day:
    """A world in which bob has just connected and looked up, measured from then on.

    `row_size`: bob's token is of a length with which his row, under a lease, has exactly so many bytes.
    """

    def __init__(self, *, lifetime: int = 3600, row_size: int | None = None) -> None:
        self.world, self._padding = World(), 0
        self.world.provider.lifetime = lifetime
        self.installation = self.world.install()
        if row_size is not None:
            self._padding = row_size - renewal_on_demand().row_size
        self.pad_next_token()
        self.world.connect("bob", self.installation)
        self.meter = Meter(self.world.table)
        vault = Vault(self.meter, self.world.keys, AesGcm(), self.world.clock, self.world.chance, "test")
        self.world.ports = replace(self.world.ports, table=self.meter, vault=vault)
        self.look_up()

    def look_up(self) -> None:
        answer = self.world.look_up("bob", self.installation)
        if answer.status != 200:
            raise RuntimeError(f"the look-up does not work: {answer.status}")

    def row(self) -> Item:
        row = self.world.table.row(keys.connection("acme", "bob", self.installation))
        if row is None:
            raise RuntimeError("bob has no connection")
        return row

    def remember(self, known: Breaker | None) -> None:
        """Lay the row of the provider's breaker, as of now."""
        if known is not None:
            mine = replace(known, provider_key=str(self.row()["provider_key"]), faulted_at=int(self.world.clock.now()))
            self.world.table.place(mine.to_put(mine).item)

    def provider_says(self, answer: Reply) -> None:
        self.world.provider.answer_next.append(lambda _: answer)

    def measured(self, act: Callable[[], None], *, padded: bool = True) -> Journey:
        """Open all keys that have been forgotten, then act and count."""
        self._open_keys()
        if padded:
            self.pad_next_token()
        sizes = [item_size(self.row())]
        self.world.table.after["commit"] = lambda _: sizes.append(item_size(self.row()))
        began, sent, asked = len(self.meter.requests), len(self.world.egress.sent), len(self.world.keys.requests)
        act()
        del self.world.table.after["commit"]
        return Journey(
            tuple(self.meter.requests[began:]),
            len(self.world.egress.sent) - sent,
            len(self.world.keys.requests) - asked,
            max(sizes),
            item_size(self.row()),
        )

    def _open_keys(self) -> None:
        """What a warm environment has done less than five minutes ago: opened both purposes' keys of this team."""
        row = self.world.table.row(keys.team("acme"))
        if row is None:
            raise RuntimeError("there is no team")
        for purpose in TEAM_PURPOSES:
            self.world.ports.vault.ring(purpose, TeamKeys.from_item(row))

    def pad_next_token(self) -> None:
        if self._padding:
            self.world.provider.answer_next.append(self._wordy)

    def _wordy(self, request: Outgoing) -> Answer:
        """Answer as the provider does, with an access token that is longer."""
        answer = self.world.provider.honest(request)
        if not isinstance(answer, Reply):
            raise RuntimeError("the provider does not answer")
        return replace(answer, body=answer.body.replace(b'"access-', b'"access-' + b"x" * self._padding))
