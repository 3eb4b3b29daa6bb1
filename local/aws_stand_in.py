"""moto's server, with what DynamoDB promises and moto's threads do not: each request happens at once, or not at all.

moto changes an item in place, one attribute after the other, and looks at a condition before it writes: another thread
sees half of a change, or passes the same condition. Here requests to DynamoDB go one by one. SQS is left alone, since
a long poll would keep everybody else waiting.

Nor does moto know that a transaction sent again with the same ClientRequestToken is the same transaction: on a busy
machine, whoever did not wait for the first answer would meet what he wrote himself. Here he gets the first answer.
For what a transaction costs see aws_savepoints.py.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

from local import aws_savepoints

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class OneByOne:
    """Let requests to DynamoDB in one at a time, until their answer is complete."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._dynamodb = threading.Lock()
        self._done: dict[str, _Answer] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return self._application(environ, start_response)
        token = _token_of(environ)
        with self._dynamodb:
            answer = self._done.get(token) or self._answered(environ)
            if token and answer.status.startswith("200"):
                self._done[token] = answer
            _forget_copies()
        start_response(answer.status, answer.headers)
        return answer.body

    def _answered(self, environ: WSGIEnvironment) -> _Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Callable[[bytes], object]:
            started.append((status, headers))
            return _nothing_is_written_this_way

        body = self._application(environ, start)
        try:
            content = list(body)
        finally:
            if isinstance(body, ClosingIterator):
                body.close()
        return _Answer(*started[-1], content)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: str
    headers: list[tuple[str, str]]
    body: list[bytes]


def _forget_copies() -> None:
    """Let go of what moto remembers of every table and item that it ever made: it copies all of them for a transaction."""
    for kind in (Table, Item):
        kind.instances_tracked.clear()  # type: ignore[union-attr] # moto declares it None


def _token_of(environ: WSGIEnvironment) -> str:
    """The token of a transaction that writes, or nothing. The body is put back to be read again."""
    if not environ["HTTP_X_AMZ_TARGET"].endswith(".TransactWriteItems"):
        return ""
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return str(json.loads(content).get("ClientRequestToken", ""))


def _nothing_is_written_this_way(_: bytes) -> object:
    raise NotImplementedError


class _Quiet(MotoRequestHandler):
    """Write no line for each request."""

    def log_request(self, *_: Any) -> None:
        return


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="local.aws_stand_in")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args(arguments).port
    os.environ["MOTO_PORT"] = str(port)
    aws_savepoints.install()
    application = OneByOne(DomainDispatcherApplication(create_backend_app))
    make_server("127.0.0.1", port, application, threaded=True, request_handler=_Quiet).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
