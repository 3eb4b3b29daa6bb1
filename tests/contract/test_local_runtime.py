"""Lambda on one machine: the same contract for AWS's own runtime client and for the loop of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from local.execution import Machine, has_aws_runtime_client
from local.functions import Function, functions_of, local_values
from local.processes import Processes
from local.runtime import Runtime, Throttled
from local.template import load_template
from tests.contract.toy_stack import free_ports, until, write_application

AWS = "http://127.0.0.1:9"
Start: TypeAlias = Callable[[Function, int], Runtime]


def echo(folder: Path) -> Function:
    template = load_template(write_application(folder), {"Issuer": AWS})
    functions = functions_of(template, local_values(template, AWS, {"Key": "arn:aws:kms:us-east-1:123456789012:key/k"}))
    return next(function for function in functions if function.logical_id == "Echo")


@pytest.fixture(params=["awslambdaric", "own loop"])
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Start a runtime with one function and a cap."""
    aws_client = request.param == "awslambdaric"
    if aws_client and not has_aws_runtime_client():
        pytest.skip("AWS's runtime client has no wheel for this machine")
    processes, runtimes = Processes(), []

    def begin(function: Function, cap: int) -> Runtime:
        machine = Machine(processes, AWS, tmp_path, free_ports(25000).runtime, {}, cap, aws_client)
        runtimes.append(Runtime([function], machine))
        return runtimes[-1]

    yield begin
    for runtime in runtimes:
        runtime.close()
    processes.close()


def event(name: str) -> bytes:
    return json.dumps({"pathParameters": {"name": name}}).encode()


def said(runtime: Runtime, name: str) -> dict[str, Any]:
    return dict(json.loads(runtime.invoke("Echo", event(name)).payload))


def test_an_environment_is_used_again(start: Start, tmp_path: Path) -> None:
    runtime = start(echo(tmp_path), 1)
    assert said(runtime, "x")["pid"] == said(runtime, "x")["pid"]
    assert said(runtime, "x")["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:strongroom-Echo:live"


def test_an_exception_is_the_functions_error_and_leaves_the_environment_alone(start: Start, tmp_path: Path) -> None:
    runtime = start(echo(tmp_path), 1)
    before = said(runtime, "x")["pid"]
    assert runtime.invoke("Echo", event("raise")).failed
    assert said(runtime, "raise")["errorType"] == "ValueError"
    assert said(runtime, "x")["pid"] == before


def test_a_process_that_ends_is_an_error_and_replaced(start: Start, tmp_path: Path) -> None:
    runtime = start(echo(tmp_path), 1)
    before = said(runtime, "x")["pid"]
    answer = said(runtime, "die")
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("exit status 7")
    assert said(runtime, "x")["pid"] != before


def test_the_timeout_kills_and_is_answered_as_lambda_does(start: Start, tmp_path: Path) -> None:
    runtime = start(echo(tmp_path), 1)
    before = said(runtime, "x")["pid"]
    answer = said(runtime, "sleep")
    assert answer["errorType"] == "Sandbox.Timedout"
    assert answer["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert said(runtime, "x")["pid"] != before


def test_a_module_that_cannot_be_loaded_is_an_error_each_time(start: Start, tmp_path: Path) -> None:
    runtime = start(replace(echo(tmp_path), handler="nowhere.lambda_handler"), 1)
    for _ in range(2):
        assert "nowhere" in said(runtime, "x")["errorMessage"]


def test_environments_grow_to_the_cap_and_then_callers_are_throttled(start: Start, tmp_path: Path) -> None:
    runtime = start(replace(echo(tmp_path), timeout=60), 2)
    with ThreadPoolExecutor(2) as threads:
        asleep = [threads.submit(runtime.invoke, "Echo", event("sleep")) for _ in range(2)]
        until(lambda: len(runtime.processes()) == 2)
        with pytest.raises(Throttled):
            runtime.invoke("Echo", event("x"), patience=0.1)
        runtime.close()
        assert all(one.result().failed for one in asleep)
