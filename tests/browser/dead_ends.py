"""MCP servers that nobody gets connected to."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["nobody there", "provider fails", "no registration"]
METADATA = "/.well-known/oauth-protected-resource"


class DeadEnd:
    """Nobody listens there; or the provider that it names answers everything with 500; or it names none, and there is
    nobody to register at."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answers, self))
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/mcp"

    def __enter__(self) -> DeadEnd:
        if self.kind == "nobody there":
            self._server.server_close()
        else:
            threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.kind != "nobody there":
            self._server.shutdown()
            self._server.server_close()

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


class _Answers(BaseHTTPRequestHandler):
    def __init__(self, dead_end: DeadEnd, *rest: object) -> None:
        self.dead_end = dead_end
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, document = self.dead_end.told(self.path)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", self.dead_end.challenge)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815, the library's name

    def log_message(self, format: str, *args: object) -> None:
        pass
