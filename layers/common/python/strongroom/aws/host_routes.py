"""What hosts say about teams, over HTTP: signed with IAM, and checked against their own row."""

from __future__ import annotations

from strongroom.aws import identity
from strongroom.aws.bodies import MemberBody, SatelliteBody, parsed
from strongroom.aws.http import Request, Response, answer
from strongroom.aws.wiring import Wired
from strongroom.domain.identifiers import checked_team
from strongroom.domain.team import Caller
from strongroom.flows import people


def put_member(wired: Wired, request: Request) -> Response:
    """`PUT .../members`: the host says who is in the team."""
    host = identity.caller(request.event)
    body = parsed(MemberBody, request.json())
    team = checked_team(request.path.get("team", ""))
    people.put_member(wired.ports, host, team, body.user, body.role)
    return answer(200, {"team": team, "user": body.user, "role": body.role})


def put_satellite(wired: Wired, request: Request) -> Response:
    """`PUT .../satellites`: the host says which role may ask for the team."""
    host = identity.caller(request.event)
    body = parsed(SatelliteBody, request.json())
    team = checked_team(request.path.get("team", ""))
    satellite = Caller(body.account, body.role_id)
    people.put_satellite(wired.ports, host, team, satellite, allowed=body.allowed)
    return answer(200, {"team": team, "account": body.account, "role_id": body.role_id, "allowed": body.allowed})
