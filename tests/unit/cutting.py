"""What ends, as the routes end it: the row of an installation and the chore of the cut, written at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from strongroom.domain import keys
from strongroom.domain.cut import Cut
from strongroom.domain.table import Item, Key
from strongroom.flows.attempts import fresh_id
from strongroom.flows.chores import do_chore
from tests.unit.renewals import queue, rows
from tests.world import World

MINUTE = 60
End: TypeAlias = Callable[[World, str], Any]


def installation_row(world: World, installation: str, team: str = "acme") -> Item:
    row = world.table.row(keys.installation(team, installation))
    assert row is not None
    return row


def rebind(world: World, installation: str, why: str = "installation_changed", **changes: Any) -> str:
    """Renew the binding, for a reason; give the new one. The chore is told to nobody: the schedule finds it."""
    row, fresh, now = installation_row(world, installation), fresh_id(world.ports), int(world.clock.now())
    after = {**row, "binding": fresh, "admission": fresh, "rebound": why, "bound_at": now, **changes}
    world.table.place(after, binding_cut(world, row, why).to_put(world.policy).item)
    return fresh


def uninstall(world: World, installation: str, provider_key: str | None = None) -> None:
    row = installation_row(world, installation)
    kept = world.table.snapshot()
    del kept[keys.installation("acme", installation)]
    world.table.restore(kept)
    world.table.place(binding_cut(world, row, "uninstalled", provider_key).to_put(world.policy).item)


def leave(world: World, installation: str) -> None:
    world.put_member("acme", "bob", None)


def change(world: World, installation: str) -> None:
    rebind(world, installation)


def revoke_all(world: World, installation: str) -> None:
    rebind(world, installation, "revoked")


def binding_cut(world: World, row: Item, why: str, provider_key: str | None = None) -> Cut:
    return Cut(
        id=fresh_id(world.ports),
        what="binding",
        team=str(row["team"]),
        why=why,
        by="alice",
        made_at=int(world.clock.now()),
        installation=str(row["installation"]),
        mark=str(row["binding"]),
        provider_key=provider_key,
    )


def cuts(world: World) -> list[Item]:
    return [row for row in rows(world, "chore") if row["work"] == "cut"]


def the_cut(world: World) -> Item:
    (row,) = cuts(world)
    return row


def one_pass(world: World) -> object:
    return do_chore(world.ports, str(the_cut(world)["chore"]))


def revocations(world: World) -> list[Item]:
    return [row for row in rows(world, "chore") if row["work"] == "revoke"]


def told(world: World, event: str) -> list[Item]:
    return [row for row in rows(world, "record") if row["event"] == event]


def holds(world: World, key: Key) -> bool:
    """Whether the row is there and has tokens."""
    return bool((world.table.row(key) or {}).get("access"))


def drained(world: World) -> None:
    """The messages for chores are lost."""
    held = queue(world, "chore")
    for delivery in held.receive():
        held.delete(delivery.receipt)


def let_pass(world: World, minutes: int = 3) -> None:
    """Let the schedule fire once a minute."""
    for _ in range(minutes):
        world.clock.advance(MINUTE)
        world.tick()


def alive(world: World) -> list[str]:
    return [grant.account for grant in world.provider.grants if grant.alive]


def is_cleared(world: World) -> bool:
    return {row["state"] for row in rows(world, "chore")} <= {"ended"} and alive(world) == []


def many(count: int = 6) -> tuple[World, str]:
    world = World()
    installation = world.install()
    for number in range(count):
        user = f"user-{number}"
        world.put_member("acme", user, "team_user")
        world.connect(user, installation)
    return world, installation


def tombstone(world: World) -> Item:
    row = world.table.row(keys.team("acme"))
    assert row is not None
    return row


def of_acme(world: World) -> dict[str, int]:
    """What is still there of the team, by kind, records and chores apart."""
    found: dict[str, int] = {}
    for key, row in world.table.snapshot().items():
        belongs = row.get("team") == "acme" or key.pk == "T#acme" or key.pk.startswith("T#acme#")
        if belongs and row.get("kind") not in ("record", "chore", "authorization"):
            found[str(row.get("kind"))] = found.get(str(row.get("kind")), 0) + 1
    return found
