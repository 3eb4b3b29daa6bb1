"""How the local stack begins and ends: ports, what is refused, and that no process is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from local.cloud import build_cloud
from local.errors import LocalError
from local.front import Front
from local.payload import Response
from local.plan import ROOT
from local.serve import watch
from local.stack import Stack
from local.template import load_template
from tests.contract.toy_stack import alive, free_ports, options, until, write_application


def test_a_taken_port_is_one_sentence_that_names_it(tmp_path: Path) -> None:
    ports = free_ports(23000)
    other = Front(ports.aws, lambda _: Response(200))
    try:
        with (
            pytest.raises(LocalError, match=rf"^Port {ports.aws} on 127\.0\.0\.1 is taken; .*--port\.$"),
            Stack(options(tmp_path, ports, "http://127.0.0.1:9")),
        ):
            pass
    finally:
        other.close()


def test_an_endpoint_or_issuer_that_is_not_loopback_is_refused(tmp_path: Path) -> None:
    template = load_template(write_application(tmp_path), {"Issuer": "http://127.0.0.1:9"})
    with pytest.raises(LocalError, match=r"127\.0\.0\.1 only"):
        build_cloud(template, "http://dynamodb.us-east-1.amazonaws.com")
    with (
        pytest.raises(LocalError, match=r"127\.0\.0\.1 only"),
        Stack(options(tmp_path, free_ports(23000), "https://login.example.com")),
    ):
        pass


def test_what_serves_ends_when_a_part_of_it_has_ended_and_says_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stack(options(tmp_path, free_ports(23000), "http://127.0.0.1:9")) as stack:
        assert stack.ended() is None
        os.kill(stack.processes.pids()[0], signal.SIGKILL)
        assert not watch(stack, threading.Event())
        assert f"The stand-in for AWS has ended; what it said is in {stack.logs}" in capsys.readouterr().out


def test_what_serves_and_is_told_to_stop_has_gone_well(tmp_path: Path) -> None:
    told = threading.Event()
    told.set()
    with Stack(options(tmp_path, free_ports(23000), "http://127.0.0.1:9")) as stack:
        assert watch(stack, told)


_PARENT = """
import sys, threading
from pathlib import Path
from local.plan import Ports
from local.stack import Stack
from tests.contract.toy_stack import options

with Stack(options(Path(sys.argv[1]), Ports(int(sys.argv[2])), "http://127.0.0.1:9")) as stack:
    stack.invoke("Echo", {})
    print(*stack.processes.pids(), flush=True)
    threading.Event().wait()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_however_the_stack_ends(tmp_path: Path, number: signal.Signals) -> None:
    first = free_ports(23000).first
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _PARENT, str(tmp_path), str(first)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:  # noqa: S603
        try:
            assert parent.stdout is not None
            pids = [int(pid) for pid in parent.stdout.readline().split()]
            assert len(pids) == 3
            assert all(map(alive, pids))
            parent.send_signal(number)
            parent.wait(timeout=30)
        finally:
            parent.kill()  # a failure above must not wait for somebody who waits for ever
    until(lambda: not any(map(alive, pids)))
