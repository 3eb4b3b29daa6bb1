"""What is handed out is good for long enough, or there is an error."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import lookup
from strongroom.domain.connection import Standing
from strongroom.domain.lookup import HandOut, Renew, TooSoon, Wish, decide
from tests.requirements import requirement
from tests.unit.connections import FRESH, NOW, TOKENS
from tests.unit.renewals import Behaviour, Scene, connected, dies, replies, says, silence
from tests.weakened import weakened
from tests.world import World

STANDING = Standing("epoch", "binding")
TOO_SHORT = 2 * lookup.LEAST_VALIDITY
"""A token that lives less cannot be good for ten seconds all the time that it is kept: it lasts as long as it lasts."""
REFUSING: dict[str, Behaviour | None] = {
    "healthy": None,
    "away": replies(503),
    "silent": silence,
    "busy": replies(429, retry_after="60"),
    "unwell": says("temporarily_unavailable"),
}


@requirement("invariant:I17")
@given(
    lifetime=st.integers(1, 7200),
    age=st.floats(0, 8000),
    wanted=st.integers(0, 600),
    rejected=st.booleans(),
)
def test_nothing_is_handed_out_at_once_that_is_not_good_enough(
    lifetime: int, age: float, wanted: int, rejected: bool
) -> None:
    tokens = replace(TOKENS, obtained_at=NOW, lifetime=lifetime, expires_at=NOW + lifetime)
    wish = Wish(wanted, str(FRESH.version) if rejected else None)
    match decide(replace(FRESH, tokens=tokens), STANDING, wish, NOW + age):
        case HandOut():
            assert lifetime > age
            assert lifetime - age >= min(wanted, lifetime / 2) or age < lookup.LEAST_INTERVAL
            assert not rejected
        case Renew(_, good_enough):
            assert not good_enough or lifetime - age >= lookup.LEAST_VALIDITY
            assert rejected or age >= lookup.LEAST_INTERVAL
        case TooSoon(until):
            assert lifetime <= age < lookup.LEAST_INTERVAL
            assert until == NOW + lookup.LEAST_INTERVAL
        case other:
            pytest.fail(f"{other}")


def lived(lifetime: int) -> Scene:
    world = World()
    world.provider.lifetime = lifetime
    installation = world.install()
    world.connect("bob", installation)
    return Scene(world, installation)


def goodness(scene: Scene, wanted: int) -> float | None:
    """Seconds for which what a look-up handed out is good; None if it handed out nothing."""
    answer = scene.world.look_up("bob", scene.installation, min_validity=wanted)
    if answer.status != 200:
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) >= 1
        return None
    assert answer.json["cache_until"] <= answer.json["expires_at"]
    return float(answer.json["expires_at"] - scene.world.clock.now())


@requirement("invariant:I17")
@pytest.mark.parametrize("behaviour", REFUSING)
@pytest.mark.parametrize("wanted", [0, 60, 600])
@pytest.mark.parametrize("lifetime", [TOO_SHORT, 40, 300, 3600])
def test_whatever_the_provider_does_a_token_is_good_for_what_was_asked_or_for_ten_seconds(
    lifetime: int, wanted: int, behaviour: str
) -> None:
    scene, does = lived(lifetime), REFUSING[behaviour]
    if does is not None:
        scene.provider_does(*[does] * 1000)
    for _ in range(60):
        good = goodness(scene, wanted)
        if good is not None:
            enough = min(wanted, lifetime / 2)
            assert good >= (enough if does is None else min(enough, lookup.LEAST_VALIDITY))
        scene.world.clock.advance(lifetime / 23)


@requirement("invariant:I17")
def test_a_look_up_during_somebody_elses_renewal_gets_ten_good_seconds_or_an_error() -> None:
    for left in (30, 10, 9, 1, 0):
        scene = connected()
        scene.world.clock.advance(3600 - left)
        scene.provider_does(dies)
        with pytest.raises(BaseException):  # noqa: B017, PT011 - the process ends here, with the lease in the row
            scene.renew()
        good = goodness(scene, 60)
        assert good is None if left < lookup.LEAST_VALIDITY else good == left


@requirement("invariant:I17")
def test_control_were_any_token_good_enough_one_of_a_second_would_be_handed_out() -> None:
    scene = lived(3600)
    scene.provider_does(*[replies(503)] * 100)
    scene.world.clock.advance(3599)
    with weakened(lookup.is_usable, ">= LEAST_VALIDITY", "> 0"):
        assert goodness(scene, 60) == 1
