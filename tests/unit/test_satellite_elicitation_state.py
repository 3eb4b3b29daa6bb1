"""What a client brings back is for the user, the tool and the arguments that it was made for."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from mcp.server import request_state
from mcp.server.request_state import InvalidRequestState, RequestStateSecurity

from strongroom_satellite.elicitation import is_ours
from strongroom_satellite.elicitation.prompts import _way
from strongroom_satellite.elicitation.state import _principal
from tests.requirements import requirement
from tests.unit.elicitations import ANOTHER, INSTALLATION, KINDS, NEW, URL_MODE, World, custom, lowlevel, raw, run
from tests.weakened import weakened

ACCEPTED = {"strongroom-connect": {"action": "accept"}}
REFUSED = {"code": -32602, "message": "Invalid or expired requestState", "data": {"reason": "invalid_request_state"}}


class Plain:
    """A codec that seals nothing: what it gives out can be changed."""

    def seal(self, payload: bytes) -> str:
        return base64.urlsafe_b64encode(payload).decode()

    def unseal(self, token: str) -> bytes:
        try:
            return base64.urlsafe_b64decode(token)
        except ValueError as problem:
            raise InvalidRequestState("malformed") from problem


def brought_back(
    world: World,
    *,
    by: str = "alice",
    team: str = "acme",
    installation: str = INSTALLATION,
    tool: str = "list_files",
    arguments: Mapping[str, Any] | None = None,
    changed: Any = lambda state: state,
    gateway: Any = lowlevel,
    **more: Any,
) -> dict[str, Any]:
    """Have alice prompted, and give the answer to a retry that somebody makes with her state."""
    answers: list[dict[str, Any]] = []

    async def test() -> None:
        async with gateway(world, **more) as server, raw(server, NEW, URL_MODE) as client:
            asked = (await client.call("list_files", {"folder": "/a"}))["result"]
            world.user, world.team, world.installation = by, team, installation
            given = {"folder": "/a"} if arguments is None else arguments
            state = changed(asked["requestState"])
            answers.append(await client.call(tool, given, requestState=state, inputResponses=ACCEPTED))

    run(test)
    return answers[0]


def is_taken(answer: dict[str, Any]) -> bool:
    """Whether the retry waited for a connection, as after a prompt of its own."""
    return bool(answer.get("result", {}).get("resultType") == "input_required")


def test_the_one_who_was_asked_may_bring_the_state_back() -> None:
    world = World()

    assert is_taken(brought_back(world))
    assert world.time.naps


@pytest.mark.parametrize("gateway", KINDS)
@requirement("mcp:L5")
def test_a_state_made_for_alice_is_refused_when_bob_brings_it(gateway: Any) -> None:
    world = World()

    assert brought_back(world, by="bob", gateway=gateway)["error"] == REFUSED
    assert (world.calls, world.time.naps) == ([], [])


def test_control_without_the_user_in_the_seal_bob_goes_on_with_it() -> None:
    with weakened(_principal, "need.user", '""'):
        assert is_taken(brought_back(World(), by="bob"))


@requirement("mcp:L5")
def test_a_state_made_for_one_installation_is_refused_for_another() -> None:
    assert brought_back(World(), installation=ANOTHER)["error"] == REFUSED


def test_control_without_the_installation_in_the_seal_it_is_good_for_another() -> None:
    with weakened(_principal, "need.installation", '""'):
        assert is_taken(brought_back(World(), installation=ANOTHER))


@requirement("mcp:L5")
def test_a_state_made_for_one_team_is_refused_for_another() -> None:
    assert brought_back(World(), team="rivals")["error"] == REFUSED


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("remove_files", None), ("list_files", {"folder": "/b"}), ("list_files", {})],
)
@requirement("mcp:L5")
def test_a_state_made_for_one_request_is_refused_for_another(tool: str, arguments: Mapping[str, Any] | None) -> None:
    world = World()

    assert brought_back(world, tool=tool, arguments=arguments)["error"] == REFUSED
    assert (world.calls, world.time.naps) == ([], [])


def test_control_a_seal_that_names_no_request_is_good_for_every_request() -> None:
    with weakened(request_state._request_identity, 'str(p.get("name", "")), p.get("arguments") or args', '"", args'):
        assert is_taken(brought_back(World(), tool="remove_files", arguments={}))


def _flipped(state: str) -> str:
    at = len(state) // 2
    return state[:at] + ("A" if state[at] != "A" else "B") + state[at + 1 :]


@pytest.mark.parametrize("changed", [_flipped, lambda state: state[:-4], lambda state: "strongroom.v1.AAAA"])
@requirement("mcp:L5")
def test_an_altered_state_is_refused(changed: Any) -> None:
    assert brought_back(World(), changed=changed)["error"] == REFUSED


def test_control_what_is_not_sealed_can_be_altered() -> None:
    def later(state: str) -> str:
        claims = json.loads(base64.urlsafe_b64decode(state.removeprefix("strongroom.")))
        claims["s"] = json.dumps({"holds": 1, "version": None})
        return "strongroom." + Plain().seal(json.dumps(claims).encode())

    assert is_taken(brought_back(World(), changed=later, security=RequestStateSecurity(codec=Plain())))


@pytest.mark.parametrize(("lives", "is_refused"), [(1e-9, True), (600.0, False)])
@requirement("mcp:L5")
def test_a_state_is_good_for_its_time(lives: float, is_refused: bool) -> None:
    answer = brought_back(World(), security=RequestStateSecurity.ephemeral(ttl=lives))

    assert ("error" in answer) is is_refused


def kept(key: str, **more: Any) -> RequestStateSecurity:
    return RequestStateSecurity(keys=[key * 32], **more)


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        (kept("a"), kept("a"), False),
        (kept("a"), kept("b"), True),
        (kept("a", audience="one"), kept("a", audience="one"), False),
        (kept("a", audience="one"), kept("a", audience="another"), True),
        (kept("a", bind_principal=None), kept("a", bind_principal=None), False),
        (kept("a", bind_principal=lambda _: "client-1"), kept("a", bind_principal=lambda _: "client-2"), True),
    ],
    ids=["same-key", "other-key", "same-audience", "other-audience", "no-principal", "other-principal"],
)
@requirement("mcp:L5")
def test_a_state_is_good_at_gateways_that_share_key_audience_and_principal(
    first: RequestStateSecurity, second: RequestStateSecurity, is_refused: bool
) -> None:
    async def test() -> None:
        async with (
            lowlevel(World(), security=first) as one,
            lowlevel(World(), security=second) as other,
            raw(one, NEW, URL_MODE) as asked,
            raw(other, NEW, URL_MODE) as client,
        ):
            state = (await asked.call("list_files"))["result"]["requestState"]
            answer = await client.call("list_files", requestState=state, inputResponses=ACCEPTED)

        assert ("error" in answer) is is_refused

    run(test)


@requirement("mcp:L5")
def test_a_state_that_is_replayed_after_the_connection_does_what_the_call_alone_would_do() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            state = (await client.call("list_files"))["result"]["requestState"]
            world.connect()
            replies = [await client.call("list_files", requestState=state, inputResponses=ACCEPTED) for _ in range(2)]
            alone = await client.call("list_files")

        assert [reply["result"] for reply in replies] == [alone["result"]] * 2
        assert world.time.naps == []

    run(test)


@requirement("mcp:L5")
def test_a_state_that_is_replayed_after_the_person_disconnected_gets_no_result() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            state = (await client.call("list_files"))["result"]["requestState"]
            world.connect()
            await client.call("list_files", requestState=state, inputResponses=ACCEPTED)
            world.vault.require(world.need)
            world.strongroom.forget(world.need)
            answer = await client.call("list_files", requestState=state, inputResponses=ACCEPTED)

        assert is_taken(answer)
        assert world.calls == ["list_files"]

    run(test)


def test_a_state_names_nobody_to_whoever_reads_it() -> None:
    async def test() -> None:
        world = World()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            state = (await client.call("list_files"))["result"]["requestState"]

        _, _, sealed = state.split(".")
        opened = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        assert b"alice" not in opened
        assert b"acme" not in opened
        assert b"tools/call" not in opened

    run(test)


@pytest.mark.parametrize("state", [None, "", "another server's", 5, {"strongroom.": 1}])
def test_a_state_that_is_not_ours_is_left_to_the_call(state: Any) -> None:
    async def test() -> None:
        world = World()
        world.connect()
        async with lowlevel(world) as server, raw(server, NEW, URL_MODE) as client:
            answer = await client.call("list_files", requestState=state, inputResponses=ACCEPTED)

        taken = state is None or isinstance(state, str)
        assert ("result" in answer) is taken  # the SDK refuses what is no string

    run(test)


@pytest.mark.parametrize(("state", "ours"), [(None, False), ("v1.x", False), ("strongroom.v1.x", True)])
def test_a_gateway_can_tell_our_states_from_those_of_its_servers(state: str | None, ours: bool) -> None:
    assert is_ours(state) is ours


@pytest.mark.parametrize("weaker", [False, True])
@requirement("mcp:L5")
def test_a_state_goes_out_sealed_or_not_at_all(weaker: bool) -> None:
    """A method that the SDK's seal does not know passes through it as it is."""
    defence: AbstractContextManager[None] = nullcontext()
    if weaker:
        defence = weakened(_way, "ctx.method not in INPUT_REQUIRED_METHODS", "False")
    answers: list[dict[str, Any]] = []

    async def test() -> None:
        async with custom(World()) as server, raw(server, NEW, URL_MODE) as client:
            answers.append(await client.ask("example/list", {}))

    with defence:
        run(test)
    [answer] = answers
    assert answer["error"]["code"] == (-32603 if weaker else -32600)
    assert "holds" not in str(answer)
