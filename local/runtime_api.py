"""Lambda's Runtime API for one execution environment, on loopback.

`GET /2018-06-01/runtime/invocation/next` waits for work; `POST .../invocation/<id>/response`, `.../error` and
`/runtime/init/error` bring what came of it. One listener per environment: the protocol does not say who is asking.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import TypeAlias

from local.errors import LocalError

_PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event on its way into a handler. `deadline` in milliseconds since the epoch."""

    request_id: str
    payload: bytes
    arn: str
    deadline: int


@dataclass(frozen=True, slots=True)
class Responded:
    """The handler returned."""

    request_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised; the payload is the runtime's error document."""

    request_id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class InitFailed:
    """The module of the handler could not be loaded."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Exited:
    """The process ended; `status` is its exit status, negative for a signal."""

    status: int


Outcome: TypeAlias = Responded | Failed | InitFailed | Exited


class RuntimeApi(ThreadingHTTPServer):
    """The listener of one environment: work goes in by `offer`, what came of it out of `outcomes`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, ports: Iterable[int]) -> None:
        self.outcomes: queue.Queue[Outcome] = queue.Queue()
        self.asked = threading.Event()
        self._work: queue.Queue[Invocation | None] = queue.Queue()
        self._bind_first_free(ports)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True, name="runtime-api").start()

    def _bind_first_free(self, ports: Iterable[int]) -> None:
        for port in ports:
            try:
                super().__init__(("127.0.0.1", port), _Handler)
            except OSError:
                continue
            return
        raise LocalError("No port is free for another execution environment; choose another base with --port.")

    def server_bind(self) -> None:
        """Bind without the look-up of our own name that http.server makes."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def offer(self, invocation: Invocation) -> None:
        self._work.put(invocation)

    def next(self) -> Invocation | None:
        """Wait for work. None: the environment is being closed."""
        self.asked.set()
        return self._work.get()

    def close(self) -> None:
        self._work.put(None)
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one write per answer: head and body apart would wait for each other's acknowledgement
    server: RuntimeApi

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}invocation/next":
            return self._answer(404, b"{}")
        invocation = self.server.next()
        if invocation is None:
            self.close_connection = True
            return None
        return self._answer(200, invocation.payload, _headers(invocation))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        outcome = _outcome(self.path.removeprefix(_PREFIX), body)
        if outcome is None:
            return self._answer(404, b"{}")
        self._answer(202, b'{"status":"OK"}\n')
        self.server.outcomes.put(outcome)
        return None

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet: the function has a log of its own."""


def _headers(invocation: Invocation) -> dict[str, str]:
    return {
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(invocation.deadline),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
        "Lambda-Runtime-Trace-Id": "Root=1-00000000-000000000000000000000000;Sampled=0",
    }


def _outcome(path: str, body: bytes) -> Outcome | None:
    match path.split("/"):
        case ["init", "error"]:
            return InitFailed(body)
        case ["invocation", request_id, "response"]:
            return Responded(request_id, body)
        case ["invocation", request_id, "error"]:
            return Failed(request_id, body)
    return None
