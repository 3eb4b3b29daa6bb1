"""Nine connections, and the rounds of the schedule over them: tick, shards, messages, one by one."""

from __future__ import annotations

import hashlib

from functions.refresh import renew, sweep
from strongroom.ports import Message
from tests.fakes.queue import Delivery
from tests.unit.renewals import queue
from tests.world import Context, World, queue_event

PEOPLE = ("alice", "bob", "carol")


def team(installations: int = 3) -> World:
    """Nine connections, obtained within a few seconds."""
    world = World()
    for at in range(installations):
        installation = world.install(name=f"Files {at}")
        for user in PEOPLE:
            world.connect(user, installation)
            world.clock.advance(1)
    return world


def refreshes(world: World) -> list[str]:
    return [form["refresh_token"] for form in world.provider.token_requests if form["grant_type"] == "refresh_token"]


def all_alive(world: World) -> bool:
    return all(grant.alive for grant in world.provider.grants)


def fires(world: World, times: int = 1) -> None:
    """Only the tick: what it asks for stays on the queue."""
    for _ in range(times):
        sweep.lambda_handler({"strongroom": "tick"}, Context(), world.wired)


def sweeps(world: World) -> None:
    """Take the shards off the queue, and leave what is due on the next one."""
    found = queue(world, "sweep").receive(10)
    sweep.lambda_handler(queue_event("sweep", found), Context(), world.wired)
    for delivery in found:
        queue(world, "sweep").delete(delivery.receipt)


def delivers(world: World, deliveries: list[Delivery]) -> None:
    renew.lambda_handler(queue_event("renewal", deliveries), Context(), world.wired)


def repeated(message: Message, times: int = 1) -> Delivery:
    return Delivery(message.body, message.group, f"receipt of {message.body}", times)


def shuffled(deliveries: list[Delivery], seed: int) -> list[Delivery]:
    """One of many orders, the same for the same seed."""
    numbered = {hashlib.sha256(f"{seed}:{at}".encode()).digest(): one for at, one in enumerate(deliveries)}
    return [numbered[digest] for digest in sorted(numbered)]


def installations(world: World) -> list[str]:
    answer = world.as_user("bob", "GET", "/v1/teams/acme/installations")
    return [one["installation"] for one in answer.json["installations"]]
