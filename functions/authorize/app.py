"""Begin an authorization, and look at what one would need."""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.aws import identity
from strongroom.aws.bodies import AuthorizeBody, ProbeBody, parsed
from strongroom.aws.http import Request, Response, answer, serve
from strongroom.aws.probe_shapes import probed
from strongroom.aws.shapes import begun
from strongroom.aws.wiring import Wired, wire
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.flows.begin import begin
from strongroom.flows.probe import probe

PORTS = wire("authorize")


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Response:
    """Answer the API."""
    routes = {
        "POST /v1/teams/{team}/installations/{installation}/authorize": partial(authorize, ports),
        "POST /v1/teams/{team}/probe": partial(probe_server, ports),
    }
    return serve(event, context, ports.ports.journal, routes)


def authorize(wired: Wired, request: Request) -> Response:
    """`POST .../authorize`: where to send me, to allow this MCP server."""
    user = identity.person(request.event, wired.issuer)
    body = parsed(AuthorizeBody, request.json())
    team = checked_team(request.path.get("team", ""))
    installation = checked_installation(request.path.get("installation", ""))
    return answer(201, begun(begin(wired.ports, user, team, installation, body.return_to)))


def probe_server(wired: Wired, request: Request) -> Response:
    """`POST .../probe`: what this MCP server needs, for an admin who thinks of installing it."""
    user = identity.person(request.event, wired.issuer)
    body = parsed(ProbeBody, request.json())
    team = checked_team(request.path.get("team", ""))
    return answer(200, probed(probe(wired.ports, user, team, body.url)))
