"""The MCP server "Team Notes": it has no URL. Whoever wants to use it starts it, with its key in the environment.

Run it with `NOTES_KEY=local-notes-key python -m local.services.notes_stdio`. It speaks MCP 2025-11-25 over stdin and stdout,
one JSON-RPC message on each line (transport "stdio"), and ends when its input does.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

NAME = "Team Notes"
VARIABLE = "NOTES_KEY"
KEY = "local-notes-key"  # what an admin enters; it protects nothing
NOTES = {KEY: ("Release on Friday", "Ask bob about the budget")}
VERSIONS = ("2025-06-18", "2025-11-25")
TOOL = {
    "name": "list_notes",
    "description": "List the notes that the key opens, one on each line.",
    "inputSchema": {"type": "object", "properties": {}},
}
METHOD_NOT_FOUND, INVALID_PARAMS, PARSE_ERROR = -32601, -32602, -32700

Params = Mapping[str, Any]
Result = dict[str, Any]


class Refusal(Exception):
    """An error of JSON-RPC: its code, and a sentence."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Notes:
    """The methods, for one key."""

    def __init__(self, key: str) -> None:
        self._notes = NOTES.get(key)
        self._methods: dict[str, Callable[[Params], Result]] = {
            "initialize": self._initialize,
            "ping": lambda _params: {},
            "tools/list": lambda _params: {"tools": [TOOL]},
            "tools/call": self._call,
        }

    def answer(self, line: str) -> str | None:
        """Answer one message; a notification gets no answer (JSON-RPC 2.0 §4.1)."""
        asked = _read(line)
        if asked is None:
            return _message(None, error={"code": PARSE_ERROR, "message": "This is no JSON object."})
        if "id" not in asked:
            return None
        try:
            return _message(asked["id"], result=self._do(asked))
        except Refusal as refused:
            return _message(asked["id"], error={"code": refused.code, "message": str(refused)})

    def _do(self, asked: Mapping[str, Any]) -> Result:
        method = self._methods.get(str(asked.get("method")))
        if method is None:
            raise Refusal(METHOD_NOT_FOUND, "There is no such method.")
        params = asked.get("params", {})
        return method(params if isinstance(params, dict) else {})

    def _initialize(self, params: Params) -> Result:
        wanted = params.get("protocolVersion")
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[-1],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": NAME, "version": "1"},
        }

    def _call(self, params: Params) -> Result:
        if params.get("name") != TOOL["name"]:
            raise Refusal(INVALID_PARAMS, "There is no such tool.")
        if self._notes is None:
            return _told("This key opens nothing.", is_error=True)
        return _told("\n".join(self._notes))


def _told(text: str, is_error: bool = False) -> Result:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def _read(line: str) -> dict[str, Any] | None:
    try:
        asked = json.loads(line)
    except ValueError:
        return None
    return asked if isinstance(asked, dict) else None


def _message(identifier: object, **outcome: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": identifier, **outcome})


def main(environment: Mapping[str, str], lines: Iterable[str], output: IO[str], errors: IO[str]) -> int:
    """Serve until the input ends; refuse to start without the key."""
    key = environment.get(VARIABLE)
    if not key:
        print(f"{NAME} does not start: {VARIABLE} is missing.", file=errors)
        return 2
    notes = Notes(key)
    for line in lines:
        answer = notes.answer(line)
        if answer is not None:
            print(answer, file=output, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(os.environ, sys.stdin, sys.stdout, sys.stderr))
