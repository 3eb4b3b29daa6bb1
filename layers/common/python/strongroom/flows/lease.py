"""What stands against a renewal, and taking over from a worker that left no word.

Such a worker has died, or the table did not take what the provider gave it: then the new tokens lie on the rescue queue, and
the refresh token in the row is spent. The consumer of that queue writes them soon after the table answers again. That it
does, the write of our lease has shown: wait as long as the consumer may need, and read again, before the token is repeated.
"""

from __future__ import annotations

from strongroom.domain import renewal
from strongroom.domain.connection import Connection
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.renewal import CALL, COMMIT
from strongroom.domain.renewal_outcome import Adopted, Failed, NotDue, Outcome, Waiting
from strongroom.domain.table import Item
from strongroom.ports import Ports

SETTLED_AFTER = 4.0
"""Seconds within which a pending rescue is written once the table answers: an attempt may hang in the old silence for two
seconds, and the pause before the next one is at most 1.6."""
SETTLED_IF_REFUSED = 2.2
"""The same for a table that had refused at once, and the least that is waited. A look-up has four seconds besides call and
commit, and reads and dials in them; a worker has five."""
READ_AGAIN = 0.3


def held_up(connection: Connection, now: float, second_look: int) -> Waiting | Failed | NotDue | None:
    """Say what stands against a renewal now; None: nothing does."""
    match renewal.assess(connection, now, second_look):
        case renewal.Busy(look_again):
            return Waiting(look_again)
        case renewal.Leave(why, not_before):
            return Failed(connection.renewal.last_error or why, not_before) if not_before else NotDue(why)
        case renewal.Go():
            return None


def not_taken(connection: Connection, found: Item | None, now: float, second_look: int) -> Outcome:
    """Somebody was faster: say what the row says now."""
    present = Connection.from_item(found) if found is not None else None
    if present is None or present.version != connection.version:
        return Adopted()
    return held_up(present, now, second_look) or Waiting(int(now) + 1)


def is_word_missing(connection: Connection) -> bool:
    """Whether the last worker left its lease and no outcome. One that noted any, even `no_answer`, had nothing to rescue."""
    return connection.renewal.lease is not None


def needed(connection: Connection) -> float:
    """Seconds that a renewal needs at least, from its lease on."""
    return CALL + COMMIT + (SETTLED_IF_REFUSED + READ_AGAIN if is_word_missing(connection) else 0.0)


def settled(ports: Ports, connection: Connection, lease: str, send_by: float) -> Outcome | None:
    """After a worker that left no word, wait for a pending rescue and read again; None: these are the newest tokens still.

    Where that cannot be told, our lease stays in the row without a word, so that the next one waits again.
    """
    if not is_word_missing(connection):
        return None
    to_wait = min(SETTLED_AFTER, send_by - READ_AGAIN - ports.clock.now())
    if to_wait < SETTLED_IF_REFUSED:
        return Failed("out_of_time", int(send_by))
    ports.clock.wait(to_wait)
    try:
        row = ports.table.read((connection.key,)).get(connection.key)
    except StoreUnavailable:
        return Failed("table_unavailable", int(send_by))
    present = Connection.from_item(row) if row is not None else None
    if present is None or present.version != connection.version:
        return Adopted()
    return None if present.renewal.lease == lease else Waiting(int(ports.clock.now()) + 1)
