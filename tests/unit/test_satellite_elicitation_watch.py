"""Clients at revision 2025-11-25 are told when the person is connected, for as long as it is of use."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import anyio
import pytest
from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp_types import CallToolRequestParams

from strongroom_satellite import Misconfigured
from strongroom_satellite.elicitation import Pace, Prompts
from strongroom_satellite.elicitation.watch import Watches
from tests.requirements import requirement
from tests.unit.elicitations import NAME, OLD, URL_MODE, World, lowlevel, raw, run
from tests.weakened import weakened


class Bed:
    """Where watches sleep until they are woken."""

    def __init__(self) -> None:
        self.asleep, self._morning = 0, anyio.Event()

    async def sleep(self, _: float) -> None:
        self.asleep += 1
        try:
            await self._morning.wait()
        finally:
            self.asleep -= 1

    async def has(self, asleep: int) -> None:
        """Let the others run until so many sleep. Look-ups run in threads, so that an idle event loop says nothing."""
        while self.asleep != asleep:
            await anyio.sleep(0)

    def wake(self) -> None:
        self._morning.set()
        self._morning = anyio.Event()

    def pace(self, world: World) -> Pace:
        return Pace(clock=world.time, sleep=self.sleep, chance=lambda: 0.0)


def id_in(answer: dict[str, Any]) -> str:
    [elicitation] = answer["error"]["data"]["elicitations"]
    return str(elicitation["elicitationId"])


def test_a_call_that_is_repeated_meanwhile_has_the_same_id_and_one_notification() -> None:
    async def test() -> None:
        world, bed = World(), Bed()
        async with lowlevel(world, pace=bed.pace(world)) as server, raw(server, OLD, URL_MODE) as client:
            ids = [id_in(await client.call("list_files")) for _ in range(2)]
            await bed.has(1)
            world.connect()
            bed.wake()
            done = await client.notification()
            answer = await client.call("list_files")

        assert ids[0] == ids[1] == done["params"]["elicitationId"]
        assert answer["result"]["content"][0]["text"] == "list_files as alice"
        assert client.notified == []

    run(test)


@requirement("mcp:L6")
def test_who_has_to_allow_more_is_not_taken_for_connected_before() -> None:
    async def test() -> None:
        world, bed = World(lacking={"grant.1"}), Bed()
        world.connect()
        async with lowlevel(world, pace=bed.pace(world)) as server, raw(server, OLD, URL_MODE) as client:
            asked = id_in(await client.call("list_files"))
            await bed.has(1)
            world.connect(grant=2)
            bed.wake()
            done = await client.notification()

        assert done["params"]["elicitationId"] == asked

    run(test)


def test_everybody_has_ids_of_their_own() -> None:
    async def test() -> None:
        world, bed = World(), Bed()
        async with (
            lowlevel(world, pace=bed.pace(world)) as server,
            raw(server, OLD, URL_MODE) as one,
            raw(server, OLD, URL_MODE) as other,
        ):
            ids = {id_in(await one.call("list_files")), id_in(await other.call("list_files"))}
            world.user = "bob"
            ids.add(id_in(await other.call("list_files")))

        assert len(ids) == 3

    run(test)


@pytest.mark.parametrize("weaker", [False, True])
@requirement("mcp:L6")
def test_a_watch_ends_with_the_connection_of_its_client(weaker: bool) -> None:
    defence: AbstractContextManager[None] = nullcontext()
    if weaker:
        defence = weakened(Watches.begin, 'hasattr(connection, "exit_stack")', "False")

    async def test() -> None:
        world, bed = World(), Bed()
        async with lowlevel(world, pace=bed.pace(world)) as server:
            async with raw(server, OLD, URL_MODE) as client:
                await client.call("list_files")
                await bed.has(1)
            await anyio.wait_all_tasks_blocked()
            assert bed.asleep == (1 if weaker else 0)
        assert bed.asleep == 0

    with defence:
        run(test)


def test_a_watch_ends_when_nobody_connects_and_the_next_call_has_a_new_id() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world, watch=20.0) as server, raw(server, OLD, URL_MODE) as client:
            first = second = id_in(await client.call("list_files"))
            while second == first:
                second = id_in(await client.call("list_files"))

        assert sum(world.time.naps) >= 20.0
        assert client.notified == []

    run(test)


def test_a_watch_that_fails_takes_nobody_with_it() -> None:
    async def test() -> None:
        world, bed = World(), Bed()
        async with lowlevel(world, pace=bed.pace(world)) as server, raw(server, OLD, URL_MODE) as client:
            await client.call("list_files")
            await bed.has(1)
            world.vault.forget(world.need)
            bed.wake()
            await client.call("list_files")  # shares the watch's look-up, or comes after it
            world.connect()
            answer = await client.call("list_files")

        assert answer["result"]["content"][0]["text"] == "list_files as alice"
        assert client.notified == []

    run(test)


def test_prompts_that_were_not_entered_say_so() -> None:
    async def test() -> None:
        world = World()
        prompts, raised = Prompts(world.strongroom, pace=world.time.pace), []

        async def call_tool(ctx: ServerRequestContext, params: CallToolRequestParams) -> Any:
            try:
                return await prompts.call_or_prompt(ctx, world.need, NAME, lambda: world.upstream("list_files"))
            except Misconfigured as error:
                raised.append(error)
                raise

        async with raw(Server("gateway", on_call_tool=call_tool), OLD, URL_MODE) as client:
            await client.call("list_files")
        world.strongroom.close()

        assert len(raised) == 1

    run(test)


def test_an_error_of_the_gateway_leaves_prompts_as_it_is() -> None:
    async def test() -> None:
        world = World()
        with pytest.raises(LookupError, match="its own"):
            async with Prompts(world.strongroom):
                raise LookupError("its own")
        world.strongroom.close()

    run(test)
