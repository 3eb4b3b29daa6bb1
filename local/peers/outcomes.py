"""What a step of a journey comes to, and how a step makes sure."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx2

from local.day import StepFailed
from local.errors import LocalError
from local.services.browser import Stuck
from local.services.mcp_caller import CallFailed
from local.signing import Reply

PATIENCE = 30.0
POLL = 0.2


@dataclass(frozen=True, slots=True)
class Holds:
    """A step did what it should; `what` says it in words."""

    what: str


@dataclass(frozen=True, slots=True)
class NotOffered:
    """The server's own metadata says that there is no such thing."""

    what: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something to know that is neither right nor wrong."""

    what: str


Outcome: TypeAlias = Holds | NotOffered | Noted
Step: TypeAlias = Callable[[], Outcome]


def told(step: Step) -> tuple[str, str]:
    """Take a step, and give its mark and one line about it."""
    try:
        outcome = step()
    except (StepFailed, Stuck, CallFailed, LocalError) as failed:
        return "FAIL", str(failed)
    except (LookupError, ValueError, OSError, httpx2.HTTPError) as failed:
        return "FAIL", f"an answer is not as expected ({type(failed).__name__})"
    match outcome:
        case Holds(what):
            return "ok", what
        case NotOffered(what):
            return "-", f"does not offer {what}"
        case Noted(what):
            return "note", what


def expect(what: str, holds: bool) -> None:
    """Raises: StepFailed: if it does not hold."""
    if not holds:
        raise StepFailed(what)


def said(reply: Reply, step: str, status: int) -> dict[str, Any]:
    """Give what Strongroom answered.

    Raises:
        StepFailed: If it is not of this status; the text names our own code.
    """
    told: dict[str, Any] = reply.json()
    if reply.status != status:
        raise StepFailed(f"`{step}` answers {reply.status} {told.get('error', '')} {told.get('reason', '')}".rstrip())
    return told


def wait(what: str, holds: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline.

    Raises:
        StepFailed: If it does not come true in time.
    """
    until = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > until:
            raise StepFailed(what)
        time.sleep(POLL)
