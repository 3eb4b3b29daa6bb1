"""`dev.py browser`: the Connections page in a real Chromium. Runs in an environment of its own, which has Playwright."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from local import checks

FIRST_PORT = 9700


def main(arguments: Sequence[str]) -> int:
    """Play the tests in `tests/browser`: all steps, even if one fails."""
    return max(checks.tool(*step) for step in steps(arguments))


def steps(arguments: Sequence[str]) -> list[list[str]]:
    """List the tools and their arguments. A whole run checks types first, since Playwright's are known only here."""
    pytest = ["pytest", *pytest_arguments(arguments)]
    return [pytest] if "-k" in pytest else [["mypy", checks.BROWSER_TESTS], pytest]


def pytest_arguments(arguments: Sequence[str]) -> list[str]:
    """Give what pytest is told; the options after `--port` are those of `tests/browser/conftest.py`."""
    parser = argparse.ArgumentParser(prog="dev.py browser")
    parser.add_argument("--port", type=int, default=FIRST_PORT)
    parser.add_argument("-k", dest="expression")
    parser.add_argument("--headed", action="store_true")
    parser.add_argument("--screenshots", action="store_true")
    asked = parser.parse_args(arguments)
    wanted = ["-k", asked.expression] if asked.expression else []
    shown = [f"--{name}" for name in ("headed", "screenshots") if getattr(asked, name)]
    # Each process has a system of its own, so a file stays with one of them.
    spread = [] if asked.expression or asked.headed else ["-n", "2", "--dist", "loadfile"]
    return [checks.BROWSER_TESTS, "-rsfE", "--tb=short", *spread, *wanted, "--port", str(asked.port), *shown]
