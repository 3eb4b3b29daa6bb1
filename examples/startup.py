"""What the example gateway needs to start, with a sentence for whatever is missing, and to stop."""

from __future__ import annotations

import signal
import socket
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import botocore.session
import uvicorn
from botocore.exceptions import BotoCoreError

from strongroom_satellite import Misconfigured
from strongroom_satellite.stdio import StdioServer

LOOPBACK = "127.0.0.1"


def started_servers(path: Path | None) -> dict[str, StdioServer]:
    """Read which servers this gateway starts itself, by the name of their installation."""
    try:
        sections = tomllib.loads(path.read_text("utf-8")).get("stdio", {}) if path else {}
        return {name: StdioServer(**section) for name, section in sections.items()}
    except (OSError, TypeError, ValueError, AttributeError) as problem:
        raise Misconfigured(f"{path} does not say what to start: {problem}") from problem


def listening_at(port: int) -> socket.socket:
    """Take the port, on this machine alone."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except (OSError, OverflowError) as problem:
        listener.close()
        raise Misconfigured(f"port {port} is taken or not allowed: choose another one with --port") from problem
    return listener


def check_credentials() -> None:
    """Fail at the start, and not when the first person asks for something."""
    try:
        found = botocore.session.Session().get_credentials()
    except BotoCoreError as problem:
        raise Misconfigured(f"the AWS credentials cannot be read: {type(problem).__name__}") from problem
    if found is None:
        raise Misconfigured("there are no AWS credentials: set a profile, or run where a role is given")


class HttpServer(uvicorn.Server):
    """Ends when it is told to, and leaves the rest to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal. The original raises it once more, which would end us before the children have ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield
