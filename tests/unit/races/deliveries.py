"""Messages as Lambda hands them to our workers: now, late, in another order, twice."""

from __future__ import annotations

from collections.abc import Sequence

from functions.refresh import renew as renew_worker
from functions.refresh import sweep as sweep_worker
from functions.revoke import app as revoke_worker
from tests.fakes.queue import Delivery
from tests.unit.renewals import queue
from tests.world import Context, World, queue_event

WORKERS = {"sweep": sweep_worker, "renewal": renew_worker, "rescue": renew_worker, "chore": revoke_worker}


def hand_over(world: World, name: str, deliveries: Sequence[Delivery]) -> set[str]:
    """Give messages to the worker of their queue, and tell the receipts of those that are to come back."""
    answer = WORKERS[name].lambda_handler(queue_event(name, list(deliveries)), Context(), world.wired)
    return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}


def give(world: World, name: str, bodies: Sequence[str]) -> None:
    """Deliver texts that need not be on the queue any more."""
    hand_over(world, name, [Delivery(body, None, f"receipt-{at}", 1) for at, body in enumerate(bodies)])


def bodies(world: World, name: str) -> list[str]:
    """Every text that was ever put on a queue."""
    return [message.body for message in queue(world, name).sent]


def sweep(world: World) -> None:
    """Find what is due, and leave the messages on their queues."""
    tick(world)
    give(world, "sweep", bodies(world, "sweep"))


def tick(world: World) -> None:
    sweep_worker.lambda_handler({"strongroom": "tick"}, Context(), world.wired)
