"""What can come of a renewal: a closed set, of which only one asks a person to act."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain.connection import Connection


@dataclass(frozen=True, slots=True)
class Renewed:
    """New tokens are in the table."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class Adopted:
    """Somebody else changed the tokens meanwhile: read again."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider ended the grant: a person has to act."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Not now: a passing fault. `error` is a stable code; try again at `until`."""

    error: str
    until: int


@dataclass(frozen=True, slots=True)
class Unclear:
    """Sent, and no answer. `again`: the one second look is still to come, at `until`; else pauses grow."""

    until: int
    again: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody else renews now, or did so moments ago without an answer. Look again at `until`."""

    until: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The provider is left alone for a while. It was not asked, and nothing was written. Look again at `until`."""

    until: int


@dataclass(frozen=True, slots=True)
class NotDue:
    """There is nothing to renew. `why` is a stable word."""

    why: str


Outcome: TypeAlias = Renewed | Adopted | Refused | Failed | Unclear | Waiting | Paused | NotDue
