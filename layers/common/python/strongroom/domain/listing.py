"""Lists a page at a time: which entries are wanted, and where a page ended."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from strongroom.domain.errors import InvalidRequest
from strongroom.domain.identifiers import url_safe
from strongroom.domain.status import Name

Shown: TypeAlias = Name | Literal["no_oauth"]
"""What an installation is shown as to one person: their status there, or that the server needs no OAuth."""
SHOWN: tuple[Shown, ...] = (*get_args(Name), "no_oauth")

PAGE = 50
MOST = 100
LONGEST_POSITION = 2048
"""Characters: a folded name has at most 240 characters of four bytes each."""


@dataclass(frozen=True, slots=True)
class Position:
    """Behind which entry a page begins, by what the list is sorted by. It says nothing of whose list that is: the request
    does, and what it may read is decided anew for every page."""

    after: str

    @property
    def text(self) -> str:
        """As it goes over the wire, where it is nobody's to understand."""
        return url_safe(self.after.encode())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the installations: those of one status, or all; so many at most; from a position on."""

    shown: Shown | None = None
    limit: int = PAGE
    after: Position | None = None


def checked_position(text: str) -> Position:
    """Raises: InvalidRequest: If no page can have ended there."""
    if len(text) > LONGEST_POSITION:
        raise InvalidRequest("next is what an earlier page gave as `next`")
    try:
        position = Position(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode())
    except (ValueError, binascii.Error):
        position = Position("")
    if not position.after or position.text != text:
        raise InvalidRequest("next is what an earlier page gave as `next`")
    return position


def checked_shown(text: str) -> Shown:
    """Raises: InvalidRequest: If nothing is ever shown as this."""
    for shown in SHOWN:
        if shown == text:
            return shown
    raise InvalidRequest(f"status is one of {', '.join(SHOWN)}")


def checked_limit(text: str) -> int:
    """Raises: InvalidRequest: If it is not a number from 1 to 100, as one writes it."""
    if len(text) > 3 or not text.isascii() or not text.isdigit() or text[0] == "0" or int(text) > MOST:
        raise InvalidRequest(f"limit is 1 to {MOST}")
    return int(text)
