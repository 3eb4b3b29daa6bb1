"""A code goes to an address that a provider chose: what became of it must not show in the time of the answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.domain.http import Answer, NoAnswer, NotSent, Reply
from strongroom.flows import redeem
from tests.fakes.clock import FakeClock
from tests.requirements import requirement
from tests.weakened import weakened
from tests.world import World


def silent(clock: FakeClock) -> Answer:
    clock.advance(10)
    return NoAnswer("timeout")


FATES: dict[str, Callable[[FakeClock], Answer]] = {
    "refused": lambda _: NotSent("address_refused"),
    "unreachable": lambda _: NotSent("unreachable"),
    "cut": lambda _: NoAnswer("reset"),
    "silent": silent,
    "broken": lambda _: Reply(502, {}, b""),
}


def refusing(clock: FakeClock) -> Answer:
    return Reply(400, {}, b'{"error": "invalid_grant"}')


def heard(fate: str) -> tuple[int, str, float]:
    """What the person learns of the token endpoint, and when."""
    world = World()
    consented = world.consent(world.begin("bob", world.install()), "bob")
    world.provider.answer_next.append(lambda _: {**FATES, "refusing": refusing}[fate](world.clock))
    began = world.clock.now()
    answer = world.complete("bob", consented)
    return answer.status, answer.json["error"], world.clock.now() - began


@requirement("attack:B17")
@pytest.mark.parametrize("fate", FATES)
def test_whatever_the_cause_the_same_answer_comes_after_the_same_time(fate: str) -> None:
    assert heard(fate) == (502, "exchange_failed", 10.0)


@requirement("attack:B17")
def test_a_provider_that_answers_keeps_nobody_waiting() -> None:
    assert heard("refusing") == (502, "exchange_failed", 0.0)


@requirement("attack:B17")
def test_control_without_the_wait_the_time_would_tell() -> None:
    with weakened(redeem.redeem, "exchange.is_unanswered(outcome)", "False"):
        assert len({heard(fate) for fate in FATES}) > 1
