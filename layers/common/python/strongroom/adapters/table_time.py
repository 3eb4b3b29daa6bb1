"""One clock for all environments: that of the table.

Leases, ends and due times are written by one environment and compared by another, through one table. So each environment
takes the time from that table's answers, whose `Date` says when they were made (RFC 9110 §6.6.1). TLS says by whom.

What one answer tells of our own clock: it was made after we asked and before we had it, and in the second that `Date`
names. So the table's time less ours lies between `Date` - answered and `Date` + 1 - asked. A correction that lies in
there, give or take a second for the machine that answers, is left alone: a clock that is right is never moved, and one
that is off by more than two seconds and the time for an answer always is, to the middle of what is possible.

The time since a correction is counted by the machine's clock, not by its monotonic one, which may stand still while an
environment is frozen between two calls.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from strongroom.domain.errors import StoreUnavailable
from strongroom.ports import Clock, Journal

Answered = TypeVar("Answered", bound=Mapping[str, Any])

SPARE = 1.0
"""Seconds by which the machine that answers may be off itself, or late with its own clock's hand."""
BELIEVED = 86_400
"""Seconds. The table refuses our signature if we are off by five minutes; a day is nobody's clock, but a broken header."""
UNSETTLED = 1.0
"""Seconds after a correction in which reads fail: by then, whoever counted from the old time has read."""
UNSETTLED_AGAIN = 60.0
"""Seconds after which they may fail again: were AWS's machines at odds, look-ups would go on."""
FAR_BACK = 30.0
"""Seconds. Put back by more, it makes deadlines so late that tokens could be lost: then reads fail every time."""
NEVER = float("-inf")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SharedClock:
    """The port `Clock`: the machine's time, and what it has to be put forward (or back, below zero), in seconds."""

    def __init__(self, machine: Clock) -> None:
        self.machine, self.correction = machine, 0.0

    def now(self) -> float:
        return self.machine.now() + self.correction

    def wait(self, seconds: float) -> None:
        self.machine.wait(seconds)


class TableTime:
    """Listen to the table's answers, and put the clock right. Threads may share it."""

    def __init__(self, clock: SharedClock, journal: Journal) -> None:
        self._clock, self._journal = clock, journal
        self._lock = threading.Lock()
        self._heard: tuple[str, float | None] = ("", None)
        self._unsettled_at = NEVER
        self._told_of_disbelief = False

    def ask(self, call: Callable[..., Answered], **parameters: Any) -> Answered:
        """Send one request and hear its answer, also one that refuses."""
        asked_at = self._clock.machine.now()
        try:
            answer = call(**parameters)
        except ClientError as error:
            self._hear(error.response, asked_at)
            raise
        self._hear(answer, asked_at)
        return answer

    def require_settled(self) -> None:
        """Let a read fail just after a correction.

        Who has read now has counted deadlines from the old time; too late by minutes, they would keep new tokens from the
        rescue queue until the function is killed. All journeys read before they do anything, and begin again.

        Raises:
            StoreUnavailable: If the clock was put right within the last second, once a minute at most.
        """
        if 0 <= self._clock.machine.now() - self._unsettled_at < UNSETTLED:
            raise StoreUnavailable("our clock has just been put right: begin again", retry_after=1)

    def _hear(self, answer: Mapping[str, Any], asked_at: float) -> None:
        header = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        date = self._read(header) if header else None
        if date is not None:
            self._compare(date, asked_at, self._clock.machine.now())

    def _read(self, header: str) -> float | None:
        known, date = self._heard
        if known != header:
            date = seconds_of(header)
            self._heard = header, date
        return date

    def _compare(self, date: float, asked_at: float, answered_at: float) -> None:
        least, most = date - answered_at, date + 1 - asked_at
        if least - SPARE <= self._clock.correction <= most + SPARE:
            return
        with self._lock:
            # Another thread may have put it right. And an answer that was there before it was asked for tells nothing:
            # somebody has set the machine's clock back meanwhile.
            if least <= most and not least - SPARE <= self._clock.correction <= most + SPARE:
                self._correct((least + most) / 2, answered_at)

    def _correct(self, correction: float, at: float) -> None:
        if abs(correction) > BELIEVED:
            self._disbelieve(correction)
            return
        moved = correction - self._clock.correction
        self._clock.correction = correction
        if moved < -FAR_BACK or not 0 <= at - self._unsettled_at < UNSETTLED_AGAIN:
            self._unsettled_at = at
        self._journal.note("clock_corrected", seconds=round(moved, 1))

    def _disbelieve(self, correction: float) -> None:
        if not self._told_of_disbelief:
            self._told_of_disbelief = True
            self._journal.alarm("clock_not_believed", seconds=round(correction))


def seconds_of(date: str) -> float | None:
    """Read a date as servers send it, `Sun, 22 Nov 2026 10:00:00 GMT` (RFC 9110 §5.6.7), in seconds since the epoch; None
    if it is anything else."""
    try:
        day, month, year = int(date[5:7]), MONTHS.index(date[8:11]) + 1, int(date[12:16])
        hour, minute, second = int(date[17:19]), int(date[20:22]), int(date[23:25])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.timestamp() if date[25:] == " GMT" else None
