"""The demo's MCP server without a URL, as a real process, and how a gateway starts it."""

from __future__ import annotations

import asyncio
import sys

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import TextContent

from local.actors import TEAM_NOTES
from local.plan import ROOT
from local.services.mcp_caller import CallFailed, Told
from local.services.notes_stdio import KEY, VARIABLE
from local.services.stdio_caller import DidNotStart, StdioServer, call_stdio_tool

NOTES = "Release on Friday\nAsk bob about the budget"


def test_with_its_variable_it_starts_and_its_tool_answers() -> None:
    assert call_stdio_tool(TEAM_NOTES, {VARIABLE: KEY}, "list_notes") == Told(NOTES)


def test_without_its_variable_it_refuses_to_start_and_names_it() -> None:
    assert call_stdio_tool(TEAM_NOTES, {}, "list_notes") == DidNotStart(
        2, "Team Notes does not start: NOTES_KEY is missing."
    )


def test_a_wrong_key_opens_nothing() -> None:
    with pytest.raises(CallFailed, match="This key opens nothing"):
        call_stdio_tool(TEAM_NOTES, {VARIABLE: "another"}, "list_notes")


def test_a_tool_that_it_does_not_list_is_not_called() -> None:
    with pytest.raises(CallFailed, match="no tool whoami"):
        call_stdio_tool(TEAM_NOTES, {VARIABLE: KEY}, "whoami")


def test_the_sdks_own_client_understands_it() -> None:
    async def ask() -> str:
        command, *arguments = TEAM_NOTES.command
        server = StdioServerParameters(command=command, args=arguments, env={VARIABLE: KEY}, cwd=ROOT)
        async with Client(stdio_client(server)) as client:
            [part] = (await client.call_tool("list_notes", {})).content
            assert isinstance(part, TextContent)
            return part.text

    assert asyncio.run(ask()) == NOTES


def test_a_process_gets_the_listed_variables_and_nothing_of_the_gateways_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_SECRET", "mine")
    says_its_environment = _python(
        "import json, os, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    text = ' '.join(sorted(set(os.environ) - {'LC_CTYPE'}))\n"  # Python adds that one to itself
        "    told = {'tools': [{'name': 'env'}], 'content': [{'type': 'text', 'text': text}]}\n"
        "    print(json.dumps({'id': asked.get('id'), 'result': told}), flush=True)\n",
        variables=(VARIABLE, "OTHER"),
    )

    assert call_stdio_tool(says_its_environment, {VARIABLE: KEY, "PYTHONPATH": "/elsewhere"}, "env") == Told(VARIABLE)


def test_a_process_that_never_answers_is_ended() -> None:
    silent = _python("import sys\nfor line in sys.stdin: pass\n")

    assert call_stdio_tool(silent, {}, "list_notes", within=0.5) == DidNotStart(-9, "")


def test_a_process_that_does_not_end_with_its_input_is_ended_too() -> None:
    stubborn = _python(
        "import json, signal, sys\n"
        "for line in sys.stdin:\n"
        "    asked = json.loads(line)\n"
        "    told = {'tools': [{'name': 'x'}], 'content': [{'type': 'text', 'text': 'said'}]}\n"
        "    print(json.dumps({'id': asked.get('id'), 'result': told}), flush=True)\n"
        "signal.pause()\n"
    )

    assert call_stdio_tool(stubborn, {}, "x") == Told("said")


@pytest.mark.parametrize("answer", ["no json", '{"id": 1, "error": {"code": -32600, "message": "no"}}'])
def test_an_answer_that_cannot_be_used_fails_the_call(answer: str) -> None:
    broken = _python(f"import sys\nsys.stdin.readline()\nprint({answer!r}, flush=True)\n")

    with pytest.raises(CallFailed):
        call_stdio_tool(broken, {}, "x")


def _python(program: str, variables: tuple[str, ...] = ()) -> StdioServer:
    return StdioServer((sys.executable, "-c", program), ROOT, variables)
