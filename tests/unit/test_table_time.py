"""The clock that all environments share: what an answer of the table tells of our own, and what is done about it."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.adapters import table_time
from strongroom.adapters.table_time import SPARE, SharedClock, TableTime, seconds_of
from strongroom.domain.errors import StoreUnavailable
from tests.contract.faults.skewed import OffClock
from tests.fakes.clock import Entry, FakeClock, FakeJournal
from tests.weakened import weakened

NOON = 1_795_348_800
MINUTES = 300
HOURS = 6 * 3600.0

fractions = st.floats(0, 1, exclude_max=True)
ways = st.floats(0, 3)
"""Seconds that a request, or its answer, is under way."""


class Stage:
    """The table's time, and one function on a machine whose clock is so many seconds off."""

    def __init__(self, off: float, at: float = NOON + 0.5) -> None:
        self.true, self.journal = FakeClock(at), FakeJournal()
        self.machine = OffClock(self.true, off)
        self.clock = SharedClock(self.machine)
        self.time = TableTime(self.clock, self.journal)

    @property
    def error(self) -> float:
        """By how much the function's clock is fast now."""
        return self.clock.now() - self.true.now()

    def ask(self, there: float = 0.0, back: float = 0.0) -> None:
        def answer() -> dict[str, Any]:
            self.true.advance(there)
            date = formatdate(self.true.now(), usegmt=True)
            self.true.advance(back)
            return said(date)

        self.time.ask(answer)

    def hears(self, answer: dict[str, Any]) -> None:
        self.time.ask(lambda: answer)


def said(date: str) -> dict[str, Any]:
    return {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}


# -- the margin


@given(fractions, ways, ways, st.floats(-SPARE, SPARE))
def test_a_clock_that_is_right_to_the_second_is_never_moved(
    fraction: float, there: float, back: float, off: float
) -> None:
    stage = Stage(off * 0.999, NOON + fraction)

    stage.ask(there, back)

    assert stage.clock.correction == 0
    assert stage.journal.entries == []


@given(fractions, ways, ways, st.floats(0.001, HOURS), st.sampled_from([-1, 1]))
def test_a_clock_that_is_off_by_more_than_two_seconds_and_the_time_for_an_answer_is_put_right(
    fraction: float, there: float, back: float, more: float, direction: int
) -> None:
    stage = Stage(direction * (1 + SPARE + there + back + more), NOON + fraction)

    stage.ask(there, back)

    assert abs(stage.error) <= (1 + there + back) / 2 + 0.001
    assert stage.journal.events() == ["clock_corrected"]


@given(fractions, ways, ways, st.floats(-MINUTES, MINUTES))
def test_after_one_quick_answer_no_clock_is_off_by_more_than_two_seconds(
    fraction: float, there: float, back: float, off: float
) -> None:
    stage = Stage(off, NOON + fraction)

    stage.ask(there, back)
    stage.ask()

    assert abs(stage.error) <= 1 + SPARE + 0.001


@given(fractions, ways, ways)
def test_control_without_the_time_for_an_answer_a_right_clock_would_be_moved(
    fraction: float, there: float, back: float
) -> None:
    stage = Stage(0, NOON + fraction)
    with weakened(table_time.TableTime._compare, "date + 1 - asked_at", "date - answered_at"):
        stage.ask(there, back + 1.1)

    assert stage.clock.correction != 0


# -- what is heard, and when


def test_an_environment_that_was_frozen_for_hours_keeps_its_correction() -> None:
    stage = Stage(-MINUTES)
    stage.ask()

    stage.true.advance(HOURS)

    assert abs(stage.error) <= 0.5
    stage.ask()
    assert stage.journal.events() == ["clock_corrected"]


def test_a_machine_that_is_set_right_later_is_believed_again_from_the_next_answer_on() -> None:
    stage = Stage(MINUTES)
    stage.ask()
    stage.machine.off = 0

    stage.ask()

    assert abs(stage.error) <= 0.5
    assert [entry.fields for entry in stage.journal.entries] == [{"seconds": -300.0}, {"seconds": 300.0}]


def test_an_answer_during_which_the_machine_was_set_back_tells_nothing() -> None:
    stage = Stage(MINUTES)

    def answer() -> dict[str, Any]:
        stage.machine.off = 0
        return said(formatdate(NOON, usegmt=True))

    stage.time.ask(answer)

    assert stage.clock.correction == 0


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"ResponseMetadata": {}},
        {"ResponseMetadata": {"HTTPHeaders": {}}},
        said(""),
        said("yesterday"),
        said("0"),
        said("Sun, 22 Nov 2026 12:00:00"),
        said("Sun, 22 Nov 2026 12:00:00 CET"),
        said("Sun, 22 Nvo 2026 12:00:00 GMT"),
        said("Sun, 31 Feb 2026 12:00:00 GMT"),
        said("Sun, 22 Nov 2026 24:00:00 GMT"),
        said("Sun Nov 22 12:00:00 2026"),
        said("2026-11-22T12:00:00Z"),
    ],
)
def test_a_date_that_is_missing_or_nonsense_moves_nothing(answer: dict[str, Any]) -> None:
    stage = Stage(MINUTES)

    stage.hears(answer)

    assert stage.clock.correction == 0
    assert stage.journal.entries == []


@given(st.integers(0, 4_102_444_800))
def test_a_date_is_read_as_it_is_written(moment: int) -> None:
    assert seconds_of(formatdate(moment, usegmt=True)) == moment


@pytest.mark.parametrize("off", [-90_000, 90_000])
def test_a_date_that_is_more_than_a_day_away_is_not_believed_and_rings_once(off: float) -> None:
    stage = Stage(off)

    stage.ask()
    stage.ask()

    assert stage.clock.correction == 0
    assert stage.journal.entries == [Entry("alarm", "clock_not_believed", {"seconds": -off})]


# -- what was counted from the old time


def settles(stage: Stage) -> bool:
    try:
        stage.time.require_settled()
    except StoreUnavailable:
        return False
    return True


def test_reads_fail_for_a_second_after_a_correction() -> None:
    stage = Stage(MINUTES)
    assert settles(stage)
    stage.ask()

    assert not settles(stage)
    stage.true.advance(0.9)
    assert not settles(stage)
    stage.true.advance(0.1)
    assert settles(stage)


def test_machines_of_aws_that_are_at_odds_make_reads_fail_once_a_minute_and_no_more() -> None:
    stage = Stage(0)
    failed = 0
    for _ in range(60):
        stage.hears(said(formatdate(stage.true.now() + 10, usegmt=True)))
        failed += not settles(stage)
        stage.true.advance(1)
        stage.ask()
        failed += not settles(stage)
        stage.true.advance(1)

    assert failed == 2
