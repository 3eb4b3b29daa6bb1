"""The demo's MCP server without a URL: its messages, one by one."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from local.services.notes_stdio import KEY, VARIABLE, Notes, main


def _ask(method: str, **params: Any) -> dict[str, Any]:
    answer = Notes(KEY).answer(json.dumps({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}))
    assert answer is not None
    told: dict[str, Any] = json.loads(answer)
    assert (told["jsonrpc"], told["id"]) == ("2.0", 7)
    return told


@pytest.mark.parametrize(
    ("wanted", "agreed"), [("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")]
)
def test_it_agrees_on_a_version_that_it_knows(wanted: str, agreed: str) -> None:
    assert _ask("initialize", protocolVersion=wanted)["result"]["protocolVersion"] == agreed


def test_it_lists_one_tool_and_answers_a_ping() -> None:
    assert [tool["name"] for tool in _ask("tools/list")["result"]["tools"]] == ["list_notes"]
    assert _ask("ping")["result"] == {}


@pytest.mark.parametrize(("method", "code"), [("resources/list", -32601), ("tools/call", -32602)])
def test_what_it_does_not_have_is_an_error_of_json_rpc(method: str, code: int) -> None:
    assert _ask(method, name="whoami")["error"]["code"] == code


def test_a_notification_gets_no_answer_and_broken_lines_get_an_error() -> None:
    notes = Notes(KEY)
    assert notes.answer('{"jsonrpc": "2.0", "method": "notifications/initialized"}') is None
    for line in ("{", "[]"):
        assert json.loads(notes.answer(line) or "")["error"]["code"] == -32700


@pytest.mark.parametrize("environment", [{}, {VARIABLE: ""}])
def test_without_its_key_it_reads_nothing_and_ends(environment: dict[str, str]) -> None:
    lines, output, errors = io.StringIO("{}\n"), io.StringIO(), io.StringIO()

    assert main(environment, lines, output, errors) == 2
    assert (lines.tell(), output.getvalue()) == (0, "")
    assert VARIABLE in errors.getvalue()


def test_with_its_key_it_answers_line_by_line_until_the_input_ends() -> None:
    output = io.StringIO()

    assert main({VARIABLE: KEY}, ['{"id": 1, "method": "ping"}\n'], output, io.StringIO()) == 0
    assert output.getvalue() == '{"jsonrpc": "2.0", "id": 1, "result": {}}\n'
