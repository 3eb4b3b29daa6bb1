"""The HTTP listener in front of the gateway. It keeps no access log: a query may hold a code."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from local.gateway import MOST_BODY, MOST_HEAD
from local.payload import Request, Response, refusal

Handle = Callable[[Request], Response]
WITHOUT_BODY = (204, 304)  # a length of theirs would be read as that of the whole answer (RFC 9110 section 8.6)


class Front(ThreadingHTTPServer):
    """Listen on 127.0.0.1 and hand every request to the gateway."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port: int, handle: Handle) -> None:
        self.handle_one = handle
        super().__init__(("127.0.0.1", port), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="front").start()

    def server_bind(self) -> None:
        """Bind without the look-up of our own name that http.server makes."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet if it is the caller who has gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write per answer: head and body apart would wait for each other's acknowledgement
    timeout = 60  # of a connection on which nothing comes
    server: Front

    def do_GET(self) -> None:
        self._write(self._answer())

    do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = do_GET  # noqa: N815 - the names that it calls

    def _answer(self) -> Response:
        if len(self.requestline) + sum(len(name) + len(value) for name, value in self.headers.items()) > MOST_HEAD:
            return self._without_body(431)
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers:
            return self._without_body(411)
        if not (length.isascii() and length.isdigit()):
            return self._without_body(400)
        if int(length) > MOST_BODY:
            self._discard(int(length))
            return self._without_body(413)
        body = self.rfile.read(int(length))
        return self.server.handle_one(Request(self.command, self.path, tuple(self.headers.items()), body))

    def _without_body(self, status: int) -> Response:
        self.close_connection = True
        return refusal(status)

    def _discard(self, length: int) -> None:
        """Read a body that is too long, within reason: a sender that is cut off while sending sees no answer."""
        left = min(length, 3 * MOST_BODY)
        while left > 0 and (chunk := self.rfile.read(min(left, 65536))):
            left -= len(chunk)

    def _write(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("date", self.date_time_string())
        if response.status not in WITHOUT_BODY:
            self.send_header("content-length", str(len(response.body)))
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command != "HEAD" and response.status not in WITHOUT_BODY:
            self.wfile.write(response.body)

    def send_error(self, code: int, *_: object, **__: object) -> None:
        """Answer what http.server itself refuses in API Gateway's shape. Nothing of the request is repeated."""
        self.close_connection = True
        self.command = self.command or "GET"
        self._write(refusal(code if 400 <= code < 500 else 404))

    def log_message(self, *_: object) -> None:
        """Keep no log."""
