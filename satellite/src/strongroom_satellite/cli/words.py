"""What a person reads: texts without control characters, and times in plain words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Final, TypeGuard

_STEERING: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})
"""Control characters, but also those that reverse or hide text, and those that no font shows."""

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_TWO_OF_THEM: Final = 2
"""A unit is used from two of it on: "90 minutes" tells more than "1 hour"."""


def plain(text: object) -> str:
    """Give a text that steers no terminal. Names are chosen by people whom the reader need not trust."""
    return "".join("\ufffd" if unicodedata.category(char) in _STEERING else char for char in str(text))


def is_line(text: str) -> bool:
    """Whether a text stays on one line and steers nothing."""
    return plain(text) == text


def lasting(moment: object, now: float) -> str | None:
    """Say for how long it has been so. None if it is no time."""
    return f"for {_span(max(0.0, now - moment))}" if _is_time(moment) else None


def ahead(moment: object, now: float) -> str | None:
    """Say in how long it will be, or that it is over. None if it is no time."""
    if not _is_time(moment):
        return None
    seconds = moment - now
    return f"in {_span(seconds)}" if seconds >= 1 else "over"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Set texts in columns, the last one as long as it likes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _is_time(moment: object) -> TypeGuard[int]:
    return isinstance(moment, int) and not isinstance(moment, bool) and 0 < moment < 2**53


def _span(seconds: float) -> str:
    whole = int(seconds)
    size, unit = next((one for one in _UNITS if whole >= _TWO_OF_THEM * one[0]), _UNITS[-1])
    count = whole // size
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"
