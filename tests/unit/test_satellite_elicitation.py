"""A tool call of somebody who is not connected: the client prompts, the person connects, the call goes on."""

from __future__ import annotations

from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError

from tests.fakes.satellite import LINK
from tests.requirements import requirement
from tests.unit.elicitations import (
    KINDS,
    NEW,
    OLD,
    URL_MODE,
    Person,
    World,
    custom,
    highlevel,
    lowlevel,
    need_of,
    raw,
    run,
    text,
)

ASKED = 'To use "Team Files", connect your account first.'
TOLD = f'To use "Team Files", connect your account at {LINK} and then ask again.'


# -- Revision 2026-07-28 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gateway", KINDS)
@requirement("mcp:L1")
def test_the_stock_client_is_asked_and_its_call_goes_on_by_itself(gateway: Any) -> None:
    async def test() -> None:
        world = World()
        person = Person(world)
        async with gateway(world) as server, Client(server, mode=NEW, elicitation_callback=person) as client:
            result = await client.call_tool("list_files", {})

        assert (text(result), result.is_error) == ("list_files as alice", False)
        assert [(asked.url, asked.message) for asked in person.seen] == [(LINK, ASKED)]
        assert world.calls == ["list_files"]

    run(test)


@requirement("mcp:L6")
def test_a_call_waits_for_a_person_who_takes_some_time() -> None:
    async def test() -> None:
        world = World()
        person, heard = Person(world, in_nap=4), []

        async def told(progress: float, total: float | None, message: str | None) -> None:
            heard.append((progress, total, message))

        async with lowlevel(world) as server, Client(server, mode=NEW, elicitation_callback=person) as client:
            result = await client.call_tool("list_files", {}, progress_callback=told)

        assert text(result) == "list_files as alice"
        assert len(person.seen) == 1
        assert heard[:2] == [
            (0.0, 45.0, 'Waiting for "Team Files" to be connected'),
            (1.0, 45.0, 'Waiting for "Team Files" to be connected'),
        ]

    run(test)


@requirement("mcp:L6")
def test_one_request_waits_under_a_minute_and_the_client_retries_without_asking_the_person_again() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            first = (await client.call("list_files"))["result"]
            answer = {"strongroom-connect": {"action": "accept"}}
            began = world.time.seconds
            second = (await client.call("list_files", requestState=first["requestState"], inputResponses=answer))[
                "result"
            ]
            assert world.time.seconds - began == 45.0
            world.connect()
            third = (await client.call("list_files", requestState=second["requestState"]))["result"]

        assert second["resultType"] == "input_required"
        assert "inputRequests" not in second
        assert third["content"] == [{"type": "text", "text": "list_files as alice"}]

    run(test)


def test_a_person_who_does_not_come_back_is_asked_again_after_three_waits() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            result = (await client.call("list_files"))["result"]
            responses = {"inputResponses": {"strongroom-connect": {"action": "accept"}}}
            asked = []
            for _ in range(3):
                result = (await client.call("list_files", requestState=result["requestState"], **responses))["result"]
                asked.append("inputRequests" in result)
                responses = {}

        assert asked == [False, False, True]
        assert world.calls == []

    run(test)


@requirement("mcp:L1")
def test_raw_json_sees_a_result_that_asks_for_input() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            result = (await client.call("list_files"))["result"]

        assert world.begun == []
        assert result["resultType"] == "input_required"
        assert result["inputRequests"] == {
            "strongroom-connect": {
                "method": "elicitation/create",
                "params": {"mode": "url", "url": LINK, "message": ASKED},
            }
        }
        assert "alice" not in str(result)

    run(test)


@pytest.mark.parametrize("action", ["decline", "cancel"])
@requirement("mcp:L7")
def test_whoever_declines_is_told_in_a_sentence_and_not_asked_twice(action: str) -> None:
    async def test() -> None:
        world = World()
        person = Person(world, action)
        async with lowlevel(world) as server, Client(server, mode=NEW, elicitation_callback=person) as client:
            result = await client.call_tool("list_files", {})

        assert result.is_error
        assert text(result) == '"Team Files" was not connected, so that nothing was done; ask again for a new link.'
        assert len(person.seen) == 1
        assert world.time.naps == []

    run(test)


def test_a_state_that_comes_without_an_answer_is_a_question_again() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            first = (await client.call("list_files"))["result"]
            again = (await client.call("list_files", requestState=first["requestState"]))["result"]

        assert "inputRequests" in again
        assert world.time.naps == []

    run(test)


def test_a_prompt_of_a_server_is_resumed_like_a_tool() -> None:
    async def test() -> None:
        world = World()
        async with custom(world) as server, raw(server, NEW, URL_MODE) as client:
            asked = (await client.ask("prompts/get", {"name": "weekly"}))["result"]
            world.connect()
            answer = {"inputResponses": {"strongroom-connect": {"action": "accept"}}}
            got = await client.ask("prompts/get", {"name": "weekly", "requestState": asked["requestState"], **answer})

        assert asked["resultType"] == "input_required"
        assert got["result"]["messages"][0]["content"]["text"] == "weekly as alice"

    run(test)


def test_what_is_no_tool_and_takes_no_question_is_an_error_with_the_sentence() -> None:
    async def test() -> None:
        world = World()
        async with custom(world) as server, raw(server, NEW, {}) as client:
            answers = [await client.ask("prompts/get", {"name": "weekly"}), await client.ask("example/list", {})]

        assert [answer["error"] for answer in answers] == [{"code": -32600, "message": TOLD}] * 2

    run(test)


# -- Revision 2025-11-25 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gateway", KINDS)
@requirement("mcp:L1")
def test_the_stock_client_gets_the_error_and_is_told_when_the_person_is_connected(gateway: Any) -> None:
    async def test() -> None:
        world = World()
        world.time.then[3] = lambda: world.connect()
        completed: list[str] = []
        told = anyio.Event()

        async def handler(message: Any) -> None:
            if isinstance(message, types.ElicitCompleteNotification):
                completed.append(message.params.elicitation_id)
                told.set()

        async with (
            gateway(world) as server,
            Client(
                server, mode="legacy", elicitation_callback=Person(world, "decline"), message_handler=handler
            ) as client,
        ):
            with pytest.raises(MCPError) as raised:
                await client.call_tool("list_files", {})
            [elicitation] = UrlElicitationRequiredError.from_error(raised.value.error).elicitations
            await told.wait()
            result = await client.call_tool("list_files", {})

        assert (elicitation.url, elicitation.message) == (LINK, ASKED)
        assert completed == [elicitation.elicitation_id]
        assert text(result) == "list_files as alice"

    run(test)


@requirement("mcp:L1")
def test_raw_json_sees_the_error_with_the_link() -> None:
    async def test() -> None:
        world = World()
        world.time.then[2] = lambda: world.connect()
        async with lowlevel(world) as server, raw(server, OLD, URL_MODE) as client:
            error = (await client.call("list_files"))["error"]
            done = await client.notification()

        [elicitation] = error["data"]["elicitations"]
        assert error["code"] == -32042
        assert elicitation == {
            "mode": "url",
            "url": LINK,
            "message": ASKED,
            "elicitationId": done["params"]["elicitationId"],
        }
        assert done["method"] == "notifications/elicitation/complete"

    run(test)


# -- Whoever declared nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", [OLD, NEW])
@pytest.mark.parametrize("capabilities", [{}, {"elicitation": {}}, {"elicitation": {"form": {}}}])
@pytest.mark.parametrize("gateway", KINDS)
@requirement("mcp:L2")
def test_a_client_without_url_elicitation_is_told_in_one_sentence(
    gateway: Any, capabilities: dict[str, Any], revision: str
) -> None:
    async def test() -> None:
        world = World()
        async with gateway(world) as server, raw(server, revision, capabilities) as client:
            result = (await client.call("list_files"))["result"]
            world.connect()
            again = (await client.call("list_files"))["result"]

        assert result["isError"] is True
        assert result["content"] == [{"type": "text", "text": TOLD}]
        assert again["content"] == [{"type": "text", "text": "list_files as alice"}]

    run(test)


@pytest.mark.parametrize("mode", ["legacy", NEW])
@requirement("mcp:L3")
def test_nobody_is_asked_for_what_only_an_admin_can_do(mode: str) -> None:
    async def test() -> None:
        world = World()
        world.vault.require(world.need, "admin_must_connect", link=None)
        person = Person(world)
        async with lowlevel(world) as server, Client(server, mode=mode, elicitation_callback=person) as client:
            result = await client.call_tool("list_files", {})

        assert text(result) == 'An admin of the team has to connect "Team Files" before it can be used.'
        assert (result.is_error, person.seen) == (True, [])

    run(test)


# -- What is not ours to handle ----------------------------------------------------------------------------------------


def test_a_call_that_needs_somebody_else_is_not_prompted_for() -> None:
    async def test() -> None:
        world = World()
        world.connect()

        async def for_bob(tool: str) -> types.CallToolResult:
            await world.strongroom.alook_up(need_of("bob"))
            raise AssertionError("bob is not connected")

        world.upstream = for_bob  # type: ignore[method-assign] # our own world
        async with highlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            result = (await client.call("list_files"))["result"]

        assert result["isError"] is True
        assert LINK not in str(result)

    run(test)


def test_a_connected_person_is_not_bothered() -> None:
    async def test() -> None:
        world = World()
        world.connect()
        async with lowlevel(world) as server, raw(server, NEW, {}) as client:
            result = (await client.call("list_files"))["result"]

        assert result["content"] == [{"type": "text", "text": "list_files as alice"}]
        assert world.vault.count() == 1

    run(test)
