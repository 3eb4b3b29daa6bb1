"""What hosts say about teams, over HTTP: signed with IAM, and checked against their own row."""

from __future__ import annotations

from strongroom.aws import identity, shapes, timeline_shapes
from strongroom.aws.bodies import MemberBody, NothingBody, SatelliteBody, parsed
from strongroom.aws.http import Request, Response, answer
from strongroom.aws.queries import position_in
from strongroom.aws.wiring import Wired
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.domain.team import Caller
from strongroom.flows import everybody, membership, people, teams, timeline


def put_member(wired: Wired, request: Request) -> Response:
    """`PUT .../members`: the host says who is in the team."""
    host = identity.caller(request.event)
    body = parsed(MemberBody, request.json())
    team = checked_team(request.path.get("team", ""))
    people.put_member(wired.ports, host, team, body.user, body.role)
    return answer(200, {"team": team, "user": body.user, "role": body.role})


def list_members(wired: Wired, request: Request) -> Response:
    """`GET .../members`: who is in the team, page by page."""
    host = identity.caller(request.event)
    team = checked_team(request.path.get("team", ""))
    roll = membership.members(wired.ports, host, team, position_in(request.query))
    told = [{"user": one.user, "role": one.role, "since": one.since} for one in roll.members]
    return answer(200, {"members": told, "next": roll.next.text if roll.next else None})


def list_connections(wired: Wired, request: Request) -> Response:
    """`GET .../connections`: how everybody of the team stands at an installation, by name and page by page."""
    host = identity.caller(request.event)
    team = checked_team(request.path.get("team", ""))
    installation = checked_installation(request.path.get("installation", ""))
    after = position_in(request.query)
    return answer(200, shapes.everybody_shown(everybody.everybody(wired.ports, host, team, installation, after)))


def host_records(wired: Wired, request: Request) -> Response:
    """`GET .../records`: who changed what in the team, as its admins read it, for the host."""
    host = identity.caller(request.event)
    team = checked_team(request.path.get("team", ""))
    after = timeline_shapes.position_in(request.query, wired.ports.clock.now())
    return answer(200, timeline_shapes.records_shown(timeline.records_for_host(wired.ports, host, team, after)))


def delete_team(wired: Wired, request: Request) -> Response:
    """`DELETE /v1/host/teams/{team}`: the host says that the team is no more."""
    host = identity.caller(request.event)
    team = checked_team(request.path.get("team", ""))
    parsed(NothingBody, request.json())
    teams.delete_team(wired.ports, host, team)
    return answer(200, {"team": team, "deleted": True})


def put_satellite(wired: Wired, request: Request) -> Response:
    """`PUT .../satellites`: the host says which role may ask for the team."""
    host = identity.caller(request.event)
    body = parsed(SatelliteBody, request.json())
    team = checked_team(request.path.get("team", ""))
    satellite = Caller(body.account, body.role_id)
    people.put_satellite(wired.ports, host, team, satellite, allowed=body.allowed)
    return answer(200, {"team": team, "account": body.account, "role_id": body.role_id, "allowed": body.allowed})
