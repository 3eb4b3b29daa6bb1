"""The ground that all tests stand on: no network, no silent skips, nothing of the machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.no_sockets import SocketsAreOff, sockets_refused
from tests.settings import settle

ROOT = Path(__file__).resolve().parents[2]

SKIPPING = """
import pytest

def test_good(): pass

@pytest.mark.skip(reason="no browser here")
def test_skipped(): pass

@pytest.mark.xfail(reason="known", strict=True)
def test_expected(): assert False
"""
SKIPPED_WHOLE = "import pytest\npytest.skip('no compiler here', allow_module_level=True)\n"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_unit_test_cannot_connect_to_the_network(listener: socket.socket) -> None:
    with socket.socket() as client, pytest.raises(SocketsAreOff):
        client.connect(listener.getsockname())


def test_a_unit_test_cannot_send_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, pytest.raises(SocketsAreOff):
        sender.sendto(b"x", ("127.0.0.1", 9))


def test_control_without_the_refusal_the_connection_is_made(listener: socket.socket) -> None:
    with sockets_refused(False), socket.socket() as client:
        client.connect(listener.getsockname())
        assert client.getpeername() == listener.getsockname()


def test_a_unit_test_may_use_sockets_of_the_file_system(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))


def run_pytest(file: Path, source: str, **settings: str) -> subprocess.CompletedProcess[str]:
    file.write_text(source)
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "tests.no_skips", "-p", "no:cacheprovider"]
    return subprocess.run(  # noqa: S603 -- our own interpreter
        [*command, "--rootdir", str(file.parent), "-c", os.devnull, str(file)],
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, **settings},
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_with_no_skip_a_skipped_test_fails_and_names_the_reason(tmp_path: Path) -> None:
    result = run_pytest(tmp_path / "test_it.py", SKIPPING, STRONGROOM_NO_SKIP="1")

    assert result.returncode != 0
    assert "1 passed, 1 xfailed, 1 error" in result.stdout
    assert "was skipped: Skipped: no browser here" in result.stdout


def test_with_no_skip_a_file_that_skips_itself_fails_and_names_the_reason(tmp_path: Path) -> None:
    result = run_pytest(tmp_path / "test_it.py", SKIPPED_WHOLE, STRONGROOM_NO_SKIP="1")

    assert result.returncode != 0
    assert "was skipped: Skipped: no compiler here" in result.stdout


def test_control_without_it_a_skip_stays_a_skip_with_its_reason(tmp_path: Path) -> None:
    result = run_pytest(tmp_path / "test_it.py", SKIPPING)

    assert result.returncode == 0, result.stdout
    assert "1 passed, 1 skipped, 1 xfailed" in result.stdout
    assert "no browser here" in result.stdout


def test_the_machines_own_settings_credentials_and_proxies_are_forgotten() -> None:
    environ = {
        "AWS_PROFILE": "work",
        "HTTPS_PROXY": "x",
        "STRONGROOM_DEVELOPMENT": "loopback",
        "STRONGROOM_NO_SKIP": "1",
    }

    settle(environ)

    assert environ.keys().isdisjoint({"AWS_PROFILE", "HTTPS_PROXY", "STRONGROOM_DEVELOPMENT"})
    assert environ["STRONGROOM_NO_SKIP"] == "1"
    assert environ["AWS_ACCESS_KEY_ID"] == "testing"


def test_the_fixed_environment_is_there_before_a_test_is_imported() -> None:
    assert os.environ["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
