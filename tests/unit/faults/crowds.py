"""Many satellites and workers at once, at one connection, on threads whose waits overlap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from functions.refresh import renew
from functions.token import app as token
from strongroom.domain.http import Answer, Outgoing
from strongroom.flows.sweep import sweep_shard
from tests.fakes.crowd import CrowdClock
from tests.unit.renewals import Scene, queue
from tests.world import GATEWAY, Answered, Context, World, iam, queue_event, routed

HUNDRED = 100


def crowd(left: int) -> tuple[CrowdClock, Scene]:
    """A connection with so many seconds left, whose readers and writers all meet at the same moments."""
    clock = CrowdClock()
    world = World(clock)
    installation = world.install()
    world.connect("bob", installation)
    clock.advance(3600 - left)
    world.table.before["read"] = lambda keys: clock.wait(0.01)
    world.table.before["commit"] = lambda writes: clock.wait(0.01)
    return clock, Scene(world, installation)


def looks_up(scene: Scene, **body: object) -> Callable[[], Answered]:
    """One satellite's look-up, in an environment of its own."""
    world = scene.world
    path = f"/v1/satellite/teams/acme/installations/{scene.installation}/token"

    def deed() -> Answered:
        wired = replace(world.wired, ports=world.new_environment())
        _, event = routed("POST", path, {"user": "bob", **body}, {"iam": iam(GATEWAY)})
        return world.answered(token.lambda_handler(event, Context(), wired))

    return deed


def takes_a_message(scene: Scene) -> Callable[[], None]:
    """One worker with whatever is on the renewal queue."""

    def deed() -> None:
        wired = replace(scene.world.wired, ports=scene.world.new_environment())
        received = queue(scene.world, "renewal").receive(1)
        if (
            received
            and not renew.lambda_handler(queue_event("renewal", received), Context(), wired)["batchItemFailures"]
        ):
            queue(scene.world, "renewal").delete(received[0].receipt)

    return deed


def answers_after(scene: Scene, seconds: float) -> None:
    def behave(request: Outgoing) -> Answer:
        scene.world.clock.wait(seconds)
        return scene.world.provider.honest(request)

    scene.provider_does(*[behave] * HUNDRED)


def fills_the_queue(scene: Scene, ticks: int) -> None:
    """Ticks that overlap: the same connection stands on the queue so many times."""
    for _ in range(ticks):
        for shard in range(scene.world.policy.shards):
            sweep_shard(scene.world.ports, shard)
    assert queue(scene.world, "renewal").waiting() == ticks
