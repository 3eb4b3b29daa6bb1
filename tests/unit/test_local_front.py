"""The pure parts of the local HTTP API: routes, events, responses, and who may call."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from local.api import Api, Cors, JwtRules
from local.execution import Answer
from local.functions import Function
from local.gateway import Authorizers, Gateway
from local.iam_authorizer import IamAuthorizer
from local.payload import Request, Response, build_event, read_result
from local.plan import ROOT
from local.routes import Match, find_route
from local.runtime import Throttled
from local.sources import Route

NOW = 1_700_000_000.0
RULES = JwtRules("https://issuer.example", ("api",))


def function(*routes: Route) -> Function:
    return Function("Doer", "doer", "app.handler", ROOT, (), 3, 128, "live", "Text", {}, routes, (), ())


def found(method: str, path: str, *routes: Route) -> tuple[str, dict[str, str]] | None:
    match = find_route(method, path, [function(*routes)])
    return None if match is None else (match.route.key, dict(match.parameters))


def event_of(request: Request, identity: dict[str, Any] | None = None) -> dict[str, Any]:
    return build_event(request, Match(Route("GET", "/x", None), "Doer", {}), identity, "id", NOW)


# -- Routes ------------------------------------------------------------------------------------------------------------


def test_the_more_literal_route_wins_over_a_parameter_and_a_greedy_one() -> None:
    routes = (Route("GET", "/a/{x}", None), Route("GET", "/a/b", None), Route("GET", "/{rest+}", None))
    assert found("GET", "/a/b", *routes) == ("GET /a/b", {})
    assert found("GET", "/a/c", *routes) == ("GET /a/{x}", {"x": "c"})
    assert found("GET", "/a/b/c", *routes) == ("GET /{rest+}", {"rest": "a/b/c"})


def test_the_method_itself_wins_over_any_and_another_method_finds_nothing() -> None:
    routes = (Route("ANY", "/a", None), Route("POST", "/a", None))
    assert found("POST", "/a", *routes) == ("POST /a", {})
    assert found("PUT", "/a", *routes) == ("ANY /a", {})
    assert found("PUT", "/a", routes[1]) is None


@pytest.mark.parametrize("path", ["/a", "/a/", "/a/b/", "/a/b/c", "/A/b", "a/b", ""])
def test_a_path_of_another_shape_finds_nothing(path: str) -> None:
    assert found("GET", path, Route("GET", "/a/{x}", None)) is None
    assert found("GET", "/a/b", Route("GET", "/a/{x}", None)) is not None


# -- Events ------------------------------------------------------------------------------------------------------------


def test_what_the_request_lacks_the_event_lacks() -> None:
    event = event_of(Request("GET", "/x", (("Host", "127.0.0.1:8400"),)))
    assert not {"body", "cookies", "queryStringParameters", "pathParameters"} & set(event)
    assert event["isBase64Encoded"] is False
    assert event["rawQueryString"] == ""
    assert event["version"] == "2.0"


def test_headers_are_lower_case_and_joined_and_cookies_are_apart() -> None:
    headers = (("X-A", "1"), ("x-a", "2"), ("Cookie", "a=1; b=2"), ("Host", "127.0.0.1:8400"))
    event = event_of(Request("GET", "/x", headers))
    assert event["headers"]["x-a"] == "1,2"
    assert "cookie" not in event["headers"]
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["requestContext"]["domainName"] == "127.0.0.1"
    assert event["requestContext"]["time"] == "14/Nov/2023:22:13:20 +0000"
    assert event["requestContext"]["timeEpoch"] == 1_700_000_000_000


@pytest.mark.parametrize(
    ("kind", "body", "encoded"),
    [
        ("application/json", b'{"a":1}', False),
        ("text/plain; charset=utf-8", b"x", False),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("", b"x", True),
        ("application/json", b"\xff", True),
    ],
)
def test_bodies_that_are_not_plainly_text_are_base64(kind: str, body: bytes, encoded: bool) -> None:
    event = event_of(Request("POST", "/x", (("Content-Type", kind),), body))
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


# -- Responses ---------------------------------------------------------------------------------------------------------


def test_a_result_without_a_status_is_the_body_of_a_200() -> None:
    response = read_result(b'{"a": 1}')
    assert (response.status, json.loads(response.body)) == (200, {"a": 1})
    assert dict(response.headers)["content-type"] == "application/json"


def test_cookies_are_headers_of_their_own_and_lengths_are_ours() -> None:
    response = read_result(
        b'{"statusCode":201,"headers":{"X":"1","Content-Length":"9"},"cookies":["a=1","b=2"],"body":"t"}'
    )
    headers = (("x", "1"), ("content-type", "text/plain;charset=UTF-8"), ("set-cookie", "a=1"), ("set-cookie", "b=2"))
    assert response == Response(201, headers, b"t")


@pytest.mark.parametrize(
    "result",
    [
        b"no json",
        b'{"statusCode":"x"}',
        b'{"statusCode":999}',
        b'{"statusCode":200,"body":"!","isBase64Encoded":true}',
        b'{"statusCode":200,"headers":{"X":"a\\r\\nSet-Cookie: b"}}',
        b'{"statusCode":200,"headers":[1]}',
    ],
)
def test_a_result_that_is_no_response_is_a_500(result: bytes) -> None:
    assert (read_result(result).status, read_result(result).body) == (500, b'{"message": "Internal Server Error"}')


# -- The gateway -------------------------------------------------------------------------------------------------------


def gateway(invoke: Callable[[], Answer], cors: Cors | None = None, cut: float = 30.0) -> Gateway:
    authorizers = Authorizers({}, IamAuthorizer([], lambda: NOW))
    doer = function(Route("GET", "/x", None))
    return Gateway([doer], Api(cors=cors), authorizers, lambda _, __: invoke(), lambda: NOW, cut)


def no_environment() -> Answer:
    raise Throttled


def test_errors_of_the_function_are_500_and_having_no_environment_is_503() -> None:
    request = Request("GET", "/x", ())
    assert gateway(lambda: Answer(b"{}", failed=True)).handle(request).status == 500
    assert gateway(no_environment).handle(request).status == 503
    assert gateway(lambda: Answer(b"{}")).handle(request).status == 200


def test_a_function_that_takes_too_long_is_cut() -> None:
    released = threading.Event()

    def invoke() -> Answer:
        released.wait()
        return Answer(b"{}")

    response = gateway(invoke, cut=0.01).handle(Request("GET", "/x", ()))
    released.set()
    assert (response.status, response.body) == (503, b'{"message": "Service Unavailable"}')


def test_with_cors_configured_the_functions_own_cors_headers_are_dropped() -> None:
    said = Answer(b'{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*"}}')
    request = Request("GET", "/x", (("Origin", "http://other"),))
    with_cors = dict(gateway(lambda: said, Cors(("http://web",))).handle(request).headers)
    without = dict(gateway(lambda: said).handle(request).headers)
    assert ("access-control-allow-origin" in with_cors, "access-control-allow-origin" in without) == (False, True)
