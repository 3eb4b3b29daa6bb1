"""MCP servers that nobody gets connected to."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Literal, Self, TypeAlias

from tests.browser.serving import Serving

Kind: TypeAlias = Literal["nobody there", "provider fails", "no registration"]
METADATA = "/.well-known/oauth-protected-resource"


class DeadEnd(Serving):
    """Nobody listens there; or the provider that it names answers everything with 500; or it names none, and there is
    nobody to register at."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        super().__init__(self._handler())
        self.origin = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.origin}/mcp"

    def __enter__(self) -> Self:
        if self.kind != "nobody there":
            return super().__enter__()
        self._server.server_close()
        return self

    def __exit__(self, *why: object) -> None:
        if self.kind != "nobody there":
            super().__exit__(*why)

    @property
    def challenge(self) -> str:
        return f'Bearer resource_metadata="{self.origin}{METADATA}/mcp"' if self.kind == "provider fails" else "Bearer"

    def told(self, path: str) -> tuple[int, dict[str, object]]:
        """Status and document of what is answered there."""
        if path == "/mcp":
            return 401, {}
        if self.kind == "no registration":
            return 404, {}
        if path.startswith(METADATA):
            return 200, {"resource": self.url, "authorization_servers": [f"{self.origin}/provider"]}
        return 500, {}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        here = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, document = here.told(self.path)
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                if status == 401:
                    self.send_header("WWW-Authenticate", here.challenge)
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
