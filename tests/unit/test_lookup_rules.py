"""What a look-up answers, decided from one read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom.domain.connection import Connection, Renewal, Standing
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.lookup import (
    LEAST_INTERVAL,
    HandOut,
    PersonMustAct,
    Renew,
    TooSoon,
    Wish,
    cache_until,
    decide,
    is_usable,
)
from tests.unit.connections import FRESH, GRANT, NOW, TOKENS

STANDING = Standing("epoch", "binding")
NO_REFRESH = replace(FRESH, tokens=replace(TOKENS, refresh=None))
UNKNOWN_END = replace(FRESH, tokens=replace(TOKENS, expires_at=None, lifetime=None))
V1 = f"{GRANT}.1"


def left(seconds: int, lifetime: int | None = 3600) -> Connection:
    """The token has so many seconds left, now, and is not new."""
    return replace(FRESH, tokens=replace(TOKENS, expires_at=NOW + seconds, lifetime=lifetime, obtained_at=NOW - 3600))


def decided(connection: Connection | None, **wish: object) -> object:
    return decide(connection, STANDING, Wish(**wish), NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seconds", "wanted", "enough"),
    [(60, 60, True), (59, 60, False), (0, 0, True), (600, 600, True), (599, 600, False), (10, 5, True)],
)
def test_a_token_with_the_validity_that_was_asked_for_is_handed_out(seconds: int, wanted: int, enough: bool) -> None:
    assert isinstance(decided(left(seconds), min_validity=wanted), HandOut if enough else Renew)


@pytest.mark.parametrize(("seconds", "enough"), [(20, True), (19, False)])
def test_half_of_a_short_life_is_always_enough(seconds: int, enough: bool) -> None:
    assert isinstance(decided(left(seconds, lifetime=40), min_validity=60), HandOut if enough else Renew)


@pytest.mark.parametrize(("seconds", "good_enough"), [(10, True), (9, False), (0, False), (-5, False)])
def test_what_is_good_for_ten_seconds_may_do_if_it_cannot_be_renewed(seconds: int, good_enough: bool) -> None:
    assert decided(left(seconds)) == Renew(left(seconds), good_enough)
    assert is_usable(left(seconds), NOW) is good_enough


def test_a_token_of_unknown_end_is_good_until_it_is_reported() -> None:
    assert isinstance(decided(UNKNOWN_END, min_validity=600), HandOut)
    assert decided(UNKNOWN_END, not_version=V1) == Renew(UNKNOWN_END, good_enough=False)


def test_the_version_that_failed_is_renewed_however_good_it_looks() -> None:
    assert decided(FRESH, not_version=V1) == Renew(FRESH, good_enough=False)


@pytest.mark.parametrize("other", [f"{GRANT}.2", f"{GRANT}.11", "h" * 20 + ".1"])
def test_another_version_that_failed_changes_nothing(other: str) -> None:
    assert isinstance(decided(FRESH, not_version=other), HandOut)


@pytest.mark.parametrize(("seconds", "expected"), [(10, HandOut), (9, PersonMustAct), (0, PersonMustAct)])
def test_what_cannot_be_renewed_is_handed_out_down_to_its_last_ten_seconds(seconds: int, expected: type) -> None:
    ending = replace(NO_REFRESH, tokens=replace(left(seconds).tokens or TOKENS, refresh=None))
    assert isinstance(decided(ending), expected)
    if expected is PersonMustAct:
        assert decided(ending) == PersonMustAct("expired_without_refresh")


def test_what_cannot_be_renewed_and_failed_asks_the_person() -> None:
    assert decided(NO_REFRESH, not_version=V1) == PersonMustAct("rejected")


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        (None, "never_connected"),
        (replace(FRESH, reason="revoked", tokens=None, destination=None), "revoked"),
        (replace(FRESH, reason="refused"), "refused"),
        (replace(FRESH, standing=Standing("earlier", "binding")), "never_connected"),
        (replace(FRESH, standing=Standing("epoch", "earlier")), "installation_changed"),
        (replace(FRESH, rejected=((V1, NOW), (f"{GRANT}.2", NOW))), "rejected"),
    ],
)
def test_nothing_is_handed_out_while_a_person_has_to_act(connection: Connection | None, reason: str) -> None:
    assert decided(connection) == PersonMustAct(reason)
    assert decided(connection, not_version=V1) == PersonMustAct(reason)


def test_a_failing_renewal_does_not_take_away_a_good_token() -> None:
    failing = replace(FRESH, renewal=Renewal(failures=9, retry_at=NOW + 900, last_error="rate_limited"))
    assert isinstance(decided(failing), HandOut)


@pytest.mark.parametrize(("seconds", "kept"), [(3600, 60), (60, 60), (15, 15)])
def test_an_answer_is_kept_for_a_minute_at_most_and_no_longer_than_it_is_good(seconds: int, kept: int) -> None:
    assert cache_until(left(seconds), NOW) == NOW + kept


def test_an_answer_of_unknown_end_is_kept_for_a_minute() -> None:
    assert cache_until(UNKNOWN_END, NOW) == NOW + 60


@pytest.mark.parametrize("seconds", [-1, 601])
def test_a_validity_that_cannot_be_asked_for_is_refused(seconds: int) -> None:
    with pytest.raises(InvalidRequest):
        Wish(min_validity=seconds)


def over_since(obtained_ago: float, left: float) -> Connection:
    tokens = replace(TOKENS, obtained_at=NOW - int(obtained_ago), expires_at=NOW + int(left), lifetime=5)
    return replace(FRESH, tokens=tokens)


@pytest.mark.parametrize(
    ("obtained_ago", "left", "expected"),
    [(9, 1, HandOut), (9, 0, TooSoon), (9, -4, TooSoon), (10, 1, Renew), (10, -5, Renew), (0, -1, TooSoon)],
)
def test_what_was_renewed_a_moment_ago_is_handed_out_while_it_lasts_and_not_renewed(
    obtained_ago: int, left: int, expected: type
) -> None:
    assert isinstance(decided(over_since(obtained_ago, left)), expected)


def test_who_comes_too_soon_hears_when_to_come_again() -> None:
    assert decided(over_since(3, 0)) == TooSoon(NOW - 3 + LEAST_INTERVAL)


def test_a_version_that_failed_is_renewed_however_new_it_is() -> None:
    new = over_since(0, 5)
    assert decided(new, not_version=V1) == Renew(new, good_enough=False)


@pytest.mark.parametrize(("restored_at", "believed"), [(0, True), (NOW, True), (NOW + 1, False), (NOW + 2, True)])
def test_tokens_from_before_a_restore_are_renewed_before_they_are_handed_out(restored_at: int, believed: bool) -> None:
    expected = HandOut(FRESH) if believed else Renew(FRESH, good_enough=False)
    assert decide(FRESH, STANDING, Wish(), NOW + 1, restored_at) == expected


def test_tokens_from_before_a_restore_that_cannot_be_renewed_ask_the_person() -> None:
    assert decide(NO_REFRESH, STANDING, Wish(), NOW + 1, NOW + 1) == PersonMustAct("restored")
