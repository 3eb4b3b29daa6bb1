"""`dev.py` on a bare machine: what it parses on, what it says, and what it takes for a ready environment."""

from __future__ import annotations

import argparse
import ast
import errno
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dev
from local import browser, checks, commands, environment, failures, jwt
from local.environment import Environment
from local.errors import LocalError

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [ROOT / "requirements" / f"{name}.txt" for name in checks.LOCKS]

# What runs before there is an environment, and so may import nothing but the standard library.
BARE = ["dev.py", *(f"local/{name}.py" for name in ("commands", "environment", "errors", "failures", "jwt"))]


def imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module


def test_the_entry_parses_on_python_3_8() -> None:
    ast.parse((ROOT / "dev.py").read_text(), feature_version=(3, 8))


def test_control_newer_syntax_would_not() -> None:
    with pytest.raises(SyntaxError):
        ast.parse("match x:\n    case 1: pass", feature_version=(3, 8))


@pytest.mark.parametrize("name", BARE)
def test_what_runs_first_needs_the_standard_library_alone(name: str) -> None:
    roots = {module.partition(".")[0] for module in imports((ROOT / name).read_text())}

    assert roots <= sys.stdlib_module_names | {"local"}


def test_what_runs_first_imports_only_what_runs_first() -> None:
    ours = {module for name in BARE for module in imports((ROOT / name).read_text()) if module.startswith("local.")}

    assert {module.replace(".", "/") + ".py" for module in ours} <= set(BARE)


@pytest.mark.parametrize("version", [(2, 7), (3, 8), (3, 10)])
def test_an_older_python_is_told_what_to_install(version: tuple[int, int]) -> None:
    sentence = dev.too_old(version)

    assert sentence is not None
    assert "needs Python 3.11 or newer" in sentence
    assert f"this is Python {version[0]}.{version[1]}" in sentence


@pytest.mark.parametrize("version", [(3, 11), (3, 13), (4, 0)])
def test_python_3_11_and_later_are_welcome(version: tuple[int, int]) -> None:
    assert dev.too_old(version) is None


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("Temporary failure in name resolution\nERROR: No matching distribution found for x", "A download failed"),
        ("ERROR: Could not install: HTTPSConnectionPool: Max retries exceeded with url", "A download failed"),
        ("urllib3.exceptions.ReadTimeoutError: ReadTimeout", "A download failed"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES from\nConnection reset", "not the one that was locked"),
        ("ERROR: [Errno 28] No space left on device", "The disk is full"),
        ("ERROR: [Errno 13] Permission denied: '/x'", "check the permissions"),
        ("SSLError(CERTIFICATE_VERIFY_FAILED) Max retries exceeded", "certificate is not trusted"),
        ("ERROR: No matching distribution found for moto==5.2.5", "no ready-made moto==5.2.5"),
        ("ERROR: something new", "holds what pip said"),
    ],
)
def test_each_way_that_a_download_fails_has_its_sentence(output: str, sentence: str) -> None:
    said = failures.explain_download(output, ".dev/setup.log")

    assert sentence in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("The virtual environment was not created because ensurepip is not\navailable.", "apt install python3-venv"),
        ("Error: [Errno 28] No space left on device", "The disk is full"),
        ("Error: something new", "holds what Python said"),
    ],
)
def test_each_way_that_an_environment_fails_has_its_sentence(output: str, sentence: str) -> None:
    assert sentence in failures.explain_venv(output, ".dev/setup.log")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EACCES, "may not write in /here"),
        (errno.EROFS, "may not write in /here"),
        (errno.ENOSPC, "The disk is full"),
        (errno.EBUSY, "Setting up failed: busy."),
    ],
)
def test_each_refusal_of_the_system_has_its_sentence(number: int, sentence: str) -> None:
    assert sentence in failures.explain_system(OSError(number, "busy"), "/here")


def made(folder: Path, stamp: bool = True) -> Environment:
    """Lay out an environment as the set-up leaves it, with an interpreter that is never run."""
    lock = folder / "lock.txt"
    lock.write_text("six==1.0 \\\n    --hash=sha256:00\n")
    made = Environment(folder / "venv", lock)
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    if stamp:
        made.stamp.write_text(environment.expected_stamp(lock.read_bytes()))
    return made


def test_a_stamped_environment_is_ready_at_once(tmp_path: Path) -> None:
    said: list[str] = []

    assert environment.ensure(made(tmp_path), said.append) == tmp_path / "venv/bin/python"
    assert said == []


def test_an_environment_without_its_stamp_is_not_ready(tmp_path: Path) -> None:
    assert not environment.is_ready(made(tmp_path, stamp=False))


def test_an_environment_of_another_lock_is_not_ready(tmp_path: Path) -> None:
    old = made(tmp_path)
    old.lock.write_text("six==2.0 \\\n    --hash=sha256:11\n")

    assert not environment.is_ready(old)


def test_an_environment_whose_interpreter_is_gone_is_not_ready(tmp_path: Path) -> None:
    broken = made(tmp_path)
    broken.python.unlink()

    assert not environment.is_ready(broken)
    assert not environment.can_be_completed(broken)


def test_an_environment_with_half_a_package_is_made_anew(tmp_path: Path) -> None:
    half = Environment(tmp_path / "venv", tmp_path / "lock.txt")
    subprocess.run([sys.executable, "-m", "venv", half.folder], check=True)  # noqa: S603 -- our own interpreter
    whole = environment.can_be_completed(half)
    next(half.folder.glob("lib/python*/site-packages")).joinpath("six-1.0.dist-info").mkdir()

    assert whole
    assert not environment.can_be_completed(half)


def test_the_progress_tells_how_far_the_packages_are() -> None:
    lines = [*(f"Collecting p{n}\n" for n in range(11)), "  Downloading\n", "Ignoring colorama: markers\n"]

    assert list(environment.progress([*lines, "Installing collected packages: a, b\n"], 12)) == [
        "  fetching packages: 10 of 12",
        "  fetching packages: 12 of 12",
        "  installing 2 packages (half a minute or so)",
    ]


def test_children_do_not_inherit_what_would_mix_other_packages_in() -> None:
    assert environment.child_environ({"PYTHONPATH": "/x", "HOME": "/h"}) == {"HOME": "/h", "PIP_USER": "0"}


@pytest.mark.parametrize("text", ["0", "80", "32763", "65536", "x", "-1", ""])
def test_a_port_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        commands.port(text)


def test_the_port_has_a_default() -> None:
    assert commands.parser().parse_args(["demo"]).port == 8400


def test_what_follows_the_dashes_goes_to_pytest() -> None:
    options = commands.parser().parse_args(["test", "--unit", "--", "-x", "--lf"])

    assert (options.unit, options.pytest) == (True, ["-x", "--lf"])


def test_all_suites_run_and_the_unit_tests_on_all_cores() -> None:
    assert checks.suites(False, None, ["-x"], 2) == [
        ["tests/unit", "-n", "2", "-rsfE", "-x"],
        ["tests/contract", "tests/e2e", "-rsfE", "-x"],
    ]


def test_named_tests_run_alone() -> None:
    assert checks.suites(False, None, ["tests/unit/test_dev.py::test_x"], 2) == [
        ["-rsfE", "tests/unit/test_dev.py::test_x"]
    ]


@pytest.mark.parametrize(("outcomes", "status"), [((0, 0), 0), ((0, 5), 0), ((5, 5), 5), ((1, 0), 1), ((5, 2), 2)])
def test_one_failing_suite_fails_the_run(outcomes: tuple[int, int], status: int) -> None:
    assert checks.worst(outcomes) == status


def test_what_was_made_or_fetched_is_not_checked(tmp_path: Path) -> None:
    for name in ("local/a.py", ".venv/b.py", ".aws-sam/build/c.py", ".dev/d.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    (tmp_path / "functions").mkdir()

    assert checks.sources(tmp_path) == ["local"]


def test_the_browser_and_the_terminal_take_the_same_options() -> None:
    given = ["--port", "9800", "-k", "revoke", "--headed", "--screenshots"]

    assert commands.parser().parse_args(["browser", *given]).expression == "revoke"
    assert commands.parser().parse_args(["browser"]).port == browser.FIRST_PORT
    assert browser.pytest_arguments(given) == [
        "tests/browser",
        "-rsfE",
        "--tb=short",
        "-k",
        "revoke",
        "--port",
        "9800",
        *given[-2:],
    ]


def test_a_whole_run_in_the_browser_is_spread_over_two_processes_file_by_file() -> None:
    usual = ["tests/browser", "-rsfE", "--tb=short"]

    assert browser.pytest_arguments([]) == [*usual, "-n", "2", "--dist", "loadfile", "--port", "9700"]


def test_a_whole_run_in_the_browser_checks_types_first_and_a_chosen_one_does_not() -> None:
    assert [tool for tool, *_ in browser.steps([])] == ["mypy", "pytest"]
    assert [tool for tool, *_ in browser.steps(["-k", "revoke"])] == ["pytest"]


def test_the_browser_has_what_the_development_environment_has_and_its_own_beside() -> None:
    names = {
        name: set(environment.packages_of((ROOT / f"requirements/{name}.txt").read_text()))
        for name in ("dev", "browser")
    }

    assert names["browser"] - names["dev"] >= {"playwright", "axe-playwright-python"}
    assert names["dev"] <= names["browser"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b"\xff"])
def test_an_answer_of_somebody_else_is_told_from_a_token(body: bytes) -> None:
    with pytest.raises(LocalError, match="choose another --port"):
        jwt.token_of(body)


def test_the_token_alone_is_printed() -> None:
    assert jwt.token_of(b'{"access_token": "a.b.c", "token_type": "Bearer"}') == "a.b.c"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_locked_package_has_a_hash_and_no_lock_names_an_index(lock: Path) -> None:
    text = lock.read_text()
    entries = re.findall(r"^[a-z].*?==.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)

    assert len(entries) == len(environment.packages_of(text)) > 0
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text
    assert "index-url" not in text


def test_the_layer_and_the_development_environment_hold_the_same_versions() -> None:
    layer, dev_lock, *_ = ({*re.findall(r"^\S+==\S+", lock.read_text(), re.MULTILINE)} for lock in LOCKS)

    assert layer <= dev_lock


def test_what_the_runtime_brings_and_what_is_slow_to_load_stay_out_of_the_layer() -> None:
    assert {"boto3", "botocore", "mcp"}.isdisjoint(environment.packages_of(LOCKS[0].read_text()))
