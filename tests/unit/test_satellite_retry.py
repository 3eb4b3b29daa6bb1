"""When a gateway asks again, and when it gives up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom_satellite import Patience, Refused, Strongroom, Unavailable, WrongAnswer, retry
from strongroom_satellite.retry import LONGEST_PAUSE, pause
from tests.unit.satellites import ALICE, Scripted, TwoHands, gateway, refused, released, reply, saying
from tests.weakened import weakened

GATEWAY_CUTS_AFTER = 30.0


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_without_a_word_from_strongroom_a_pause_is_anything_up_to_a_bound_that_doubles(
    tries: int, chance: float
) -> None:
    bound = min(LONGEST_PAUSE, 0.25 * 2 ** min(tries, 100))

    assert 0 <= pause(tries, None, lambda: chance) <= bound
    assert pause(tries, None, lambda: 1.0) == bound


@given(st.integers(0, 100), st.integers(0, 999_999_999), st.floats(0, 1))
def test_after_a_word_from_strongroom_nobody_comes_back_sooner_and_not_all_at_once(
    tries: int, told: int, chance: float
) -> None:
    waited = pause(tries, told, lambda: chance)

    assert told <= waited <= told + max(0.5, told / 2)
    assert pause(tries, told, lambda: 1.0) > told


def test_control_a_bound_that_doubles_without_end_is_no_number_any_more() -> None:
    with (
        weakened(retry.pause, "min(tries, MOST_DOUBLINGS)", "tries"),
        pytest.raises(OverflowError),
    ):
        pause(10_000, None, lambda: 0.0)


@pytest.mark.parametrize(
    "passing",
    [
        refused(429, "too_many_requests"),
        refused(429, None),
        refused(503, "unavailable"),
        refused(500, None),
        refused(502, None),
        refused(504, None),
        Unavailable("no connection"),
    ],
)
def test_what_passes_is_tried_again(passing: object) -> None:
    clock, strongroom = TwoHands(), Scripted(saying(passing, passing, released()))  # type: ignore[arg-type] # any script will do
    with gateway(strongroom, clock) as satellite:
        assert satellite.look_up(ALICE).version == "v.1"

    assert clock.waits == [0.125, 0.25]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for(status: int) -> None:
    clock = TwoHands()
    strongroom = Scripted(saying(reply(status, {"error": "busy"}, retry_after="7"), released()))
    with gateway(strongroom, clock) as satellite:
        satellite.look_up(ALICE)

    assert clock.waits == [7 + 0.5 * 3.5]


@pytest.mark.parametrize("said", ["-1", "1.5", "soon", "", "²", "9" * 10, "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_retry_after_that_is_no_number_of_seconds_is_none(said: str) -> None:
    clock = TwoHands()
    strongroom = Scripted(saying(reply(503, {}, retry_after=said), released()))
    with gateway(strongroom, clock) as satellite:
        satellite.look_up(ALICE)

    assert clock.waits == [0.125]


def test_a_time_that_is_longer_than_ones_patience_is_told_at_once() -> None:
    clock = TwoHands()
    strongroom = Scripted(saying(reply(503, {"error": "busy"}, retry_after="3600")))
    with gateway(strongroom, clock) as satellite, pytest.raises(Unavailable) as caught:
        satellite.look_up(ALICE)

    assert caught.value.retry_after == 3600
    assert (len(strongroom.asked), clock.waits) == (1, [])


@pytest.mark.parametrize(
    "final",
    [
        refused(403, None),
        refused(404, "not_found"),
        refused(400, "invalid_request"),
        refused(404, None),
        reply(302, {}),
        reply(200, {"hello": "world"}),
        reply(200, []),
    ],
)
def test_what_does_not_pass_is_not_tried_again(final: object) -> None:
    clock, strongroom = TwoHands(), Scripted(saying(final))  # type: ignore[arg-type] # any script will do
    with gateway(strongroom, clock) as satellite, pytest.raises((Refused, WrongAnswer)):
        satellite.look_up(ALICE)

    assert (len(strongroom.asked), clock.waits) == (1, [])


def test_all_attempts_together_have_an_end() -> None:
    clock = TwoHands()
    began = clock.steady

    def slow(_: object) -> Unavailable:
        clock.advance(min(strongroom.within[-1], 20))
        return Unavailable("nothing came")

    strongroom = Scripted(slow)
    with gateway(strongroom, clock) as satellite, pytest.raises(Unavailable):
        satellite.look_up(ALICE)

    assert clock.steady - began <= Patience().total
    assert len(strongroom.asked) > 1


def test_no_attempt_gets_less_than_a_second_though_a_pause_took_longer_than_it_should() -> None:
    clock = TwoHands()

    def oversleep(closed: object, seconds: float) -> bool:
        clock.advance(seconds + 120)
        return False

    strongroom = Scripted(saying(refused(503, None), released()))
    with Strongroom(strongroom, clock=clock, chance=lambda: 0.5, wait=oversleep) as satellite:
        assert satellite.look_up(ALICE).version == "v.1"

    assert strongroom.within[1] == 1.0


def test_an_attempt_outlasts_a_renewal() -> None:
    strongroom = Scripted(saying(released()))
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)

    assert strongroom.within == [Patience().attempt]
    assert Patience().attempt > GATEWAY_CUTS_AFTER


def test_after_the_end_nobody_tries_again() -> None:
    clock = TwoHands()

    def ends(_: object) -> object:
        satellite.close()
        return refused(503, None)

    strongroom = Scripted(ends)  # type: ignore[arg-type] # any script will do
    satellite = gateway(strongroom, clock)
    with pytest.raises(Unavailable):
        satellite.look_up(ALICE)

    assert len(strongroom.asked) == 1


def test_a_gateways_own_patience_is_kept_to() -> None:
    clock = TwoHands()
    strongroom = Scripted(saying(refused(503, None)))
    with gateway(strongroom, clock, Patience(attempt=2, total=3)) as satellite, pytest.raises(Unavailable):
        satellite.look_up(ALICE)

    assert sum(clock.waits) <= 3
    assert max(strongroom.within) <= 2
