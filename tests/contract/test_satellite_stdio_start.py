"""Servers that are started: how, where, and what a caller hears if it does not work."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from local.plan import ROOT
from local.services.notes_stdio import KEY, NOTES, VARIABLE
from strongroom_satellite import Misconfigured
from strongroom_satellite.stdio import DidNotStart, Limits, StdioServer
from tests.contract.satellite_children import ALICE, TELLING, Ground, in_a_loop, telling


@in_a_loop
async def test_two_definitions_of_a_server_are_two_children() -> None:
    ground = Ground()
    async with ground.pool() as pool:
        one = await ground.told(pool, ALICE, telling())
        other = await ground.told(pool, ALICE, telling(inherit=("LANG",)))

    assert one["pid"] != other["pid"]


@in_a_loop
async def test_a_server_runs_where_its_definition_says_and_its_program_is_found_from_there(tmp_path: Path) -> None:
    (tmp_path / "serve").symlink_to(sys.executable)
    ground = Ground()
    async with ground.pool() as pool:
        server = StdioServer("./serve", ("-I", "-S", TELLING), env=("NOTES_KEY",), cwd=str(tmp_path))
        told = await ground.told(pool, ALICE, server)

    assert told["cwd"] == str(tmp_path)


@in_a_loop
async def test_team_notes_of_the_local_stack_opens_its_notes() -> None:
    ground = Ground()
    ground.give(ALICE, **{VARIABLE: KEY})
    notes = StdioServer(sys.executable, ("-m", "local.services.notes_stdio"), env=(VARIABLE,), cwd=str(ROOT))
    async with ground.pool() as pool, pool.session(ALICE, notes) as client:
        [part] = (await client.call_tool("list_notes", {})).content

    assert isinstance(part, TextContent)
    assert part.text == "\n".join(NOTES[KEY])


@in_a_loop
async def test_a_program_that_is_not_there_is_a_clear_error() -> None:
    ground = Ground()
    async with ground.pool() as pool:
        with pytest.raises(Misconfigured, match="no-such-program"):
            await ground.told(pool, ALICE, StdioServer("no-such-program"))


@in_a_loop
async def test_the_pools_children_are_reached_inside_it_alone() -> None:
    ground = Ground()
    async with ground.pool() as pool:
        pass
    with pytest.raises(Misconfigured):
        await ground.told(pool, ALICE, telling())


@pytest.mark.parametrize(
    "program", ["import os, sys; print(os.environ['NOTES_KEY'], file=sys.stderr); sys.exit(3)", "print()"]
)
def test_a_server_that_ends_at_once_is_a_typed_error_without_what_it_wrote(program: str) -> None:
    async def call() -> None:
        ground = Ground()
        async with ground.pool() as pool:
            await ground.told(pool, ALICE, StdioServer(sys.executable, ("-I", "-c", program), env=("NOTES_KEY",)))

    with pytest.raises(DidNotStart) as refused:
        anyio.run(call)
    assert "key-of-alice" not in repr(refused.value)
    assert refused.value.__cause__ is None


@in_a_loop
async def test_a_server_that_does_not_answer_in_time_is_a_typed_error() -> None:
    ground = Ground()
    silent = StdioServer(sys.executable, ("-I", "-S", "-c", "import signal; signal.pause()"), env=("NOTES_KEY",))
    async with ground.pool(limits=Limits(start=0.3, grace=0.1)) as pool:
        with pytest.raises(DidNotStart, match="did not answer"):
            await ground.told(pool, ALICE, silent)


@in_a_loop
async def test_a_child_that_dies_is_started_anew_at_the_next_call() -> None:
    ground = Ground()
    async with ground.pool() as pool:
        first = await ground.told(pool, ALICE, telling())
        with pytest.raises(MCPError):
            await ground.told(pool, ALICE, telling(), "die")
        second = await ground.told(pool, ALICE, telling())

    assert first["pid"] != second["pid"]


@in_a_loop
async def test_an_error_of_the_callers_own_comes_out_as_it_is() -> None:
    async def work() -> None:
        ground = Ground()
        async with ground.pool() as pool:
            await ground.told(pool, ALICE, telling())
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await work()
