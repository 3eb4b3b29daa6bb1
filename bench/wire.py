"""DynamoDB's side of the wire without a socket: bytes in, bytes out, as botocore sends and reads them."""

from __future__ import annotations

import base64
import io
import json
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

Body = Mapping[str, Any]
Answerer = Callable[[str, Body], Body]


class Wire:
    """Answer every request of a client. What was answered once is recorded: the same bytes get the same bytes again.

    `answer` gets the operation's name and the request's body. A recorded answer takes one look into a dictionary, so that
    next to nothing of what is measured is spent here. `replay` False: nothing is recorded.
    """

    def __init__(self, client: Any, answer: Answerer, *, replay: bool = False) -> None:
        self.requests = 0
        self._second, self._date = 0, ""
        self._answer, self._replay = answer, replay
        self._recorded: dict[bytes, tuple[HTTPHeaders, bytes]] = {}
        client.meta.events.register("before-send", self._send)

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        self.requests += 1
        asked = cast(bytes, request.body)
        known = self._recorded.get(asked)
        headers, body = known or self._first_time(request, asked)
        self._set_date(headers)
        return AWSResponse(request.url, 200, headers, _Raw(body))

    def _set_date(self, headers: HTTPHeaders) -> None:
        """Tell the time, as the table's own answers do: our clock goes by it."""
        second = int(time.time())
        if second != self._second:
            self._second, self._date = second, formatdate(second, usegmt=True)
        if headers["Date"] != self._date:
            headers.replace_header("Date", self._date)

    def _first_time(self, request: AWSPreparedRequest, asked: bytes) -> tuple[HTTPHeaders, bytes]:
        target = request.headers["X-Amz-Target"]
        name = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        body = json.dumps(self._answer(name, json.loads(asked)), default=_base64, separators=(",", ":")).encode()
        answered = _headers(body), body
        if self._replay:
            self._recorded[asked] = answered
        return answered


def _headers(body: bytes) -> HTTPHeaders:
    """The headers that DynamoDB sends: the SDK reads each of them."""
    headers = HTTPHeaders()
    headers["Server"] = "Server"
    headers["Date"] = ""
    headers["Content-Type"] = "application/x-amz-json-1.0"
    headers["Content-Length"] = str(len(body))
    headers["Connection"] = "keep-alive"
    headers["x-amzn-RequestId"] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEF"
    headers["x-amz-crc32"] = str(zlib.crc32(body))
    return headers


def _base64(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"the wire carries no {type(value).__name__}")
    return base64.b64encode(value).decode()


class _Raw(io.BytesIO):
    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.read()
