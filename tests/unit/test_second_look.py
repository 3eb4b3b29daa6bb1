"""A request whose answer was lost is looked at once more: by the same message, or by one delayed message."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import QueueUnavailable
from strongroom.domain.renewal_outcome import Failed, Unclear
from strongroom.flows.work import Done, LookAgain, renew_one
from tests.fakes.faults import fails
from tests.requirements import requirement
from tests.unit.renewals import (
    Killed,
    Scene,
    before_answering,
    dies,
    forgives,
    nearly_over,
    queue,
    raises,
    replies,
    rotates_in_silence,
    silence,
)


def work(scene: Scene, receives: int = 1) -> Done | LookAgain:
    return renew_one(scene.world.new_environment(), scene.connection.key, str(scene.connection.version), receives)


# -- the second look


def test_after_a_lost_answer_the_same_message_comes_back_for_one_second_look() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(rotates_in_silence(world))
    world.tick()
    assert queue(world, "renewal").waiting() == 1
    world.clock.advance(29)
    world.deliver()
    assert len(scene.refreshes()) == 1
    world.clock.advance(1)
    scene.provider_does(forgives(world))
    world.deliver()
    assert len(scene.refreshes()) == 2
    assert queue(world, "renewal").waiting() == 0
    assert len(queue(world, "renewal").sent) == 1
    assert scene.works()


def test_a_second_look_without_an_answer_ends_the_message_and_leaves_the_rest_to_the_schedule() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(silence, silence)
    world.tick()
    world.clock.advance(30)
    world.deliver()
    assert len(scene.refreshes()) == 2
    assert queue(world, "renewal").waiting() == 0
    world.clock.advance(300)
    world.tick()
    assert scene.works()


def test_a_message_that_cannot_be_postponed_comes_back_by_itself() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(silence)
    queue(world, "renewal").before["postpone"] = fails(QueueUnavailable("away"))
    world.tick()
    world.clock.advance(30)
    world.deliver()
    assert scene.works()


def test_after_a_worker_died_its_message_comes_back_and_takes_the_second_look() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(dies)
    with pytest.raises(Killed):
        world.tick()
    assert queue(world, "renewal").waiting() == 1
    world.clock.advance(30)
    world.deliver()
    assert len(scene.refreshes()) == 2
    assert scene.works()


def test_a_worker_that_meets_a_live_lease_lets_its_message_come_back() -> None:
    scene = nearly_over(left=0)
    met: list[Done | LookAgain] = []
    scene.provider_does(before_answering(scene.world, lambda: met.append(work(scene))))
    assert work(scene) == Done("renewed")
    assert met == [LookAgain(30)]


def test_a_message_that_has_waited_for_others_often_enough_ends() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(dies)
    with pytest.raises(Killed):
        work(scene)
    assert work(scene, receives=2) == LookAgain(30)
    assert work(scene, receives=3) == Done("left_for_the_next_tick")


def test_what_is_backing_off_is_dropped_and_found_again() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(replies(429, retry_after="100"))
    assert work(scene) == Done("failed")
    assert work(scene) == Done("failed")
    assert len(scene.refreshes()) == 1
    scene.world.clock.advance(100)
    scene.world.tick()
    assert scene.works()


def test_without_keys_the_message_comes_back() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    world.clock.advance(301)
    world.keys.disabled = True
    world.tick()
    assert scene.refreshes() == []
    assert queue(world, "renewal").waiting() == 1
    world.keys.disabled = False
    world.clock.advance(31)
    world.deliver()
    assert scene.works()


# -- on demand


def test_an_on_demand_renewal_without_an_answer_sends_one_delayed_message() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(rotates_in_silence(world))
    answer = world.look_up("bob", scene.installation)
    assert answer.status == 503
    (message,) = queue(world, "renewal").sent
    assert message.delay == 30
    assert world.look_up("bob", scene.installation).status == 503
    assert len(queue(world, "renewal").sent) == 1
    world.clock.advance(30)
    scene.provider_does(forgives(world))
    world.deliver()
    assert scene.works()
    assert len(scene.refreshes()) == 2


def test_an_on_demand_second_look_that_is_refused_is_a_lost_response() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(rotates_in_silence(world))
    world.look_up("bob", scene.installation)
    world.clock.advance(30)
    world.deliver()
    assert world.look_up("bob", scene.installation).json["reason"] == "lost_response"
    assert queue(world, "renewal").waiting() == 0


def test_a_second_look_on_demand_asks_for_no_third() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(silence, silence)
    world.look_up("bob", scene.installation)
    world.clock.advance(30)
    assert world.look_up("bob", scene.installation).status == 503
    assert len(scene.refreshes()) == 2
    assert len(queue(world, "renewal").sent) == 1


@requirement("fault:F11")
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_gateway_that_gave_up_gets_the_second_look_once_as_if_there_were_no_answer(status: int) -> None:
    scene = nearly_over(left=0)
    asked_at = int(scene.world.clock.now())
    scene.provider_does(replies(status), replies(status))

    assert scene.renew() == Unclear(asked_at + 30, again=True)
    assert scene.row["last_error"] == "provider_error"
    scene.world.clock.advance(30)
    assert isinstance(scene.renew(), Failed)


def test_a_gateway_that_asks_for_more_time_than_a_second_look_leaves_gets_it() -> None:
    scene = nearly_over(left=0)
    asked_at = int(scene.world.clock.now())
    scene.provider_does(replies(503, retry_after="31"))

    assert scene.renew() == Failed("provider_error", asked_at + 31)


def test_a_definite_answer_on_demand_needs_no_message() -> None:
    for behaviour in (replies(503, retry_after="60"), replies(429)):
        scene = nearly_over(left=0)
        scene.provider_does(behaviour)
        scene.world.look_up("bob", scene.installation)
        assert queue(scene.world, "renewal").sent == []


def test_a_queue_that_takes_no_second_look_leaves_it_to_the_schedule() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(silence)
    queue(world, "renewal").before["send"] = raises(QueueUnavailable("away"))
    assert world.look_up("bob", scene.installation).status == 503
    queue(world, "renewal").before.clear()
    world.clock.advance(31)
    world.tick()
    assert scene.works()
