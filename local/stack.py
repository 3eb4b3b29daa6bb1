"""The whole system on one machine, from start to clean stop."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from local.accounts import Caller, Member
from local.api import api_of
from local.cloud import Cloud, build_cloud
from local.errors import LocalError
from local.execution import Answer, Machine, has_aws_runtime_client
from local.front import Front
from local.functions import Function, functions_of, local_values
from local.gateway import Authorizers, Gateway
from local.iam_authorizer import IamAuthorizer
from local.jwt_authorizer import JwtAuthorizer, fetch_json
from local.plan import LOOPBACK, ROOT, Options, Service, origin
from local.processes import Processes, bare_environment
from local.queues import Poller, Source
from local.runtime import Runtime
from local.schedule import Schedule, seconds_between
from local.signing import SignedClient, loopback, send
from local.template import Template, load_template

_POLL = 0.05


class Stack:
    """Start everything on entering, stop it on leaving. One process holds the front, the pollers and the schedules;
    the stand-in, the services and the functions' environments are processes of their own."""

    def __init__(self, options: Options, say: Callable[[str], None] = print) -> None:
        self.options = options
        self.url = origin(options.ports.front)
        self.logs = options.run_dir / "logs"
        self._say = say
        self._closing = ExitStack()
        self._schedules: dict[str, Schedule] = {}
        self._services: list[tuple[Service, subprocess.Popen[bytes]]] = []
        self.cloud: Cloud
        self.runtime: Runtime
        self.functions: tuple[Function, ...] = ()
        self.processes: Processes

    def __enter__(self) -> Stack:
        """Start the system and wait until all of it answers.

        Raises:
            LocalError: If a port is taken, the template is not understood, or a part does not come up in time.
        """
        template = load_template(self.options.template, self.options.parameters)
        self._check_ports()
        try:
            self._start(template)
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    # -- What a demo or a test does with it --------------------------------------------------------------------------

    def invoke(self, logical_id: str, event: object, qualifier: str | None = "") -> Answer:
        """Invoke a function directly, through its alias unless a qualifier is given (None: unqualified)."""
        return self.runtime.invoke(logical_id, json.dumps(event).encode(), qualifier=qualifier)

    def fire_schedule(self, name: str | None = None) -> list[Answer]:
        """Fire one schedule, or all, as the scheduler does, and wait for the functions' answers."""
        return [schedule.fire() for schedule in self._schedules.values() if name in (None, schedule.name)]

    def ended(self) -> Service | None:
        """Give a service that has ended by itself, if one has. Functions' environments come and go."""
        return next((service for service, process in self._services if process.poll() is not None), None)

    def log_of(self, service: Service) -> Path:
        return self.logs / service.log

    def depths(self) -> dict[str, int]:
        """How many messages each queue holds, by the queue's logical id."""
        return self.cloud.depths()

    def wait_until_empty(self, *queues: str, within: float = 60.0) -> None:
        """Wait until these queues hold nothing, messages in flight and delayed ones included.

        Raises:
            LocalError: If they still hold something after so many seconds.
        """
        deadline = time.monotonic() + within
        while left := {name: number for name, number in self.depths().items() if name in queues and number}:
            if time.monotonic() > deadline:
                raise LocalError(f"After {within:.0f} seconds there are still messages: {left}.")
            threading.Event().wait(_POLL)

    def client(self, caller: Caller) -> SignedClient:
        return SignedClient(self.url, caller)

    def put_member(self, host: Caller, member: Member) -> None:
        """Tell Strongroom, as the host, who is in a team."""
        body = {"user": member.user, "role": member.role}
        self._put(host, f"/v1/host/teams/{member.team}/members", body)

    def put_satellite(self, host: Caller, team: str, satellite: Caller) -> None:
        """Tell Strongroom, as the host, that a satellite may speak for a team."""
        body = {"account": satellite.account, "role_id": satellite.role_id, "allowed": True}
        self._put(host, f"/v1/host/teams/{team}/satellites", body)

    def _put(self, host: Caller, path: str, body: dict[str, Any]) -> None:
        reply = self.client(host).send("PUT", path, body)
        if reply.status != 200:
            raise LocalError(f"PUT {path} was answered {reply.status}; the function's log is in {self.logs}.")

    # -- Starting ----------------------------------------------------------------------------------------------------

    def _check_ports(self) -> None:
        for port in (self.options.ports.front, self.options.ports.aws, *(item.port for item in self.options.services)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((LOOPBACK, port))
                except OSError as error:
                    raise LocalError(f"Port {port} on {LOOPBACK} is taken; choose others with --port.") from error

    def _start(self, template: Template) -> None:
        shutil.rmtree(self.logs, ignore_errors=True)
        self.logs.mkdir(parents=True)
        self.processes = Processes()
        self._closing.callback(self.processes.close)
        if not has_aws_runtime_client():
            self._say("AWS's runtime client has no wheel for this machine: handlers run in a loop of our own.")
        aws = Service("stand-in for AWS", "local.aws_stand_in", self.options.ports.aws)
        self._services = [(one, self._start_service(one)) for one in (aws, *self.options.services)]
        self._wait_for(*self._services[0])
        self.cloud = build_cloud(template, origin(self.options.ports.aws))
        self._start_functions(template)
        for service, process in self._services:
            self._wait_for(service, process)
        self._furnish()

    def _start_service(self, service: Service) -> subprocess.Popen[bytes]:
        variables = {**bare_environment(self.options.run_dir), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        variables |= service.environment
        arguments = [sys.executable, "-m", service.module, *service.arguments, "--port", str(service.port)]
        return self.processes.start(arguments, variables, self.options.run_dir, self.log_of(service))

    def _wait_for(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.options.ready_within
        while not _answers(service.ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise LocalError(f"The {service.name} did not start; what it said is in {self.log_of(service)}.")
            threading.Event().wait(_POLL)

    def _start_functions(self, template: Template) -> None:
        values = local_values(template, self.cloud.endpoint, self.cloud.key_arns)
        self.functions = functions_of(template, values)
        ports, cap = self.options.ports.runtime, self.options.environments_per_function
        machine = Machine(self.processes, self.cloud.endpoint, self.logs, ports, self.options.environment, cap)
        self.runtime = Runtime(self.functions, machine)
        self._closing.callback(self.runtime.close)
        self._start_front(template, values)
        self._start_pollers()
        self._start_schedules()

    def _start_front(self, template: Template, values: dict[str, Any]) -> None:
        api = api_of(template, values, self.functions)
        for rules in api.authorizers.values():
            loopback(rules.issuer)
        jwt = {name: JwtAuthorizer(rules, fetch_json, time.time) for name, rules in api.authorizers.items()}
        authorizers = Authorizers(jwt, IamAuthorizer(self.options.callers, time.time))
        gateway = Gateway(self.functions, api, authorizers, self.runtime.invoke, time.time)
        self._closing.callback(gateway.close)
        front = Front(self.options.ports.front, gateway.handle)
        self._closing.callback(front.close)

    def _start_pollers(self) -> None:
        urls = {queue.arn: queue.url(self.cloud.endpoint) for queue in self.cloud.queues}
        for function in self.functions:
            for source in function.queues:
                invoke = partial(self.runtime.invoke, function.logical_id)
                poller = Poller(self.cloud.sqs, Source(urls[source.queue_arn], source, invoke))
                self._closing.callback(poller.stop)

    def _start_schedules(self) -> None:
        for function in self.functions:
            for source in function.schedules:
                asked = self.options.tick_every
                every = seconds_between(source) if asked is None else asked or None
                schedule = Schedule(source, partial(self.runtime.invoke, function.logical_id), time.time, every)
                self._schedules[source.name] = schedule
                self._closing.callback(schedule.stop)

    def _furnish(self) -> None:
        if self.options.seed is not None:
            self.options.seed(self.cloud.dynamodb, self.cloud.tables[0].name)
        host = self.options.callers[0]
        for member in self.options.members:
            self.put_member(host, member)
        for team, satellite in self.options.satellites.items():
            self.put_satellite(host, team, satellite)


def _answers(url: str) -> bool:
    try:
        send("GET", url)
    except (OSError, http.client.HTTPException):
        return False
    return True
