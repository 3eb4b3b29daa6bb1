"""Many callers at once, in threads and in event loops: one question for each need, and nobody waits in vain."""

from __future__ import annotations

import asyncio
import copy
import threading
from concurrent.futures import Future, wait
from typing import Any

import httpx2
import pytest

from strongroom_satellite import (
    AuthorizationRequired,
    Misconfigured,
    Release,
    SatelliteError,
    Strongroom,
    Unavailable,
)
from strongroom_satellite.flights import Flights
from strongroom_satellite.shelf import Shelf
from tests.requirements import requirement
from tests.unit.satellites import (
    ALICE,
    BOB,
    EPOCH,
    LONGEST,
    Scripted,
    TwoHands,
    callers,
    gateway,
    look_ups,
    must_act,
    released,
    reports,
    saying,
    until,
)
from tests.weakened import weakened

MANY = 12


def waiting(satellite: Strongroom, key: tuple[object, ...]) -> int:
    """How many wait for a flight, in threads and in event loops. Futures do not tell by themselves."""
    flight: Any = satellite._flights.under_way(key)
    return 0 if flight is None else len(flight._condition._waiters) + len(flight._done_callbacks)


LOOK_UP, REPORT = ("look-up", ALICE, None), ("rejected", ALICE)


def in_a_loop(satellite: Strongroom, count: int) -> list[Release]:
    async def all_of_them() -> list[Release]:
        return list(await asyncio.gather(*(satellite.alook_up(ALICE) for _ in range(count))))

    return asyncio.run(all_of_them())


def test_threads_and_two_event_loops_wait_for_one_request() -> None:
    strongroom = Scripted(saying(released()))
    strongroom.open.clear()
    with gateway(strongroom) as satellite, callers() as threads:
        sync = [threads.submit(satellite.look_up, ALICE) for _ in range(MANY)]
        loops = [threads.submit(in_a_loop, satellite, MANY) for _ in range(2)]
        until(lambda: waiting(satellite, LOOK_UP) >= 3 * MANY - 1)
        strongroom.open.set()
        found = [flight.result(LONGEST) for flight in sync] + [one for loop in loops for one in loop.result(LONGEST)]

    assert len(strongroom.asked) == 1
    assert {one.version for one in found} == {"v.1"}
    assert len(found) == 3 * MANY


def test_control_without_the_list_of_flights_everybody_asks() -> None:
    strongroom = Scripted(saying(released()))
    strongroom.open.clear()
    with (
        weakened(Flights.join, "if key not in self._under_way:", "if True:"),
        weakened(Flights._fly, "del self._under_way[key]", "self._under_way.pop(key, None)"),
        gateway(strongroom) as satellite,
        callers() as threads,
    ):
        sync = [threads.submit(satellite.look_up, ALICE) for _ in range(MANY)]
        until(lambda: len(strongroom.asked) == MANY)
        strongroom.open.set()
        wait(sync, LONGEST)

    assert len(strongroom.asked) == MANY


@requirement("attack:S4")
def test_two_users_at_once_are_asked_for_apart_and_each_gets_the_own_token() -> None:
    strongroom = Scripted(lambda ask: released(f"v.{ask.need.user}"))  # type: ignore[attr-defined] # look-ups alone come
    strongroom.open.clear()
    with gateway(strongroom) as satellite, callers() as threads:
        asking = [(need, threads.submit(satellite.look_up, need)) for need in (ALICE, BOB) * MANY]
        until(lambda: len(strongroom.asked) == 2)
        strongroom.open.set()

        assert all(flight.result(LONGEST).version == f"v.{need.user}" for need, flight in asking)
    assert len(strongroom.asked) == 2


@requirement("attack:S4")
def test_control_flights_that_are_not_told_apart_by_the_need_give_one_persons_token_to_another() -> None:
    strongroom = Scripted(lambda ask: released(f"v.{ask.need.user}"))  # type: ignore[attr-defined] # look-ups alone come
    strongroom.open.clear()
    with (
        weakened(Strongroom._look_up, '("look-up", need, min_validity)', '("look-up", need.team, min_validity)'),
        gateway(strongroom) as satellite,
        callers() as threads,
    ):
        first = threads.submit(satellite.look_up, ALICE)
        until(lambda: len(strongroom.asked) == 1)
        second = threads.submit(satellite.look_up, BOB)
        until(lambda: waiting(satellite, ("look-up", "acme", None)) == 2)
        strongroom.open.set()

        assert first.result(LONGEST).version == second.result(LONGEST).version == "v.alice"


def test_whoever_is_cancelled_takes_nothing_away_from_the_others() -> None:
    strongroom = Scripted(saying(released()))
    strongroom.open.clear()

    async def one_leaves(satellite: Strongroom) -> Release:
        first, second = (asyncio.create_task(satellite.alook_up(ALICE)) for _ in range(2))
        while waiting(satellite, LOOK_UP) < 2:
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        strongroom.open.set()
        return await second

    with gateway(strongroom) as satellite:
        assert asyncio.run(one_leaves(satellite)).version == "v.1"
    assert len(strongroom.asked) == 1


def test_an_event_loop_that_has_ended_does_not_disturb_the_flight() -> None:
    strongroom = Scripted(saying(released()))
    strongroom.open.clear()

    async def give_up(satellite: Strongroom) -> None:
        waiter = asyncio.create_task(satellite.alook_up(ALICE))
        while not waiting(satellite, LOOK_UP):
            await asyncio.sleep(0)
        waiter.cancel()

    with gateway(strongroom) as satellite:
        asyncio.run(give_up(satellite))
        strongroom.open.set()

        assert satellite.look_up(ALICE).version == "v.1"
    assert len(strongroom.asked) == 1


def test_an_error_is_shared_once_and_each_waiter_has_one_of_its_own() -> None:
    strongroom = Scripted(saying(must_act(), released("v.2")))
    strongroom.open.clear()
    with gateway(strongroom) as satellite, callers() as threads:
        asking: list[Future[Release]] = [threads.submit(satellite.look_up, ALICE) for _ in range(MANY)]
        until(lambda: waiting(satellite, LOOK_UP) == MANY)
        strongroom.open.set()
        errors = [flight.exception(LONGEST) for flight in asking]

        assert len(strongroom.asked) == 1
        assert satellite.look_up(ALICE).version == "v.2", "an error is not kept"
    assert all(isinstance(error, AuthorizationRequired) and error.link and error.need == ALICE for error in errors)
    assert len({id(error) for error in errors}) == MANY


# -- Reports -----------------------------------------------------------------------------------------------------------


@requirement("attack:S6")
@pytest.mark.parametrize("status", [401, 403])
def test_a_rejected_version_is_reported_once_however_many_met_it(status: int) -> None:
    strongroom = Scripted(saying(released(), released("v.2")))
    with gateway(strongroom) as satellite, callers() as threads:
        satellite.look_up(ALICE)
        strongroom.open.clear()
        met = [threads.submit(satellite.rejected, ALICE, "v.1", status, "Bearer") for _ in range(MANY)]
        until(lambda: len(reports(strongroom)) == 1)
        strongroom.open.set()

        assert {flight.result(LONGEST).version for flight in met} == {"v.2"}
        assert satellite.rejected(ALICE, "v.1", status, "Bearer").version == "v.2", "whoever comes late"
    assert len(reports(strongroom)) == 1


@requirement("attack:S6")
def test_control_reports_that_ask_although_there_is_a_newer_version() -> None:
    strongroom = Scripted(saying(released(), released("v.2")))
    with (
        weakened(Strongroom._rejected, "join(key, newer, fly)", "join(key, lambda: None, fly)"),
        gateway(strongroom) as satellite,
    ):
        satellite.look_up(ALICE)
        satellite.rejected(ALICE, "v.1", 401)
        satellite.rejected(ALICE, "v.1", 401)

    assert len(reports(strongroom)) == 2


def test_look_ups_wait_for_a_report_that_is_under_way() -> None:
    strongroom = Scripted(saying(released(), released("v.2")))
    with gateway(strongroom) as satellite, callers() as threads:
        satellite.look_up(ALICE)
        strongroom.open.clear()
        report = threads.submit(satellite.rejected, ALICE, "v.1", 401)
        until(lambda: len(reports(strongroom)) == 1)
        in_a_thread, in_loop = threads.submit(satellite.look_up, ALICE), threads.submit(in_a_loop, satellite, 1)
        until(lambda: waiting(satellite, REPORT) == 3)
        strongroom.open.set()

        assert report.result(LONGEST).version == "v.2"
        assert in_a_thread.result(LONGEST).version == "v.2"
        assert in_loop.result(LONGEST)[0].version == "v.2"
    assert len(look_ups(strongroom)) == 1


def late_answer() -> str | None:
    """A look-up is held up, its version is reported meanwhile, and its answer comes last. What is used then?"""
    held, go = threading.Event(), threading.Event()

    def script(ask: Any) -> Any:
        if ask in reports(strongroom):
            return released("v.2")
        if ask.min_validity is not None:
            held.set()
            assert go.wait(LONGEST)
        return released("v.1", expires_at=EPOCH + 300)

    strongroom, clock = Scripted(script), TwoHands()
    with gateway(strongroom, clock) as satellite, callers() as threads:
        satellite.look_up(ALICE)
        late = threads.submit(satellite.look_up, ALICE, min_validity=600)
        assert held.wait(LONGEST)
        clock.advance(1)
        satellite.rejected(ALICE, "v.1", 401)
        go.set()
        late.result(LONGEST)
        return satellite.look_up(ALICE).version


@requirement("attack:S5")
def test_a_late_answer_does_not_bring_a_rejected_version_back() -> None:
    assert late_answer() == "v.2"


@requirement("attack:S5")
def test_control_a_shelf_that_forgets_what_was_rejected_takes_it_back() -> None:
    with (
        weakened(Shelf.reject, "_put(self._rejected, need, (version, self._clock.now()))", "pass"),
        weakened(Shelf._is_late, "one.asked.steady < present.asked.steady", "False"),
    ):
        assert late_answer() == "v.1"


# -- The end -----------------------------------------------------------------------------------------------------------


def test_after_the_end_nothing_is_asked() -> None:
    strongroom = Scripted(saying(released()))
    satellite = gateway(strongroom)
    satellite.close()

    with pytest.raises(Misconfigured):
        satellite.look_up(ALICE)
    assert strongroom.asked == []
    assert strongroom.closed


def test_who_waits_for_a_thread_when_the_end_comes_is_told() -> None:
    strongroom = Scripted(saying(released()))
    strongroom.open.clear()
    satellite = Strongroom(strongroom, at_once=1)
    with callers() as threads:
        first = threads.submit(satellite.look_up, ALICE)
        until(lambda: len(strongroom.asked) == 1)
        second = threads.submit(satellite.look_up, BOB)
        until(lambda: waiting(satellite, ("look-up", BOB, None)) == 1)
        satellite.close()
        strongroom.open.set()

        assert isinstance(second.exception(LONGEST), Unavailable)
        assert first.result(LONGEST).version == "v.1"
    assert len(strongroom.asked) == 1


@pytest.mark.parametrize("unforeseen", [KeyError("x"), httpx2.StreamConsumed()])
def test_a_flight_that_fails_in_a_way_nobody_foresaw_leaves_nothing_behind(unforeseen: Exception) -> None:
    """Not every error lets itself be copied."""
    strongroom = Scripted(saying(unforeseen, released()))
    with gateway(strongroom) as satellite:
        with pytest.raises(type(unforeseen)):
            satellite.look_up(ALICE)

        assert satellite.look_up(ALICE).version == "v.1"


def test_every_error_of_ours_can_be_copied_with_all_that_it_says() -> None:
    required = AuthorizationRequired("a sentence")
    required.reason, required.link, required.need, required.request_id = "revoked", "https://web.example", ALICE, "r"

    assert copy.copy(required).__dict__ == required.__dict__
    assert str(copy.copy(required)) == str(required)
    assert isinstance(required, SatelliteError)
