"""A gateway's way to Strongroom as a whole: under lists, behind look-ups that hang, and with strange numbers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from strongroom_satellite import Patience, Strongroom, Unavailable
from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask, Installations, LookUp
from strongroom_satellite.retry import FIRST_PAUSE
from strongroom_satellite.strongroom import LEAST_ATTEMPT, LISTS_AT_ONCE
from tests.requirements import requirement
from tests.unit.satellites import (
    ALICE,
    BOB,
    LONGEST,
    Scripted,
    TwoHands,
    callers,
    gateway,
    released,
    reply,
    saying,
    until,
)
from tests.weakened import weakened

# -- Lists -------------------------------------------------------------------------------------------------------------

EMPTY = reply(200, {"installations": [], "connections": []})
MANY_LISTS = 40


def holding_lists(go: threading.Event) -> Callable[[Ask], Reply]:
    """Answer look-ups, and lists only when `go` is set."""

    def script(ask: Ask) -> Reply:
        if isinstance(ask, Installations):
            assert go.wait(LONGEST)
            return EMPTY
        return released()

    return script


@contextmanager
def lists_held(**more: Any) -> Iterator[tuple[Strongroom, Scripted]]:
    go = threading.Event()
    strongroom = Scripted(holding_lists(go))
    satellite = Strongroom(strongroom, clock=TwoHands(), **more)
    try:
        yield satellite, strongroom
    finally:
        go.set()
        satellite.close()


def lists(strongroom: Scripted) -> list[Ask]:
    return [ask for ask in strongroom.asked if isinstance(ask, Installations)]


def test_lists_of_one_user_at_once_are_one_request() -> None:
    strongroom = Scripted(saying(EMPTY))
    strongroom.open.clear()
    with gateway(strongroom) as satellite, callers() as threads:

        def all_of_them() -> int:
            async def ask() -> int:
                return len(await asyncio.gather(*(satellite.ainstallations("acme", "alice") for _ in range(10))))

            return asyncio.run(ask())

        in_threads = [threads.submit(satellite.installations, "acme", "alice") for _ in range(10)]
        in_a_loop = threads.submit(all_of_them)
        key = (Installations("acme", "alice"),)
        until(lambda: waiting(satellite, key) == 20)
        strongroom.open.set()
        assert [one.result(LONGEST) for one in in_threads] == [[]] * 10
        assert in_a_loop.result(LONGEST) == 10

        assert len(strongroom.asked) == 1
        satellite.installations("acme", "alice")
        assert len(strongroom.asked) == 2, "a list is not kept"


def waiting(satellite: Strongroom, key: tuple[object, ...]) -> int:
    flight: Any = satellite._lists.under_way(key)
    return 0 if flight is None else len(flight._condition._waiters) + len(flight._done_callbacks)


def test_lists_of_two_users_are_two_requests() -> None:
    strongroom = Scripted(lambda ask: reply(200, {"installations": [{"of": ask.body["user"]}]}))  # type: ignore[index] # these have a body
    with gateway(strongroom) as satellite, callers() as threads:
        told = [threads.submit(satellite.installations, "acme", user) for user in ("alice", "bob")]

        assert [one.result(LONGEST) for one in told] == [[{"of": "alice"}], [{"of": "bob"}]]


def begin_lists(satellite: Strongroom) -> None:
    for number in range(MANY_LISTS):
        satellite._installations("acme", f"user-{number}")


@requirement("attack:S14")
def test_forty_lists_that_hang_do_not_hold_up_a_look_up() -> None:
    with lists_held(at_once=MANY_LISTS) as (satellite, strongroom), callers() as threads:
        begin_lists(satellite)
        until(lambda: len(lists(strongroom)) == LISTS_AT_ONCE)

        assert threads.submit(satellite.look_up, ALICE).result(LONGEST).version == "v.1"
        assert len(lists(strongroom)) == LISTS_AT_ONCE


@requirement("attack:S14")
def test_lists_that_nobody_waits_for_any_more_hold_up_no_look_up_either() -> None:
    async def cancelled(satellite: Strongroom, strongroom: Scripted) -> None:
        tasks = [asyncio.create_task(satellite.ainstallations("acme", f"user-{n}")) for n in range(MANY_LISTS)]
        await asyncio.to_thread(until, lambda: len(lists(strongroom)) == LISTS_AT_ONCE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (await asyncio.wait_for(satellite.alook_up(ALICE), LONGEST)).version == "v.1"

    with lists_held(at_once=MANY_LISTS) as (satellite, strongroom):
        asyncio.run(cancelled(satellite, strongroom))


@requirement("attack:S14")
def test_control_in_the_same_threads_lists_would_hold_up_a_look_up() -> None:
    with lists_held(at_once=MANY_LISTS) as (satellite, strongroom):
        satellite._lists = satellite._flights  # type: ignore[assignment] # the defence taken out
        begin_lists(satellite)
        until(lambda: len(lists(strongroom)) == MANY_LISTS)
        waits = satellite._look_up(ALICE, None)

        assert satellite._flights._workers._waiting[0][0] is waits


# -- Behind look-ups that hang -----------------------------------------------------------------------------------------

PATIENCE = Patience(attempt=30.0, total=60.0)


def behind_one_that_hangs(seconds: float) -> list[float]:
    """How long each attempt of bob may take, if there is one thread and alice's look-up has it for so many seconds."""
    clock = TwoHands()
    said = saying(released(), *[Unavailable("busy")] * 100)
    strongroom = Scripted(said)
    strongroom.open.clear()
    satellite = Strongroom(strongroom, clock=clock, patience=PATIENCE, chance=lambda: 1.0, wait=clock.wait, at_once=1)
    with satellite, callers() as threads:
        first = threads.submit(satellite.look_up, ALICE)
        until(lambda: len(strongroom.asked) == 1)
        second = threads.submit(satellite.look_up, BOB)
        until(lambda: satellite._flights.under_way(("look-up", BOB, None)) is not None)
        clock.advance(seconds)
        strongroom.open.set()
        first.result(LONGEST)
        with suppress(Unavailable):
            second.result(LONGEST)
    return strongroom.within[1:]


@requirement("attack:S14")
def test_the_wait_for_a_thread_counts() -> None:
    assert behind_one_that_hangs(0.0)[0] == PATIENCE.attempt
    assert behind_one_that_hangs(50.0)[0] == PATIENCE.total - 50.0
    assert behind_one_that_hangs(PATIENCE.total - LEAST_ATTEMPT - FIRST_PAUSE / 2) == [LEAST_ATTEMPT + FIRST_PAUSE / 2]
    assert behind_one_that_hangs(500.0) == [LEAST_ATTEMPT]


@requirement("attack:S14")
def test_control_counted_from_the_first_attempt_it_does_not() -> None:
    with weakened(Strongroom._answered, "until = began.steady + ", "until = self._clock.now().steady + "):
        assert behind_one_that_hangs(500.0)[0] == PATIENCE.attempt


# -- Strange numbers ---------------------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


@requirement("attack:S14")
@pytest.mark.parametrize("name", ["attempt", "total", "connect"])
@pytest.mark.parametrize("seconds", [NAN, INF, -INF, -1.0, -1e-9])
def test_a_patience_that_is_no_time_is_refused(name: str, seconds: float) -> None:
    with pytest.raises(ValueError, match="patience"):
        Patience(**{name: seconds})


@pytest.mark.parametrize("name", ["attempt", "connect"])
def test_a_patience_of_no_time_at_all_is_refused_but_for_one_attempt(name: str) -> None:
    with pytest.raises(ValueError, match="patience"):
        Patience(**{name: 0.0})
    assert Patience(total=0.0).total == 0.0


class OutOfPatience(Exception):
    """Whoever waits has been asked too often."""


@requirement("attack:S14")
def test_control_by_nan_no_time_is_ever_over() -> None:
    asked = 0

    def busy(_: Ask) -> Unavailable:
        nonlocal asked
        asked += 1
        if asked == 1_000:
            raise OutOfPatience
        return Unavailable("busy")

    endless = Patience()
    object.__setattr__(endless, "total", NAN)
    with gateway(Scripted(busy), patience=endless) as satellite, pytest.raises(OutOfPatience):
        satellite._answered(LookUp(ALICE), ALICE, TwoHands().now())
