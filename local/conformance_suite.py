"""The official MCP conformance suite: installed beside the project with a Node of its own, and run one scenario at a time.

One at a time, because in suite mode it counts a client that timed out as passed.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.conformance_scenarios import Scenario
from local.errors import LocalError
from local.npm import NodePrograms
from local.plan import LOOPBACK, ROOT
from local.processes import bare_environment

_SUITE = "@modelcontextprotocol/conformance/dist/index.js"

PROGRAMS = NodePrograms("conformance", "The conformance suite is", (_SUITE,))
RESULTS = PROGRAMS.folder / "results"
SERVERS = 3  # a scenario starts two, one for each authorization server more
WITHIN = 90

_ON_LOOPBACK = Path(__file__).with_name("conformance_loopback.cjs")
_BAD = ("FAILURE", "WARNING")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the suite says. `complaints` are the checks that failed or warned; the suite counts either as a failure."""

    passed: bool
    checks: int
    complaints: tuple[str, ...]
    said: str


def install() -> None:
    """Install what the lock names, unless it is there.

    Raises:
        LocalError: If there is no npm, or it does not get what it needs.
    """
    PROGRAMS.install()


def run(scenario: Scenario, client: Sequence[str], first_port: int) -> Verdict:
    """Let the suite play one scenario against the client, on the ports from `first_port` on."""
    folder = RESULTS / scenario.team
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _listening(first_port) as sockets:
        numbers = [one.fileno() for one in sockets]
        done = subprocess.run(
            _command(scenario, client, folder),
            cwd=ROOT,
            env=_environment(numbers),
            pass_fds=numbers,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=WITHIN + 60,
        )
    (folder / "suite.txt").write_bytes(done.stdout)
    return _verdict(done.returncode, folder)


def _command(scenario: Scenario, client: Sequence[str], folder: Path) -> list[str]:
    return [
        *(str(PROGRAMS.node), "--require", str(_ON_LOOPBACK), str(PROGRAMS.path(_SUITE)), "client"),
        *("--command", shlex.join(client), "--scenario", scenario.name),
        *("--spec-version", scenario.revision, "--timeout", str(WITHIN * 1000), "--output-dir", str(folder)),
    ]


def _environment(numbers: Sequence[int]) -> Mapping[str, str]:
    listening = ",".join(map(str, numbers))
    ours = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "STRONGROOM_CONFORMANCE_SOCKETS": listening}
    return {**bare_environment(PROGRAMS.folder), **ours}


@contextmanager
def _listening(first_port: int) -> Iterator[list[socket.socket]]:
    """Listen for the suite, which would do so on all interfaces and on ports that the system chooses.

    Raises:
        LocalError: If a port is taken.
    """
    with ExitStack() as opened:
        yield [opened.enter_context(_listener(port)) for port in range(first_port, first_port + SERVERS)]


def _listener(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise LocalError(f"Port {port} on {LOOPBACK} is taken; choose others with --port.") from error
    return listener


def _verdict(status: int, folder: Path) -> Verdict:
    found = sorted(folder.glob("**/checks.json"))
    if not found:
        return Verdict(False, 0, ("the suite wrote no result",), "")
    checks = json.loads(found[-1].read_text())
    complaints = tuple(f"{one['id']}: {one['description']}" for one in checks if one["status"] in _BAD)
    counted = sum(one["status"] in ("SUCCESS", *_BAD) for one in checks)
    said = found[-1].with_name("stdout.txt").read_text()
    return Verdict(status == os.EX_OK and not complaints, counted, complaints, said)
