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


def test_the_ports_that_the_readme_names_are_those_of_the_system() -> None:
    named, ports = " ".join(README.read_text().split()), Ports(9600)
    assert (
        f"`--port {ports.first}`: that one is the API, {ports.sign_in} the sign-in service, {ports.provider} the provider, "
        f"{ports.team_files} the MCP server, {ports.host_page} the example host page, {ports.gateway} the gateway; "
        f"{ports.aws} and the ninety from {ports.runtime.start} on"
    ) in named
    assert len(ports.runtime) == 90


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
    """Read the JSON objects that stand one after the other; before one there may be the headers of its answer."""
    decoder, found = json.JSONDecoder(), []
    while "{" in text:
        value, end = decoder.raw_decode(text, text.index("{"))
        found.append(value)
        text = text[end:]
    return found


def test_all_blocks_are_run_in_order_and_all_succeed(printed: list[str]) -> None:
    walk, host, by_hand, managing = [0, 1, 0, 1, 1, 0, 2], [2, 3], [1, 0, 1], [2, 1, 3, 4, 2, 4]
    assert [len(answers(text)) for text in printed] == [*walk, *host, *by_hand, *managing]


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


def test_through_the_example_gateway_the_tool_is_called_as_bob(printed: list[str]) -> None:
    assert printed[5].split() == ["bob"]


def test_after_bob_has_revoked_the_next_look_up_gives_nothing(printed: list[str]) -> None:
    revoked, asked = answers(printed[6])
    assert (revoked["connection"]["status"], revoked["connection"]["reason"]) == ("auth_required", "revoked")
    assert (asked["error"], asked["reason"]) == ("authorization_required", "revoked")
    assert "access_token" not in asked


def test_the_host_takes_bob_out_and_puts_him_back_as_somebody_new(printed: list[str]) -> None:
    [out, gone], [back, asked, told] = answers(printed[7]), answers(printed[8])
    assert (out, gone["error"]) == ({"team": "acme", "user": "bob", "role": None}, "not_found")
    assert (back["role"], asked["reason"]) == ("team_user", "never_connected")
    assert {"member_left", "member_put"} <= {record["event"] for record in told["records"]}


def test_the_probe_gives_a_draft_with_the_callback_url_to_register(printed: list[str], system: Ports) -> None:
    probed = answers(printed[9])[0]
    assert (probed["requires_oauth"], probed["connects"]) == (True, True)
    assert probed["draft"]
    assert probed["callback_url"].startswith(f"http://127.0.0.1:{system.first}/oauth/callback/")


def test_the_client_registered_by_hand_is_installed_and_its_hosts_are_found_out_later(printed: list[str]) -> None:
    provider = answers(printed[11])[0]["provider"]
    assert (provider["entered"], provider["client_secret"]["set"]) == (True, True)
    assert (provider["authorization_host"], provider["token_host"]) == (None, None)


def test_an_installation_is_renamed_under_the_etag_that_was_read(printed: list[str]) -> None:
    read, renamed = answers(printed[12])
    assert f'etag: "{read["revision"]}"' in printed[12]
    assert (read["revision"], renamed["revision"], renamed["name"]) == (0, 1, "Files for all")


def test_what_is_injected_is_named_and_the_satellite_alone_gets_its_values(printed: list[str]) -> None:
    entered = answers(printed[13])[0]
    served = answers(printed[14])[-1]
    assert [one["name"] for one in entered["injects"]] == ["X-Api-Key", "FILES_TOKEN"]
    assert "demo-key" not in printed[13]
    assert served["headers"] == {"X-Api-Key": "demo-key"}
    assert served["env"] == {"FILES_TOKEN": served["access_token"]}


def test_the_account_that_alice_has_connected_serves_the_team(printed: list[str]) -> None:
    shared, done, _ = answers(printed[14])
    assert (shared["sharing"], done["state"]) == ("shared", "completed")
    assert done["connection"]["authorized_by"]["user"] == "alice"


def test_paused_the_look_up_gives_nothing_and_then_goes_on(printed: list[str]) -> None:
    paused, refused, going, served = answers(printed[15])
    assert (paused["enabled"], refused["error"], going["enabled"]) == (False, "installation_disabled", True)
    assert served["access_token"]


def test_after_a_rotation_nobody_has_to_connect_again(printed: list[str]) -> None:
    rotated, served = answers(printed[16])
    assert rotated["previous_until"] > rotated["rotated_at"]
    assert served["access_token"]


def test_revoked_for_everybody_and_uninstalled_nobody_gets_anything(printed: list[str]) -> None:
    revoked, asked, removed, gone = answers(printed[17])
    assert (revoked["revoked"], asked["reason"]) == ("all", "admin_must_connect")
    assert (removed["removed"], gone["error"]) == (True, "not_found")
