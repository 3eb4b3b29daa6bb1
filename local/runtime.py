"""Lambda on one machine: pools of processes that each run one handler, one invocation at a time."""

from __future__ import annotations

import itertools
import subprocess
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from local.execution import Answer, Environment, Machine
from local.functions import Function


class Throttled(Exception):
    """Every environment of the function is busy, and stayed so."""


class Pool:
    """The environments of one function: started on demand up to a cap, used again while they live."""

    def __init__(self, function: Function, machine: Machine, ports: Iterable[int]) -> None:
        self.function, self._machine, self._ports = function, machine, ports
        self._changed = threading.Condition()
        self._idle: list[Environment] = []
        self._busy: set[Environment] = set()
        self._starting = 0
        self._closed = False

    def invoke(self, payload: bytes, qualifier: str | None, patience: float) -> Answer:
        arn = f"{self.function.arn}:{qualifier}" if qualifier else self.function.arn
        environment = self._take(patience)
        try:
            return environment.invoke(payload, arn)
        finally:
            self._give_back(environment)

    def _take(self, patience: float) -> Environment:
        with self._changed:
            if not self._changed.wait_for(self._may_take, patience) or self._closed:
                raise Throttled(self.function.logical_id)
            while self._idle:
                environment = self._idle.pop()
                if environment.alive:
                    self._busy.add(environment)
                    return environment
                environment.close()
            self._starting += 1
        return self._start()

    def _may_take(self) -> bool:
        return self._closed or bool(self._idle) or len(self._busy) + self._starting < self._machine.cap

    def _start(self) -> Environment:
        environment = None
        try:
            environment = Environment(self.function, self._machine, self._ports)
        finally:
            with self._changed:
                self._starting -= 1
                if environment:
                    self._busy.add(environment)
        return environment

    def _give_back(self, environment: Environment) -> None:
        with self._changed:
            self._busy.discard(environment)
            if environment.alive and not self._closed:
                self._idle.append(environment)
            elif environment.alive:
                environment.close()
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            environments = [*self._idle, *self._busy]
            self._changed.notify_all()
        for environment in environments:
            environment.close()

    def at_work(self) -> list[Environment]:
        """The environments that handle something now."""
        with self._changed:
            return [environment for environment in self._busy if environment.alive]

    def processes(self) -> list[subprocess.Popen[bytes]]:
        with self._changed:
            return [environment.process for environment in (*self._idle, *self._busy)]


class Runtime:
    """All functions of the stack."""

    def __init__(self, functions: Iterable[Function], machine: Machine) -> None:
        ports = list(machine.ports)
        self._next_port = itertools.count()
        self._pools = {item.logical_id: Pool(item, machine, _Rotation(ports, self._next_port)) for item in functions}

    def invoke(self, logical_id: str, payload: bytes, *, qualifier: str | None = "", patience: float = 30.0) -> Answer:
        """Invoke a function by its logical id, through its alias unless a qualifier is given (None: unqualified).

        Raises:
            Throttled: If no environment became free within `patience` seconds.
        """
        pool = self._pools[logical_id]
        return pool.invoke(payload, pool.function.alias if qualifier == "" else qualifier, patience)

    def at_work(self, *logical_ids: str) -> list[Environment]:
        """The environments of these functions that handle something now."""
        return [environment for name in logical_ids for environment in self._pools[name].at_work()]

    def processes(self) -> list[subprocess.Popen[bytes]]:
        return [process for pool in self._pools.values() for process in pool.processes()]

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


@dataclass(frozen=True, slots=True)
class _Rotation:
    """All the ports, each time from another start, so that a port just closed is not the next one tried."""

    ports: list[int]
    starts: itertools.count[int]

    def __iter__(self) -> itertools.chain[int]:
        start = next(self.starts) % len(self.ports)
        return itertools.chain(self.ports[start:], self.ports[:start])
