"""The end of a team."""

from __future__ import annotations

from strongroom.domain import keys
from strongroom.domain.cut import Cut
from strongroom.domain.table import Change, Committed, Is, Item, every
from strongroom.domain.team import Caller
from strongroom.flows.attempts import fresh_id, in_a_few_attempts, noted
from strongroom.flows.membership import admit_host
from strongroom.flows.revoke import nudge
from strongroom.ports import Ports


def delete_team(ports: Ports, host: Caller, team: str) -> None:
    """Delete a team: its row becomes a tombstone, and from then on nobody reads or renews anything below it.

    A chore follows that gives all tokens back to their providers and takes the rows away, and the team's keys last. The id
    is never used again. Deleting twice is deleting once.

    Raises:
        NotFound: If the host does not speak for the team, or there was never such a team.
    """

    def attempt() -> bool:
        return not admit_host(ports, host, team).active or _bury(ports, host, team)

    in_a_few_attempts(ports, attempt)


def _bury(ports: Ports, host: Caller, team: str) -> bool:
    now = int(ports.clock.now())
    cut = Cut(fresh_id(ports), "team", team, why="team_deleted", by=str(host), made_at=now)
    tombstone: Item = {"state": "deleted", "deleted_at": now, "satellites": []}
    buried = Change(keys.team(team), every(Is("state", "active")), put=tombstone)
    told = noted(ports, team, "team_deleted", str(host))
    if not isinstance(ports.table.commit((buried, cut.to_put(ports.policy), told), fresh_id(ports)), Committed):
        return False
    nudge(ports, cut.id)
    return True
