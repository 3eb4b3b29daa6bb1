"""Where everything is installed, a skipped test is a hole: turn it into a failure.

`.ci/run` sets `STRONGROOM_NO_SKIP=1`. Elsewhere a skip stays a skip, and `dev.py test` prints its reason.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return strict((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return strict((yield))


def strict(report: Report) -> Report:
    """Make a skip a failure that names the skip's reason. An expected failure is reported as skipped, and stays."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("STRONGROOM_NO_SKIP") == "1":
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"STRONGROOM_NO_SKIP=1, but this was skipped: {reason}"
    return report
