"""Faults that a test hangs into a fake: `before` an operation nothing is done; `after` it only the answer is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Hook = Callable[[Any], None]
"""Gets the operation's argument (the keys, the query, the writes, the messages) and may raise or do something."""


def fails(error: Exception, times: int = 1) -> Hook:
    """Raise the error at the first so many calls, then never again."""
    left = [error] * times

    def hook(argument: Any) -> None:
        if left:
            raise left.pop()

    return hook


def meanwhile(*deeds: Callable[[], Any]) -> Hook:
    """Do one deed at each call, in order: what somebody else does between two steps of ours."""
    left = list(reversed(deeds))

    def hook(argument: Any) -> None:
        if left:
            left.pop()()

    return hook


def in_turn(hooks: Sequence[Hook | None]) -> Hook:
    """Use one hook at each call, in order; None lets the call pass."""
    left = list(reversed(hooks))

    def hook(argument: Any) -> None:
        following = left.pop() if left else None
        if following:
            following(argument)

    return hook
