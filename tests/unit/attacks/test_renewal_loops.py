"""Satellites and providers that would keep us renewing: forced renewals cannot loop, nor does a look-up ask each time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from strongroom.domain import lookup, status
from strongroom.flows import look_up
from tests.requirements import requirement
from tests.unit.attacks.hostile import altered, with_members
from tests.unit.renewals import Scene, connected
from tests.weakened import weakened
from tests.world import Answered, World

QUARTER = 900
Asking = Callable[[Scene, Answered | None], Answered]


def renewed_at(scene: Scene) -> list[float]:
    """Notice when the provider is asked to refresh, from now on."""
    times: list[float] = []
    honest = scene.world.provider.honest

    def noticed(request: object) -> object:
        times.append(scene.world.clock.now())
        return honest(request)  # type: ignore[arg-type]

    scene.world.provider.answer_next = [noticed] * 100_000  # type: ignore[list-item]
    return times


def most_within(times: list[float], seconds: float) -> int:
    """The largest number of moments in any window of so many seconds."""
    return max((sum(start <= time < start + seconds for time in times) for start in times), default=0)


# -- forced renewals


def reports(scene: Scene, last: Answered | None) -> Answered:
    """Report whatever version was handed out last."""
    version = last.json["version"] if last is not None and last.status == 200 else str(scene.connection.version)
    return scene.world.reject(scene.user, scene.installation, version)


def wants_another(scene: Scene, last: Answered | None) -> Answered:
    """Ask for anything but what was handed out last."""
    version = last.json["version"] if last is not None and last.status == 200 else str(scene.connection.version)
    return scene.world.look_up(scene.user, scene.installation, not_version=version)


def wants_long(scene: Scene, last: Answered | None) -> Answered:
    return scene.world.look_up(scene.user, scene.installation, min_validity=600)


def mixes(scene: Scene, last: Answered | None) -> Answered:
    turn = hashlib.sha256(str(scene.world.clock.now()).encode()).digest()[0]
    return (reports, wants_another, wants_long)[turn % 3](scene, last)


def keeps_on(scene: Scene, asking: Asking, every: int, for_seconds: int) -> None:
    last: Answered | None = None
    for _ in range(for_seconds // every):
        last = asking(scene, last)
        scene.world.clock.advance(every)


@requirement("attack:B22")
@pytest.mark.parametrize("every", [1, 7, 60, 449, 450, 899])
@pytest.mark.parametrize("asking", [reports, wants_another, mixes])
def test_whoever_reports_every_version_gets_two_renewals_in_a_quarter_of_an_hour_at_most(
    asking: Asking, every: int
) -> None:
    scene = connected()
    times = renewed_at(scene)
    keeps_on(scene, asking, every, 3000)  # while no token ends by itself
    assert most_within(times, QUARTER) <= 2
    assert len(times) <= 2 + 3000 // QUARTER


@requirement("attack:B22")
def test_a_life_of_such_reports_costs_little_more_than_the_schedule_does() -> None:
    scene = connected()
    times = renewed_at(scene)
    last: Answered | None = None
    for minute in range(24 * 60):
        last = reports(scene, last)
        scene.world.clock.advance(60)
        if minute % 5 == 0:
            scene.world.tick()
    assert most_within(times, QUARTER) <= 2
    assert len(times) <= 24 * 4 + 24


@requirement("attack:B22")
def test_many_satellites_at_once_get_no_more_than_one() -> None:
    scene = connected()
    times = renewed_at(scene)
    with ThreadPoolExecutor(16) as crowd:
        for _ in range(5):
            version = str(scene.connection.version)
            reporting = [crowd.submit(scene.world.reject, "bob", scene.installation, version) for _ in range(16)]
            answers = [report.result() for report in reporting]
            assert {answer.status for answer in answers} <= {200, 409, 503}
    assert len(times) <= 2


@requirement("attack:B22")
def test_who_remembers_every_version_that_there_ever_was_gets_nothing_more() -> None:
    scene = connected()
    times = renewed_at(scene)
    versions: list[str] = []
    for _ in range(40):
        versions.append(str(scene.connection.version))
        for version in versions:
            scene.world.look_up("bob", scene.installation, not_version=version)
            scene.world.reject("bob", scene.installation, version)
        scene.world.clock.advance(60)
    assert most_within(times, QUARTER) <= 2


@requirement("attack:B22")
def test_control_without_a_memory_of_rejections_every_report_would_renew() -> None:
    scene = connected()
    times = renewed_at(scene)
    with weakened(look_up._after_rejection, "_remember_rejection(ports, ask, connection)", "pass"):
        keeps_on(scene, reports, 1, 50)
    assert len(times) == 50


@requirement("attack:B22")
def test_control_were_two_rejections_no_reason_to_stop_every_report_would_renew() -> None:
    scene = connected()
    times = renewed_at(scene)
    with weakened(status.person_must_act, "if is_rejected(connection, now)", "if False"):
        keeps_on(scene, reports, 1, 50)
    assert len(times) == 50


# -- a provider whose tokens are over at once


def hasty(lifetime: int = 1) -> Scene:
    world = World()
    world.provider.lifetime = lifetime
    installation = world.install()
    world.connect("bob", installation)
    return Scene(world, installation)


@requirement("attack:B22")
@pytest.mark.parametrize("lifetime", [1, 2, 5, 9, 10, 15, 19])
def test_no_provider_is_asked_twice_in_ten_seconds_because_of_look_ups(lifetime: int) -> None:
    scene = hasty(lifetime)
    times = renewed_at(scene)
    for _ in range(100):
        wants_long(scene, None)
        wants_long(scene, None)
        scene.world.clock.advance(0.5)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(times) >= 2
    assert min(gaps) >= lookup.LEAST_INTERVAL - 1  # the row knows whole seconds


@requirement("attack:B22")
def test_meanwhile_the_answer_says_when_to_come_back_and_then_there_is_a_token() -> None:
    scene = hasty()
    scene.world.clock.advance(10)
    assert scene.world.look_up("bob", scene.installation).status == 200
    scene.world.clock.advance(3)
    answer = scene.world.look_up("bob", scene.installation)
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    scene.world.clock.advance(7)
    assert scene.world.look_up("bob", scene.installation).status == 200
    assert len(scene.refreshes()) == 2


@requirement("attack:B22")
def test_nothing_that_is_over_is_handed_out() -> None:
    scene = hasty()
    for _ in range(60):
        answer = wants_long(scene, None)
        if answer.status == 200:
            assert answer.json["expires_at"] > scene.world.clock.now()
        scene.world.clock.advance(0.7)


@requirement("attack:B22")
def test_the_same_tokens_for_ever_are_asked_for_as_rarely() -> None:
    scene = hasty()
    same = with_members(access_token=scene.world.provider.grants[0].access)
    scene.world.provider.answer_next = [altered(scene.world.provider.honest, same)] * 1000
    keeps_on(scene, wants_long, 1, 100)
    assert len(scene.refreshes()) <= 10


@requirement("attack:B22")
def test_control_without_the_interval_every_second_would_bring_a_renewal() -> None:
    scene = hasty()
    with weakened(lookup._renewal, "if now >= allowed_at", "if True"):
        scene.world.clock.advance(1)
        keeps_on(scene, wants_long, 1, 100)
    assert len(scene.refreshes()) == 100


@requirement("attack:B22")
def test_a_first_rejection_is_exempt_even_of_a_token_that_is_brand_new() -> None:
    scene = connected()
    rejected = str(scene.connection.version)
    answer = scene.world.reject("bob", scene.installation, rejected)
    assert (answer.status, len(scene.refreshes())) == (200, 1)
    assert answer.json["version"] != rejected
