"""EventBridge Scheduler: each schedule of the template fires at its rate, faster if asked to, or when told."""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from local.accounts import ACCOUNT, REGION
from local.errors import LocalError
from local.execution import Answer
from local.intrinsics import TemplateError
from local.runtime import Throttled
from local.sources import ScheduleSource

_UNITS = {"minute": 60, "hour": 3600, "day": 86400}


def seconds_between(schedule: ScheduleSource) -> float:
    """Read `rate(5 minutes)`.

    Raises:
        TemplateError: If the expression is of another form.
    """
    match = re.fullmatch(r"rate\(([1-9]\d*) (minute|hour|day)s?\)", schedule.expression)
    if match is None:
        raise TemplateError(f"{schedule.name}: the schedule {schedule.expression} is not understood")
    return float(match.group(1)) * _UNITS[match.group(2)]


def scheduled_event(schedule: ScheduleSource, now: float) -> bytes:
    """The event of one firing: the schedule's own input with the scheduler's context attributes, or its default."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    execution = str(uuid.uuid4())
    if schedule.input is None:
        return json.dumps(_default(schedule, moment, execution)).encode()
    context = {
        "schedule-arn": schedule.arn,
        "scheduled-time": moment,
        "execution-id": execution,
        "attempt-number": "1",
    }
    text = schedule.input
    for name, value in context.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text.encode()


def _default(schedule: ScheduleSource, moment: str, execution: str) -> dict[str, object]:
    return {
        "version": "0",
        "id": execution,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT,
        "time": moment,
        "region": REGION,
        "resources": [schedule.arn],
        "detail": "{}",
    }


class Schedule:
    """One schedule and the function that it invokes. `every` in seconds; None: only when told."""

    def __init__(
        self,
        schedule: ScheduleSource,
        invoke: Callable[[bytes], Answer],
        now: Callable[[], float],
        every: float | None,
    ) -> None:
        self.name = schedule.name
        self._schedule, self._invoke, self._now = schedule, invoke, now
        self._stopping = threading.Event()
        if every is not None:
            threading.Thread(target=self._run, args=(every,), daemon=True, name="schedule").start()

    def fire(self) -> Answer:
        """Fire now, and say what the function answered."""
        return self._invoke(scheduled_event(self._schedule, self._now()))

    def _run(self, every: float) -> None:
        while not self._stopping.wait(every):
            try:
                self.fire()
            except (Throttled, LocalError):
                continue  # the next tick finds what this one would have found

    def stop(self) -> None:
        self._stopping.set()
