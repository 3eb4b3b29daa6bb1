"""Numbers of hostile servers, and servers that would keep us busy for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from strongroom.domain import answer_fields, breaker, json_document, lookup, schedule
from strongroom.domain.http import Answer, Outgoing, Reply
from tests.requirements import requirement
from tests.unit.attacks.hostile import altered, with_members
from tests.weakened import weakened
from tests.world import World

YEAR = 365 * 86_400
DAY_OF_TICKS = 288


def with_lifetime(world: World, text: str) -> Callable[[Outgoing], Answer]:
    """Answer honestly, but with this JSON for `expires_in`, or with no such member."""

    def change(answer: Reply) -> Reply:
        if text == "missing":
            return with_members(expires_in=None)(answer)
        body = with_members(expires_in="HERE")(answer).body
        return replace(answer, body=body.replace(b'"HERE"', text.encode()))

    return altered(world.provider.honest, change)


def renewals(world: World) -> int:
    return sum(form["grant_type"] == "refresh_token" for form in world.provider.token_requests)


# B16. None: the provider did not say, which is a state of its own and no number.

LIFETIMES: dict[str, int | None] = {
    "missing": None,
    "null": None,
    "true": None,
    "false": None,
    "0": None,
    "-1": None,
    "-0.0": None,
    "NaN": None,
    "Infinity": None,
    "-Infinity": None,
    "1e400": None,
    "9" * 5_000: None,
    '"9e9"': None,
    '"٣٦٠٠"': None,
    '"３６００"': None,
    '"0x10"': None,
    '"3_600"': None,
    '"-3600"': None,
    '"+3600"': None,
    '"NaN"': None,
    '""': None,
    "[3600]": None,
    '{"seconds": 3600}': None,
    "3600": 3600,
    '"3600"': 3600,
    '" 3600 "': 3600,
    "3600.0": 3600,
    "3.6e3": 3600,
    "0.5": 1,
    "1": 1,
    "1e30": YEAR,
    "1" + "0" * 30: YEAR,
    '"' + "9" * 40 + '"': YEAR,
}


@requirement("attack:B16")
@pytest.mark.parametrize(("text", "seconds"), LIFETIMES.items(), ids=lambda value: str(value)[:20])
def test_whatever_stands_for_the_lifetime_it_is_bounded_or_unknown(text: str, seconds: int | None) -> None:
    world = World()
    world.provider.answer_next.append(with_lifetime(world, text))
    installation = world.install()
    started = int(world.clock.now())
    world.connect("bob", installation)

    expires_at = world.status("bob", installation)["expires_at"]

    assert expires_at == (None if seconds is None else started + seconds)
    assert world.journal.alarms() == []


@requirement("attack:B16")
@pytest.mark.parametrize(("text", "seconds"), LIFETIMES.items(), ids=lambda value: str(value)[:20])
def test_a_renewal_bounds_it_too_and_a_token_of_unknown_life_is_renewed_all_the_same(
    text: str, seconds: int | None
) -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.provider.answer_next.append(with_lifetime(world, text))
    world.clock.advance(3601)

    first = world.look_up("bob", installation)
    asked = int(world.clock.now())
    world.clock.advance(3600)
    world.tick()

    assert first.status == 200
    assert first.json["expires_at"] == (None if seconds is None else asked + seconds)
    assert first.json["cache_until"] <= asked + 60
    assert renewals(world) == (1 if seconds in {1, YEAR} else 2)


@requirement("attack:B16")
@pytest.mark.parametrize(("text", "life"), [("1e30", 10**30), ('"' + "9" * 40 + '"', 10**40)], ids=["number", "text"])
def test_control_without_the_bound_a_token_would_be_good_for_ever(text: str, life: int) -> None:
    world = World()
    world.provider.answer_next.append(with_lifetime(world, text))

    with weakened(answer_fields.lifetime, "max(1, min(int(seconds), YEAR))", "max(1, min(int(seconds), 10**12))"):
        installation = world.install()
        world.connect("bob", installation)
    world.clock.advance(100 * YEAR)

    assert world.look_up("bob", installation).status == 200
    assert renewals(world) == 0


@requirement("attack:B16")
def test_control_without_the_care_for_odd_numbers_one_would_throw_the_tokens_away() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.provider.answer_next.append(with_lifetime(world, "1e400"))
    world.clock.advance(3601)

    with weakened(json_document.json_document, "_read(body, odd_numbers_are_null)", "_read(body, False)"):
        looked_up = world.look_up("bob", installation)

    assert looked_up.status == 503


# B22: a server that would keep us renewing


@requirement("attack:B22")
def test_a_token_that_lives_a_second_is_not_renewed_at_every_look_up() -> None:
    world = World()
    world.provider.lifetime = 1
    installation = world.install()
    world.connect("bob", installation)

    for _ in range(10):
        for _ in range(20):
            assert world.look_up("bob", installation, min_validity=600).status in {200, 503}
        world.clock.advance(1)

    assert renewals(world) == 0
    assert world.look_up("bob", installation).status == 200
    assert renewals(world) == 1


@requirement("attack:B22")
def test_control_without_regard_for_its_life_every_look_up_would_renew_it() -> None:
    world = World()
    world.provider.lifetime = 1
    installation = world.install()
    world.connect("bob", installation)

    with (
        weakened(
            lookup._wanted,
            "min(wish.min_validity, lifetime / 2) if lifetime is not None else wish.min_validity",
            "wish.min_validity",
        ),
        weakened(lookup._renewal, "if now >= allowed_at", "if True"),
    ):
        for _ in range(20):
            world.look_up("bob", installation)

    assert renewals(world) == 20


@requirement("attack:B22")
@pytest.mark.parametrize("lifetime", [1, 10, 60, 899])
def test_the_schedule_leaves_tokens_alone_that_live_too_briefly(lifetime: int) -> None:
    assert day_of_ticks(lifetime) == 0


@requirement("attack:B22")
@pytest.mark.parametrize("lifetime", [900, 901, 1000, 3600, None])
def test_the_schedule_never_renews_a_connection_more_than_once_a_tick(lifetime: int | None) -> None:
    assert 0 < day_of_ticks(lifetime) <= DAY_OF_TICKS


@requirement("attack:B22")
def test_control_without_that_rule_every_tick_would_renew_what_lives_a_second() -> None:
    with weakened(schedule.due_at, "lifetime < policy.short_lived or ", ""):
        assert day_of_ticks(1) == DAY_OF_TICKS


def day_of_ticks(lifetime: int | None) -> int:
    """Count the renewals of a day at a provider that always gives the same tokens, nobody asking for them."""
    world = World()
    world.provider.lifetime, world.provider.rotates = lifetime, False
    installation = world.install()
    world.connect("bob", installation)
    for _ in range(DAY_OF_TICKS):
        world.clock.advance(300)
        world.tick()
    return renewals(world)


@requirement("attack:B22")
@pytest.mark.parametrize("stuck", [True, False], ids=["the same tokens for ever", "new tokens each time"])
def test_reports_about_tokens_that_never_work_renew_once_and_then_ask_the_person(stuck: bool) -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    same = with_members(access_token=world.provider.grants[0].access) if stuck else lambda answer: answer
    world.provider.answer_next += [altered(world.provider.honest, same)] * 50

    for _ in range(50):
        answer = world.look_up("bob", installation)
        if answer.status == 200:
            world.reject("bob", installation, answer.json["version"])

    assert world.look_up("bob", installation).json["reason"] == "rejected"
    assert renewals(world) == 1


@requirement("attack:B22")
def test_a_provider_that_fails_is_asked_ever_more_rarely() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(3601)
    world.provider.answer_next += [lambda _: Reply(500, {}, b"")] * 1_000

    for _ in range(600):
        assert world.look_up("bob", installation).status == 503
        world.clock.advance(1)

    assert renewals(world) <= 8


@requirement("attack:B22")
def test_control_without_pauses_it_would_be_asked_at_every_look_up() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(3601)
    world.provider.answer_next += [lambda _: Reply(500, {}, b"")] * 1_000

    with (
        weakened(schedule.retry_after, "return int(longest / 2 + longest / 2 * chance)", "return 0"),
        weakened(breaker.assess, "if now < known.open_until", "if False"),
    ):
        for _ in range(20):
            world.look_up("bob", installation)
            world.clock.advance(40)

    assert renewals(world) == 20
