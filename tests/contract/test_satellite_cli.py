"""The command `strongroom` as a process: real pipes, a real terminal, real signals, and a Strongroom over HTTP."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.accounts import SATELLITE
from local.satellites import satellite_environment
from strongroom_satellite import Need
from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask, Connections, Installations, LookUp, Rejected
from tests.contract.toy_stack import free_ports, until
from tests.fakes.satellite import FakeStrongroom, listed, stands
from tests.requirements import requirement

PATIENCE = 60.0
CANARY = "canary-0f8c3a5d7b"
ALICE = Need("acme", "teamfilesteamfiles23", "alice")
GET = ("get", "--team", ALICE.team, "--installation", ALICE.installation, "--user", ALICE.user)
PATH = re.compile(r"/v1/(satellite|host)/teams/([a-z0-9-]+)/installations(?:/([a-z2-7]{20})/([a-z]+))?")
SIGNED = "AWS4-HMAC-SHA256 Credential=AKIDSTRONGROOMGATE01/"


def ask_of(path: str, body: Mapping[str, Any]) -> Ask | None:
    """Read a request as the question that it carries."""
    match PATH.fullmatch(path):
        case re.Match() as found:
            of, team, installation, what = found.groups()
        case None:
            return None
    if what is None:
        return Installations(team, body["user"])
    if of == "host":
        return Connections(team, installation)
    need = Need(team, installation, body["user"])
    if what == "token":
        return LookUp(need, body.get("min_validity"))
    return Rejected(need, body["version"], body["status"], body.get("challenge"))


@dataclass(slots=True)
class Place:
    """A Strongroom at an address, and how to run commands against it."""

    fake: FakeStrongroom
    environ: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-W", "error", "-m", "strongroom_satellite.cli", *arguments]

    def ran(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 -- our own command
            self.command(*arguments), env=self.environ, capture_output=True, text=True, check=False, timeout=60, **more
        )

    def begun(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self.command(*arguments), env=self.environ, **more)  # noqa: S603 -- our own command


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who was interrupted does not read the answer."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    fake = FakeStrongroom()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))) or b"{}")
            ask = ask_of(self.path, body)
            reply = fake.reply(404, {"message": "Not Found"}) if ask is None else self.signed(ask)
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = answer  # noqa: N815 -- the names of http.server

        def signed(self, ask: Ask) -> Reply:
            if not self.headers.get("authorization", "").startswith(SIGNED):
                return fake.reply(403, {"message": "Forbidden"})
            return fake.send(ask, 1.0)

        def log_message(self, *_: Any) -> None:
            """A test reads what is answered."""

    port = free_ports(23000).front
    with Server(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Place(fake, satellite_environment(tmp_path, SATELLITE, f"http://127.0.0.1:{port}"))
        server.shutdown()


@dataclass(slots=True)
class Terminal:
    """Both ends of a real terminal, and what it has shown so far."""

    master: int
    slave: int
    shown: str = ""

    def see(self, text: str) -> None:
        """Wait until it shows a text."""
        while text not in self.shown:
            ready, _, _ = select.select([self.master], [], [], PATIENCE)
            assert ready, f"it never showed {text!r}"
            self.shown += os.read(self.master, 4096).decode()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def rest(self) -> str:
        """Read what it shows until now."""
        os.write(self.slave, b"\x00")
        self.see("\x00")
        return self.shown.removesuffix("\x00")


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal(*pty.openpty())
    yield opened
    os.close(opened.slave)
    os.close(opened.master)


def test_a_token_goes_to_a_pipe(place: Place) -> None:
    place.fake.connect(ALICE, CANARY)
    done = place.ran(*GET)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{CANARY}\n", "")


def test_who_rejected_and_doctor_work_over_http(place: Place) -> None:
    place.fake.connect(ALICE, CANARY)
    place.fake.lists["acme", "alice"] = [listed(ALICE.installation, "Team Files", stands())]
    assert "Team Files" in place.ran("who", "--team", "acme", "--user", "alice").stdout
    assert "grant.2" in place.ran("rejected", *GET[1:], "--version", "grant.1", "--status", "401").stdout
    steps = json.loads(place.ran("doctor", "--team", "acme", "--json").stdout)["steps"]
    states = {one["step"]: one["state"] for one in steps}
    assert states.pop("clock") == "failed"  # the fake's clock stands still, years from now
    assert states == dict.fromkeys(("settings", "credentials", "address", "caller"), "ok")


def test_the_doctor_tells_an_address_where_nothing_listens_and_one_without_tls(place: Place) -> None:
    secure = place.environ["STRONGROOM_URL"].replace("http:", "https:")
    nowhere = f"http://127.0.0.1:{free_ports(25000).front}"
    for url, words in ((secure, "does not speak TLS"), (nowhere, "nothing listens there")):
        done = place.ran("doctor", "--url", url)
        assert done.returncode == 1
        assert words in done.stdout
        assert done.stderr == ""


def test_without_credentials_the_command_and_the_doctor_say_so(place: Place) -> None:
    del place.environ["AWS_ACCESS_KEY_ID"], place.environ["AWS_SECRET_ACCESS_KEY"]
    done = place.ran(*GET)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "credentials" in done.stderr
    assert "failed   credentials  there are none" in place.ran("doctor").stdout


def test_ctrl_c_ends_a_command_that_waits_at_once_without_a_traceback(place: Place) -> None:
    asked, over = threading.Event(), threading.Event()

    def wait(_: Ask) -> None:
        asked.set()
        over.wait(60)

    place.fake.meanwhile = wait
    running = place.begun(*GET, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert asked.wait(30)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)  # the question is still unanswered
    over.set()
    assert (running.returncode, out, err) == (130, b"", b"")


def test_a_pipe_that_nobody_reads_is_no_traceback(place: Place) -> None:
    place.fake.connect(ALICE, CANARY)
    for command in (GET, ("--help",), ("--version",), ("completion", "bash")):
        reading, writing = os.pipe()
        os.close(reading)
        running = place.begun(*command, stdout=writing, stderr=subprocess.PIPE)
        os.close(writing)
        _, err = running.communicate(timeout=60)
        assert (running.returncode, err) == (1, b"")


@requirement("attack:C11")
@pytest.mark.parametrize(("typed", "status", "is_shown"), [("n\n", 1, False), ("\n", 1, False), ("y\n", 0, True)])
def test_a_terminal_shows_a_token_only_to_whoever_says_yes(
    place: Place, terminal: Terminal, typed: str, status: int, is_shown: bool
) -> None:
    place.fake.connect(ALICE, CANARY)
    ends = {"stdin": terminal.slave, "stdout": terminal.slave, "stderr": terminal.slave}
    running = place.begun(*GET, **ends)
    terminal.see("Show it? [y/N]")
    assert place.fake.count() == 0
    terminal.type(typed)
    assert running.wait(timeout=60) == status
    assert (CANARY in terminal.rest()) is is_shown


@requirement("attack:C11")
def test_a_terminal_shows_no_token_where_nobody_can_be_asked(place: Place, terminal: Terminal) -> None:
    place.fake.connect(ALICE, CANARY)
    running = place.begun(*GET, stdin=subprocess.DEVNULL, stdout=terminal.slave, stderr=terminal.slave)
    assert running.wait(timeout=60) == 2
    assert terminal.rest().count("\n") == 1
    assert CANARY not in terminal.shown


def test_a_person_who_waits_is_told_for_what_and_the_pipe_is_not(place: Place, terminal: Terminal) -> None:
    place.fake.connect(ALICE, CANARY)
    told = threading.Event()
    place.fake.meanwhile = lambda _: until(told.is_set)
    running = place.begun(*GET, stdout=subprocess.PIPE, stderr=terminal.slave)
    terminal.see("Waiting for Strongroom ...")
    told.set()
    out, _ = running.communicate(timeout=60)
    assert (running.returncode, out) == (0, f"{CANARY}\n".encode())
    assert CANARY not in terminal.rest()


def test_bash_completes_commands_and_options(place: Place, tmp_path: Path) -> None:
    program = tmp_path / "strongroom"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(place.command())} "$@"\n')
    program.chmod(0o700)
    script = """
        eval "$(strongroom completion bash)"
        COMP_WORDS=(strongroom get --inst) COMP_CWORD=2
        _strongroom_completion strongroom
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(  # noqa: S603 -- our own command
        ["/bin/bash", "--norc", "-euc", script],
        env={**place.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("--installation\n", "")
