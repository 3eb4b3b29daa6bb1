"""What attacks at the gateway share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.attacks.entrance import Entrance
from tests.unit.attacks.matrix import Scene
from tests.unit.attacks.passing import Again
from tests.world import World


@pytest.fixture(scope="module")
def entrance() -> Iterator[Entrance]:
    """The gateway with its real authorizers."""
    opened = Entrance(World())
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture
def again(scene: Scene) -> Iterator[Again]:
    """A way back to how the scene was, for the next try; it is taken at the end, too."""
    restore = scene.remember()
    yield restore
    restore()
