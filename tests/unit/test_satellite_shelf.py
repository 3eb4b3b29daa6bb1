"""What a gateway keeps, and how long: by Strongroom's clock, never longer, and for nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom_satellite import AuthorizationRequired, Need, Refused, Unavailable, shelf
from strongroom_satellite.release import Release
from strongroom_satellite.shelf import MOST_KEPT, Kept, Shelf, kept
from tests.requirements import requirement
from tests.unit.satellites import (
    ALICE,
    BOB,
    EPOCH,
    INSTALLATION,
    Scripted,
    TwoHands,
    gateway,
    look_ups,
    must_act,
    refused,
    released,
    saying,
)
from tests.weakened import weakened

TEN_MINUTES = 600


def a_release(version: str = "v.1", lasts: int = 60, ends: int | None = EPOCH + 3600) -> Release:
    return Release(None, None, ends, (), version, EPOCH + lasts, None)


@pytest.mark.parametrize("wrong", [0, TEN_MINUTES, -TEN_MINUTES])
def test_a_release_is_kept_until_its_time_however_wrong_this_machines_clock_is(wrong: float) -> None:
    clock, strongroom = TwoHands(wrong), Scripted(saying(released()))
    with gateway(strongroom, clock) as satellite:
        satellite.look_up(ALICE)
        clock.advance(58)
        satellite.look_up(ALICE)
        assert len(strongroom.asked) == 1

        clock.advance(1)
        satellite.look_up(ALICE)
        assert len(strongroom.asked) == 2


@requirement("attack:S3")
@pytest.mark.parametrize("wrong", [0, TEN_MINUTES, -TEN_MINUTES])
@pytest.mark.parametrize("hand", ["wall", "steady"])
def test_after_cache_until_a_release_is_not_used_though_one_of_the_clocks_stands_still(hand: str, wrong: float) -> None:
    clock, strongroom = TwoHands(wrong), Scripted(saying(released()))
    with gateway(strongroom, clock) as satellite:
        satellite.look_up(ALICE)
        setattr(clock, hand, getattr(clock, hand) + 60)
        satellite.look_up(ALICE)

    assert len(strongroom.asked) == 2


@requirement("attack:S3")
@pytest.mark.parametrize(
    ("hand", "defence"),
    [("steady", "now.steady >= self.until.steady"), ("wall", "now.wall >= self.until.wall")],
)
def test_control_each_clock_is_needed(hand: str, defence: str) -> None:
    clock, strongroom = TwoHands(), Scripted(saying(released()))
    with weakened(Kept.serves, defence, "False"), gateway(strongroom, clock) as satellite:
        satellite.look_up(ALICE)
        setattr(clock, hand, getattr(clock, hand) + 60)
        satellite.look_up(ALICE)

    assert len(strongroom.asked) == 1


@requirement("attack:S3")
def test_control_by_this_machines_clock_a_release_would_be_used_ten_minutes_too_long() -> None:
    late, short = TwoHands(-TEN_MINUTES), released(lasts=30)
    with weakened(kept, "answered if answered is not None else asked.wall", "asked.wall"):
        strongroom = Scripted(saying(short))
        with gateway(strongroom, late) as satellite:
            satellite.look_up(ALICE)
            late.advance(40)
            satellite.look_up(ALICE)

    assert len(strongroom.asked) == 1


@requirement("attack:S3")
def test_what_took_its_time_is_kept_for_less() -> None:
    """The seconds count from before the question, as it may have been answered at once and held up on its way."""
    clock = TwoHands()

    def slow(_: object) -> object:
        clock.advance(25)
        return released(lasts=30)

    strongroom = Scripted(slow)  # type: ignore[arg-type] # any script will do
    with gateway(strongroom, clock) as satellite:
        satellite.look_up(ALICE)
        clock.advance(4)
        satellite.look_up(ALICE)

    assert len(strongroom.asked) == 2


def test_without_a_date_this_machines_clock_has_to_do() -> None:
    strongroom = Scripted(saying(released(at=None)))
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)
        satellite.look_up(ALICE)

    assert len(strongroom.asked) == 1


@requirement("attack:S3")
@given(st.integers(0, 2**53), st.one_of(st.none(), st.floats(0, 2**40)), st.one_of(st.none(), st.integers(0, 2**53)))
def test_nothing_is_kept_for_more_than_a_minute_whatever_the_answer_says(
    cache_until: int, answered: float | None, ends: int | None
) -> None:
    clock = TwoHands()
    one = kept(Release(None, None, ends, (), "v.1", cache_until, None), clock.now(), answered)
    clock.advance(60)

    assert not one.serves(clock.now(), None)


def test_an_answer_that_is_over_already_serves_whoever_waited_for_it_and_nobody_later() -> None:
    strongroom = Scripted(saying(released(lasts=-5)))
    with gateway(strongroom) as satellite:
        assert satellite.look_up(ALICE).version == "v.1"
        satellite.look_up(ALICE)

    assert len(strongroom.asked) == 2


# -- Validity ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [0, TEN_MINUTES, -TEN_MINUTES])
def test_min_validity_is_counted_by_strongrooms_clock(wrong: float) -> None:
    clock = TwoHands(wrong)
    strongroom = Scripted(saying(released(expires_at=EPOCH + 120), released("v.2")))
    with gateway(strongroom, clock) as satellite:
        satellite.look_up(ALICE)
        assert satellite.look_up(ALICE, min_validity=100).version == "v.1"
        clock.advance(30)
        assert satellite.look_up(ALICE, min_validity=90).version == "v.1"
        assert satellite.look_up(ALICE, min_validity=91).version == "v.2"

    assert [ask.min_validity for ask in look_ups(strongroom)] == [None, 91]


def test_a_token_that_does_not_expire_is_valid_for_as_long_as_anybody_may_want() -> None:
    strongroom = Scripted(saying(released(expires_at=None)))
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)
        satellite.look_up(ALICE, min_validity=600)

    assert len(strongroom.asked) == 1


# -- For whom ----------------------------------------------------------------------------------------------------------


@requirement("attack:S4")
@pytest.mark.parametrize(
    "other", [BOB, Need("rivals", INSTALLATION, "alice"), Need("acme", INSTALLATION[::-1].replace("s", "t"), "alice")]
)
def test_what_is_kept_for_one_need_does_not_answer_another(other: Need) -> None:
    strongroom = Scripted(saying(released("v.alice"), released("v.other")))
    with gateway(strongroom) as satellite:
        assert satellite.look_up(ALICE).version == "v.alice"
        assert satellite.look_up(other).version == "v.other"
        assert satellite.look_up(ALICE).version == "v.alice"


# -- What ends it ------------------------------------------------------------------------------------------------------


SOON = EPOCH + 300


@pytest.mark.parametrize(
    "said",
    [must_act("revoked"), refused(404, "not_found"), refused(409, "installation_disabled"), refused(403, None)],
)
def test_a_refusal_drops_what_is_kept(said: object) -> None:
    strongroom = Scripted(saying(released(expires_at=SOON), said, released("v.2")))  # type: ignore[arg-type] # any script will do
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)
        with pytest.raises((AuthorizationRequired, Refused)):
            satellite.look_up(ALICE, min_validity=600)

        assert satellite.look_up(ALICE).version == "v.2"


@pytest.mark.parametrize("said", [refused(503, None), refused(429, None), Unavailable("no way there")])
def test_a_fault_drops_nothing(said: object) -> None:
    strongroom = Scripted(saying(released(expires_at=SOON), said))  # type: ignore[arg-type] # any script will do
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)
        with pytest.raises(Unavailable):
            satellite.look_up(ALICE, min_validity=600)

        assert satellite.look_up(ALICE).version == "v.1"


def test_a_wish_for_more_scopes_drops_nothing() -> None:
    strongroom = Scripted(saying(released(), must_act("insufficient_scope")))
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)
        with pytest.raises(AuthorizationRequired) as caught:
            satellite.rejected(ALICE, "v.1", 403, 'Bearer error="insufficient_scope"')

        assert caught.value.link
        assert satellite.look_up(ALICE).version == "v.1"
    assert len(strongroom.asked) == 2


def test_what_is_forgotten_is_asked_for_again() -> None:
    strongroom = Scripted(saying(released()))
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)
        satellite.forget(ALICE)
        satellite.look_up(ALICE)

    assert len(strongroom.asked) == 2


def test_ten_thousand_needs_are_kept_and_not_one_more() -> None:
    clock = TwoHands()
    keeps = Shelf(clock)
    needs = [Need("acme", INSTALLATION, f"u{n}") for n in range(MOST_KEPT + 1)]
    for need in needs:
        keeps.keep(need, kept(a_release(), clock.now(), EPOCH))
        keeps.reject(need, "v.0")

    assert keeps.find(needs[0]) is None
    assert all(keeps.find(need) for need in needs[1:])


def test_control_without_the_bound_all_are_kept() -> None:
    clock = TwoHands()
    keeps = Shelf(clock)
    needs = [Need("acme", INSTALLATION, f"u{n}") for n in range(MOST_KEPT + 1)]
    with weakened(shelf._put, "len(shelf) > MOST_KEPT", "False"):
        for need in needs:
            keeps.keep(need, kept(a_release(), clock.now(), EPOCH))

    assert keeps.find(needs[0]) is not None


@pytest.mark.parametrize("seconds", [-1, 601])
def test_a_validity_that_strongroom_does_not_know_is_not_asked_for_and_drops_nothing(seconds: int) -> None:
    strongroom = Scripted(saying(released(expires_at=SOON)))
    with gateway(strongroom) as satellite:
        satellite.look_up(ALICE)
        with pytest.raises(ValueError, match="0 to 600"):
            satellite.look_up(ALICE, min_validity=seconds)

        assert satellite.look_up(ALICE).version == "v.1"
    assert len(strongroom.asked) == 1
