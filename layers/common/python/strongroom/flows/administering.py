"""What an admin does to one installation: who may, and the one write that does it."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain import change, keys, quota
from strongroom.domain.cut import Cut
from strongroom.domain.errors import Forbidden, NotFound
from strongroom.domain.installation import Installation
from strongroom.domain.table import Check, Committed, Is, Put, Refused, Write, every
from strongroom.domain.team import Member, Team
from strongroom.flows.attempts import fresh_id
from strongroom.flows.quota import too_many
from strongroom.flows.revoke import nudge
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Administered:
    """An installation as it was read, by an admin of its team."""

    team: Team
    user: str
    installation: Installation


def administered(ports: Ports, user: str, team: str, installation: str, if_match: str | None) -> Administered:
    """Let an admin of the team pass to one of its installations, if it is what the admin has seen.

    Raises:
        NotFound: If it is not an installation of a team of this person.
        Forbidden: If the person is no admin.
        ChangedMeanwhile: See `change.check_match`.
    """
    wanted = (keys.team(team), keys.member(team, user), keys.installation(team, installation))
    found = ports.table.read(wanted)
    rows = [found.get(key) for key in wanted]
    known = Team.from_item(rows[0]) if rows[0] else None
    member = Member.from_item(rows[1]) if rows[1] else None
    if known is None or not known.active or member is None or rows[2] is None:
        raise NotFound("no such team, member or installation")
    if not member.is_admin:
        raise Forbidden("only an admin changes installations", code="admin_required")
    present = Installation.from_item(rows[2])
    change.check_match(present, if_match)
    return Administered(known, user, present)


def committed(ports: Ports, at: Administered, *writes: Write) -> Committed | Refused:
    """Do it all at once, if the person is still an admin of an active team; what was cut by it is cleared away soon. A
    refusal counts from the first of `writes`, and is negative where that has ended.

    Raises:
        TooMany: If the team has cut as often in this minute as may be: clearing away is work that others wait for.
    """
    team, now = at.team.id, ports.clock.now()
    cuts = [str(one.item["chore"]) for one in writes if isinstance(one, Put) and one.item.get("kind") == "chore"]
    still = (
        Check(keys.team(team), Is("state", "active")),
        Check(keys.member(team, at.user), every(Is("state", "active"), Is("role", "team_admin"))),
    )
    before = (*still, *((quota.CUTS.counted(team, None, now),) if cuts else ()))
    outcome = ports.table.commit((*before, *writes), fresh_id(ports))
    if isinstance(outcome, Committed):
        for chore in cuts:
            nudge(ports, chore)
        return outcome
    if min(outcome.failed) == len(still) < len(before):
        raise too_many(now)
    return Refused({place - len(before): row for place, row in outcome.failed.items()})


def ended_binding(ports: Ports, at: Administered, why: str, provider_key: str | None = None) -> Put:
    """Leave the chore that clears away what hung on the present binding. `provider_key`: of a client that goes with it."""
    cut = Cut(
        id=fresh_id(ports),
        what="binding",
        team=at.team.id,
        why=why,
        by=at.user,
        made_at=int(ports.clock.now()),
        installation=at.installation.id,
        mark=at.installation.binding,
        provider_key=provider_key,
    )
    return cut.to_put(ports.policy)
