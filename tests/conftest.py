"""What holds for every test: a fixed environment, set before anything is imported, and no silent skips."""

import os

from tests.no_skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.settings import settle

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]

settle(os.environ)
