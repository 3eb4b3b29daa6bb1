"""What happens when all actors have ended: messages of killed workers come back, and schedule and queues do what they always
do, each message delivered twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import cast

from explore.casts import QUEUES, Ground
from explore.state import State
from explore.surroundings import PROVIDER, WatchedProvider, sent
from strongroom.adapters.cipher import AesGcm
from strongroom.domain.connection import Connection
from strongroom.domain.errors import StrongroomError
from strongroom.domain.rescue import decode
from strongroom.domain.secret import Secret
from strongroom.domain.table import Item, Key
from strongroom.domain.team import Team
from strongroom.flows.chores import do_chore
from strongroom.flows.look_up import look_up
from strongroom.flows.settle import settle_patiently
from strongroom.flows.sweep import sweep_shard
from strongroom.flows.vault import Vault
from strongroom.flows.work import renew_one
from strongroom.ports import Message, Ports, Queues
from tests.fakes.clock import FakeChance, FakeClock, FakeJournal
from tests.fakes.egress import FakeEgress
from tests.fakes.queue import Delivery, FakeQueue
from tests.fakes.table import FakeTable

LATER = (0, 30, 61, 122, 184, 305, 426, 600, 900)
"""Seconds after the end of the actors at which the schedule ticks: enough for a lease, a second look, and its failure."""
RETRIES = 3


class Aftermath:
    """One deployment after the actors have ended: the same rows, messages, provider and time."""

    def __init__(self, ground: Ground, state: State) -> None:
        self.ground = ground
        self.clock, self.journal = FakeClock(max(state.now, state.outage_until)), FakeJournal()
        self.table = FakeTable(self.clock)
        self.table.place(*(cast(Item, t.value) for key, t in state.things.items() if isinstance(key, Key) and t.value))
        self.queues = {name: FakeQueue(self.clock, most_receives=99) for name in QUEUES}
        self._post(state)
        self.provider = cast(WatchedProvider, state.things[PROVIDER].value).copied(self.clock)
        self.egress = FakeEgress()
        self.provider.serve(self.egress)
        self.workers_died = any(
            node is None and name == "renew" for node, name in zip(state.nodes, state.cast, strict=True)
        )

    def _post(self, state: State) -> None:
        for place in state.things:
            if isinstance(place, tuple) and place[0] == "sent":
                for seen_from, message in sent(state.things, place):
                    delay = max(0, int(seen_from - self.clock.now()))
                    self.queues[place[1]].send([Message(message.body, message.group, delay)])

    @property
    def ports(self) -> Ports:
        """A process that has opened nothing yet."""
        chance = FakeChance("afterwards")
        vault = Vault(self.table, self.ground.world.keys, AesGcm(), self.clock, chance, "test")
        mine = replace(self.ground.world.ports, table=self.table, vault=vault, egress=self.egress)
        return replace(mine, queues=Queues(**self.queues), clock=self.clock, chance=chance, journal=self.journal)

    def recover(self) -> None:
        """Let the messages of killed workers come back, and the schedule tick."""
        ports, start = self.ports, self.clock.now()
        for seconds in LATER:
            self.clock.set(max(self.clock.now(), start + seconds))
            if seconds == 30 and self.workers_died:
                _quietly(lambda: renew_one(ports, self.ground.connection, self.ground.version, 2))
            for shard in range(ports.policy.shards):
                sweep_shard(ports, shard)
            self._deliver(ports)

    def _deliver(self, ports: Ports) -> None:
        for name in ("rescue", "renewal", "chore"):
            for delivery in self.queues[name].receive():
                done = [_work(ports, name, delivery) for _ in ("once", "again")]
                if all(done):
                    self.queues[name].delete(delivery.receipt)

    def answer(self) -> tuple[object, ...]:
        """What a look-up gets in the end."""
        try:
            released = look_up(self.ports, self.ground.ask())
        except StrongroomError as error:
            return (type(error).__name__, error.detail.get("reason", error.public_code))
        return ("released", cast(Secret, released.access_token).reveal())

    def connection(self) -> Connection | None:
        row = self.table.row(self.ground.connection)
        return Connection.from_item(row) if row is not None else None

    def kept_refresh_tokens(self) -> set[str]:
        """Every refresh token that the row or a chore holds."""
        rows = self.table.snapshot().values()
        held = [Connection.from_item(row) for row in rows if row.get("kind") == "connection"]
        found = [(c.tokens, c.place("refresh_token")) for c in held if c.tokens is not None and c.tokens.refresh]
        chores = [chore for row in rows if row.get("kind") == "chore" and (chore := _chore(row)) is not None]
        found += [(chore.tokens, chore.place("refresh_token")) for chore in chores if chore.tokens.refresh]
        team = Team.from_item(self.table.snapshot()[Key("T#acme", "A")])
        ring = self.ports.vault.ring("connection", team.sealing_keys)
        return {ring.open(tokens.refresh, place).reveal() for tokens, place in found if tokens.refresh}

    def due(self) -> list[Item]:
        """Every row that the schedule would still take up now."""
        now = self.clock.now()
        return [row for row in self.table.snapshot().values() if isinstance(at := row.get("due_at"), int) and at <= now]


def _chore(row: Item):  # type: ignore[no-untyped-def]
    from strongroom.domain.chore import RevocationChore

    return RevocationChore.from_item(row) or RevocationChore.parked_in(row)


def _work(ports: Ports, queue: str, delivery: Delivery) -> bool:
    if queue == "rescue":
        return _quietly(lambda: settle_patiently(ports, decode(delivery.body), ports.clock.now()))
    body = json.loads(delivery.body)
    if queue == "chore":
        return _quietly(lambda: do_chore(ports, body["chore"]))
    return _quietly(lambda: renew_one(ports, Key(body["pk"], body["sk"]), body["version"], delivery.times))


def _quietly(act: Callable[[], object]) -> bool:
    with suppress(StrongroomError):
        act()
        return True
    return False  # the queue and the schedule bring it again
