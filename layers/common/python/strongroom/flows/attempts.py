"""Reading, deciding and writing again when somebody else wrote in between."""

from __future__ import annotations

from collections.abc import Callable

from strongroom.domain import identifiers
from strongroom.domain.connection import Owner
from strongroom.domain.errors import Unavailable
from strongroom.domain.identifiers import ULID_BYTES
from strongroom.domain.record import record
from strongroom.domain.table import Put
from strongroom.ports import Ports

ATTEMPTS = 8


def fresh_id(ports: Ports) -> str:
    return identifiers.minted(ports.chance.bytes(identifiers.ID_BYTES))


def fraction(ports: Ports) -> float:
    """A number in [0, 1) that nobody can predict."""
    return int.from_bytes(ports.chance.bytes(4), "big") / 2**32


def noted(
    ports: Ports, team: str, event: str, by: str, of: Owner | None = None, **facts: str | int | bool | None
) -> Put:
    """Make the record of a change, to be written in the change's own transaction; `of`: in this connection's timeline."""
    return record(team, event, by, ports.clock.now(), ports.chance.bytes(ULID_BYTES), of, **facts)


def in_a_few_attempts(ports: Ports, attempt: Callable[[], bool]) -> None:
    """Repeat a read-decide-write whose condition failed, a little later each time.

    Raises:
        Unavailable: If the row keeps changing under us.
    """
    for turn in range(ATTEMPTS):
        if attempt():
            return
        ports.clock.wait(0.02 * (turn + 1) * (0.5 + fraction(ports) / 2))
    raise Unavailable("the row kept changing", retry_after=1)
