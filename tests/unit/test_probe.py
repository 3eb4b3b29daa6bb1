"""Does a server need OAuth? Asked at hello, and at its tools if it says hello to anybody."""

import json
from typing import Any

import pytest

from strongroom.domain.challenge import BearerChallenge
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing, Reply
from strongroom.domain.probe import (
    Greeted,
    NeedsOAuth,
    NoHello,
    NoOAuth,
    hello_request,
    judge_hello,
    judge_list,
    list_request,
)
from tests.requirements import requirement
from tests.world import MCP_URL, World

SILENT = [Reply(500, {}, b""), Reply(405, {}, b""), Reply(302, {}, b""), NotSent("refused"), NoAnswer("deadline")]
CHALLENGED = Reply(401, {"www-authenticate": ('Basic realm="x"', 'Bearer scope="read"')}, b"")
GREETINGS: list[Greeted | NoHello] = [Greeted(), Greeted("s-1"), NoHello()]


def sent(request: Outgoing) -> Any:
    assert request.body is not None
    return json.loads(request.body.reveal())


def code_of(judge: Any, *args: Any) -> str:
    with pytest.raises(DiscoveryFailed) as refusal:
        judge(*args)
    return refusal.value.public_code


@pytest.mark.parametrize(
    "request_", [hello_request(MCP_URL), *(list_request(MCP_URL, greeting) for greeting in GREETINGS)]
)
def test_no_question_carries_a_credential_or_follows_a_redirect(request_: Outgoing) -> None:
    assert (request_.method, request_.url, request_.hops) == ("POST", MCP_URL, 0)
    assert "authorization" not in request_.headers


@requirement("mcp:D1")
def test_a_401_needs_oauth_with_the_challenge_or_without() -> None:
    expected = NeedsOAuth(BearerChallenge(scope=("read",)))
    assert judge_hello(CHALLENGED) == expected
    assert judge_hello(Reply(401, {}, b"")) == NeedsOAuth(None)
    assert [judge_list(CHALLENGED, greeting) for greeting in GREETINGS] == [expected] * 3


def test_after_a_hello_the_tools_are_asked_for_in_its_session() -> None:
    greeting = judge_hello(Reply(200, {"mcp-session-id": ("s-1",)}, b"{}"))
    assert greeting == Greeted("s-1")
    request = list_request(MCP_URL, Greeted("s-1"))
    assert sent(request)["method"] == "tools/list"
    assert request.headers["mcp-session-id"].reveal() == "s-1"
    assert request.headers["mcp-protocol-version"].reveal() == "2025-11-25"


@pytest.mark.parametrize("named", ["", "two words", "line\r\nbreak", "é", "s" * 1025])
def test_a_session_that_is_not_visible_ascii_is_not_repeated(named: str) -> None:
    assert judge_hello(Reply(200, {"mcp-session-id": (named,)}, b"")) == Greeted(None)
    assert "mcp-session-id" not in list_request(MCP_URL, Greeted(None)).headers


@pytest.mark.parametrize("status", [400, 404])
def test_a_server_without_a_hello_is_asked_as_the_newest_revision_asks(status: int) -> None:
    assert judge_hello(Reply(status, {}, b"")) == NoHello()
    request = list_request(MCP_URL, NoHello())
    named = request.headers["mcp-protocol-version"].reveal()
    assert sent(request)["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == named == "2026-07-28"
    assert request.headers["mcp-method"].reveal() == sent(request)["method"] == "tools/list"


def test_a_server_that_wants_no_token_for_its_tools_needs_no_oauth() -> None:
    assert [judge_list(Reply(200, {}, b"{}"), greeting) for greeting in GREETINGS] == [NoOAuth()] * 3
    assert judge_list(Reply(400, {}, b"{}"), Greeted()) == NoOAuth()


@pytest.mark.parametrize("answer", SILENT)
def test_everything_else_gives_one_code_so_that_nobody_maps_a_network_with_us(answer: Answer) -> None:
    assert code_of(judge_hello, answer) == "mcp_server_unusable"
    assert code_of(judge_list, answer, NoHello()) == "mcp_server_unusable"


@requirement("mcp:D1")
@pytest.mark.parametrize("hello", [200, 404])
def test_a_server_that_asks_for_a_token_only_at_its_tools_can_be_connected(hello: int) -> None:
    world = World()
    challenge = {"www-authenticate": ('Bearer scope="files tools"',)}

    def served(request: Outgoing) -> Answer:
        greeted = sent(request)["method"] == "initialize"
        return Reply(hello, {}, b"{}") if greeted else Reply(401, challenge, b"")

    world.egress.on("POST", MCP_URL, served)
    begun = world.begin("bob", world.install())
    assert "scope=files%20tools" in begun.url
