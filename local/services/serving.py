"""Run one service as a process: loopback only, one line when ready, a quiet end on SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import socket
import sys
from asyncio import BaseTransport, Transport
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

LOOPBACK = "127.0.0.1"


class DroppableConnection(H11Protocol):
    """Remember each connection by its peer, so that a fault can cut it without an answer."""

    open: ClassVar[dict[tuple[str, int], Transport]] = {}

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if self.client:
            self.open[self.client] = self.transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client:
            self.open.pop(self.client, None)
        super().connection_lost(exc)


def drop(peer: tuple[str, int]) -> None:
    """Cut the connection of this peer at once; what it asked stays unanswered."""
    transport = DroppableConnection.open.get(peer)
    if transport:
        transport.abort()


class _Process(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._ready, flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal and end with code 0; the original raises the signal again after the clean stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def serve(app: ASGIApp, port: int, name: str) -> int:
    """Serve until told to stop and return the exit code. No access log: its lines would hold codes and states."""
    try:
        listener = _listen(port)
    except OSError:
        print(f"{name}: port {port} is taken or not allowed; choose another with --port.", file=sys.stderr)
        return 1
    config = uvicorn.Config(
        app,
        http=DroppableConnection,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    _Process(config, f"{name} is ready at http://{LOOPBACK}:{port}").run(sockets=[listener])
    return 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError:
        listener.close()
        raise
    return listener
