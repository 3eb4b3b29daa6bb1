"""The host's part: who is in which team, and which satellites may ask for it."""

from __future__ import annotations

from strongroom.domain import keys
from strongroom.domain.cut import Cut
from strongroom.domain.errors import Conflict, NotFound
from strongroom.domain.rows import number, texts
from strongroom.domain.table import Change, Check, Committed, Is, Item, Missing, Put, Write, every
from strongroom.domain.team import Caller, Role, new_member, new_team, speaks_for
from strongroom.flows.attempts import fresh_id, in_a_few_attempts, noted
from strongroom.flows.revoke import nudge
from strongroom.ports import Ports

MOST_SATELLITES = 40
"""The team's row comes with every look-up and stays under 4 KB."""


def put_member(ports: Ports, host: Caller, team: str, user: str, role: Role | None) -> None:
    """Put a user into a team, change the role, or (role None) take the user out. The first put creates the team.

    Leaving ends the membership's epoch before the call returns, so everything that hung on it is unreadable; a chore
    takes it away. A repeated put of the same role changes nothing, above all not the epoch.

    Raises:
        NotFound: If the host does not speak for the team, or the team was deleted.
    """
    _admit_host(ports, host, team)

    def attempt() -> bool:
        found = ports.table.read((keys.team(team), keys.member(team, user)))
        team_row, row = found.get(keys.team(team)), found.get(keys.member(team, user))
        if team_row is not None and team_row["state"] != "active":
            raise NotFound("the team was deleted, and its id is never used again")
        if role is None:
            return _take_out(ports, host, team, row)
        return _put(ports, host, (team_row, row), team, user, role)

    in_a_few_attempts(ports, attempt)


def _put(
    ports: Ports, host: Caller, present: tuple[Item | None, Item | None], team: str, user: str, role: Role
) -> bool:
    team_row, row = present
    if row is not None and row["state"] == "active" and row["role"] == role:
        return True
    writes = (*_team_is_there(ports, team_row, team), _join(ports, row, team, user, role))
    told = noted(ports, team, "member_put", str(host), user=user, role=role)
    return isinstance(ports.table.commit((*writes, told), fresh_id(ports)), Committed)


def _take_out(ports: Ports, host: Caller, team: str, row: Item | None) -> bool:
    """End the membership, and in the same write leave the chore that clears away what hung on it."""
    if row is None or row["state"] != "active":
        return True
    user, epoch, now = str(row["user"]), str(row["epoch"]), int(ports.clock.now())
    cut = Cut(fresh_id(ports), "member", team, why="left", by=str(host), made_at=now, user=user, mark=epoch)
    still = every(Is("state", "active"), Is("epoch", epoch))
    left = Change(keys.member(team, user), still, put={"state": "left", "since": now}, drop=("epoch", "role"))
    told = noted(ports, team, "member_left", str(host), user=user)
    if not isinstance(ports.table.commit((left, cut.to_put(ports.policy), told), fresh_id(ports)), Committed):
        return False
    nudge(ports, cut.id)
    return True


def _team_is_there(ports: Ports, team_row: Item | None, team: str) -> tuple[Write, ...]:
    if team_row is not None:
        return (Check(keys.team(team), Is("state", "active")),)
    return (Put(new_team(team, int(ports.clock.now())), require=Missing()),)


def _join(ports: Ports, row: Item | None, team: str, user: str, role: Role) -> Write:
    key = keys.member(team, user)
    if row is not None and row["state"] == "active":
        return Change(key, every(Is("epoch", str(row["epoch"]))), put={"role": role})
    fresh = new_member(team, user, role, fresh_id(ports), int(ports.clock.now()))
    return Put(fresh, require=Missing() if row is None else Is("state", str(row["state"])))


def put_satellite(ports: Ports, host: Caller, team: str, satellite: Caller, *, allowed: bool) -> None:
    """Register a satellite's role for a team, or take it off the list.

    The team's row is what a look-up reads; the caller's own row remembers that we know this role at all.

    Raises:
        NotFound: If the host does not speak for the team, or there is no such team.
        Conflict: `too_many_satellites`.
    """
    _admit_host(ports, host, team)

    def attempt() -> bool:
        place = keys.caller(satellite.account, satellite.role_id)
        found = ports.table.read((keys.team(team), place))
        row = found.get(keys.team(team))
        if row is None or row["state"] != "active":
            raise NotFound("no such team")
        listed = _satellites(row)
        wanted = listed | {str(satellite)} if allowed else listed - {str(satellite)}
        if wanted == listed:
            return True
        if len(wanted) > MOST_SATELLITES:
            raise Conflict("the team's row would grow too large", code="too_many_satellites")
        known = () if place in found else (_known(satellite),)
        writes = (*_listed(ports, row, host, satellite, wanted), *known)
        return isinstance(ports.table.commit(writes, fresh_id(ports)), Committed)

    in_a_few_attempts(ports, attempt)


def _listed(ports: Ports, team_row: Item, host: Caller, satellite: Caller, wanted: frozenset[str]) -> tuple[Write, ...]:
    team, revision = str(team_row["team"]), number(team_row, "revision")
    unchanged = every(Is("state", "active"), Is("revision", revision))
    change = Change(keys.team(team), unchanged, put={"satellites": sorted(wanted), "revision": revision + 1})
    allowed = str(satellite) in wanted
    return (change, noted(ports, team, "satellite_put", str(host), satellite=str(satellite), allowed=allowed))


def _known(satellite: Caller) -> Put:
    """The caller's own row, if it has none: whoever is a host stays one."""
    key = keys.caller(satellite.account, satellite.role_id)
    row = {"kind": "satellite", "account": satellite.account, "role_id": satellite.role_id}
    return Put({"PK": key.pk, "SK": key.sk, **row}, require=Missing())


def _admit_host(ports: Ports, host: Caller, team: str) -> None:
    row = ports.table.read((keys.caller(host.account, host.role_id),)).get(keys.caller(host.account, host.role_id))
    if not speaks_for(row, team):
        raise NotFound("this role does not speak for the team")


def _satellites(row: Item) -> frozenset[str]:
    return frozenset(texts(row, "satellites"))
