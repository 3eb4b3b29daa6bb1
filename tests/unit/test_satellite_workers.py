"""Threads for look-ups: bounded in number, none left over, and nothing that keeps a process or a caller waiting for ever."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future

import anyio
import pytest

from local.satellites import SOURCES
from strongroom_satellite.errors import Misconfigured, Unavailable
from strongroom_satellite.flights import Flights, alanded, landed
from strongroom_satellite.workers import Workers
from tests.unit.satellites import ALICE, LONGEST, Scripted, callers, gateway, released, saying, until

# A look-up that nobody answers, and a main thread that has nothing more to do.
_LEFT_BEHIND = """
import threading
from concurrent.futures import Future
from strongroom_satellite.workers import Workers
begun = threading.Event()
def work():
    begun.set()
    threading.Event().wait()
Workers(1).begin(Future(), work)
begun.wait()
print("done")
"""


def begin(workers: Workers[str], work: Callable[[], str]) -> Future[str]:
    outcome = Future[str]()
    workers.begin(outcome, work)
    return outcome


def test_so_many_work_at_once_and_the_others_wait_their_turn() -> None:
    workers, go = Workers[str](2), threading.Event()
    begun: list[int] = []

    def work(number: int) -> str:
        begun.append(number)
        assert go.wait(LONGEST)
        return str(number)

    outcomes = [begin(workers, lambda number=number: work(number)) for number in range(5)]  # type: ignore[misc] # mypy cannot infer it
    until(lambda: len(begun) == 2)
    assert [outcome.running() for outcome in outcomes] == [True, True, False, False, False]
    go.set()
    assert [outcome.result(LONGEST) for outcome in outcomes] == ["0", "1", "2", "3", "4"]


def test_when_there_is_nothing_to_do_no_thread_is_left() -> None:
    workers = Workers[str](3)
    assert [begin(workers, lambda: threading.current_thread().name).result(LONGEST) for _ in range(4)] == [
        "strongroom"
    ] * 4
    until(lambda: not any(thread.name == "strongroom" for thread in threading.enumerate()))


def test_an_error_is_the_outcome_and_the_next_one_goes_on() -> None:
    workers = Workers[str](1)

    def fails() -> str:
        raise KeyError("of the work")

    outcomes = [begin(workers, fails), begin(workers, lambda: "after it")]
    with pytest.raises(KeyError):
        outcomes[0].result(LONGEST)
    assert outcomes[1].result(LONGEST) == "after it"


def test_closed_it_begins_nothing_and_gives_up_what_waits() -> None:
    workers, go = Workers[str](1), threading.Event()

    def work() -> str:
        assert go.wait(LONGEST)
        return "finished"

    first = begin(workers, work)
    second = begin(workers, lambda: "never")
    workers.close()
    with pytest.raises(Misconfigured):
        begin(workers, lambda: "never")
    assert second.cancelled()
    go.set()
    assert first.result(LONGEST) == "finished"


def test_a_look_up_that_is_under_way_does_not_keep_the_process_alive() -> None:
    ended = subprocess.run(  # noqa: S603 - our own text
        [sys.executable, "-c", _LEFT_BEHIND],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_a_caller_waits_for_an_answer_that_does_not_end_only_so_long() -> None:
    never = Future[str]()
    with pytest.raises(Unavailable):
        landed(never, 0)
    with pytest.raises(Unavailable):
        anyio.run(alanded, never, 0)


def test_control_an_answer_that_is_there_is_given_however_little_time_there_is() -> None:
    there = Future[str]()
    there.set_result("an answer")
    assert landed(there, 0) == anyio.run(alanded, there, 0) == "an answer"


def test_whoever_comes_after_one_has_left_begins_another_and_each_gets_their_own() -> None:
    flights, go = Flights[str](2), threading.Event()

    def slow() -> str:
        assert go.wait(LONGEST)
        return "before"

    first = flights.join(("key",), lambda: None, slow)
    flights.leave(lambda key: key == ("key",))
    second = flights.join(("key",), lambda: None, lambda: "after")
    assert second.result(LONGEST) == "after"
    go.set()
    assert first.result(LONGEST) == "before"
    assert flights.under_way(("key",)) is None


def test_whoever_forgets_asks_again_though_a_look_up_is_under_way() -> None:
    strongroom = Scripted(saying(released("v.1"), released("v.2")))
    strongroom.open.clear()
    with gateway(strongroom) as satellite, callers() as threads:
        first = threads.submit(satellite.look_up, ALICE)
        until(lambda: len(strongroom.asked) == 1)
        satellite.forget(ALICE)
        second = threads.submit(satellite.look_up, ALICE)
        until(lambda: len(strongroom.asked) == 2)
        strongroom.open.set()
        assert {first.result(LONGEST).version, second.result(LONGEST).version} == {"v.1", "v.2"}
