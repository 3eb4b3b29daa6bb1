"""A gateway's side on fakes: a clock with two hands, a transport that plays a script, answers as Strongroom gives them."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any, TypeAlias

from strongroom_satellite import Need, Patience, Strongroom
from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask, LookUp, Rejected
from strongroom_satellite.clock import Moment

EPOCH = 1_800_000_000
INSTALLATION = "filesfilesfilesfiles"
ALICE, BOB = Need("acme", INSTALLATION, "alice"), Need("acme", INSTALLATION, "bob")
SERVER = "https://files.example/mcp"
TOKEN = "canary-token-7Zq"
HEADER = "canary-header-4Xw"
CALLERS = 48
LONGEST = 30.0  # seconds that a test waits for what must happen; it fails after them

Said: TypeAlias = Reply | Exception
Script: TypeAlias = Callable[[Ask], Said]


class TwoHands:
    """This machine's clocks, `wrong` seconds away from Strongroom's. Whoever waits moves them."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.wall, self.steady = EPOCH + wrong, 5_000.0
        self.waits: list[float] = []

    def now(self) -> Moment:
        return Moment(self.wall, self.steady)

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds

    def wait(self, closed: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.advance(seconds)
        return closed.is_set()


class Scripted:
    """A transport that says what its script says, and keeps what was asked. Clear `open` to hold answers back."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[Ask] = []
        self.within: list[float] = []
        self.open, self.arrived, self.closed = threading.Event(), threading.Semaphore(0), False
        self.open.set()
        self._lock = threading.Lock()

    def send(self, ask: Ask, within: float) -> Reply:
        with self._lock:
            self.asked.append(ask)
            self.within.append(within)
        self.arrived.release()
        assert self.open.wait(LONGEST)
        said = self.script(ask)
        if isinstance(said, Exception):
            raise said
        return said

    def close(self) -> None:
        self.closed = True


def saying(*lines: Said) -> Script:
    """Say one after the other, the last one for ever."""
    left = list(reversed(lines))
    return lambda _: left.pop() if len(left) > 1 else left[0]


def body_of(version: str | None = "v.1", *, lasts: int = 60, **other: Any) -> dict[str, Any]:
    return {
        "access_token": f"{TOKEN}-{version}",
        "token_type": "Bearer",
        "expires_at": EPOCH + 3600,
        "scopes": ["files:read"],
        "version": version,
        "cache_until": EPOCH + lasts,
        "url": SERVER,
        "headers": {"Authorization": f"Bearer {TOKEN}-{version}"},
        "env": {},
        **other,
    }


def reply(status: int, body: Any, *, at: float | None = EPOCH, **headers: str) -> Reply:
    """An answer, sent at that second by Strongroom's clock."""
    date = {} if at is None else {"date": formatdate(at, usegmt=True)}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {**date, **named}, json.dumps(body).encode())


def released(version: str | None = "v.1", *, at: float | None = EPOCH, **other: Any) -> Reply:
    return reply(200, body_of(version, **other), at=at)


def refused(status: int, code: str | None, **other: Any) -> Reply:
    return reply(status, {"error": code, **other} if code else {"message": "Forbidden"})


def must_act(reason: str = "never_connected", link: str | None = "https://web.example/?team=acme") -> Reply:
    code = "insufficient_scope" if reason == "insufficient_scope" else "authorization_required"
    return refused(409, code, reason=reason, link=link)


def versions(current: Callable[[], str]) -> Script:
    """Answer look-ups and reports alike with the version that is current."""
    return lambda _: released(current())


def gateway(transport: Scripted, clock: TwoHands | None = None, patience: Patience | None = None) -> Strongroom:
    hands = clock or TwoHands()
    return Strongroom(transport, clock=hands, chance=lambda: 0.5, wait=hands.wait, patience=patience)


def reports(transport: Scripted) -> list[Rejected]:
    return [ask for ask in transport.asked if isinstance(ask, Rejected)]


def look_ups(transport: Scripted) -> list[LookUp]:
    return [ask for ask in transport.asked if isinstance(ask, LookUp)]


@contextmanager
def callers() -> Iterator[ThreadPoolExecutor]:
    """Threads that call at once."""
    with ThreadPoolExecutor(CALLERS) as threads:
        yield threads


def until(holds: Callable[[], bool]) -> None:
    """Let the other threads go on until something holds."""
    pause = threading.Event()
    for _ in range(int(LONGEST * 100)):
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("it never came")


@contextmanager
def parsers_heard() -> Iterator[logging.Logger]:
    """Take off for a while what the functions, in the same process, put on the logger of botocore's answers: their filter
    lets nothing through."""
    logger = logging.getLogger("botocore.parsers")
    before, logger.filters = logger.filters, []
    try:
        yield logger
    finally:
        logger.filters = before
