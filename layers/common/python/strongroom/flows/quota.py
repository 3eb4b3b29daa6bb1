"""Counting what members and teams ask for, before it is done."""

from __future__ import annotations

from strongroom.domain import keys
from strongroom.domain.authorization import Authorization
from strongroom.domain.errors import TooMany, Unavailable
from strongroom.domain.quota import (
    DISCOVERIES,
    DISCOVERIES_OF_TEAM,
    Pending,
    ended,
    until_next_minute,
)
from strongroom.domain.table import Committed
from strongroom.flows.attempts import fresh_id
from strongroom.ports import Ports


def count_discovery(ports: Ports, team: str, user: str) -> None:
    """Count a discovery that is about to begin, for its member and for the team, or for neither.

    Raises:
        TooMany: If one of them has had as many in this minute as may be. Nothing may be asked of any server.
    """
    now = ports.clock.now()
    counts = (DISCOVERIES.counted(team, user, now), DISCOVERIES_OF_TEAM.counted(team, None, now))
    if not isinstance(ports.table.commit(counts, fresh_id(ports)), Committed):
        raise too_many(now)


def too_many(now: float) -> TooMany:
    """What counts by the minute is allowed again in the next one."""
    return TooMany("as many as a minute allows", retry_after=until_next_minute(now))


def pending(ports: Ports, team: str, user: str) -> Pending:
    """Read which authorizations of a member are under way.

    Raises:
        TooMany: If there is no room for another one.
    """
    key = keys.quota(team, user, "authorizations")
    found = Pending.from_item(team, user, ports.table.read((key,)).get(key))
    wait = found.wait(ports.clock.now())
    if wait is not None:
        raise TooMany("as many authorizations are under way as may be", retry_after=wait)
    return found


def release(ports: Ports, authorization: Authorization) -> None:
    """Make room for another one at once: this one is over. Not worth failing for, since it ends by itself."""
    over = ended(authorization.team, authorization.user, authorization.id)
    try:
        ports.table.commit((over,), fresh_id(ports))
    except Unavailable:
        ports.journal.note("quota_not_released")
