"""The sample events: one for each handler, of the shape that AWS sends."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest

from strongroom.aws.queue import messages
from tests.fakes.clock import FakeJournal
from tests.template import ROOT, functions, named, routes, schedules, sources, template

LIVE = SimpleNamespace(invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:any:live")
FOLDER = ROOT / "events"
FILES = {name: f"{name.removesuffix('Function').lower()}.json" for name in functions(template())}


def event(function: str) -> Any:
    return json.loads((FOLDER / FILES[function]).read_text())


BY_HTTP = [name for name in FILES if "requestContext" in event(name)]
BY_QUEUE = [name for name in FILES if "Records" in event(name)]


def test_every_handler_has_one_event() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(FILES.values())
    assert set(BY_HTTP) | set(BY_QUEUE) | {"SweepFunction"} == set(FILES)


@pytest.mark.parametrize("function", BY_HTTP)
def test_a_request_is_for_a_route_of_its_function_and_passed_its_authorizer(function: str) -> None:
    given = event(function)
    (route,) = [it for it in routes(template()) if it.key == given["routeKey"]]
    expected = {"SignIn": {"jwt"}, "AWS_IAM": {"iam"}, "NONE": set()}[route.auth["Authorizer"]]

    assert route.function == function
    assert set(given["requestContext"].get("authorizer", {})) == expected
    assert given["requestContext"]["routeKey"] == given["routeKey"]
    assert given["version"] == "2.0"


@pytest.mark.parametrize("function", BY_HTTP)
def test_the_path_of_a_request_is_its_route_with_the_parameters_put_in(function: str) -> None:
    given = event(function)
    path = given["routeKey"].partition(" ")[2]

    assert re.sub(r"\{(\w+)\}", lambda match: given["pathParameters"][match[1]], path) == given["rawPath"]
    assert given["rawPath"] == given["requestContext"]["http"]["path"]
    assert "body" not in given or json.loads(given["body"])


@pytest.mark.parametrize("function", BY_QUEUE)
def test_messages_come_from_a_queue_that_the_function_consumes(function: str) -> None:
    consumed = {named(source["Queue"]).removesuffix(".Arn") for name, source in sources(template()) if name == function}

    for record in event(function)["Records"]:
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"].rpartition("-")[2] in consumed
        assert json.loads(record["body"])["form"] == 1


@pytest.mark.parametrize("function", BY_QUEUE)
def test_the_messages_are_of_the_form_that_is_read(function: str) -> None:
    (message,) = messages(event(function), LIVE, FakeJournal())

    assert message.json()["form"] == 1


def test_the_tick_is_what_the_schedule_sends() -> None:
    ((_, schedule),) = schedules(template())

    assert event("SweepFunction") == json.loads(schedule["Input"])
