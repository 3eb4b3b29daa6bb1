"""Servers that are started: they live as long as their token does, and none outlives its pool."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from mcp.shared.exceptions import MCPError

from strongroom_satellite import (
    AuthorizationRequired,
    InstallationDisabled,
    Need,
    NotFound,
    SatelliteError,
    Unavailable,
)
from strongroom_satellite.asks import Ask, LookUp
from strongroom_satellite.stdio import Limits, TooManyServers
from tests.contract.satellite_children import ALICE, BOB, Ground, Held, Watch, called, in_a_loop, is_there, telling
from tests.fakes.satellite import FakeStrongroom
from tests.requirements import requirement

NOTES = telling()
NO_KEEPER = Limits(look=math.inf)


# -- Its token changes


@in_a_loop
async def test_another_value_is_served_by_a_new_child_and_the_old_one_ends() -> None:
    ground = Ground()
    async with ground.pool(limits=NO_KEEPER) as pool:
        old = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        ground.give(ALICE, NOTES_KEY="newer-key")
        ground.time.advance(60)
        told = await ground.told(pool, ALICE, NOTES)
        await old.end()

    assert told["environ"]["NOTES_KEY"] == "newer-key"


@in_a_loop
async def test_a_renewed_token_is_served_by_a_new_child() -> None:
    ground = Ground()
    ground.give(ALICE, NOTES_KEY="{access_token}")
    async with ground.pool(limits=NO_KEEPER) as pool:
        old = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        ground.fake.renew(ALICE)
        ground.time.advance(60)
        told = await ground.told(pool, ALICE, NOTES)
        await old.end()

    assert told["environ"]["NOTES_KEY"] == "token-of-alice-2"


@in_a_loop
async def test_the_same_token_is_served_by_the_same_child() -> None:
    ground = Ground()
    async with ground.pool(limits=NO_KEEPER) as pool:
        first = await ground.told(pool, ALICE, NOTES)
        ground.time.advance(60)
        second = await ground.told(pool, ALICE, NOTES)

    assert first["pid"] == second["pid"]
    assert ground.fake.count(LookUp) == 2


@in_a_loop
async def test_a_call_under_way_may_finish_on_the_old_child(tmp_path: Path) -> None:
    ground, held = Ground(), Held(tmp_path)
    heard: list[str] = []

    async with ground.pool() as pool, anyio.create_task_group() as tasks:

        async def call() -> None:
            heard.append((await ground.told(pool, ALICE, NOTES, "hold", **held.asked))["environ"]["NOTES_KEY"])

        tasks.start_soon(call)
        await held.begun()
        ground.give(ALICE, NOTES_KEY="newer-key")
        ground.time.advance(60)
        heard.append((await ground.told(pool, ALICE, NOTES))["environ"]["NOTES_KEY"])
        await held.release()

    assert heard == ["newer-key", "key-of-alice"]


@in_a_loop
async def test_a_call_that_does_not_finish_is_cut_off(tmp_path: Path) -> None:
    ground, held = Ground(), Held(tmp_path)

    async with ground.pool(limits=Limits(finish=0.05, grace=0.05)) as pool, anyio.create_task_group() as tasks:

        async def call() -> None:
            with pytest.raises(MCPError):
                await ground.told(pool, ALICE, NOTES, "hold", **held.asked)

        tasks.start_soon(call)
        await held.begun()
        ground.give(ALICE, NOTES_KEY="newer-key")
        ground.time.advance(60)
        await ground.told(pool, ALICE, NOTES)


# -- It is revoked


REFUSALS = pytest.mark.parametrize(
    ("refuse", "error"),
    [
        (FakeStrongroom.require, AuthorizationRequired),
        (FakeStrongroom.disable, InstallationDisabled),
        (FakeStrongroom.forget, NotFound),
    ],
)
Refuse = Callable[[FakeStrongroom, Need], None]


@REFUSALS
@in_a_loop
async def test_a_refused_look_up_is_raised_and_ends_the_persons_children(
    refuse: Refuse, error: type[SatelliteError]
) -> None:
    ground = Ground()
    async with ground.pool(limits=NO_KEEPER) as pool:
        mine = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        other = Watch((await ground.told(pool, ALICE, telling(inherit=("LANG",))))["pid"])
        bobs = (await ground.told(pool, BOB, NOTES))["pid"]
        refuse(ground.fake, ALICE)
        ground.time.advance(60)
        with pytest.raises(error):
            await ground.told(pool, ALICE, NOTES)
        await mine.end()
        await other.end()
        assert (await ground.told(pool, BOB, NOTES))["pid"] == bobs


@in_a_loop
async def test_a_call_under_way_does_not_survive_the_revocation(tmp_path: Path) -> None:
    ground, held = Ground(), Held(tmp_path)
    async with ground.pool(limits=Limits(grace=0.05)) as pool, anyio.create_task_group() as tasks:

        async def call() -> None:
            with pytest.raises(MCPError):
                await ground.told(pool, ALICE, NOTES, "hold", **held.asked)

        tasks.start_soon(call)
        await held.begun()
        ground.fake.require(ALICE, "revoked")
        ground.time.advance(60)


@requirement("attack:J5")
@REFUSALS
@in_a_loop
async def test_a_revoked_token_does_not_live_on_in_a_child_that_nobody_calls(
    refuse: Refuse, error: type[SatelliteError]
) -> None:
    ground = Ground()
    async with ground.pool() as pool:
        idle = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        refuse(ground.fake, ALICE)
        ground.time.advance(60)
        await idle.end()


@in_a_loop
async def test_control_without_the_keeper_it_does() -> None:
    ground = Ground()
    async with ground.pool(limits=NO_KEEPER) as pool:
        pid = (await ground.told(pool, ALICE, NOTES))["pid"]
        ground.fake.require(ALICE, "revoked")
        ground.time.advance(60)
        bobs = await ground.told(pool, BOB, NOTES)  # everything else went on meanwhile

        assert is_there(pid)
        assert bobs["pid"] != pid


@in_a_loop
async def test_the_keeper_ends_a_child_whose_token_has_changed_and_starts_none() -> None:
    ground = Ground()
    async with ground.pool() as pool:
        idle = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        ground.give(ALICE, NOTES_KEY="newer-key")
        ground.time.advance(60)
        await idle.end()


@in_a_loop
async def test_a_child_is_not_kept_while_strongroom_cannot_be_asked() -> None:
    ground = Ground()
    async with ground.pool() as pool:
        idle = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        ground.fake.busy(times=2)
        ground.time.advance(60)
        await idle.end()
        with pytest.raises(Unavailable):
            await ground.told(pool, ALICE, NOTES)


@in_a_loop
async def test_a_child_is_not_kept_while_strongroom_does_not_answer() -> None:
    ground = Ground()
    async with ground.pool(limits=Limits(check=0.05)) as pool:
        idle = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        answers = threading.Event()

        def wait(_: Ask) -> None:
            answers.wait()

        ground.fake.meanwhile = wait
        ground.time.advance(60)
        await idle.end()
        answers.set()


# -- Too long, too many


@in_a_loop
async def test_a_child_that_nobody_calls_for_five_minutes_ends() -> None:
    ground = Ground()
    async with ground.pool(limits=Limits(look=50.0)) as pool:
        idle = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        ground.time.advance(300)
        await idle.end()


@in_a_loop
async def test_a_child_that_is_in_use_is_not_idle() -> None:
    ground = Ground()
    async with ground.pool() as pool, pool.session(ALICE, NOTES) as client:
        before = await called(client, "tell")
        bobs = Watch((await ground.told(pool, BOB, NOTES))["pid"])
        ground.time.advance(300)
        await bobs.end()

        assert (await called(client, "tell"))["pid"] == before["pid"]


@in_a_loop
async def test_the_one_that_was_used_longest_ago_makes_room() -> None:
    ground = Ground()
    async with ground.pool(limits=Limits(look=math.inf, most=2)) as pool:
        alices = Watch((await ground.told(pool, ALICE, NOTES))["pid"])
        ground.time.advance(1)
        bobs = (await ground.told(pool, BOB, NOTES))["pid"]
        ground.time.advance(1)
        await ground.told(pool, BOB, telling(inherit=("LANG",)))
        await alices.end()

        assert is_there(bobs)


@in_a_loop
async def test_while_all_are_in_use_there_is_no_room() -> None:
    ground = Ground()
    async with ground.pool(limits=Limits(look=math.inf, most=1)) as pool, pool.session(ALICE, NOTES):
        with pytest.raises(TooManyServers):
            await ground.told(pool, BOB, NOTES)


@in_a_loop
async def test_a_changed_token_finds_room_where_the_old_one_was() -> None:
    ground = Ground()
    async with ground.pool(limits=Limits(look=math.inf, most=1)) as pool:
        await ground.told(pool, ALICE, NOTES)
        ground.give(ALICE, NOTES_KEY="newer-key")
        ground.time.advance(60)
        told = await ground.told(pool, ALICE, NOTES)

    assert told["environ"]["NOTES_KEY"] == "newer-key"


# -- Many at once


@in_a_loop
async def test_first_calls_at_once_start_one_child_and_whoever_is_cancelled_takes_it_from_nobody() -> None:
    ground = Ground()
    told: list[int] = []
    async with ground.pool() as pool, anyio.create_task_group() as tasks:
        given_up = anyio.CancelScope()

        async def first() -> None:
            with given_up:
                await ground.told(pool, ALICE, NOTES)

        async def call() -> None:
            told.append((await ground.told(pool, ALICE, NOTES))["pid"])

        tasks.start_soon(first)
        for _ in range(5):
            tasks.start_soon(call)
        await anyio.lowlevel.checkpoint()
        given_up.cancel()

    assert len(told) == 5
    assert len(set(told)) == 1
