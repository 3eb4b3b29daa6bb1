"""The README's commands, as they stand there, against a system that `dev.py serve` has started."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.plan import Ports
from local.processes import bare_environment
from tests.contract.toy_stack import free_ports, until
from tests.documents import ROOT, blocks

README = ROOT / "README.md"
USUAL = Ports().first
BETWEEN = "-- next block --"
PATIENCE = 60
# Inside the environment already: `dev.py` would set one up first, and replace one that it did not make.
INSIDE = (sys.executable, "-m", "local")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """What the block marked `run: serve` starts, on ports of its own; Ctrl-C ends it."""
    ports, log = free_ports(21100), tmp_path_factory.mktemp("serve") / "said.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own module
            [*INSIDE, "serve", "--port", str(ports.first)],
            cwd=ROOT,
            env=bare_environment(log.parent),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "Ctrl-C stops it." in log.read_text() or process.poll() is not None, within=PATIENCE)
        assert process.poll() is None, log.read_text()
        yield ports
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        ended = process.wait(PATIENCE)
    assert (ended, log.read_text().splitlines()[-1]) == (0, "Stopped. Nothing is left running.")


def by_hand(ports: Ports) -> str:
    """Give the blocks marked `run: hand` as one script, on these ports, with a line between one's output and the next's.

    Only what depends on the machine is changed: the ports, and how `dev.py` comes to its environment.
    """
    script = f"\necho '{BETWEEN}'\n".join(block.text for block in blocks(README) if block.mark == "run: hand")
    signing = re.sub(r"(dev\.py jwt \w+)", rf"\1 --port {ports.first}", moved(script, ports))
    return signing.replace("python3 dev.py consent", f"{shlex.join(INSIDE)} consent")


def moved(text: str, ports: Ports) -> str:
    return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda port: str(int(port[0]) - USUAL + ports.first), text)


def missing() -> str | None:
    """Name what this machine lacks besides Python, if anything."""
    curl = shutil.which("curl")
    if shutil.which("bash") is None or curl is None:
        return "bash or curl is not installed"
    known = subprocess.run(  # noqa: S603 - the curl of this machine
        [curl, "--help", "all"], capture_output=True, text=True, check=True
    ).stdout
    return None if "--aws-sigv4" in known else "this curl is older than 7.75 and cannot sign (--aws-sigv4)"


@pytest.fixture(scope="module")
def printed(system: Ports, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each block printed."""
    if reason := missing():
        pytest.skip(reason)
    home = tmp_path_factory.mktemp("home")
    path = f"{Path(sys.executable).parent}:{bare_environment(home)['PATH']}"
    run = subprocess.run(  # noqa: S603 - the README's own commands
        [str(shutil.which("bash")), "-euo", "pipefail", "-c", by_hand(system)],
        cwd=ROOT,
        env={**bare_environment(home), "PATH": path},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split(f"{BETWEEN}\n")


def test_the_doctor_says_what_the_readme_shows_of_it(system: Ports) -> None:
    [command] = [block.text for block in blocks(README) if block.mark == "run: doctor"]
    shown = next(
        block.text for block in blocks(README) if block.language == "text" and "It would connect" in block.text
    )
    asked = [*INSIDE, *shlex.split(moved(command, system))[2:]]
    run = subprocess.run(  # noqa: S603 - the README's own command
        asked, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert run.returncode == 0, run.stderr
    assert set(moved(shown, system).splitlines()) - {"..."} <= set(run.stdout.splitlines())


def answers(text: str) -> list[dict[str, Any]]:
    """Read the JSON objects that stand one after the other."""
    decoder, found = json.JSONDecoder(), []
    while text.strip():
        value, end = decoder.raw_decode(text.strip())
        found.append(value)
        text = text.strip()[end:]
    return found


def test_the_seven_blocks_are_run_in_order_and_all_succeed(printed: list[str]) -> None:
    assert [len(answers(text)) for text in printed] == [0, 1, 0, 1, 1, 2, 1]


def test_before_bob_has_connected_the_satellite_is_told_so(printed: list[str]) -> None:
    asked = answers(printed[1])[0]
    assert (asked["error"], asked["reason"]) == ("authorization_required", "never_connected")


def test_when_bob_has_completed_he_is_connected(printed: list[str]) -> None:
    done = answers(printed[3])[0]
    assert (done["state"], done["connection"]["status"]) == ("completed", "connected")


def test_then_the_satellite_gets_the_header_to_send_and_where(printed: list[str], system: Ports) -> None:
    released = answers(printed[4])[0]
    assert released["headers"] == {"Authorization": f"Bearer {released['access_token']}"}
    assert released["url"] == f"http://127.0.0.1:{system.team_files}/mcp"


def test_after_bob_has_revoked_the_next_look_up_gives_nothing(printed: list[str]) -> None:
    revoked, asked = answers(printed[5])
    assert (revoked["connection"]["status"], revoked["connection"]["reason"]) == ("auth_required", "revoked")
    assert (asked["error"], asked["reason"]) == ("authorization_required", "revoked")
    assert "access_token" not in asked


def test_the_probe_gives_a_draft_with_the_callback_url_to_register(printed: list[str], system: Ports) -> None:
    probed = answers(printed[6])[0]
    assert (probed["requires_oauth"], probed["connects"]) == (True, True)
    assert probed["draft"]
    assert probed["callback_url"].startswith(f"http://127.0.0.1:{system.first}/oauth/callback/")
