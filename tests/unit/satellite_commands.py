"""The command line in this process: against a fake Strongroom, with streams that a test holds in its hand."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from strongroom_satellite import Need, Strongroom
from strongroom_satellite.cli.console import Console, Timer
from strongroom_satellite.cli.outside import Outside
from strongroom_satellite.cli.run import run
from strongroom_satellite.cli.settings import Settings, opened
from strongroom_satellite.cli.sight import own_sight
from strongroom_satellite.clock import Moment
from tests.fakes.satellite import NOW, FakeStrongroom

CANARY = "canary-0f8c3a5d7b"
INSTALLATION = "teamfilesteamfiles23"
ALICE = Need("acme", INSTALLATION, "alice")
AT = ("--team", "acme", "--installation", INSTALLATION, "--user", "alice")
ENVIRON = {"STRONGROOM_URL": "https://strongroom.example"}


class Stream(io.StringIO):
    """A stream that says whether a terminal is behind it."""

    def __init__(self, text: str = "", *, terminal: bool = False, encoding: str = "utf-8") -> None:
        super().__init__(text)
        self._terminal, self._encoding = terminal, encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:  # type: ignore[override] # read-only here
        return self._encoding


class StandingClock:
    def now(self) -> Moment:
        return Moment(NOW, 0.0)


@dataclass(slots=True)
class AtOnce:
    """A timer whose time has come as soon as it is started."""

    call: Callable[[], None]

    def start(self) -> None:
        self.call()

    def cancel(self) -> None:
        pass


class Never(AtOnce):
    """A timer that is cancelled before its time has come."""

    def start(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    out: str
    err: str


def world(
    fake: FakeStrongroom,
    console: Console,
    environ: Mapping[str, str] = ENVIRON,
    sight: Callable[[Settings], Any] = own_sight,
) -> Outside:
    def connect(settings: Settings) -> Strongroom:
        opened(settings).close()  # what cannot be right is refused as it would be
        return Strongroom(fake, patience=settings.patience, chance=lambda: 0.0)

    return Outside(console, environ, StandingClock(), connect, sight)


def ran(
    fake: FakeStrongroom,
    *arguments: str,
    stdin: TextIO | None = None,
    out: Stream | None = None,
    err: Stream | None = None,
    timer: Callable[[Callable[[], None]], Timer] = Never,
    **more: Any,
) -> Ran:
    """Run one command."""
    out, err = out or Stream(), err or Stream()
    console = Console(stdin or Stream(), out, err, lambda _, call: timer(call))
    status = run(arguments, world(fake, console, **more))
    return Ran(status, out.getvalue(), err.getvalue())
