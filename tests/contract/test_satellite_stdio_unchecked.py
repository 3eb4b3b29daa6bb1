"""Servers that are started, while nobody can say whether their token still serves."""

from __future__ import annotations

import math
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from mcp.shared.exceptions import MCPError

from strongroom_satellite.stdio import Limits, StdioPool
from tests.contract.satellite_children import ALICE, Ground, Held, Watch, in_a_loop, is_there, running_in, telling
from tests.requirements import requirement
from tests.weakened import weakened

PATIENT = Limits(finish=math.inf, grace=0.05)


@requirement("attack:J5")
@in_a_loop
async def test_a_child_that_cannot_be_checked_is_stopped_though_a_call_is_under_way(tmp_path: Path) -> None:
    """Its token may have been revoked. That it was replaced, for which a call may finish, is not known."""
    ground, held, notes = Ground(), Held(tmp_path), telling(cwd=str(tmp_path))
    async with ground.pool(limits=PATIENT) as pool, anyio.create_task_group() as tasks:

        async def call() -> None:
            with pytest.raises(MCPError):
                await ground.told(pool, ALICE, notes, "hold", **held.asked)

        tasks.start_soon(call)
        await held.begun()
        [pid] = running_in(tmp_path)
        child = Watch(pid)
        ground.fake.busy(times=2)
        ground.time.advance(60)
        await child.end()


@requirement("attack:J5")
@in_a_loop
async def test_control_one_that_is_only_given_to_nobody_new_goes_on_with_its_call(tmp_path: Path) -> None:
    ground, held, notes = Ground(), Held(tmp_path), telling(cwd=str(tmp_path))
    told: list[str] = []
    with weakened(StdioPool._check, "child.stop()", "self._retire(child)"):
        async with ground.pool(limits=PATIENT) as pool, anyio.create_task_group() as tasks:

            async def call() -> None:
                told.append((await ground.told(pool, ALICE, notes, "hold", **held.asked))["environ"]["NOTES_KEY"])

            tasks.start_soon(call)
            await held.begun()
            [pid] = running_in(tmp_path)
            ground.fake.busy(times=2)
            ground.time.advance(60)
            while any(child.serves for child in pool._alive):
                await anyio.lowlevel.checkpoint()
            assert is_there(pid)
            await held.release()

    assert told == ["key-of-alice"]
