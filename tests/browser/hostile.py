"""An MCP server that is its own provider, and puts markup and script into everything that it may say."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from tests.browser.serving import Serving

MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
SCOPE = "<img/src=x/onerror=alert(3)>"  # what RFC 6749 section 3.3 lets into a scope


class HostileServer(Serving):
    """Answers at `origin`: `/mcp` wants a token, and `/authorize` says at once that nothing was allowed."""

    def __init__(self) -> None:
        super().__init__(self._handler())
        self.origin = f"http://127.0.0.1:{self.port}"
        self.mcp = f"{self.origin}/mcp"

    @property
    def resource_metadata(self) -> str:
        return f"{self.origin}/about/{quote(MARKUP)}"

    def challenge(self) -> str:
        return f'Bearer resource_metadata="{self.resource_metadata}", scope="files {SCOPE}", error="{SCOPE}"'

    def documents(self) -> dict[str, dict[str, Any]]:
        """What it says of itself, by path."""
        names = dict.fromkeys(("resource_name", "client_name", "service_documentation", "op_tos_uri"), MARKUP)
        ends = {f"{end}_endpoint": f"{self.origin}/{end}" for end in ("registration", "token", "revocation")}
        return {
            urlsplit(self.resource_metadata).path: {
                "resource": self.mcp,
                "authorization_servers": [self.origin],
                "scopes_supported": ["files", SCOPE],
                **names,
                "resource_documentation": "javascript:alert(4)",
            },
            "/.well-known/oauth-authorization-server": {
                "issuer": self.origin,
                "authorization_endpoint": f"{self.origin}/authorize",
                **ends,
                **names,
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "scopes_supported": ["files", SCOPE],
                "op_policy_uri": "javascript:alert(5)",
            },
        }

    def refusal(self, query: str) -> str:
        """Send the browser back with a denial, in the words of an attacker."""
        given = {name: values[0] for name, values in parse_qs(query).items()}
        told = {"error": "access_denied", "error_description": MARKUP, "error_uri": "javascript:alert(6)"}
        return f"{given['redirect_uri']}?{urlencode({**told, 'state': given['state']})}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/authorize":
                    return self._say(303, {}, Location=server.refusal(parts.query))
                document = server.documents().get(parts.path)
                return self._say(404 if document is None else 200, document)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if urlsplit(self.path).path != "/registration":
                    return self._say(401, {"error": MARKUP}, WWW_Authenticate=server.challenge())
                client = {"client_id": MARKUP, "client_name": MARKUP, "token_endpoint_auth_method": "none"}
                return self._say(201, client)

            def _say(self, status: int, document: object, **headers: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(json.dumps(document).encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
