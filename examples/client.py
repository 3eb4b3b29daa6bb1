"""The stock MCP client in a terminal: list a gateway's tools, or call one, and be prompted with a link to connect first.

    GATEWAY_TOKEN=... python3 -m examples.client http://127.0.0.1:8406/mcp                       # list the tools
    GATEWAY_TOKEN=... python3 -m examples.client http://127.0.0.1:8406/mcp team-files__whoami    # call one

The token is read from the environment, since everybody on the machine can read a command line.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import anyio
import httpx2
from mcp.client import Client, ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError, UrlElicitationRequiredError
from mcp_types import (
    URL_ELICITATION_REQUIRED,
    CallToolResult,
    ElicitCompleteNotification,
    ElicitRequestParams,
    ElicitRequestURLParams,
    ElicitResult,
    TextContent,
)

HANDSHAKE = "2025-11-25"
PATIENCE = 600.0

Say = Callable[[str], None]


class Person:
    """Whoever sits at the terminal: is shown a link, and opens it."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._connected: dict[str, anyio.Event] = {}

    async def asked(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:  # noqa: ARG002 -- the SDK names them
        """Show the link of a prompt (revision 2026-07-28): the gateway waits, and the client calls once more by itself."""
        if not isinstance(params, ElicitRequestURLParams):
            return ElicitResult(action="cancel")
        self._say(f"{params.message}\n{params.url}")
        return ElicitResult(action="accept")

    async def heard(self, message: Any) -> None:
        """Note that the gateway says: they are connected (revision 2025-11-25)."""
        if isinstance(message, ElicitCompleteNotification):
            self._event(message.params.elicitation_id).set()

    async def connects(self, required: UrlElicitationRequiredError) -> None:
        """Show the links of an error -32042, and wait until the gateway says that they did what they are for."""
        for one in required.elicitations:
            self._say(f"{one.message}\n{one.url}")
        for one in required.elicitations:
            await self._event(one.elicitation_id or "").wait()

    def _event(self, identifier: str) -> anyio.Event:
        return self._connected.setdefault(identifier, anyio.Event())


async def call(client: Client, person: Person, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    """Call a tool; after an error -32042 once more, when the person has connected."""
    try:
        return await client.call_tool(tool, arguments)
    except MCPError as error:
        if error.code != URL_ELICITATION_REQUIRED:
            raise
        await person.connects(UrlElicitationRequiredError.from_error(error.error))
        return await client.call_tool(tool, arguments)


def connected_to(url: str, token: str, person: Person, *, handshake: bool = False, http: Any = None) -> Client:
    """Make the stock client. With `handshake` it speaks revision 2025-11-25, else the newest that the gateway knows."""
    return Client(
        streamable_http_client(url, http_client=http or http_of(token)),
        mode="legacy" if handshake else "auto",
        elicitation_callback=person.asked,
        message_handler=person.heard,
    )


def http_of(token: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


async def run(options: argparse.Namespace, token: str) -> int:
    person = Person(lambda text: print(text, file=sys.stderr, flush=True))
    async with (
        http_of(token) as http,
        connected_to(options.url, token, person, handshake=options.handshake, http=http) as client,
    ):
        if options.tool is None:
            for tool in (await client.list_tools()).tools:
                print(f"{tool.name:<32} {(tool.description or '').strip().splitlines()[0] if tool.description else ''}")
            return 0
        result = await call(client, person, options.tool, json.loads(options.arguments))
        print(text_of(result))
        return 1 if result.is_error else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="client", description="The stock MCP client, for the example gateway.")
    parser.add_argument("url")
    parser.add_argument("tool", nargs="?", help="without one, the tools are listed")
    parser.add_argument("arguments", nargs="?", default="{}", help="of the tool, as JSON")
    parser.add_argument("--handshake", action="store_true", help=f"speak revision {HANDSHAKE}")
    options = parser.parse_intermixed_args(arguments)
    token = os.environ.get("GATEWAY_TOKEN")
    if not token:
        parser.error("set GATEWAY_TOKEN, for example to what `dev.py jwt alice --gateway` prints")
    try:
        return anyio.run(run, options, token)
    except Exception as problem:
        print(f"The call failed: {_first(problem)}", file=sys.stderr)
        return 1


def _first(problem: BaseException) -> BaseException:
    return _first(problem.exceptions[0]) if isinstance(problem, BaseExceptionGroup) else problem


if __name__ == "__main__":
    raise SystemExit(main())
