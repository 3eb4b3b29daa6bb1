"""Writing down a renewal that brought no tokens.

If somebody else has changed the row, or the table is silent, nothing is written, and that is no harm: the lease ends by
itself, and its intent is remembered.
"""

from __future__ import annotations

from strongroom.domain import renewal
from strongroom.domain.connection import Connection
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.renewal_outcome import Adopted, Failed, Outcome, Refused, Unclear
from strongroom.domain.rows import number
from strongroom.domain.table import Change, Committed
from strongroom.flows.attempts import fraction, fresh_id, noted
from strongroom.ports import Ports


def refused(ports: Ports, connection: Connection, lease: str) -> Outcome:
    """The provider ended the grant."""
    now, restored_at = int(ports.clock.now()), ports.policy.restored_at
    return _person_must_act(ports, connection, renewal.refused(connection, lease, now, restored_at))


def replaced(ports: Ports, connection: Connection) -> Outcome:
    """The provider has forgotten our client: its tokens are of no use with another one (RFC 6749 §6)."""
    return _person_must_act(ports, connection, renewal.replaced(connection, int(ports.clock.now())))


def _person_must_act(ports: Ports, connection: Connection, change: Change) -> Outcome:
    owner = connection.owner
    told = noted(
        ports,
        owner.team,
        "auth_required",
        "strongroom",
        owner,
        user=owner.user,
        installation=owner.installation,
        reason=str(change.put["status_reason"]),
    )
    try:
        return Refused() if isinstance(ports.table.commit((change, told), fresh_id(ports)), Committed) else Adopted()
    except StoreUnavailable:
        ports.journal.note("renewal_outcome_not_written")
        return Failed("table_unavailable", 0)


def stuck(ports: Ports, connection: Connection, error: str) -> Failed:
    """What cannot be opened or has no client any more is an alarm, and waits like any fault: it must not come back at
    once for ever, nor withhold an access token that is still good."""
    ports.journal.alarm("renewal_stuck", code=error, team=connection.owner.team)
    return failed_before_lease(ports, connection, error)


def failed_before_lease(ports: Ports, connection: Connection, error: str) -> Failed:
    """Nothing left us."""
    now = int(ports.clock.now())
    return _written(ports, renewal.failed_before_lease(connection, error, now, fraction(ports)), error)


def failed(ports: Ports, connection: Connection, lease: str, error: str, wait: int | None = None) -> Failed:
    """A fault with a definite answer: nothing was spent. `wait` is what the provider asked for, in seconds."""
    now = int(ports.clock.now())
    return _written(ports, renewal.failed(connection, lease, error, wait, now, fraction(ports)), error)


def maybe_spent(
    ports: Ports, connection: Connection, lease: str, error: str, wait: int | None, again_at: int
) -> Failed | Unclear:
    """A fault after the provider may have done its work: a gateway gives up on what the server behind it went on to do.

    The first one gets the second look, at `again_at`, as an answer that was lost does: later, a provider that forgives might
    do so no more. Unless it asked for a longer `wait` (seconds): that is kept.
    """
    now = int(ports.clock.now())
    looks_again = not connection.renewal.intents and (wait or 0) <= again_at - now
    pause = again_at - now if looks_again else wait
    change = renewal.failed_and_maybe_spent(connection, lease, error, pause, now, fraction(ports))
    until = look_again_at(ports, change)
    return Unclear(until, again=True) if looks_again else Failed(error, until)


def _written(ports: Ports, change: Change, error: str) -> Failed:
    return Failed(error, look_again_at(ports, change))


def look_again_at(ports: Ports, change: Change) -> int:
    """Write it if that is possible, and give the time before which nobody tries again."""
    try:
        ports.table.commit((change,), fresh_id(ports))
    except StoreUnavailable:
        ports.journal.note("renewal_outcome_not_written")
    return number(change.put, "retry_at")
