"""Start an MCP server as a process, call one of its tools, and end it: what a gateway does with a server that has no URL."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO, Any, TypeAlias

from local.services.mcp_caller import CallFailed, Told

VERSION = "2025-11-25"
GRACE = 3.0


@dataclass(frozen=True, slots=True)
class StdioServer:
    """The gateway's own word on a server: how it is started, and which variables it may be given."""

    command: tuple[str, ...]
    folder: Path
    variables: tuple[str, ...]

    def environment(self, released: Mapping[str, str]) -> dict[str, str]:
        """Pick from a look-up's `env`. Nothing else gets in, nor anything of the gateway's own environment: whoever enters
        variables in Strongroom must not steer what runs on the gateway's machine."""
        return {name: released[name] for name in self.variables if name in released}


@dataclass(frozen=True, slots=True)
class DidNotStart:
    """The process ended before it had said anything: its exit status, and what it complained of."""

    status: int
    complaint: str


StdioAnswer: TypeAlias = Told | DidNotStart


def call_stdio_tool(server: StdioServer, released: Mapping[str, str], tool: str, within: float = 20) -> StdioAnswer:
    """Start the server with what a look-up released for it, call one tool, end it; at most `within` seconds.

    Raises:
        CallFailed: If it starts and gives no usable answer.
    """
    with _running(server, server.environment(released), within) as process:
        conversation = _Conversation(process)
        if conversation.greet() is None:
            return DidNotStart(process.wait(), _pipe(process.stderr).read().strip())
        return Told(conversation.call(tool))


@contextmanager
def _running(server: StdioServer, environment: Mapping[str, str], within: float) -> Iterator[subprocess.Popen[str]]:
    """Keep a process for as long as it is needed. To end it, close its input; a signal follows (MCP, transport "stdio")."""
    with subprocess.Popen(
        server.command,
        cwd=server.folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        deadline = threading.Timer(within, process.kill)
        deadline.start()
        try:
            yield process
        finally:
            deadline.cancel()
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    with suppress(BrokenPipeError):  # it may have ended first
        _pipe(process.stdin).close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()


class _Conversation:
    """JSON-RPC with one process, a message on each line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._input, self._output, self._ids = _pipe(process.stdin), _pipe(process.stdout), count(1)

    def greet(self) -> dict[str, Any] | None:
        """Agree on a version; None if the process ends instead (MCP, lifecycle)."""
        us = {"name": "strongroom-demo-gateway", "version": "1"}
        known = self._ask("initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": us})
        if known is not None:
            self._send({"method": "notifications/initialized"})
        return known

    def call(self, tool: str) -> str:
        """Call a tool that the server lists.

        Raises:
            CallFailed: If it is not listed, fails, or the process ends.
        """
        listed = self._need("tools/list", {})["tools"]
        if tool not in [one["name"] for one in listed]:
            raise CallFailed(f"the server has no tool {tool}")
        result = self._need("tools/call", {"name": tool, "arguments": {}})
        text = "\n".join(part["text"] for part in result["content"] if part["type"] == "text")
        if result.get("isError"):
            raise CallFailed(text)
        return text

    def _need(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        result = self._ask(method, params)
        if result is None:
            raise CallFailed(f"the server ended before it answered {method}")
        return result

    def _ask(self, method: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        identifier = next(self._ids)
        if not self._send({"id": identifier, "method": method, "params": params}):
            return None
        for line in self._output:
            answer = _read(line)
            if answer.get("id") == identifier:
                return _result(method, answer)
        return None

    def _send(self, message: Mapping[str, Any]) -> bool:
        try:
            self._input.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
            self._input.flush()
        except BrokenPipeError:
            return False
        return True


def _read(line: str) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as broken:
        raise CallFailed("the server wrote something else than JSON") from broken
    return message if isinstance(message, dict) else {}


def _result(method: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    if "result" not in answer:
        raise CallFailed(f"the server refused {method}")
    return dict(answer["result"])


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("the process was started without its pipes")
    return pipe
