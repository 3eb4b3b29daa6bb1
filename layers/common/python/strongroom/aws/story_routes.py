"""What people ask of what happened, over HTTP."""

from __future__ import annotations

from strongroom.aws import identity
from strongroom.aws.http import Request, Response, answer
from strongroom.aws.timeline_shapes import position_in, records_shown, timeline_shown
from strongroom.aws.wiring import Wired
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.flows import timeline


def show_timeline(wired: Wired, request: Request) -> Response:
    """`GET .../timeline`: what happened to the connection that serves me, and what happens next."""
    user = identity.person(request.event, wired.issuer)
    team = checked_team(request.path.get("team", ""))
    installation = checked_installation(request.path.get("installation", ""))
    story = timeline.timeline_of(wired.ports, user, team, installation)
    return answer(200, timeline_shown(story, int(wired.ports.clock.now())))


def show_records(wired: Wired, request: Request) -> Response:
    """`GET .../records`: who changed what in the team, for its admins."""
    user = identity.person(request.event, wired.issuer)
    team = checked_team(request.path.get("team", ""))
    after = position_in(request.query, wired.ports.clock.now())
    return answer(200, records_shown(timeline.records(wired.ports, user, team, after)))
