"""An MCP server of another kind than Team Files: what it answers without a token, and says of itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

SERVER_METADATA = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA = "/.well-known/oauth-protected-resource/mcp"


@dataclass
class Server:
    """Answers each question with `status`, at `mcp` and elsewhere; `documents` are at its origin, by path."""

    status: int = 200
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.mcp = f"{self.origin}/mcp"

    def describe(self, **members: Any) -> None:
        """Let it be its own provider, whose metadata has these members; a member that is None is left out."""
        ends = {f"{end}_endpoint": f"{self.origin}/{end}" for end in ("authorization", "token", "registration")}
        usual = {"issuer": self.origin, "response_types_supported": ["code"]}
        metadata = {**usual, **ends, "code_challenge_methods_supported": ["S256"], **members}
        self.documents[SERVER_METADATA] = {name: value for name, value in metadata.items() if value is not None}
        self.documents[RESOURCE_METADATA] = {"resource": self.mcp, "authorization_servers": [self.origin]}

    def __enter__(self) -> Server:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

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
