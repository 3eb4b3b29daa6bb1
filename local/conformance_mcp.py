"""The little of MCP over HTTP that a client needs to be turned away: requests with given headers, and no OAuth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

STATELESS = "2026-07-28"
ABOUT = {"name": "strongroom-conformance", "version": "1"}


@dataclass(frozen=True, slots=True)
class Turned:
    """A 401 or 403, with its challenge."""

    status: int
    challenge: str


class NoAnswer(Exception):
    """The server gave neither a result nor a 401 or 403."""


class McpServer:
    """One server at one revision of the protocol."""

    def __init__(self, url: str, revision: str) -> None:
        self._url, self._revision, self._session, self._last = url, revision, "", 0
        self._http = httpx2.Client(trust_env=False, timeout=30)

    @property
    def has_handshake(self) -> bool:
        return self._revision < STATELESS

    @property
    def hello(self) -> dict[str, Any]:
        return {"protocolVersion": self._revision, "capabilities": {}, "clientInfo": ABOUT}

    def send(self, method: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any] | Turned:
        """Send one request or notification.

        Raises:
            NoAnswer: If it is not answered as the protocol demands.
        """
        message = self._message(method, dict(params))
        answer = self._http.post(self._url, json=message, headers={**self._headers(method, params), **headers})
        if answer.status_code in (401, 403):
            return Turned(answer.status_code, answer.headers.get("www-authenticate", ""))
        if answer.status_code not in (200, 202):
            raise NoAnswer(f"{method} was answered {answer.status_code}")
        self._session = answer.headers.get("mcp-session-id", self._session)
        return _result(answer) if "id" in message else {}

    def _message(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if not self.has_handshake:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": self._revision,
                "io.modelcontextprotocol/clientInfo": ABOUT,
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        message = {"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})}
        if method.startswith("notifications/"):
            return message
        self._last += 1
        return {**message, "id": self._last}

    def _headers(self, method: str, params: Mapping[str, Any]) -> dict[str, str]:
        headers = {"Accept": "application/json, text/event-stream"}
        if method != "initialize":
            headers["MCP-Protocol-Version"] = self._revision
        if self._session:
            headers["Mcp-Session-Id"] = self._session
        if not self.has_handshake:
            headers |= {"Mcp-Method": method, **({"Mcp-Name": str(params["name"])} if "name" in params else {})}
        return headers


def _result(answer: httpx2.Response) -> dict[str, Any]:
    """The result, out of JSON or out of the first message of an event stream."""
    text = answer.text
    if answer.headers.get("content-type", "").startswith("text/event-stream"):
        text = next((line[5:] for line in text.splitlines() if line.startswith("data:") and line[5:].strip()), "{}")
    told = json.loads(text)
    if not isinstance(told, dict) or not isinstance(told.get("result"), dict):
        raise NoAnswer("the answer holds no result")
    return dict(told["result"])
