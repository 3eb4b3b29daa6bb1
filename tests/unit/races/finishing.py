"""An authorization that is being finished while something ends: before its code was sent, or with its tokens on the rescue
queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.attacks.scenes import given_to_the_browser
from tests.unit.races.moments import Race, on_rescue, taken
from tests.unit.races.steps import Stepped
from tests.world import World

Ending = Callable[[World, str], Any]


def consented(ending: Ending) -> Race:
    """The provider sends the browser back, and the person finishes."""
    world = Stepped(shards=1)
    installation = world.install()
    back = world.provider.consent(world.begin("bob", installation).url, "bob")

    def finish() -> None:
        page = world.browse(back)
        if page.status == 303:
            world.complete("bob", given_to_the_browser(page))

    return world, lambda: ending(world, installation), finish


def rescued(ending: Ending) -> Race:
    """The tokens of a consent wait on the rescue queue."""
    world = Stepped(shards=1)
    installation = world.install()
    mine = world.consent(world.begin("bob", installation), "bob")
    on_rescue(world, lambda: world.complete("bob", mine))
    return world, lambda: ending(world, installation), taken(world, "rescue")
