"""Call a tool of an MCP server with given headers, through the stock `mcp` client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent


@dataclass(frozen=True, slots=True)
class Told:
    """The tool's answer as text."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The server's 401 or 403, with its `WWW-Authenticate` header."""

    status: int
    challenge: str


class CallFailed(Exception):
    """The call ended in neither an answer nor a 401 or 403."""


ToolAnswer: TypeAlias = Told | TurnedAway


def call_tool(
    url: str, tool: str, headers: Mapping[str, str], arguments: Mapping[str, object] | None = None, within: float = 20
) -> ToolAnswer:
    """Call one tool and wait for its answer, at most `within` seconds.

    Raises:
        CallFailed: If there is no usable answer.
    """
    return asyncio.run(_call(url, tool, headers, dict(arguments or {}), within))


async def _call(
    url: str, tool: str, headers: Mapping[str, str], arguments: dict[str, object], within: float
) -> ToolAnswer:
    refusals: list[TurnedAway] = []

    # The client hides the status of a refused request behind an error of its own: note it as it passes.
    async def watch(response: httpx2.Response) -> None:
        if response.status_code in (401, 403):
            refusals.append(TurnedAway(response.status_code, response.headers.get("www-authenticate", "")))

    http = httpx2.AsyncClient(headers=dict(headers), trust_env=False, event_hooks={"response": [watch]}, timeout=within)
    try:
        async with asyncio.timeout(within), http, Client(streamable_http_client(url, http_client=http)) as client:
            return Told(_text(await client.call_tool(tool, arguments)))
    except Exception as failed:
        if refusals:
            return refusals[0]
        raise CallFailed(f"no answer from the tool {tool}") from failed


def _text(result: CallToolResult) -> str:
    text = "\n".join(part.text for part in result.content if isinstance(part, TextContent))
    if result.is_error:
        raise CallFailed(text)
    return text
