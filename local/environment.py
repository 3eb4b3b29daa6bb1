"""Make the Python environments that Strongroom runs in. Standard library only: this runs before there are any.

An environment is a virtual environment with the packages of one lock file, by hash. A stamp inside it, written last,
says what it was made for; whoever finds another stamp, or none, makes it good first.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from local import failures
from local.errors import LocalError

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".dev"
LOG = DATA / "setup.log"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment in `folder` with the packages of `lock`."""

    folder: Path
    lock: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        return self.folder / "strongroom-stamp"


DEVELOPMENT = Environment(ROOT / ".venv", ROOT / "requirements" / "dev.txt")
NPM = Environment(DATA / "npm-venv", ROOT / "requirements" / "npm.txt")
BUILD = Environment(DATA / "sam-venv", ROOT / "requirements" / "sam.txt")
BROWSER = Environment(DATA / "browser-venv", ROOT / "requirements" / "browser.txt")


def expected_stamp(lock: bytes) -> str:
    """Name what an environment is made for: this lock, this minor version of Python, this kind of machine."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return f"{hashlib.sha256(lock).hexdigest()} python{version} {sys.platform}-{platform.machine()}\n"


def is_ready(environment: Environment) -> bool:
    try:
        stamp = environment.stamp.read_text()
    except OSError:
        return False
    return stamp == expected_stamp(environment.lock.read_bytes()) and environment.python.exists()


def ensure(environment: Environment, say: Say) -> Path:
    """Return the environment's interpreter; set the environment up first if it is not ready.

    Of two runs at once the second one waits. What an interrupted run left is completed.

    Raises:
        LocalError: If this machine cannot do it.
    """
    if is_ready(environment):
        return environment.python
    try:
        with _alone(say) as lock:
            if not is_ready(environment):
                _set_up(environment, say, lock)
    except OSError as problem:
        raise LocalError(failures.explain_system(problem, str(ROOT))) from problem
    return environment.python


@contextmanager
def _alone(say: Say) -> Iterator[int]:
    """Hold the lock. Child processes inherit it, so that not even a killed run leaves a pip that works on unseen."""
    import fcntl

    DATA.mkdir(exist_ok=True)
    with (DATA / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run is setting up; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _set_up(environment: Environment, say: Say, lock: int) -> None:
    say(f"Setting up {environment.folder.relative_to(ROOT)} (only once; takes a minute or two).")
    environment.stamp.unlink(missing_ok=True)
    if not can_be_completed(environment):
        say("  making the environment")
        _make(environment, lock)
    _fill(environment, say, lock)
    environment.stamp.write_text(expected_stamp(environment.lock.read_bytes()))
    say("  ready")


def can_be_completed(environment: Environment) -> bool:
    """Tell whether what is there has a fitting interpreter, a pip, and no package that is only half there.

    pip writes `INSTALLER` after all files of a package.
    """
    if not environment.python.exists():
        return False
    packages = environment.folder.glob("lib/python*/site-packages/*.dist-info")
    if not all((package / "INSTALLER").exists() for package in packages):
        return False
    version = _answer([str(environment.python), "-c", "import sys; print(*sys.version_info[:2])"])
    return version.split() == [str(part) for part in sys.version_info[:2]] and bool(
        _answer([*_pip(environment), "--version"])
    )


def _answer(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=child_environ(os.environ), check=False)
    return done.stdout if done.returncode == 0 else ""


def _make(environment: Environment, lock: int) -> None:
    # Not sys.executable: inside an active virtual environment that may be the one that is now cleared.
    base = getattr(sys, "_base_executable", None) or sys.executable
    command = [base, "-m", "venv", "--clear", str(environment.folder)]
    if not _has("ensurepip"):
        if not _has("pip"):
            raise LocalError(failures.no_ensurepip())
        command.append("--without-pip")
    if _run(command, lock, _discard) != 0:
        raise LocalError(failures.explain_venv(LOG.read_text(), str(LOG.relative_to(ROOT))))


def _fill(environment: Environment, say: Say, lock: int) -> None:
    command = [
        *_pip(environment),
        *("install", "--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-input"),
        *("--disable-pip-version-check", "--progress-bar", "off", "-r", str(environment.lock)),
    ]
    total = len(packages_of(environment.lock.read_text()))

    def follow(lines: Iterable[str]) -> None:
        for sentence in progress(lines, total):
            say(sentence)

    if _run(command, lock, follow) != 0:
        raise LocalError(failures.explain_download(LOG.read_text(), str(LOG.relative_to(ROOT))))


def _run(command: Sequence[str], lock: int, follow: Callable[[Iterable[str]], None]) -> int:
    with (
        LOG.open("w") as log,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=(lock,),
            env=child_environ(os.environ),
        ) as child,
    ):
        try:
            follow(_kept(child.stdout or (), log))
        except BaseException:
            child.terminate()
            raise
    return child.returncode


def _discard(lines: Iterable[str]) -> None:
    for _ in lines:
        pass


def _kept(lines: Iterable[str], log: TextIO) -> Iterator[str]:
    for line in lines:
        log.write(line)
        yield line


def _pip(environment: Environment) -> list[str]:
    """The pip that fills the environment: its own, or this interpreter's where the system packages them apart."""
    if _has("ensurepip"):
        return [str(environment.python), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(environment.python)]


def _has(module: str) -> bool:
    found = importlib.util.find_spec(module)
    return found is not None and found.origin is not None


def packages_of(lock: str) -> list[str]:
    return re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[.*\])?==", lock, re.MULTILINE)


def progress(lines: Iterable[str], total: int) -> Iterator[str]:
    """Turn pip's output into a few lines that show that it goes on."""
    looked_at = 0
    for line in lines:
        if line.startswith(("Collecting ", "Requirement already satisfied: ", "Ignoring ")):
            looked_at += 1
            if looked_at % 10 == 0 or looked_at == total:
                yield f"  fetching packages: {looked_at} of {total}"
        elif line.startswith("Installing collected packages: "):
            yield f"  installing {line.count(',') + 1} packages (half a minute or so)"


def child_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Leave out what would mix another Python's packages into ours, or let pip install elsewhere."""
    unwanted = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_REQUIRE_VIRTUALENV"}
    return {name: value for name, value in environ.items() if name not in unwanted} | {"PIP_USER": "0"}
