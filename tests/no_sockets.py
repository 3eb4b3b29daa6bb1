"""Refuse network connections in unit tests."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LEAVING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_refusing = False


class SocketsAreOff(AssertionError):
    """A unit test tried to talk to the network. Not an OSError: code under test must not take it for a fault."""


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _refusing and event in _LEAVING and not _is_local(arguments[0]):
        raise SocketsAreOff(f"{event} in a unit test: use a fake, or move the test to tests/contract")


def _is_local(connection: object) -> bool:
    return isinstance(connection, socket.socket) and connection.family == socket.AF_UNIX


# The interpreter itself asks before each connection, in every thread. A hook can never be taken out, only told to rest.
sys.addaudithook(_watch)


@contextmanager
def sockets_refused(refused: bool = True) -> Iterator[None]:
    """Refuse (or, for a control, allow) connections to anything but a socket of this machine's file system."""
    global _refusing
    before, _refusing = _refusing, refused
    try:
        yield
    finally:
        _refusing = before
