"""How an installation stands with everybody in the team, in numbers: nobody is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from strongroom.domain.status import LastError, Status

MOST_MEMBERS = 5_000
MOST_CONNECTIONS = 1_000


@dataclass(frozen=True, slots=True)
class Counts:
    """`not_connected` counts the others by reason. `complete`: everybody is in one of the numbers; if not, there were more
    members or connections than are looked at, and `members` is the sum of all that were.

    `last_success_at` and `last_error` are the latest of anybody's; if nothing goes on failing, the latter may be of a
    consent that came to nothing.
    """

    members: int
    connected: int = 0
    not_connected: Mapping[str, int] = field(default_factory=dict)
    complete: bool = True
    last_success_at: int | None = None
    last_error: LastError | None = None


def count(statuses: Iterable[Status], members: int, *, complete: bool) -> Counts:
    """Count the statuses of those who have a row. Of the other members, nobody has ever connected.

    Who was not looked at is not counted as if nothing were there.
    """
    known = [*statuses]
    waiting = Counter(reason_of(status) for status in known if status.status != "connected")
    if complete and members > len(known):
        waiting["never_connected"] += members - len(known)
    return _counts(known, members, len([one for one in known if one.status == "connected"]), waiting, complete)


def count_shared(status: Status, members: int, *, complete: bool) -> Counts:
    """Count a connection that serves every member, or none."""
    connected = members if status.status == "connected" else 0
    return _counts([status], members, connected, {reason_of(status): members - connected}, complete)


def count_without_oauth(members: int, *, complete: bool) -> Counts:
    """Nobody has to connect."""
    return _counts([], members, 0, {"no_oauth": members}, complete)


def with_failed_consent(counted: Counts, failed: LastError | None) -> Counts:
    """Tell of a consent for which the provider gave no token, unless tokens were obtained since.

    What goes on failing comes first: anybody in the team can let a consent of theirs come to nothing.
    """
    if failed is None or counted.last_error is not None or failed.at <= (counted.last_success_at or 0):
        return counted
    return replace(counted, last_error=failed)


def reason_of(status: Status) -> str:
    """Why somebody is not connected, in one stable code."""
    if status.status == "not_connected":
        return "never_connected"
    return status.reason or status.status


def _counts(known: list[Status], members: int, connected: int, waiting: Mapping[str, int], complete: bool) -> Counts:
    errors = [one.last_error for one in known if one.last_error is not None]
    return Counts(
        members,
        connected,
        {reason: number for reason, number in sorted(waiting.items()) if number},
        complete,
        last_success_at=max((one.last_success_at for one in known if one.last_success_at is not None), default=None),
        last_error=max(errors, key=lambda error: (error.at, error.code), default=None),
    )
