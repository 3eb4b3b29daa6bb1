"""What the races share: one connected person in a stepped world, the ways to renew, and how everything comes to rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from strongroom.domain.catalog import Catalog, CatalogEntry, Revoking
from tests.unit.races.deliveries import hand_over, sweep
from tests.unit.races.steps import Deed, Stepped, each_step
from tests.unit.renewals import Scene, heals, queue, refuses_tokens, rows
from tests.world import World

Prepared: TypeAlias = Callable[[Scene], Deed]
"""Prepares a renewal of the scene's connection, and gives what remains to be done."""
Race: TypeAlias = tuple[Stepped, Deed, Deed]
"""A world, what happens in between, and the operation."""


def connected(*, left: int = 30, **revoking: Any) -> tuple[Stepped, Scene]:
    """Bob is connected; his token has so many seconds left. `revoking`: what the catalog knows of revocations."""
    world = Stepped(shards=1)
    if revoking:
        entry = CatalogEntry(name="Provider", issuers=(world.provider.issuer,), revoking=Revoking(**revoking))
        world.catalog = Catalog((entry,))
        world.ports = world.new_environment()
    scene = Scene(world, world.install())
    world.connect("bob", scene.installation)
    world.clock.advance(3600 - left)
    return world, scene


def by_the_schedule(scene: Scene) -> Deed:
    """The message is on the queue; what is left is to work on it."""
    sweep(scene.world)
    return taken(scene.world, "renewal")


def by_a_look_up(scene: Scene) -> Deed:
    return lambda: scene.world.look_up(scene.user, scene.installation)


def by_a_report(scene: Scene) -> Deed:
    version = str(scene.connection.version)
    return lambda: scene.world.reject(scene.user, scene.installation, version)


def from_the_rescue_queue(scene: Scene) -> Deed:
    """The provider has given new tokens already, and the table did not take them."""
    on_rescue(scene.world, scene.renew)
    return taken(scene.world, "rescue")


def taken(world: World, name: str) -> Deed:
    """Take the one message off a queue: it is delivered once, later."""
    (delivery,) = queue(world, name).receive()
    queue(world, name).delete(delivery.receipt)
    return lambda: hand_over(world, name, [delivery])


WAYS: dict[str, Prepared] = {
    "schedule": by_the_schedule,
    "look-up": by_a_look_up,
    "report": by_a_report,
    "rescue": from_the_rescue_queue,
}


def on_rescue(world: World, operation: Deed) -> None:
    """Let what the operation brings end on the rescue queue."""
    hooks = dict(world.table.before), dict(world.table.after)
    refuses_tokens(world)
    operation()
    heals(world)
    world.table.before.update(hooks[0])
    world.table.after.update(hooks[1])
    assert queue(world, "rescue").sent


def come_to_rest(world: World, ticks: int = 2) -> None:
    """Let queues and schedule do their work for ten minutes."""
    for _ in range(ticks):
        world.clock.advance(300)
        world.tick()


def alive(world: World) -> list[str]:
    """The accounts whose grants the provider still honours."""
    return [grant.account for grant in world.provider.grants if grant.alive]


def not_revoked(world: World) -> set[str]:
    """The newest refresh tokens that nobody has asked the provider to revoke."""
    return {grant.refresh for grant in world.provider.grants} - set(world.provider.revoked)


def tokens_are_stored(world: World) -> bool:
    return any(row.get("access") for row in rows(world, "connection"))


def at_each_step(prepare: Callable[[], Race], check: Callable[[Stepped], Any]) -> int:
    """Prepare a race, run it with the deed at one step of the operation, and check the world; for every step.

    Give the number of steps.
    """

    def run(number: int) -> bool:
        world, deed, operation = prepare()
        reached = world.while_at(number, deed, operation)
        if reached:
            check(world)
        return reached

    return each_step(run)


def happens(race: Callable[[], Race], wrong: Callable[[Stepped], bool]) -> bool:
    """Whether it goes wrong at one step at least."""
    found: list[bool] = []
    at_each_step(race, lambda world: found.append(wrong(world)))
    return any(found)
