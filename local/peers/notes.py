"""The MCP server "Notes", which stands in front of an authorization server that others wrote.

It takes tokens for itself alone, asks the authorization server what they are worth, and wants a scope more for writing.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx2
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.services.serving import serve

NAME = "Notes"
READ, WRITE = "notes:read", "notes:write"


class Worth:
    """Ask what a token is worth: by introspection (RFC 7662) with a client of our own, or, where there is none, at an
    address that answers in the same form to the token itself. Whatever goes wrong, it is worth nothing."""

    def __init__(self, introspection: str, client: str, secret: str, probe: str) -> None:
        self._introspection, self._client, self._probe = introspection, (client, secret), probe

    async def verify_token(self, token: str) -> AccessToken | None:
        """Give the token's facts. That its audience is this server is checked by the SDK against `resource`."""
        try:
            async with httpx2.AsyncClient(trust_env=False, timeout=10) as client:
                return token_of(token, await self._ask(client, token))
        except (httpx2.HTTPError, ValueError):
            return None

    async def _ask(self, client: httpx2.AsyncClient, token: str) -> Any:
        if self._introspection:
            answer = await client.post(self._introspection, data={"token": token}, auth=self._client)
        else:
            answer = await client.get(self._probe, headers={"Authorization": f"Bearer {token}"})
        return answer.json() if answer.status_code == 200 else {}


def token_of(token: str, facts: Any) -> AccessToken | None:
    """Read the answer of an introspection (RFC 7662 §2.2): some name the person `username`, and an audience may be a
    list, of which one must do."""
    if not isinstance(facts, Mapping) or facts.get("active") is not True:
        return None
    audience = facts.get("aud", "")
    return AccessToken(
        token=token,
        client_id=str(facts.get("client_id", "")),
        scopes=str(facts.get("scope", "")).split(),
        expires_at=facts.get("exp"),
        resource=audience[0] if isinstance(audience, list) and len(audience) == 1 else str(audience),
        subject=str(facts.get("sub") or facts.get("username") or ""),
    )


def whoami() -> str:
    """Answer the name of the account whose token was sent."""
    token = get_access_token()
    return (token and token.subject) or ""


def write_note() -> str:
    """Say who wrote: only for tokens with the scope for it."""
    return f"written by {whoami()}"


class FurtherScope:
    """Answer a call of `write_note` with 403 if the token has not got the scope for it (RFC 6750 §3.1; MCP,
    authorization, scope challenge handling). Everything else, bad tokens too, is left to the server behind."""

    def __init__(self, app: ASGIApp, tokens: TokenVerifier, metadata: str) -> None:
        self._app, self._tokens, self._metadata = app, tokens, metadata

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        request = Request(scope, receive)
        body = await request.body()
        if is_a_call_of("write_note", body):
            token = await self._tokens.verify_token(request.headers.get("authorization", "")[len("Bearer ") :])
            if token is not None and WRITE not in token.scopes:
                return await self._refusal()(scope, receive, send)
        return await self._app(scope, _once_more(body, receive), send)

    def _refusal(self) -> JSONResponse:
        challenge = f'Bearer error="insufficient_scope", scope="{WRITE}", resource_metadata="{self._metadata}"'
        return JSONResponse({"error": "insufficient_scope"}, 403, {"WWW-Authenticate": challenge})


def is_a_call_of(tool: str, body: bytes) -> bool:
    try:
        message = json.loads(body)
    except ValueError:
        return False
    if not isinstance(message, dict) or not isinstance(message.get("params"), dict):
        return False
    return bool(message.get("method") == "tools/call" and message["params"].get("name") == tool)


def _once_more(body: bytes, receive: Receive) -> Receive:
    """Give a body that has been read to whoever reads next, and then what really comes."""
    left = [body]

    async def replayed() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replayed


def app_of(url: str, issuer: str, tokens: TokenVerifier) -> ASGIApp:
    """Build the server whose own name is `url`, for tokens of `issuer`."""
    # From plain texts: a URL object would write the issuer with a slash more, and issuers are compared as strings.
    settings = {"issuer_url": issuer, "resource_server_url": url, "required_scopes": [READ]}
    auth = AuthSettings.model_validate({**settings, "validate_token_resource": True})
    server = MCPServer(NAME, token_verifier=tokens, auth=auth, log_level="ERROR")
    server.tool()(whoami)
    server.tool()(write_note)
    parts = urlsplit(url)
    app = server.streamable_http_app(streamable_http_path=parts.path, json_response=True, stateless_http=True)
    metadata = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}"
    return FurtherScope(app, tokens, metadata)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.peers.notes", description=NAME)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--issuer", required=True)
    parser.add_argument("--introspection", default="")
    parser.add_argument("--client", default="")
    parser.add_argument("--probe", default="")
    asked = parser.parse_args(arguments)
    tokens = Worth(asked.introspection, asked.client, os.environ.get("PEER_SECRET", ""), asked.probe)
    return serve(app_of(f"http://127.0.0.1:{asked.port}/mcp", asked.issuer, tokens), asked.port, NAME)


if __name__ == "__main__":
    raise SystemExit(main())
