"""What the stand-in for DynamoDB promises beyond moto."""

import io
import json
from collections.abc import Iterable
from typing import Any

from local.aws_stand_in import OneByOne


class Counting:
    """An application that answers with how often it was asked, or refuses."""

    def __init__(self, status: str = "200 OK") -> None:
        self.status, self.asked = status, 0

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        assert json.loads(environ["wsgi.input"].read())
        self.asked += 1
        start_response(self.status, [("Content-Type", "application/json")])
        return [str(self.asked).encode()]


def send(application: OneByOne, operation: str, token: str) -> bytes:
    body = json.dumps({"ClientRequestToken": token}).encode()
    environ = {
        "HTTP_X_AMZ_TARGET": f"DynamoDB_20120810.{operation}",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    return b"".join(application(environ, lambda *_: lambda _: None))


def test_a_transaction_that_is_sent_again_gets_the_first_answer() -> None:
    application = OneByOne(Counting())
    answers = [send(application, "TransactWriteItems", token) for token in ("a", "a", "b", "a")]
    assert answers == [b"1", b"1", b"2", b"1"]


def test_a_transaction_that_failed_is_tried_again() -> None:
    application = OneByOne(Counting("400 Bad Request"))
    assert [send(application, "TransactWriteItems", "a") for _ in range(2)] == [b"1", b"2"]


def test_everything_else_is_done_each_time() -> None:
    application = OneByOne(Counting())
    assert [send(application, "PutItem", "a") for _ in range(2)] == [b"1", b"2"]
