"""How a question gets to Strongroom."""

from __future__ import annotations

from typing import Protocol

from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask


class Transport(Protocol):
    """Two ways there are: the IAM route over https (`signed`), and direct invoke (`direct`)."""

    def send(self, ask: Ask, within: float) -> Reply:
        """Send once, and wait at most so many seconds.

        Raises:
            Unavailable: If nothing answers in time.
            Misconfigured: If this gateway cannot ask at all.
        """

    def close(self) -> None: ...
