"""Servers that are started: none outlives its pool, however that ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from strongroom_satellite.stdio import Limits, pipes
from tests.contract.satellite_children import ALICE, BOB, Ground, Watch, in_a_loop, is_there, running_in, telling
from tests.requirements import requirement
from tests.weakened import weakened

NOTES = telling()


@requirement("attack:J6")
@in_a_loop
async def test_nothing_is_left_of_a_closed_pool_not_even_what_a_server_has_started() -> None:
    ground = Ground()
    async with ground.pool(limits=Limits(grace=0.2)) as pool:
        plain = await ground.told(pool, ALICE, NOTES)
        leaving = await ground.told(pool, BOB, NOTES, "leave_behind")
        stubborn = await ground.told(pool, BOB, telling(inherit=("LANG",)), "stay")
        left = Watch(leaving["left"])

    await left.end()
    assert not [pid for pid in (plain["pid"], leaving["pid"], stubborn["pid"]) if is_there(pid)]


@in_a_loop
async def test_control_what_a_server_has_started_would_outlive_it() -> None:
    ground = Ground()
    with weakened(pipes._kill, "_signal(process, signal.SIGKILL)", "pass"):
        async with ground.pool() as pool:
            leaving = await ground.told(pool, BOB, NOTES, "leave_behind")
            left = Watch(leaving["left"])

    assert not is_there(leaving["pid"])
    assert is_there(left.pid)
    left.kill()
    await left.end()


@in_a_loop
async def test_a_cancelled_pool_leaves_nothing_behind() -> None:
    ground = Ground()
    pids: list[int] = []
    with anyio.CancelScope() as scope:
        async with ground.pool() as pool:
            pids.append((await ground.told(pool, ALICE, NOTES))["pid"])
            pids.append((await ground.told(pool, BOB, NOTES))["pid"])
            scope.cancel()
            await anyio.sleep_forever()

    assert scope.cancelled_caught
    assert not [pid for pid in pids if is_there(pid)]


@in_a_loop
async def test_a_pool_whose_task_is_cancelled_by_asyncio_leaves_nothing_behind() -> None:
    ground = Ground()
    pids: list[int] = []
    runs = anyio.Event()

    async def gateway() -> None:
        async with ground.pool() as pool:
            pids.append((await ground.told(pool, ALICE, NOTES))["pid"])
            runs.set()
            await anyio.sleep_forever()

    task = asyncio.create_task(gateway())
    await runs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not [pid for pid in pids if is_there(pid)]


@pytest.mark.parametrize("steps", range(0, 40, 3))
@in_a_loop
async def test_a_pool_that_is_cancelled_while_a_server_starts_leaves_nothing_behind(steps: int, tmp_path: Path) -> None:
    ground = Ground()
    async with anyio.create_task_group() as tasks:

        async def gateway() -> None:
            async with ground.pool(limits=Limits(grace=0.2)) as pool:
                await ground.told(pool, ALICE, telling(cwd=str(tmp_path)))

        tasks.start_soon(gateway)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()

    assert running_in(tmp_path) == []


@in_a_loop
async def test_control_a_running_server_is_found_by_where_it_runs(tmp_path: Path) -> None:
    ground = Ground()
    async with ground.pool() as pool:
        told = await ground.told(pool, ALICE, telling(cwd=str(tmp_path)))

        assert running_in(tmp_path) == [told["pid"]]
