"""What nobody uses is not renewed all day, and is there when somebody comes back, at providers that let it lapse."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain.catalog import Catalog, CatalogEntry, Refreshing
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.policy import DAY, HOUR
from tests.unit.renewals import Scene
from tests.world import World

TICK = 6 * HOUR


def forgetful(lapses_after: int, known: bool, **policy: Any) -> Scene:
    """A connection at a provider that forgets what nobody used for so many seconds; `known`: the catalog says so."""
    world = World(**policy)
    if known:
        facts = Refreshing(idle=lapses_after)
        world.catalog = Catalog((CatalogEntry("Provider", issuers=(world.provider.issuer,), refreshing=facts),))
        world.ports = world.new_environment()
    last = [world.clock.now()]

    def behave(request: Outgoing) -> Answer:
        now = world.clock.now()
        if now - last[0] >= lapses_after:
            return Reply(400, {}, b'{"error": "invalid_grant"}')
        last[0] = now
        return world.provider.honest(request)

    world.provider.answer_next = [behave] * 10_000
    installation = world.install()
    world.connect("bob", installation)
    return Scene(world, installation)


def passes(scene: Scene, seconds: int, step: int = TICK) -> None:
    """Time passes, and nobody looks anything up."""
    for _ in range(seconds // step):
        scene.world.clock.advance(step)
        scene.world.tick()


@pytest.mark.parametrize(
    ("lapses_after", "known"),
    [(90 * DAY, True), (12 * DAY, True), (4 * DAY, True), (2 * DAY, True), (90 * DAY, False), (4 * DAY, False)],
)
def test_three_months_later_it_is_still_connected_and_renewed_on_demand(lapses_after: int, known: bool) -> None:
    scene = forgetful(lapses_after, known)
    for _ in range(13):
        passes(scene, 7 * DAY)
        status = scene.world.status("bob", scene.installation)
        assert (status["status"], status["reason"], status["next"]) == ("connected", None, "none")
    scene.world.clock.advance(HOUR)
    before = len(scene.refreshes())
    assert scene.works()
    assert len(scene.refreshes()) == before + 1


@pytest.mark.parametrize("lapses_after", [4 * DAY, 12 * DAY])
def test_control_exercised_once_a_month_it_would_have_lapsed(lapses_after: int) -> None:
    scene = forgetful(lapses_after, known=False, exercise_after=30 * DAY)
    passes(scene, 60 * DAY)
    assert scene.world.status("bob", scene.installation)["reason"] == "refused"


@pytest.mark.parametrize(
    ("lapses_after", "known", "a_month"),
    [(90 * DAY, True, 10), (4 * DAY, True, 30), (90 * DAY, False, 10)],
)
def test_after_two_weeks_it_has_left_the_hourly_round(lapses_after: int, known: bool, a_month: int) -> None:
    scene = forgetful(lapses_after, known)
    passes(scene, 14 * DAY, step=HOUR)
    round_ = len(scene.refreshes())
    passes(scene, 30 * DAY, step=HOUR)
    assert round_ > 14 * 20
    assert a_month - 2 <= len(scene.refreshes()) - round_ <= a_month + 2


def test_one_look_up_brings_it_back_into_the_round() -> None:
    scene = forgetful(90 * DAY, known=False)
    passes(scene, 20 * DAY)
    scene.world.clock.advance(HOUR)
    assert scene.works()
    before = len(scene.refreshes())
    passes(scene, DAY, step=HOUR)
    assert len(scene.refreshes()) >= before + 20
