"""The schedule's work: find what is due, and hand each to its queue. Cost follows what is due, not what is stored."""

from __future__ import annotations

from collections import Counter

from strongroom.domain import keys
from strongroom.domain.connection import Version
from strongroom.domain.table import Item, Key, Query
from strongroom.flows.messages import chore_message, renewal_message, sweep_message
from strongroom.ports import Message, Ports

MOST_PER_SHARD = 5000
"""Renewals of one shard that one sweep queues; and as many chores: neither keeps the other away."""
MOST_READ = 4 * MOST_PER_SHARD
PAGE = 100


def tick(ports: Ports) -> int:
    """Ask for one sweep of each shard. A repeated, late or missed tick does no harm: what is due stays due."""
    ports.queues.sweep.send([sweep_message(shard) for shard in range(ports.policy.shards)])
    return ports.policy.shards


def sweep_shard(ports: Ports, shard: int) -> int:
    """Queue everything of one shard that is due, overdue first; the rest of a very long list waits for the next tick.

    Only the sparse index is read. Nothing here decides anything: each worker reads its rows anew.
    """
    room, read, now = Counter(connection=MOST_PER_SHARD, chore=MOST_PER_SHARD), 0, int(ports.clock.now())
    query = Query("due", f"D#{shard}", at_most=now, limit=PAGE)
    while True:
        page = ports.table.query(query)
        _queue(ports, [item for item in page.items if _fits(room, str(item.get("kind")))])
        read += len(page.items)
        if page.after is None or read >= MOST_READ or not room.total():
            queued = 2 * MOST_PER_SHARD - room.total()
            ports.journal.count("Due", queued)
            return queued
        query = Query("due", f"D#{shard}", at_most=now, limit=PAGE, after=page.after)


def _fits(room: Counter[str], kind: str) -> bool:
    """Whether there is room for one more of this kind, which is taken."""
    if room[kind] <= 0:
        return False
    room[kind] -= 1
    return True


def _queue(ports: Ports, items: list[Item]) -> None:
    renewals = [message for item in items if (message := _renewal(item)) is not None]
    chores = [chore_message(str(item["PK"]).removeprefix("V#")) for item in items if item.get("kind") == "chore"]
    if renewals:
        ports.queues.renewal.send(renewals)
    if chores:
        ports.queues.chore.send(chores)


def _renewal(item: Item) -> Message | None:
    key = Key(str(item["PK"]), str(item["SK"]))
    number = item.get("n")
    if item.get("kind") != "connection" or keys.parse_connection(key) is None or not isinstance(number, int):
        return None
    return renewal_message(key, Version(str(item["grant"]), number), str(item.get("provider_key") or "none"))
