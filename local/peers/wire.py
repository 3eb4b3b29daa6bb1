"""A wire in front of an authorization server: it hands on every request unchanged, and remembers what was posted.

So what Strongroom sent and what it was given can be compared without asking either side.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from local.errors import LocalError
from local.plan import LOOPBACK

PATIENCE = 30
_OF_ONE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One POST and its answer. Holds secrets: it is never printed. `came_at`, `answered_at`: seconds since the epoch."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int
    answer: bytes = field(repr=False)
    came_at: float = 0.0
    answered_at: float = 0.0

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace")))

    @property
    def sent(self) -> dict[str, Any]:
        return _object(self.body)

    @property
    def given(self) -> dict[str, Any]:
        return _object(self.answer)


def _object(text: bytes) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class Wire:
    """Listen on one port of loopback for the server on another, until it is closed.

    `ahead`: how many seconds a POST is on its way to the server. `distance`: how many an answer to one takes on its way
    back, when the server has done its work.
    """

    def __init__(self, port: int, server: int) -> None:
        self._exchanges: list[Exchange] = []
        self._behind = server
        self.distance = self.ahead = 0.0
        try:
            self._listener = _Listener((LOOPBACK, port), _handler(self))
        except OSError as error:
            raise LocalError(f"Port {port} on {LOOPBACK} is taken; choose others with --port.") from error
        self._thread = threading.Thread(target=self._listener.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()

    def posts(self, url: str) -> list[Exchange]:
        """What was posted to this address, the oldest first."""
        return [one for one in self._exchanges if one.path == urlsplit(url).path]

    def again(self, exchange: Exchange, **instead: str) -> Exchange:
        """Post the same form once more with some fields changed, as somebody could who had copied it.

        It is not remembered as Strongroom's.
        """
        form = _form({**exchange.form, **instead})
        status, _, answer = self.hand_on("POST", exchange.path, list(exchange.headers.items()), form)
        return Exchange(exchange.path, exchange.headers, form, status, answer)

    def remember(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)

    def hand_on(
        self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Ask the server behind, under the name that it was asked for."""
        connection = http.client.HTTPConnection(LOOPBACK, self._behind, timeout=PATIENCE)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in _lasting(headers):
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, _lasting(answer.getheaders()), answer.read()
        finally:
            connection.close()


def _form(fields: Mapping[str, str]) -> bytes:
    return urlencode(fields).encode()


def _lasting(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out what is said about one connection only (RFC 9110 §7.6.1), and the length, which is counted anew."""
    return [(name, value) for name, value in headers if name.lower() not in _OF_ONE_CONNECTION]


class _Listener(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet if it is the caller who has gone; what the server answered is remembered."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _hand_on(self) -> None:
            length, came_at = int(self.headers.get("content-length", 0)), time.time()
            body = self.rfile.read(length)
            if len(body) < length:
                return  # whoever asked is gone: nobody has seen a request
            threading.Event().wait(wire.ahead if self.command == "POST" else 0.0)
            try:
                status, headers, answer = wire.hand_on(self.command, self.path, self.headers.items(), body)
            except (OSError, http.client.HTTPException):
                status, headers, answer = 502, [], b""
            if self.command == "POST":
                path, sent = urlsplit(self.path).path, dict(self.headers.items())
                wire.remember(Exchange(path, sent, body, status, answer, came_at, time.time()))
                threading.Event().wait(wire.distance)
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_HEAD = do_OPTIONS = _hand_on  # noqa: N815 - the names that the library calls

        def log_message(self, format: str, *args: object) -> None:
            """Write nothing down: addresses hold codes."""

    return Handler
