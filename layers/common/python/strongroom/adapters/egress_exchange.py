"""One request and its answer over a connection that is already open.

HTTP/1.1 by httpcore2, the engine of httpx2, over a stream of our own. The client above it is left out on purpose: it
would parse the URL a second time, keep cookies, read proxies from the environment, decode bodies, and log the URL.
This module is imported when the first request is sent.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator
from typing import cast

import httpcore2

from strongroom.adapters.egress_connection import Deadline
from strongroom.domain.destinations import Destination
from strongroom.domain.http import KIBIBYTE, Answer, NoAnswer, NotSent, Outgoing, Reply

HEAD_LIMIT = 32 * KIBIBYTE
FRAMING = 4  # the most bytes on the wire for one byte of body: chunks may be small, but not all of them tiny
MOST_PIECES = 16 * KIBIBYTE  # each costs the same work, however small: a megabyte of tiny chunks is seconds of CPU

# At debug level httpcore2 writes requests and the provider's headers to its log; its level is not the operator's.
logging.getLogger("httpcore2").setLevel(logging.CRITICAL)


class Unacceptable(Exception):
    """The answer is not one that we take. `reason` is a code of ours."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Wire(httpcore2.NetworkStream):
    """A socket under a total deadline and a budget of bytes.

    A timeout of a socket is for one read, and a server that sends a byte now and then never meets it. So what remains
    of the time is set anew before each read and write (httpcore2's own timeouts are ignored), and what remains of the
    bytes bounds each read.
    """

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._room = HEAD_LIMIT
        self.begun = False

    def admit(self, size: int) -> None:
        """Let so many more bytes in."""
        self._room += size

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        if not self._room:
            raise Unacceptable("too_large")
        self._connection.settimeout(self._deadline.left())
        data = self._connection.recv(min(max_bytes, self._room))
        self._room -= len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        view = memoryview(buffer)
        while view:
            self._connection.settimeout(self._deadline.left())
            # Set before the attempt: a write that fails may still have let a part of the request out.
            self.begun = True
            view = view[self._put(view) :]

    def close(self) -> None:
        self._connection.close()

    def _put(self, view: memoryview) -> int:
        try:
            return self._connection.send(view)
        except OSError:
            # httpcore2 then looks for an answer that the server gave before it stopped listening, if time remains.
            raise httpcore2.WriteError from None


def exchange(connection: socket.socket, destination: Destination, request: Outgoing, deadline: Deadline) -> Answer:
    """Send the request, read the whole answer within the deadline and the limits, and say exactly what came of it.

    Nothing that the peer said is in a reason, and no exception of the client gets out.
    """
    wire = Wire(connection, deadline)
    try:
        return _exchange(wire, destination, request)
    except Unacceptable as refusal:
        reason = refusal.reason
    except TimeoutError:
        reason = "timed_out"
    except (OSError, httpcore2.NetworkError):
        reason = "broken_off"
    except (httpcore2.ProtocolError, ValueError):
        reason = "malformed"
    return NoAnswer(reason) if wire.begun else NotSent(reason)


def _exchange(wire: Wire, destination: Destination, request: Outgoing) -> Reply:
    url = httpcore2.URL(
        scheme=destination.scheme, host=destination.host, port=destination.port, target=destination.target
    )
    body = request.body.reveal().encode() if request.body else b""
    headers = list(_headers(destination, request, len(body)))
    call = httpcore2.Request(request.method, url, headers=headers, content=body)
    with httpcore2.HTTP11Connection(url.origin, wire) as line:
        return _reply(line.handle_request(call), wire, request.limit)


def _headers(destination: Destination, request: Outgoing, length: int) -> Iterator[tuple[str, str]]:
    own = {"user-agent": "Strongroom"} | {name.lower(): value.reveal() for name, value in request.headers.items()}
    yield "host", destination.authority
    yield "accept-encoding", "identity"
    yield "connection", "close"
    if request.method == "POST":
        yield "content-length", str(length)
    yield from own.items()


def _reply(response: httpcore2.Response, wire: Wire, limit: int) -> Reply:
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in response.headers:
        key = name.decode("latin-1").lower()
        headers[key] = (*headers.get(key, ()), value.decode("latin-1"))
    if "content-encoding" in headers:
        raise Unacceptable("encoded")
    wire.admit(FRAMING * limit)
    return Reply(response.status, headers, _body(cast("Iterable[bytes]", response.stream), limit))


def _body(chunks: Iterable[bytes], limit: int) -> bytes:
    """Read the raw body. It is never decoded, so that what is counted is what arrives."""
    body = bytearray()
    for number, chunk in enumerate(chunks, 1):
        body += chunk
        if len(body) > limit or number > MOST_PIECES:
            raise Unacceptable("too_large")
    return bytes(body)
