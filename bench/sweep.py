"""What the schedule's search costs, by how much is due and how much is stored: counts, which are the same everywhere.

The rows of one connected person are copied to as many people as are wanted. The table's and the queues' real adapters send
the requests, and they are counted on the wire.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from bench.meter import Meter
from bench.wire import Body, Wire
from strongroom.adapters import clients
from strongroom.adapters.sqs import SqsQueue
from strongroom.domain import keys
from strongroom.domain.table import Item
from strongroom.flows.sweep import sweep_shard
from strongroom.ports import Queues
from tests.fakes.wire import fake_session
from tests.settings import SETTINGS
from tests.world import World


@dataclass(frozen=True, slots=True)
class Swept:
    """One tick: `found` connections due, in so many requests. Ticking itself sends one more, for all shards together."""

    found: int
    queries: int
    read_units: float
    other_table_requests: int
    queue_requests: int


def sweep(due: int, stored: int) -> Swept:
    """Sweep all shards once, with so many connections in the table and so many of them due."""
    world, sent = _world(due, stored), Counter[str]()
    meter, queue = Meter(world.table), SqsQueue(_queue(sent), SETTINGS["STRONGROOM_RENEWAL_QUEUE"])
    ports = replace(world.ports, table=meter, queues=Queues(queue, queue, queue, queue))
    found = sum(sweep_shard(ports, shard) for shard in range(ports.policy.shards))
    queries = [request for request in meter.requests if request.operation == "Query"]
    units = sum(request.read_units for request in queries)
    return Swept(found, len(queries), units, len(meter.requests) - len(queries), sum(sent.values()))


def _world(due: int, stored: int) -> World:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    bobs = keys.connection("acme", "bob", installation)
    row = world.table.row(bobs)
    if row is None:
        raise RuntimeError("bob has no connection")
    now = int(world.clock.now())
    world.table.place(
        *(_copied(world, row, installation, at, now - at if at < due else now + 60) for at in range(stored))
    )
    return world


def _copied(world: World, row: Item, installation: str, number: int, due_at: int) -> Item:
    key = keys.connection("acme", f"u{number}", installation)
    return {**row, "PK": key.pk, "SK": key.sk, "due_at": due_at, "due_shard": world.policy.shard(key.pk)}


def _queue(sent: Counter[str]) -> Any:
    """A client whose every message is taken."""

    def taken(operation: str, asked: Body) -> Body:
        sent[operation] += 1
        return {"Successful": [{"Id": one["Id"]} for one in asked["Entries"]], "Failed": []}

    client = clients.sqs(fake_session())
    Wire(client, taken)
    return client
