"""Teams, members, satellites, installations, statuses, timelines and records. It can open client secrets, and no token."""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.aws import identity
from strongroom.aws.bodies import InstallBody, MemberBody, SatelliteBody, parsed
from strongroom.aws.http import Request, Response, answer, serve
from strongroom.aws.shapes import listed
from strongroom.aws.timeline_shapes import position_in, records_shown, timeline_shown
from strongroom.aws.wiring import Wired, wire
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.domain.team import Caller
from strongroom.flows import install, people, timeline

PORTS = wire("installations")


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Response:
    """Answer the API."""
    routes = {
        "GET /v1/teams/{team}/installations": partial(show_all, ports),
        "POST /v1/teams/{team}/installations": partial(add, ports),
        "GET /v1/teams/{team}/installations/{installation}": partial(show, ports),
        "GET /v1/teams/{team}/installations/{installation}/timeline": partial(show_timeline, ports),
        "GET /v1/teams/{team}/records": partial(show_records, ports),
        "PUT /v1/host/teams/{team}/members": partial(put_member, ports),
        "PUT /v1/host/teams/{team}/satellites": partial(put_satellite, ports),
    }
    return serve(event, context, ports.ports.journal, routes)


def show_all(wired: Wired, request: Request) -> Response:
    """`GET .../installations`: the team's installations, each with my status."""
    user = identity.person(request.event, wired.issuer)
    entries = install.listing(wired.ports, user, checked_team(request.path.get("team", "")))
    return answer(200, {"installations": [listed(entry) for entry in entries], "next": None})


def add(wired: Wired, request: Request) -> Response:
    """`POST .../installations`: install, and say what to do next."""
    user = identity.person(request.event, wired.issuer)
    body = parsed(InstallBody, request.json())
    team = checked_team(request.path.get("team", ""))
    entered = body.provider.entered() if body.provider else None
    wanted = install.Wanted(body.name, body.url, body.sharing, tuple(body.scopes), entered)
    new = install.install(wired.ports, user, team, wanted)
    path = f"/v1/teams/{team}/installations/{new.installation.id}/authorize"
    return answer(201, {**listed(new), "next": {"action": "authorize", "method": "POST", "path": path}})


def show(wired: Wired, request: Request) -> Response:
    """`GET .../installations/{installation}`: one of them."""
    user = identity.person(request.event, wired.issuer)
    team = checked_team(request.path.get("team", ""))
    installation = checked_installation(request.path.get("installation", ""))
    return answer(200, listed(install.see(wired.ports, user, team, installation)))


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
