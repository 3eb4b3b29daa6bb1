"""What holds for every test: a fixed environment, set before anything is imported, and no silent skips."""

import os

from hypothesis import settings

from tests.no_skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.settings import settle

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

settle(os.environ)

# A busy machine is no failure: no test asserts a duration, and Hypothesis must not either.
settings.register_profile("no-durations", deadline=None)
settings.load_profile("no-durations")
