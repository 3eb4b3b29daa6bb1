"""What the workers behind the queues do with one message. A message is believed in nothing: it names a row and a version,
and everything else is read anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from strongroom.domain import keys
from strongroom.domain.connection import Connection, Owner, Standing
from strongroom.domain.installation import Installation
from strongroom.domain.policy import DAY, HOUR
from strongroom.domain.renewal import LEAST_DIAL, is_second_look
from strongroom.domain.renewal_outcome import Outcome, Unclear, Waiting
from strongroom.domain.rows import NewerRow
from strongroom.domain.status import person_must_act, standing_of
from strongroom.domain.table import Below, Change, Item, Key, every
from strongroom.domain.team import Member, Team
from strongroom.flows import lease
from strongroom.flows.attempts import fresh_id
from strongroom.flows.renew import renew
from strongroom.flows.slots import Slots
from strongroom.ports import Ports

WORK_WITHIN = 23.0
TO_DIAL = 2 * LEAST_DIAL
"""Seconds for everything before the lease: a slot that comes later is of no use."""
DISABLED = "disabled"
MOST_WAITS = 2
"""Receipts after which a message does not wait for somebody else's lease any more."""


@dataclass(frozen=True, slots=True)
class Done:
    """The message can go. `what` is a stable word for the log."""

    what: str


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Let the same message come back after so many seconds."""

    seconds: int


Worked: TypeAlias = Done | LookAgain


def renew_one(ports: Ports, key: Key, version: str, receives: int, slots: Slots | None = None) -> Worked:
    """Renew the connection that a message names, if that is still what it says.

    What a look-up would not hand out is not renewed. A live lease with an intent, or an answer that was lost, brings the
    message back once, for the second look; what else cannot be done now (the provider is left alone, or has no slot free) is
    dropped: the next tick finds it again.

    `slots` are those of the batch. The row says whose slot is taken: a message might name any provider, to starve it.

    Raises:
        StoreUnavailable, KeysUnavailable: The queue delivers it again.
    """
    started = ports.clock.now()
    found = _read_anew(ports, key)
    if isinstance(found, Done):
        return found
    team, connection, obstacle = found
    if str(connection.version) != version:
        return _dropped(ports, "other_version")
    if team is None or obstacle:
        return _left_alone(ports, connection, obstacle)
    until = started + WORK_WITHIN
    if is_second_look(connection, started):
        return _told(ports, renew(ports, team, connection, "schedule", until), receives)
    last = until - lease.needed(connection) - TO_DIAL
    with (slots or Slots()).one(ports, _provider_of(connection), last) as admitted:
        if not admitted:
            return _capped(ports)
        return _told(ports, renew(ports, team, connection, "schedule", until), receives)


def _provider_of(connection: Connection) -> str:
    return connection.destination.provider_key if connection.destination is not None else ""


def _capped(ports: Ports) -> Done:
    ports.journal.count("Capped")
    return Done("capped")


def _dropped(ports: Ports, why: str) -> Done:
    ports.journal.count("DroppedMessage")
    return Done(why)


def _told(ports: Ports, outcome: Outcome, receives: int) -> Worked:
    match outcome:
        case Unclear(until, again=True):
            return LookAgain(max(1, until - int(ports.clock.now())))
        case Waiting(until) if receives <= MOST_WAITS:
            return LookAgain(max(1, until - int(ports.clock.now())))
        case Unclear() | Waiting():
            return Done("left_for_the_next_tick")
        case _:
            return Done(type(outcome).__name__.lower())


def _read_anew(ports: Ports, key: Key) -> tuple[Team | None, Connection, str] | Done:
    """Read the connection and its team, and what stands against renewing it: "" if nothing does."""
    owner = keys.parse_connection(key)
    if owner is None:
        return _dropped(ports, "foreign_key")
    where = Owner(*owner)
    rows = _read(ports, where)
    team = Team.from_item(rows[0]) if rows[0] else None
    installation = Installation.from_item(rows[1]) if rows[1] else None
    try:
        connection = Connection.from_item(rows[2]) if rows[2] else None
    except NewerRow:
        return _dropped(ports, "newer_form")
    if connection is None:
        return _dropped(ports, "gone")
    if team is None or not team.active or installation is None:
        return team, connection, "gone"
    if not installation.enabled:
        return team, connection, DISABLED
    expected = standing_of(where, installation, Member.from_item(rows[3]) if rows[3] else None)
    if expected is None or _stands_against(connection, expected, int(ports.clock.now())):
        return team, connection, "not_usable"
    return team, connection, ""


def _left_alone(ports: Ports, connection: Connection, why: str) -> Done:
    """It is due and may not be renewed as things stand: look again later, instead of at the head of every tick.

    Tomorrow; or in an hour where an admin need only enable the installation: its rows are soon back in their rounds then.
    """
    now = int(ports.clock.now())
    overdue = every(connection.version.unchanged(), Below("due_at", now + 1))
    again = now + (HOUR if why == DISABLED else DAY)
    ports.table.commit((Change(connection.key, overdue, put={"due_at": again}),), fresh_id(ports))
    return _dropped(ports, why)


def _stands_against(connection: Connection, expected: Standing, now: int) -> bool:
    """A rejected connection keeps its tokens and is renewed; anything else that a person must mend is not."""
    return person_must_act(connection, expected, now) not in (None, "rejected")


def _read(ports: Ports, owner: Owner) -> list[Item | None]:
    wanted = [keys.team(owner.team), keys.installation(owner.team, owner.installation), owner.key]
    if owner.user is not None:
        wanted.append(keys.member(owner.team, owner.user))
    found = ports.table.read(wanted)
    return [*(found.get(key) for key in wanted), *([None] if owner.user is None else [])]
