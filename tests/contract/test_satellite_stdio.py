"""Servers that are started: what they get, and that it is theirs alone."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from strongroom_satellite import Misconfigured
from strongroom_satellite.stdio import DidNotStart, StdioServer
from strongroom_satellite.stdio.child import Child
from tests.contract.satellite_children import ALICE, BOB, TELLING, Ground, called, in_a_loop, telling
from tests.requirements import requirement
from tests.weakened import weakened

GATEWAYS = {
    "PATH": os.environ["PATH"],
    "LANG": "C.UTF-8",
    "HOME": "/home/gateway",
    "AWS_ACCESS_KEY_ID": "AKIDGATEWAY",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-gateway",
}


def test_a_child_gets_the_listed_variables_and_nothing_else() -> None:
    told, seen = environment_of(telling(inherit=("LANG", "TZ")))

    assert told["environ"] == {"LANG": "C.UTF-8", "NOTES_KEY": "key-of-alice"}
    assert told["started_with"] == seen == ["LANG=C.UTF-8", "NOTES_KEY=key-of-alice"]


@in_a_loop
async def test_control_the_sdks_own_transport_adds_variables_of_its_own() -> None:
    server = StdioServerParameters(command=sys.executable, args=["-I", "-S", TELLING], env={"NOTES_KEY": "x"})
    async with Client(stdio_client(server)) as client:
        told = await called(client, "tell")

    assert {"HOME", "PATH"} <= told["environ"].keys()


@requirement("attack:J1")
def test_a_variable_that_the_gateway_does_not_list_does_not_reach_the_child() -> None:
    told, seen = environment_of(telling(), NOTES_KEY="key-of-alice", LD_PRELOAD="/evil.so", OTHER="x")

    assert told["environ"] == {"NOTES_KEY": "key-of-alice"}
    assert seen == ["NOTES_KEY=key-of-alice"]


def test_control_without_the_list_it_would() -> None:
    with weakened(StdioServer.chosen, "for name in self.env}", "for name in offered}"):
        _, seen = environment_of(telling(), NOTES_KEY="key-of-alice", OTHER="x")

    assert "OTHER=x" in seen


@requirement("attack:J2")
def test_nothing_that_the_gateway_is_known_by_reaches_a_child() -> None:
    _, seen = environment_of(telling(inherit=("PATH", "HOME")))

    assert [line.partition("=")[0] for line in seen] == ["HOME", "NOTES_KEY", "PATH"]


def test_control_a_child_that_gets_the_gateways_environment_has_its_keys() -> None:
    with weakened(
        StdioServer.environment,
        "passed_on = {name: own[name] for name in self.inherit if name in own}",
        "passed_on = own",
    ):
        _, seen = environment_of(telling())

    assert "AWS_SECRET_ACCESS_KEY=secret-of-the-gateway" in seen


@in_a_loop
async def test_a_listed_variable_that_the_installation_lacks_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    ground, trace = Ground(), tmp_path / "started"
    server = StdioServer("touch", (str(trace),), env=("NOTES_KEY", "NOTES_TEAM"))
    async with ground.pool() as pool:
        with pytest.raises(Misconfigured, match="NOTES_TEAM"):
            await ground.told(pool, ALICE, server)

    assert not trace.exists()


@in_a_loop
async def test_control_that_program_would_have_left_a_trace(tmp_path: Path) -> None:
    ground, trace = Ground(), tmp_path / "started"
    async with ground.pool() as pool:
        with pytest.raises(DidNotStart):
            await ground.told(pool, ALICE, StdioServer("touch", (str(trace),), env=("NOTES_KEY",)))

    assert trace.exists()


@requirement("attack:J3")
def test_no_command_line_and_no_log_line_holds_a_value(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    lines = asyncio.run(command_lines_while_it_runs(telling(), "key-in-the-environment"), debug=True)

    assert any(TELLING in line for line in lines)
    assert "a line that is no message" in caplog.text
    assert not [line for line in lines if "key-in-the-environment" in line]
    assert not [text for text in written(caplog) if "key-in-the-environment" in text]


def test_control_an_argument_could_be_read_by_everybody() -> None:
    server = StdioServer(sys.executable, ("-I", "-S", TELLING, "key-as-an-argument"), env=("NOTES_KEY",))
    lines = asyncio.run(command_lines_while_it_runs(server, "key-as-an-argument"))

    assert [line for line in lines if "key-as-an-argument" in line]


@in_a_loop
async def test_control_the_sdks_own_transport_logs_what_a_server_writes_beside_its_messages() -> None:
    caught = Caught()
    logging.getLogger("mcp.client.stdio").addHandler(caught)
    try:
        server = StdioServerParameters(command=sys.executable, args=["-I", "-S", TELLING], env={"KEY": "key-of-alice"})
        with open(os.devnull, "w") as errors:
            async with Client(stdio_client(server, errors)) as client:
                await called(client, "blurt", name="KEY")
    finally:
        logging.getLogger("mcp.client.stdio").removeHandler(caught)

    assert any("key-of-alice" in text for text in caught.texts)


@in_a_loop
async def test_what_a_child_writes_to_its_other_output_goes_where_the_gateway_says(tmp_path: Path) -> None:
    ground = Ground()
    with (tmp_path / "errors").open("wb") as errors:
        async with ground.pool(errors=errors) as pool:
            await ground.told(pool, ALICE, telling(), "blurt", name="NOTES_KEY")

    assert (tmp_path / "errors").read_text() == "key-of-alice\n"


@requirement("attack:J4")
def test_no_call_reaches_the_child_of_somebody_else() -> None:
    served = asyncio.run(fifty_calls_of_two(key_of_bob="key-of-bob"))

    assert {user: {told["environ"]["NOTES_KEY"] for told in calls} for user, calls in served.items()} == {
        "alice": {"key-of-alice"},
        "bob": {"key-of-bob"},
    }
    assert [len(pids_of(calls)) for calls in served.values()] == [1, 1]


@requirement("attack:J4")
def test_not_even_a_child_with_the_same_variables_is_shared() -> None:
    served = asyncio.run(fifty_calls_of_two(key_of_bob="key-of-alice"))

    assert pids_of(served["alice"]).isdisjoint(pids_of(served["bob"]))


def test_control_without_the_persons_need_it_would_be() -> None:
    with weakened(Child.serves_for, "self.need == need and ", ""):
        served = asyncio.run(fifty_calls_of_two(key_of_bob="key-of-alice"))

    assert pids_of(served["alice"]) == pids_of(served["bob"])


def test_neither_a_server_nor_a_pool_nor_a_child_prints_a_value() -> None:
    async def printed() -> str:
        ground = Ground()
        async with ground.pool(environ=GATEWAYS) as pool, pool.session(ALICE, telling()) as client:
            return f"{pool!r} {pool.__dict__['_alive']!r} {client.server!r} {telling()!r} {asyncio.all_tasks()!r}"

    assert "key-of-alice" not in asyncio.run(printed())


# -- What the tests share


def environment_of(server: StdioServer, **env: str) -> tuple[dict[str, Any], list[str]]:
    """Tell what a child says of itself, and what the kernel says of its environment."""

    async def look() -> tuple[dict[str, Any], list[str]]:
        ground = Ground()
        if env:
            ground.give(ALICE, **env)
        async with ground.pool(environ=GATEWAYS) as pool:
            told = await ground.told(pool, ALICE, server)
            seen = Path(f"/proc/{told['pid']}/environ").read_text().split("\0")
        told["environ"].pop("LC_CTYPE", None)  # an interpreter may set that one for itself
        return told, sorted(line for line in seen if line)

    return asyncio.run(look())


async def fifty_calls_of_two(key_of_bob: str) -> dict[str, list[dict[str, Any]]]:
    ground = Ground()
    ground.give(BOB, NOTES_KEY=key_of_bob)
    served: dict[str, list[dict[str, Any]]] = {"alice": [], "bob": []}
    async with ground.pool() as pool, anyio.create_task_group() as tasks:

        async def call(need: Any) -> None:
            served[need.user].append(await ground.told(pool, need, telling()))

        for _ in range(25):
            tasks.start_soon(call, ALICE)
            tasks.start_soon(call, BOB)
    return served


def pids_of(calls: list[dict[str, Any]]) -> set[int]:
    return {told["pid"] for told in calls}


async def command_lines_while_it_runs(server: StdioServer, key: str) -> list[str]:
    ground = Ground()
    ground.give(ALICE, NOTES_KEY=key)
    async with ground.pool() as pool, pool.session(ALICE, server) as client:
        await called(client, "tell")
        await called(client, "blurt", name="NOTES_KEY")
        return [read(path) for path in Path("/proc").glob("[0-9]*/cmdline")]


def read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def written(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [caplog.text, *(repr(record.__dict__) for record in caplog.records)]


class Caught(logging.Handler):
    """Log lines as a file would have them."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))
