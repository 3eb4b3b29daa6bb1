"""Start processes that cannot outlive us, with an environment that holds nothing of the user's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from local.errors import LocalError

_KEEPER = Path(__file__).with_name("keeper.py")


def bare_environment(home: Path) -> dict[str, str]:
    """An environment without the user's: no credentials, no proxies, no Python settings, another home."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


class Processes:
    """Every process of one stack, each in a group of its own.

    A keeper (`local.keeper`) knows the groups and ends them if this process dies without having done so. Death signals
    of the kernel would not do: they fire when the thread that started a process ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_KEEPER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env={},
            start_new_session=True,
            bufsize=0,
        )

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path
    ) -> subprocess.Popen[bytes]:
        """Start one process; what it prints is appended to the log.

        Raises:
            LocalError: If everything is being stopped.
        """
        with self._lock, log.open("ab") as output:
            if self._closed:
                raise LocalError("The local stack is stopping.")
            process = subprocess.Popen(
                arguments,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._tell("+", process.pid)
            self._running[process.pid] = process
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End a process and its group at once, and wait for it."""
        self._signal(process, signal.SIGKILL)
        process.wait()
        self.forget(process)

    def forget(self, process: subprocess.Popen[bytes]) -> None:
        """Note that a process has ended."""
        with self._lock:
            if self._running.pop(process.pid, None):
                self._tell("-", process.pid)

    def stop(self, processes: Iterable[subprocess.Popen[bytes]], grace: float = 3.0) -> None:
        """Ask processes to end; kill those that have not after so many seconds."""
        asked = list(processes)
        for process in asked:
            self._signal(process, signal.SIGTERM)
        deadline = time.monotonic() + grace
        for process in asked:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.kill(process)
            self.forget(process)

    def pids(self) -> list[int]:
        """All processes that run now, the keeper last."""
        with self._lock:
            return [*self._running, self._keeper.pid]

    def close(self) -> None:
        """End everything that is still running, the keeper last."""
        with self._lock:
            self._closed = True
            left = list(self._running.values())
        self.stop(left)
        _input(self._keeper).close()
        self._keeper.wait()

    def _signal(self, process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        if process.poll() is None:
            try:
                os.killpg(process.pid, number)
            except (ProcessLookupError, PermissionError):  # macOS says the latter of a process that has just ended
                return

    def _tell(self, change: str, pid: int) -> None:
        try:
            _input(self._keeper).write(f"{change}{pid}\n".encode())
        except BrokenPipeError:
            return  # somebody ended the keeper: what is left is our own clean stop


def _input(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise RuntimeError("the keeper was started without an input")
    return process.stdin
