"""Where a command writes, and whom it may ask."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from strongroom_satellite.cli.words import is_line, plain
from strongroom_satellite.errors import SatelliteError

PATIENT = 1.0
"""Seconds that a person waits without being told for what."""


class Undelivered(SatelliteError):
    """The answer is there, and cannot be written as it is."""

    code = "undelivered"


class Timer(Protocol):
    def start(self) -> None: ...
    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Console:
    """Three streams: answers go to `out`, everything else to `err`. `timer` calls after so many seconds."""

    stdin: TextIO
    out: TextIO
    err: TextIO
    timer: Callable[[float, Callable[[], None]], Timer]

    def say(self, text: str) -> None:
        """Write a line of an answer. Nothing in it steers a terminal."""
        _write(self.out, plain(text))

    def deliver(self, text: str) -> None:
        """Write a line exactly as it is, or not at all.

        Raises:
            Undelivered: If a terminal would act on it, or the stream's encoding has not all of its characters.
        """
        if self.out.isatty() and not is_line(text):
            raise Undelivered("it has characters that a terminal acts on: write it to a file or a pipe")
        try:
            text.encode(_encoding(self.out))
        except UnicodeEncodeError:
            raise Undelivered(
                "it has characters that the output's encoding has not: set PYTHONIOENCODING=utf-8"
            ) from None
        _write(self.out, text)

    def say_object(self, one: Mapping[str, Any]) -> None:
        """Write one JSON object. It is ASCII, so that nothing in it steers a terminal."""
        _write(self.out, json.dumps(one, indent=2))

    def tell(self, text: str) -> None:
        """Write a line for a person, beside the answer."""
        _write(self.err, plain(text))

    def allows(self, question: str) -> bool:
        """Ask a person at the terminal. Anything but a yes is a no."""
        self.out.write(f"{question} [y/N] ")
        self.out.flush()
        return self.stdin.readline().strip().lower() in ("y", "yes")

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Say that it takes a while, once it does, to a person: a log has no use for it."""
        if not self.err.isatty():
            yield
            return
        timer = self.timer(PATIENT, self._tell_what_for)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tell_what_for(self) -> None:
        with suppress(OSError):  # whoever is gone does not wait
            self.tell("Waiting for Strongroom ...")


def own_console() -> Console:
    """This process's streams."""
    return Console(sys.stdin, sys.stdout, sys.stderr, _timer)


def _timer(seconds: float, call: Callable[[], None]) -> Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    return timer


def _write(stream: TextIO, text: str) -> None:
    encoding = _encoding(stream)
    stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    stream.flush()


def _encoding(stream: TextIO) -> str:
    return stream.encoding or "utf-8"
