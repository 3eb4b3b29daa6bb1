"""What ends while somebody consents: each of these takes away the authority to finish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain import keys
from tests.world import World


def leave(world: World, installation: str) -> None:
    world.put_member("acme", "bob", None)


def leave_and_come_back(world: World, installation: str) -> None:
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")


def disable(world: World, installation: str) -> None:
    alter(world, installation, enabled=False)


def change_what_it_is(world: World, installation: str) -> None:
    alter(world, installation, binding="anotherbindinganothe")


def uninstall(world: World, installation: str) -> None:
    kept = world.table.snapshot()
    kept.pop(keys.installation("acme", installation))
    world.table.restore(kept)


def delete_the_team(world: World, installation: str) -> None:
    row = world.table.row(keys.team("acme"))
    assert row is not None
    world.table.place({**row, "state": "deleted"})


def revoke(world: World, installation: str) -> None:
    assert world.revoke("bob", installation).status == 200


def alter(world: World, installation: str, **changes: Any) -> None:
    row = world.table.row(keys.installation("acme", installation))
    assert row is not None
    world.table.place({**row, **changes})


Ending = Callable[[World, str], None]
ENDINGS: list[tuple[Ending, str]] = [
    (leave, "no_longer_member"),
    (leave_and_come_back, "no_longer_member"),
    (disable, "disabled_meanwhile"),
    (change_what_it_is, "installation_changed"),
    (uninstall, "no_longer_member"),
    (delete_the_team, "no_longer_member"),
    (revoke, "revoked_meanwhile"),
]
EACH_ENDING = pytest.mark.parametrize(("ending", "why"), ENDINGS, ids=[deed.__name__ for deed, _ in ENDINGS])
