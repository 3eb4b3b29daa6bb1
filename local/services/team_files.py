"""The MCP server "Team Files": built with the `mcp` SDK, works for nobody without a token of the provider.

Run it with `python -m local.services.team_files --port 8404 --provider http://127.0.0.1:8403`.
"""

from __future__ import annotations

import argparse
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import httpx2
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.types import ASGIApp

from local.services.provider import INTROSPECTION_SECRET
from local.services.serving import LOOPBACK, serve

NAME = "Team Files"
SCOPE = "files:read"
FILES = {
    "alice": ("plan.md", "budget.csv"),
    "bob": ("notes.txt",),
    "carol": ("sketch.svg",),
    "mallory": ("wishes.txt",),
}


class Introspection:
    """Ask the provider what a token is worth (RFC 7662); whatever goes wrong, the token is worth nothing."""

    def __init__(self, endpoint: str, secret: str) -> None:
        self._endpoint, self._headers = endpoint, {"Authorization": f"Bearer {secret}"}
        self._no_tls = ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        )  # making one that trusts anybody takes as long as the call

    async def verify_token(self, token: str) -> AccessToken | None:
        """Give the token's facts. That its audience is this server is checked by the SDK against `resource`."""
        try:
            async with httpx2.AsyncClient(trust_env=False, verify=self._no_tls, timeout=5) as client:
                answer = await client.post(self._endpoint, data={"token": token}, headers=self._headers)
            facts = answer.json() if answer.status_code == 200 else {}
        except (httpx2.HTTPError, ValueError):
            return None
        if facts.get("active") is not True:
            return None
        return AccessToken(
            token=token,
            client_id=facts["client_id"],
            scopes=facts["scope"].split(),
            expires_at=facts["exp"],
            resource=facts["aud"],
            subject=facts["sub"],
            claims={"iss": facts["iss"]},
        )


def whoami() -> str:
    """Answer the name of the account whose token was sent."""
    token = get_access_token()
    return (token and token.subject) or ""


def list_files() -> str:
    """List the files of the account whose token was sent, one on each line."""
    return "\n".join(FILES.get(whoami(), ()))


def app_of(url: str, provider: str, secret: str) -> ASGIApp:
    """Build the server whose own name is `url`, for tokens of `provider`."""
    server = MCPServer(
        NAME,
        token_verifier=Introspection(f"{provider}/introspect", secret),
        auth=_auth(url, provider),
        log_level="ERROR",
    )
    server.tool()(whoami)
    server.tool()(list_files)
    path = urlsplit(url).path
    return server.streamable_http_app(streamable_http_path=path, json_response=True, stateless_http=True)


def _auth(url: str, provider: str) -> AuthSettings:
    # From plain texts: a URL object would write the issuer with a slash more, and issuers are compared as strings.
    settings = {"issuer_url": provider, "resource_server_url": url, "required_scopes": [SCOPE]}
    return AuthSettings.model_validate({**settings, "validate_token_resource": True})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.services.team_files", description=NAME)
    parser.add_argument("--port", type=int, default=8404)
    parser.add_argument("--url", help="our own URL, the tokens' audience; default: http://127.0.0.1:PORT/mcp")
    parser.add_argument("--provider", default=f"http://{LOOPBACK}:8403", help="the issuer of the tokens")
    parser.add_argument("--introspection-secret", default=INTROSPECTION_SECRET)
    chosen = parser.parse_args(arguments)
    url = chosen.url or f"http://{LOOPBACK}:{chosen.port}/mcp"
    return serve(app_of(url, chosen.provider, chosen.introspection_secret), chosen.port, NAME)


if __name__ == "__main__":
    raise SystemExit(main())
