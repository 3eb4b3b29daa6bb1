"""A runtime client of our own, for machines that AWS's `awslambdaric` has no wheel for. Same protocol, less of it."""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_RUNTIME = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Context:
    """What a handler may ask about its invocation, by AWS's names."""

    aws_request_id: str
    invoked_function_arn: str
    deadline: int
    function_name: str = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    function_version: str = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    memory_limit_in_mb: str = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    log_group_name: str = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
    log_stream_name: str = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self.deadline - int(time.time() * 1000))


def _error(error: BaseException) -> bytes:
    lines = traceback.format_tb(error.__traceback__)
    text = {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": "", "stackTrace": lines}
    return json.dumps(text).encode()


def _load(handler: str) -> Callable[[Any, Context], Any]:
    module, _, name = handler.rpartition(".")
    loaded: Callable[[Any, Context], Any] = getattr(importlib.import_module(module.replace("/", ".")), name)
    return loaded


class Client:
    """The Runtime API as the runtime sees it."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(address)

    def next(self) -> tuple[bytes, Context]:
        self._connection.request("GET", f"{_RUNTIME}/invocation/next")
        response = self._connection.getresponse()
        context = Context(
            response.headers["Lambda-Runtime-Aws-Request-Id"],
            response.headers["Lambda-Runtime-Invoked-Function-Arn"],
            int(response.headers["Lambda-Runtime-Deadline-Ms"]),
        )
        return response.read(), context

    def post(self, path: str, body: bytes) -> None:
        self._connection.request("POST", f"{_RUNTIME}/{path}", body)
        self._connection.getresponse().read()


def main(handler: str) -> None:
    client = Client(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        function = _load(handler)
    except BaseException as error:
        traceback.print_exc()
        client.post("init/error", _error(error))
        sys.exit(1)
    while True:
        _handle(client, function)


def _handle(client: Client, function: Callable[[Any, Context], Any]) -> None:
    payload, context = client.next()
    try:
        result = json.dumps(function(json.loads(payload), context)).encode()
    except Exception as error:
        traceback.print_exc()
        client.post(f"invocation/{context.aws_request_id}/error", _error(error))
        return
    client.post(f"invocation/{context.aws_request_id}/response", result)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (ConnectionError, http.client.HTTPException, KeyboardInterrupt):
        sys.exit(0)
