"""What satellites ask beside tokens, over HTTP: signed with IAM, and checked against the team's list."""

from __future__ import annotations

from strongroom.aws import identity
from strongroom.aws.bodies import ListBody, parsed
from strongroom.aws.http import Request, Response, answer
from strongroom.aws.shapes import listing_shown
from strongroom.aws.wiring import Wired
from strongroom.domain.identifiers import checked_team
from strongroom.flows import on_behalf


def show_all(wired: Wired, request: Request) -> Response:
    """`POST .../installations`: the team's installations with one user's status, by name and page by page."""
    satellite = identity.caller(request.event)
    body = parsed(ListBody, request.json())
    team = checked_team(request.path.get("team", ""))
    page = on_behalf.listing_for(wired.ports, satellite, team, body.user, body.wanted())
    return answer(200, listing_shown(page))
