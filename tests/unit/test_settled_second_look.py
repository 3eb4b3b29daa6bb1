"""A worker left its lease and no word: perhaps the newest tokens lie on the rescue queue. Whoever takes over waits for them
before it repeats the token that they replace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.renewal import CALL, COMMIT
from strongroom.domain.renewal_outcome import Adopted, Failed, Refused, Renewed, Waiting
from strongroom.flows import lease
from strongroom.flows.work import Done, renew_one
from strongroom.ports import Clock
from tests.requirements import requirement
from tests.unit.renewals import (
    Behaviour,
    Killed,
    Scene,
    dies,
    heals,
    nearly_over,
    queue,
    raises,
    refuses_tokens,
    replies,
    silence,
    when,
)
from tests.weakened import weakened


@dataclass
class Appointments:
    """A clock at which others have something to do while we wait."""

    inner: Clock
    due: list[tuple[float, Callable[[], object]]] = field(default_factory=list)

    def now(self) -> float:
        return self.inner.now()

    def wait(self, seconds: float) -> None:
        until = self.inner.now() + seconds
        while self.due and self.due[0][0] <= until:
            at, deed = self.due.pop(0)
            self.inner.wait(max(0.0, at - self.inner.now()))
            deed()
        self.inner.wait(max(0.0, until - self.inner.now()))


def left_on_the_rescue_queue() -> Scene:
    """A worker's provider has rotated, the table took no tokens, and now it answers again, half a minute later."""
    scene = nearly_over(left=0)
    refuses_tokens(scene.world)
    asked_at = scene.world.clock.now()
    assert scene.renew() == Failed("table_unavailable", 0)
    assert queue(scene.world, "rescue").waiting() == 1
    scene.world.clock.set(asked_at + 30)
    heals(scene.world)
    return scene


def consumed_after(scene: Scene, seconds: float) -> None:
    """Let the consumer of the rescue queue write so many seconds from now."""
    world = scene.world
    appointments = Appointments(world.clock, [(world.clock.now() + seconds, world.deliver)])
    world.ports = replace(world.ports, clock=appointments)


def left_without_a_word() -> Scene:
    """A worker died with the lease before the provider got anything; its second look is due."""
    scene = nearly_over(left=0)
    scene.provider_does(dies)
    with pytest.raises(Killed):
        scene.renew()
    scene.world.clock.advance(30)
    return scene


# -- no grant is lost


@requirement("fault:F5")
@pytest.mark.parametrize("seconds", [0.0, 1.0, 2.0])
def test_a_look_up_the_moment_the_table_answers_again_lets_the_rescue_come_first(seconds: float) -> None:
    scene = left_on_the_rescue_queue()
    consumed_after(scene, seconds)
    answer = scene.world.look_up("bob", scene.installation)
    assert answer.status == 200
    assert len(scene.refreshes()) == 1
    assert [grant.alive for grant in scene.world.provider.grants] == [True]
    assert scene.works()


@requirement("fault:F5")
def test_a_worker_the_moment_the_table_answers_again_lets_the_rescue_come_first() -> None:
    scene = left_on_the_rescue_queue()
    consumed_after(scene, 3.5)
    version = str(scene.connection.version)
    assert renew_one(scene.world.ports, scene.connection.key, version, 2) == Done("adopted")
    assert len(scene.refreshes()) == 1
    assert scene.works()


@requirement("fault:F5")
def test_control_who_repeats_the_spent_token_at_once_loses_the_grant() -> None:
    scene = left_on_the_rescue_queue()
    consumed_after(scene, 2.0)
    with weakened(lease.is_word_missing, "connection.renewal.lease is not None", "False"):
        answer = scene.world.look_up("bob", scene.installation)
    scene.world.clock.advance(2)
    scene.world.deliver()
    assert answer.json["reason"] == "lost_response"
    assert [grant.alive for grant in scene.world.provider.grants] == [False]
    assert not scene.works()


@requirement("fault:F5")
def test_control_who_waits_and_does_not_read_again_loses_the_grant() -> None:
    scene = left_on_the_rescue_queue()
    consumed_after(scene, 2.0)
    with weakened(lease.settled, "ports.clock.wait(to_wait)", "ports.clock.wait(to_wait); return None"):
        assert isinstance(scene.renew(scene.world.ports), Adopted | Refused)
    assert [grant.alive for grant in scene.world.provider.grants] == [False]


@requirement("fault:F5")
def test_whether_a_revoke_or_a_reconnect_comes_in_that_time_it_stands() -> None:
    for deed in ("revoke", "connect"):
        scene = left_without_a_word()
        world = scene.world
        act = getattr(world, deed)
        appointment = (world.clock.now() + 1, partial(act, "bob", scene.installation))
        world.ports = replace(world.ports, clock=Appointments(world.clock, [appointment]))
        assert scene.renew(world.ports) == Adopted()
        assert len(scene.refreshes()) == 1


# -- who waits


def waited(scene: Scene) -> float:
    """How long a renewal takes that nobody and nothing holds up."""
    began = scene.world.clock.now()
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()
    return scene.world.clock.now() - began


def test_after_a_death_the_second_look_waits_for_four_seconds() -> None:
    assert waited(left_without_a_word()) == lease.SETTLED_AFTER


@pytest.mark.parametrize("behaviour", [silence, replies(503), replies(429)])
def test_an_outcome_that_was_noted_needs_no_wait(behaviour: Behaviour) -> None:
    scene = nearly_over(left=0)
    scene.provider_does(behaviour)
    scene.renew()
    scene.world.clock.advance(31)
    assert waited(scene) == 0


def test_a_first_attempt_needs_no_wait() -> None:
    assert waited(nearly_over(left=0)) == 0


def test_a_second_death_makes_the_third_wait_again() -> None:
    scene = left_without_a_word()
    scene.provider_does(dies)
    with pytest.raises(Killed):
        scene.renew()
    scene.world.clock.advance(30)
    assert waited(scene) == lease.SETTLED_AFTER


def test_who_waits_is_seen_by_others_as_somebody_who_renews() -> None:
    scene = left_without_a_word()
    world = scene.world
    met: list[object] = []
    look = (world.clock.now() + 1, lambda: met.append(scene.renew(world.new_environment())))
    world.ports = replace(world.ports, clock=Appointments(world.clock, [look]))
    assert isinstance(scene.renew(world.ports), Renewed)
    assert [type(outcome) for outcome in met] == [Waiting]
    assert len(scene.refreshes()) == 2


# -- time


@pytest.mark.parametrize("within", [22.0, 23.0])
def test_it_fits_into_a_look_up_and_into_a_message(within: float) -> None:
    scene = left_without_a_word()
    scene.world.table.after["read"] = when(is_a_client, lambda _: scene.world.clock.advance(0.4))
    began = scene.world.clock.now()
    assert isinstance(scene.renew(within=within), Renewed)
    paused = round(scene.world.clock.now() - began - 0.4, 3)
    assert lease.SETTLED_IF_REFUSED <= paused <= lease.SETTLED_AFTER
    assert within - (scene.world.clock.now() - began) >= CALL + COMMIT


def is_a_client(asked: Any) -> bool:
    return any(key.sk == "B" for key in asked)


def test_without_time_to_wait_the_lease_is_not_taken() -> None:
    scene = left_without_a_word()
    before = scene.row
    outcome = scene.renew(within=CALL + COMMIT + 2)
    assert isinstance(outcome, Failed)
    assert outcome.error == "out_of_time"
    assert scene.row == before
    assert len(scene.refreshes()) == 1


def test_control_the_same_time_is_enough_for_who_need_not_wait() -> None:
    assert isinstance(nearly_over(left=0).renew(within=CALL + COMMIT + 2), Renewed)


def test_a_lease_that_took_too_long_is_left_without_a_word_so_that_the_next_one_waits() -> None:
    scene = left_without_a_word()
    world = scene.world
    world.table.after["commit"] = when(lambda writes: "lease" in writes[0].put, lambda _: world.clock.advance(3), 1)
    outcome = scene.renew()
    assert isinstance(outcome, Failed)
    assert outcome.error == "out_of_time"
    assert len(scene.refreshes()) == 1
    world.clock.advance(30)
    assert waited(scene) == lease.SETTLED_AFTER


def test_a_table_that_falls_silent_again_sends_nothing_and_the_next_one_waits() -> None:
    scene = left_without_a_word()
    again = when(lambda asked: list(asked) == [scene.connection.key], raises(StoreUnavailable("busy")), 1)
    scene.world.table.before["read"] = again
    outcome = scene.renew()
    assert isinstance(outcome, Failed)
    assert outcome.error == "table_unavailable"
    assert len(scene.refreshes()) == 1
    scene.world.clock.advance(31)
    assert waited(scene) == lease.SETTLED_AFTER


def test_who_dies_while_waiting_has_spent_nothing() -> None:
    scene = left_without_a_word()

    def dies_there() -> None:
        raise Killed

    world = scene.world
    world.ports = replace(world.ports, clock=Appointments(world.clock, [(world.clock.now() + 1, dies_there)]))
    with pytest.raises(Killed):
        scene.renew(world.ports)
    assert len(scene.refreshes()) == 1
    world.clock.advance(30)
    assert waited(scene) == lease.SETTLED_AFTER
