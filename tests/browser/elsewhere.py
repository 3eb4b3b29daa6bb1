"""A site that is not ours: pages of an attacker, or of nobody, on another origin and another site than 127.0.0.1."""

from __future__ import annotations

from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler

from tests.browser.serving import Serving


class Elsewhere(Serving):
    """Serves the pages that it is given, by path, at `origin`."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, Mapping[str, str]]] = {}
        super().__init__(self._handler())
        self.origin = f"http://localhost:{self.port}"

    def put(self, path: str, html: str, **headers: str) -> str:
        """Put a page there, and give its address. In names of headers `_` stands for `-`."""
        self.pages[path] = (html, {name.replace("_", "-"): value for name, value in headers.items()})
        return f"{self.origin}{path}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                html, headers = pages.get(self.path.partition("?")[0], ("", {}))
                self.send_response(200 if html else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(html.encode())

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler
