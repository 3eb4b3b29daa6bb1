"""Ask an MCP server, without a token, whether it needs OAuth.

Two questions, because servers may say hello to anybody and want a token for the rest; and because `initialize` exists up to
revision 2025-11-25 alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from strongroom.domain.challenge import BearerChallenge, bearer_challenge
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.secret import Secret

WITHIN = 5.0
WITH_SESSIONS = "2025-11-25"
STATELESS = "2026-07-28"

_ABOUT = {"name": "strongroom", "version": "1"}
_SESSION = re.compile(r"[\x21-\x7E]{1,1024}")  # visible ASCII (MCP 2025-11-25, transports, session management)


@dataclass(frozen=True, slots=True)
class NeedsOAuth:
    """The server answered 401. `challenge` None: it did not say more."""

    challenge: BearerChallenge | None


@dataclass(frozen=True, slots=True)
class Greeted:
    """The server says hello to anybody."""

    session: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class NoHello:
    """The server does not know how to say hello: it may be one of revision 2026-07-28."""


@dataclass(frozen=True, slots=True)
class NoOAuth:
    """The server talks to anybody."""


def hello_request(mcp_url: str) -> Outgoing:
    """Say hello (MCP 2025-11-25, lifecycle, initialize)."""
    return _request(
        mcp_url, "initialize", {"protocolVersion": WITH_SESSIONS, "capabilities": {}, "clientInfo": _ABOUT}, {}
    )


def judge_hello(answer: Answer) -> NeedsOAuth | Greeted | NoHello:
    """Decide what an answer to hello means; only a 401 says that the server needs OAuth.

    Raises:
        DiscoveryFailed: `mcp_server_unusable`, whatever went wrong, so that nobody maps a network by asking.
    """
    if not isinstance(answer, Reply):
        raise _unusable()
    if answer.status == 401:
        return _needs_oauth(answer)
    if 200 <= answer.status < 300:
        named = answer.headers.get("mcp-session-id", ("",))[0]
        return Greeted(named if _SESSION.fullmatch(named) else None)
    if answer.status in {400, 404}:
        return NoHello()
    raise _unusable()


def list_request(mcp_url: str, greeting: Greeted | NoHello) -> Outgoing:
    """Ask for the tools, which hold what a server protects, in the form that goes with its greeting.

    After a hello, within its session; without one, as a request that stands alone (MCP 2026-07-28, transports).
    """
    if isinstance(greeting, Greeted):
        session = {"mcp-session-id": greeting.session} if greeting.session else {}
        return _request(mcp_url, "tools/list", {}, {"mcp-protocol-version": WITH_SESSIONS, **session})
    meta = {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientInfo": _ABOUT,
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    headers = {"mcp-protocol-version": STATELESS, "mcp-method": "tools/list"}
    return _request(mcp_url, "tools/list", {"_meta": meta}, headers)


def judge_list(answer: Answer, greeting: Greeted | NoHello) -> NeedsOAuth | NoOAuth:
    """Decide whether the server needs OAuth: it does if it answers 401.

    Raises:
        DiscoveryFailed: `mcp_server_unusable`, if it answered neither question.
    """
    if isinstance(answer, Reply) and answer.status == 401:
        return _needs_oauth(answer)
    if isinstance(greeting, Greeted) or (isinstance(answer, Reply) and 200 <= answer.status < 300):
        return NoOAuth()
    raise _unusable()


def _request(mcp_url: str, method: str, params: Mapping[str, object], headers: Mapping[str, str]) -> Outgoing:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    usual = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
    sent = {name: Secret(value) for name, value in {**usual, **headers}.items()}
    return Outgoing("POST", mcp_url, sent, Secret(json.dumps(body)), within=WITHIN)


def _needs_oauth(answer: Reply) -> NeedsOAuth:
    return NeedsOAuth(bearer_challenge(answer.headers.get("www-authenticate", ())))


def _unusable() -> DiscoveryFailed:
    return DiscoveryFailed("the MCP server did not answer usefully", code="mcp_server_unusable")
