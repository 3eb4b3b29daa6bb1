"""Structured log lines and metrics, one JSON object a line."""

from __future__ import annotations

import json
import sys
from typing import TextIO

from strongroom.ports import Clock

NAMESPACE = "Strongroom"


class Journal:
    """Write lines to the function's log group.

    A line is JSON in ASCII, so that no value can begin a new line or hide one (OWASP ASVS 16.4.1). Metrics are embedded
    in lines (CloudWatch embedded metric format): no call, no library, no batch to forget. They have one dimension, the
    deployment, since each combination of dimensions is paid for.
    """

    def __init__(self, function: str, deployment: str, clock: Clock, out: TextIO = sys.stdout) -> None:
        self._function, self._deployment, self._clock, self._out = function, deployment, clock, out
        self._about: dict[str, object] = {}

    def about(self, request_id: str) -> None:
        self._about = {"request_id": request_id}

    def note(self, event: str, **fields: str | int | float | bool | None) -> None:
        self._write({"event": event, "function": self._function, **self._about, **fields})

    def alarm(self, event: str, **fields: str | int | float | bool | None) -> None:
        self._write({"event": event, "level": "alarm", "function": self._function, **self._about, **fields})
        self.count("".join(part.capitalize() for part in event.split("_")))

    def count(self, metric: str, amount: int = 1) -> None:
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [["deployment"]],
            "Metrics": [{"Name": metric, "Unit": "Count"}],
        }
        stamp = {"Timestamp": int(self._clock.now() * 1000), "CloudWatchMetrics": [directive]}
        self._write({"_aws": stamp, "deployment": self._deployment, "function": self._function, metric: amount})

    def _write(self, line: dict[str, object]) -> None:
        self._out.write(json.dumps(line, ensure_ascii=True, default=str, separators=(",", ":")) + "\n")
        self._out.flush()
