"""moto's server, with what DynamoDB promises and moto's threads do not: each request happens at once, or not at all.

moto changes an item in place, one attribute after the other, and looks at a condition before it writes: another thread
sees half of a change, or passes the same condition. Here requests to DynamoDB go one by one. SQS is left alone, since
a long poll would keep everybody else waiting.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


class OneByOne:
    """Let requests to DynamoDB in one at a time, until their answer is complete."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._dynamodb = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return self._application(environ, start_response)
        with self._dynamodb:
            answer = self._application(environ, start_response)
            try:
                return list(answer)
            finally:
                if isinstance(answer, ClosingIterator):
                    answer.close()


class _Quiet(MotoRequestHandler):
    """Write no line for each request."""

    def log_request(self, *_: Any) -> None:
        return


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="local.aws_stand_in")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args(arguments).port
    os.environ["MOTO_PORT"] = str(port)
    application = OneByOne(DomainDispatcherApplication(create_backend_app))
    make_server("127.0.0.1", port, application, threaded=True, request_handler=_Quiet).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
