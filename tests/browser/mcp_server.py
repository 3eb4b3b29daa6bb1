"""An MCP server of another kind than Team Files: what it answers without a token, and says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.browser.serving import Serving

SERVER_METADATA = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA = "/.well-known/oauth-protected-resource/mcp"


class Server(Serving):
    """Answers each question with `status`, at `mcp` and elsewhere; `documents` are at its origin, by path."""

    def __init__(self, status: int = 200) -> None:
        super().__init__(self._handler())
        self.status = status
        self.documents: dict[str, Mapping[str, Any]] = {}
        self.origin = f"http://127.0.0.1:{self.port}"
        self.mcp = f"{self.origin}/mcp"

    def describe(self, **members: Any) -> None:
        """Let it be its own provider, whose metadata has these members; a member that is None is left out."""
        ends = {f"{end}_endpoint": f"{self.origin}/{end}" for end in ("authorization", "token", "registration")}
        usual = {"issuer": self.origin, "response_types_supported": ["code"]}
        metadata = {**usual, **ends, "code_challenge_methods_supported": ["S256"], **members}
        self.documents[SERVER_METADATA] = {name: value for name, value in metadata.items() if value is not None}
        self.documents[RESOURCE_METADATA] = {"resource": self.mcp, "authorization_servers": [self.origin]}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        here = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self._tell(here.status, {"jsonrpc": "2.0", "id": 1, "result": {}})

            def do_GET(self) -> None:
                document = here.documents.get(self.path)
                self._tell(200 if document else 404, document or {})

            def _tell(self, status: int, body: Mapping[str, Any]) -> None:
                told = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(told)))
                self.end_headers()
                self.wfile.write(told)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
