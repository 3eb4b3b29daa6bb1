"""How the tests change installations: through the routes, as alice, an admin of acme."""

from __future__ import annotations

from typing import Any

from strongroom.domain import keys
from strongroom.domain.installation import Installation
from tests.fakes.provider import serve_mcp
from tests.world import Answered, World

ELSEWHERE = "https://elsewhere.example/mcp"


def connected(**more: Any) -> tuple[World, str]:
    """Bob is connected."""
    world = World()
    installation = world.install(**more)
    world.connect("bob", installation)
    return world, installation


def place(installation: str, team: str = "acme") -> str:
    return f"/v1/teams/{team}/installations/{installation}"


def change(
    world: World,
    installation: str,
    user: str = "alice",
    team: str = "acme",
    *,
    match: str | None = None,
    **members: Any,
) -> Answered:
    """Send a PATCH with these members."""
    return world.as_user(user, "PATCH", place(installation, team), members, **_seen(match))


def changed(world: World, installation: str, **members: Any) -> Answered:
    """Change it, and expect that it was done."""
    answer = change(world, installation, **members)
    assert answer.status == 200, answer.text
    return answer


def uninstall(
    world: World, installation: str, user: str = "alice", team: str = "acme", *, match: str | None = None
) -> Answered:
    return world.as_user(user, "DELETE", place(installation, team), **_seen(match))


def revoke_all(
    world: World, installation: str, user: str = "alice", team: str = "acme", *, match: str | None = None
) -> Answered:
    return world.as_user(user, "DELETE", f"{place(installation, team)}/connections", **_seen(match))


def _seen(match: str | None) -> dict[str, Any]:
    return {"headers": {"if-match": match}} if match is not None else {}


def shown(world: World, installation: str, user: str = "alice") -> dict[str, Any]:
    answer = world.as_user(user, "GET", place(installation))
    assert answer.status == 200, answer.text
    return answer.json


def stored(world: World, installation: str) -> Installation:
    row = world.table.row(keys.installation("acme", installation))
    assert row is not None
    return Installation.from_item(row)


def moved(world: World, installation: str) -> Answered:
    """Point it to another server, of the same provider."""
    serve_mcp(world.egress, ELSEWHERE, world.provider.issuer)
    return changed(world, installation, url=ELSEWHERE)


def come_to_rest(world: World, ticks: int = 3) -> None:
    """Let queues and schedule do their work for some minutes: a cut takes two passes, a minute apart."""
    for _ in range(ticks):
        world.clock.advance(120)
        world.tick()
