"""A satellite reports that the MCP server rejected a token."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain.challenge import bearer_challenge
from strongroom.domain.connection import Connection
from strongroom.domain.errors import AuthorizationRequired, Unavailable
from strongroom.domain.status import REJECTIONS_COUNT_FOR
from strongroom.domain.table import Change, Value
from strongroom.flows.attempts import fresh_id
from strongroom.flows.look_up import Ask, Released, admit_satellite_of, look_up
from strongroom.flows.reads import five_reads
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Rejection:
    """Which version was answered 401 or 403, and with which `WWW-Authenticate`."""

    version: str
    status: int
    challenge: str | None


def report(ports: Ports, ask: Ask, rejection: Rejection) -> Released:
    """Take a report and answer like a look-up.

    A 403 `insufficient_scope` is no fault of the token: the person may step up, and look-ups go on. Anything else counts
    against the version that was rejected and forces one renewal of it; a second version rejected within fifteen minutes
    means `rejected` for fifteen minutes. A report of an older version changes nothing.

    Raises:
        AuthorizationRequired: `insufficient_scope` with a link, or as a look-up does.
    """
    reads = five_reads(ports.table, ask.team, ask.user, ask.installation)
    admit_satellite_of(ports, reads.team, ask.caller)
    connection = reads.admitted().enabled().connection
    challenge = bearer_challenge([rejection.challenge]) if rejection.challenge else None
    if rejection.status == 403 and challenge is not None and challenge.error == "insufficient_scope":
        link = ports.policy.connect_link(ask.team, ask.installation)
        raise AuthorizationRequired(
            "more scopes are needed", code="insufficient_scope", reason="insufficient_scope", link=link
        )
    if connection is not None and str(connection.version) == rejection.version:
        _remember(ports, connection)
    return look_up(ports, replace(ask, wish=replace(ask.wish, not_version=rejection.version)))


def _remember(ports: Ports, connection: Connection) -> None:
    now = int(ports.clock.now())
    recent = [(version, at) for version, at in connection.rejected if now - at < REJECTIONS_COUNT_FOR]
    entries: list[Value] = [{"version": version, "at": at} for version, at in (*recent, (str(connection.version), now))]
    change = Change(connection.key, connection.version.unchanged(), put={"rejected": entries[-4:]})
    try:
        ports.table.commit((change,), fresh_id(ports))
    except Unavailable:
        ports.journal.note("rejection_not_written")
