"""AWS's side of the wire, played by a script, for what no stand-in for AWS shows: the request itself, and faults."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.session import Session

from strongroom.adapters import clients


@dataclass(frozen=True, slots=True)
class Reply:
    """One scripted answer."""

    status: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """One request: the operation's name and the parameters in its body."""

    operation: str
    body: Mapping[str, Any]


def error(code: str, status: int = 400, **fields: Any) -> Reply:
    """Answer as an AWS service of JSON protocol does when it refuses."""
    return Reply(status, {"__type": f"com.amazonaws#{code}", "message": "a text of AWS", **fields})


def done(**fields: Any) -> Reply:
    return Reply(200, fields)


def response(url: str, reply: Reply) -> AWSResponse:
    """Make the bytes that botocore reads of a reply."""
    return AWSResponse(url, reply.status, HTTPHeaders(), _Raw(json.dumps(reply.body).encode()))


class ScriptedWire:
    """Answer each request of a client with the next line of the script, an exception being a broken connection."""

    def __init__(self, client: Any, *script: Reply | Exception) -> None:
        self.sent: list[Sent] = []
        self._script = list(reversed(script))
        client.meta.events.register("before-send", self._answer)

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        target = request.headers["X-Amz-Target"]
        name = (target if isinstance(target, str) else target.decode()).rpartition(".")[2]
        self.sent.append(Sent(name, json.loads(cast(bytes, request.body))))
        line = self._script.pop()
        if isinstance(line, Exception):
            raise line
        return response(request.url, line)


class _Raw(io.BytesIO):
    def stream(self, amount: int = 1024, decode_content: bool | None = None) -> Iterator[bytes]:
        while chunk := self.read(amount):
            yield chunk


@cache
def fake_session() -> Session:
    """Give the tests' session, with fixed fake keys. One for all: reading AWS's models takes most of a client's time."""
    session = clients.open_session()
    session.set_config_variable("region", "us-east-1")
    session.set_credentials("AKIDFAKE", "fake")
    return session
