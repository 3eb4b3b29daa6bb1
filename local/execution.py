"""One execution environment of Lambda: a process of the runtime client, with what Lambda would give it."""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.accounts import FAKE_KEYS, REGION
from local.functions import Function
from local.processes import Processes, bare_environment
from local.runtime_api import Exited, Failed, InitFailed, Invocation, Outcome, Responded, RuntimeApi

INIT_SECONDS = 30.0  # Lambda allows 10 seconds of a machine of its own; a laptop starts several at once
_LOOP = Path(__file__).with_name("lambda_loop.py")


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation came to. `failed` is Lambda's `X-Amz-Function-Error`: the payload then describes the error."""

    payload: bytes
    failed: bool = False


def has_aws_runtime_client() -> bool:
    """Whether AWS's own runtime client is here, with its compiled half. There are wheels for Linux on x86-64 only."""
    return (
        importlib.util.find_spec("awslambdaric") is not None and importlib.util.find_spec("runtime_client") is not None
    )


@dataclass(frozen=True, slots=True)
class Machine:
    """What all functions share: where AWS's stand-in is, where logs go, which ports are free for the Runtime API."""

    processes: Processes
    endpoint: str
    logs: Path
    ports: range
    environment: Mapping[str, str]
    cap: int = 4
    aws_client: bool = field(default_factory=has_aws_runtime_client)


def command(handler: str, aws_client: bool) -> list[str]:
    client = ["-m", "awslambdaric"] if aws_client else ["-P", str(_LOOP)]
    return [sys.executable, *client, handler]


def environment_of(function: Function, machine: Machine, address: str) -> dict[str, str]:
    """Exactly what Lambda would set, the endpoint of the stand-in, and fixed fake keys. Nothing of the user's."""
    paths = [str(function.folder), *map(str, function.layers)]
    return {
        **bare_environment(machine.logs),
        **FAKE_KEYS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": machine.endpoint,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "1",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_FORMAT": function.log_format,
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_REGION": REGION,
        "LAMBDA_TASK_ROOT": str(function.folder),
        "PYTHONPATH": os.pathsep.join(paths),
        "TZ": ":UTC",
        "_HANDLER": function.handler,
        **function.environment,
        **machine.environment,
    }


@dataclass(frozen=True, slots=True)
class Task:
    """What an environment was given, and when (seconds since the epoch)."""

    payload: bytes = field(repr=False)
    since: float


class Environment:
    """One process of the runtime client with a Runtime API of its own. It handles one invocation at a time.

    `unanswered` is the task that it has not answered; if the process dies over it, it stays.
    """

    def __init__(self, function: Function, machine: Machine, ports: Iterable[int]) -> None:
        self._function, self._machine = function, machine
        self.unanswered: Task | None = None
        self._log = machine.logs / f"{function.logical_id}.log"
        self._api = RuntimeApi(ports)
        variables = environment_of(function, machine, self._api.address)
        self.process = machine.processes.start(
            command(function.handler, machine.aws_client), variables, function.folder, self._log
        )
        threading.Thread(target=self._watch, daemon=True, name="environment-watch").start()

    @property
    def function(self) -> str:
        """The function's logical id."""
        return self._function.logical_id

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def invoke(self, payload: bytes, arn: str) -> Answer:
        """Run the handler, for the function's timeout at most; whatever ends the process is answered as Lambda does."""
        request_id = str(uuid.uuid4())
        if not self._api.asked.wait(INIT_SECONDS) and self._api.outcomes.empty():
            return self._broken("Sandbox.Timedout", request_id, "Error: the init phase did not end in time")
        now = time.time()
        deadline = int((now + self._function.timeout) * 1000)
        self.unanswered = Task(payload, now)
        self._api.offer(Invocation(request_id, payload, arn, deadline))
        try:
            outcome = self._api.outcomes.get(timeout=self._function.timeout)
        except queue.Empty:
            words = f"Error: Task timed out after {self._function.timeout:.2f} seconds"
            return self._broken("Sandbox.Timedout", request_id, words)
        if isinstance(outcome, Responded | Failed):
            self.unanswered = None
        return self._judge(outcome, request_id)

    def _judge(self, outcome: Outcome, request_id: str) -> Answer:
        match outcome:
            case Responded(answered, body) if answered == request_id:
                return Answer(body)
            case Failed(answered, body) if answered == request_id:
                return Answer(body, failed=True)
            case InitFailed(body):
                self.close()
                return Answer(body, failed=True)
            case Exited(status):
                words = f"exit status {status}" if status >= 0 else f"signal {-status}"
                return self._broken("Runtime.ExitError", request_id, f"Error: Runtime exited with error: {words}")
        return self._broken("Runtime.InvalidRequest", request_id, "Error: the runtime answered another invocation")

    def _broken(self, kind: str, request_id: str, words: str) -> Answer:
        self.close()
        message = f"RequestId: {request_id} {words}"
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{message}\n")
        return Answer(json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True)

    def kill(self) -> None:
        """End the process with SIGKILL, as a machine that fails does: whoever waits for an answer is told that it exited."""
        self._machine.processes.kill(self.process)

    def close(self) -> None:
        self.kill()
        self._api.close()

    def _watch(self) -> None:
        status = self.process.wait()
        self._machine.processes.forget(self.process)
        self._api.outcomes.put(Exited(status))
        self._api.asked.set()
