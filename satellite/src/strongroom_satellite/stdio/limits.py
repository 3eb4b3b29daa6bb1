"""How long, and how many."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds, but for `most`.

    Attributes:
        start: For a server to answer for the first time.
        finish: For the calls under way on a server whose token has changed: they may use the replaced one that much longer,
            and never a revoked one. Then it is stopped all the same.
        idle: How long a server that nobody calls is kept.
        look: How often the keeper looks at each server. It asks Strongroom only when what is kept of it is over, after a
            minute at most, so that this is how much later than that it may be.
        check: For Strongroom to answer the keeper. A server whose token cannot be checked is stopped at once.
        grace: For a server to end by itself once its input has, and once more after a SIGTERM; then it is killed.
        most: How many servers are alive at once, those that are being stopped among them.
    """

    start: float = 30.0
    finish: float = 20.0
    idle: float = 300.0
    look: float = 1.0
    check: float = 5.0
    grace: float = 2.0
    most: int = 100
