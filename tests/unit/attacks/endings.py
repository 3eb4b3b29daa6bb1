"""What ends while somebody consents: each of these takes away the authority to finish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain import keys
from tests.unit import changing
from tests.world import World


def leave(world: World, installation: str) -> None:
    world.put_member("acme", "bob", None)


def leave_and_come_back(world: World, installation: str) -> None:
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")


def disable(world: World, installation: str) -> None:
    changing.changed(world, installation, enabled=False)


def enable(world: World, installation: str) -> None:
    changing.changed(world, installation, enabled=True)


def disable_and_enable(world: World, installation: str) -> None:
    disable(world, installation)
    enable(world, installation)


def change_what_it_is(world: World, installation: str) -> None:
    changing.changed(world, installation, url=changing.ELSEWHERE)


def switch_the_mode(world: World, installation: str) -> None:
    changing.changed(world, installation, sharing="shared")


def switch_there_and_back(world: World, installation: str) -> None:
    switch_the_mode(world, installation)
    changing.changed(world, installation, sharing="per_user")


def revoke_for_all(world: World, installation: str) -> None:
    assert changing.revoke_all(world, installation).status == 200


def uninstall(world: World, installation: str) -> None:
    assert changing.uninstall(world, installation).status == 200


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


# What an authorization is compared with, for the controls
BINDING = """    if reads.installation.binding != authorization.standing.binding:
        return "installation_changed"
"""
ADMISSION = """    if not reads.installation.enabled or reads.installation.admission != authorization.admission:
        return "disabled_meanwhile"
"""
BOUND = '(Is("binding", authorization.standing.binding), Is("admission", authorization.admission))'

Ending = Callable[[World, str], None]
ENDINGS: list[tuple[Ending, str]] = [
    (leave, "no_longer_member"),
    (leave_and_come_back, "no_longer_member"),
    (disable, "disabled_meanwhile"),
    (disable_and_enable, "disabled_meanwhile"),
    (change_what_it_is, "installation_changed"),
    (switch_the_mode, "installation_changed"),
    (switch_there_and_back, "installation_changed"),
    (revoke_for_all, "installation_changed"),
    (uninstall, "installation_changed"),
    (delete_the_team, "no_longer_member"),
    (revoke, "revoked_meanwhile"),
]
EACH_ENDING = pytest.mark.parametrize(("ending", "why"), ENDINGS, ids=[deed.__name__ for deed, _ in ENDINGS])
