"""Telling that a connection is well again, after its owner may have noticed that it was not."""

from __future__ import annotations

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.rescue import RenewalResult
from strongroom.domain.timeline import STRONGROOM, was_noticed
from strongroom.flows.attempts import fresh_id, noted
from strongroom.ports import Ports


def tell_recovery(ports: Ports, result: RenewalResult) -> None:
    """Leave a record that renewals succeed again, if they had failed for long.

    After the tokens are stored and in a write of its own: when a provider comes back, many connections of a team recover at
    once, and no token may wait for a record. Should this write fail, the timeline lacks an entry, and nothing else.
    """
    connection, at = result.connection, result.tokens.obtained_at
    if not was_noticed(connection, at):
        return
    owner, state = connection.owner, connection.renewal
    told = noted(
        ports,
        owner.team,
        "recovered",
        STRONGROOM,
        owner,
        user=owner.user,
        installation=owner.installation,
        failures=state.failures,
        failing_since=state.failing_since,
        reason=state.last_error,
    )
    try:
        ports.table.commit((told,), fresh_id(ports))
    except StoreUnavailable:
        ports.journal.note("recovery_not_written", team=owner.team, installation=owner.installation)
