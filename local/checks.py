"""Test, lint, format and lock, as commands of the tools in this environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from local.environment import ROOT

NO_TESTS_COLLECTED = 5
LOCKS = ("layer", "satellite", "dev", "sam", "peers", "npm", "browser")
BROWSER_TESTS = "tests/browser"
SOURCES = (
    *("dev.py", "layers/common/python/strongroom", "functions", "local"),
    *("satellite", "examples", "bench", "explore", "tests"),
)


def test(unit_only: bool, expression: str | None, extra: Sequence[str]) -> int:
    """Run the suites one after the other, all of them even if one fails."""
    outcomes = [tool("pytest", *arguments) for arguments in suites(unit_only, expression, extra, os.cpu_count() or 1)]
    return worst(outcomes)


def suites(unit_only: bool, expression: str | None, extra: Sequence[str], cores: int) -> list[list[str]]:
    """List the arguments of each run of pytest.

    Unit tests share nothing and run on all cores. The others start servers on fixed ports and run one at a time.
    """
    common = ["-rsfE", *(["-k", expression] if expression else []), *extra]
    if any(_names_tests(argument) for argument in extra):
        return [common]
    spread = ["-n", str(cores)] if cores > 1 and not expression else []
    unit = ["tests/unit", *spread, *common]
    return [unit] if unit_only else [unit, ["tests/contract", "tests/e2e", *common]]


def _names_tests(argument: str) -> bool:
    return argument.partition("::")[0].startswith("tests/")


def worst(outcomes: Iterable[int]) -> int:
    """Fold pytest's exit statuses: a failure if one failed, "no tests" only if no suite had any."""
    seen = set(outcomes)
    failures = seen - {0, NO_TESTS_COLLECTED}
    if failures:
        return max(failures)
    return 0 if 0 in seen else NO_TESTS_COLLECTED


def lint() -> int:
    """Check style, format and types: all three, even if one fails.

    The types of the tests in a browser are checked where Playwright is installed, by `dev.py browser`.
    """
    places = sources(ROOT)
    typed = ("--exclude", f"^{BROWSER_TESTS}/", *places)
    return max(tool("ruff", "check", *places), tool("ruff", "format", "--check", *places), tool("mypy", *typed))


def sources(root: Path) -> list[str]:
    """List the places that hold our Python now: mypy refuses a folder that holds none.

    Named one by one, so that nothing that was made or fetched is read, not even in a copy without git's ignore list.
    """
    return [name for name in SOURCES if (root / name).is_file() or any((root / name).rglob("*.py"))]


def fmt() -> int:
    places = sources(ROOT)
    return max(tool("ruff", "check", "--fix", *places), tool("ruff", "format", *places))


def lock(upgrade: bool) -> int:
    """Re-make the locks: for every system and every Python from 3.11 on, with hashes, naming no package index."""
    return max(_compile(name, upgrade) for name in LOCKS)


def _compile(name: str, upgrade: bool) -> int:
    source, target = f"requirements/{name}.in", f"requirements/{name}.txt"
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-strip-extras"]
    options += ["--no-header", "--no-emit-index-url"]
    return tool("uv", "pip", "compile", "--quiet", *options, *(["--upgrade"] if upgrade else []), source, "-o", target)


def tool(name: str, *arguments: str) -> int:
    print(f"== {name} {' '.join(arguments)}", flush=True)
    return subprocess.run([sys.executable, "-m", name, *arguments], cwd=ROOT, check=False).returncode
