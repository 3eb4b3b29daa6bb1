"""The hot path: a satellite looks up a token or reports a rejected one; a person revokes."""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.aws import direct, identity
from strongroom.aws.fields import Fields
from strongroom.aws.http import Request, Response, answer, qualifier, serve
from strongroom.aws.shapes import released, status_of
from strongroom.aws.wiring import Wired, wire
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.domain.lookup import USUAL_VALIDITY, Wish
from strongroom.domain.team import Caller
from strongroom.flows.look_up import Ask, look_up

# A cold look-up waits for every import: `reject` and `revoke` are loaded by the first request that needs them.
PORTS = wire("token", queues=("renewal", "rescue", "chore"))


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Response:
    """Answer the API through the alias `live`, and trusted gateways through the alias `direct`."""
    if qualifier(context) == direct.ALIAS:
        return direct.serve(event, context, ports.ports)
    routes = {
        "POST /v1/satellite/teams/{team}/installations/{installation}/token": partial(token, ports),
        "POST /v1/satellite/teams/{team}/installations/{installation}/rejected": partial(rejected, ports),
        "DELETE /v1/teams/{team}/installations/{installation}/connection": partial(disconnect, ports),
    }
    return serve(event, context, ports.ports.journal, routes)


def token(wired: Wired, request: Request) -> Response:
    """`POST .../token`: give the token of one user."""
    caller, fields = identity.caller(request.event), Fields(request.json())
    ask = _ask(caller, request, fields, fields.version("not_version"))
    fields.nothing_else()
    return answer(200, released(look_up(wired.ports, ask)))


def rejected(wired: Wired, request: Request) -> Response:
    """`POST .../rejected`: the MCP server answered 401 or 403 to this version."""
    from strongroom.aws.rejections import rejection_in
    from strongroom.flows.reject import report

    caller, fields = identity.caller(request.event), Fields(request.json())
    rejection = rejection_in(fields)
    ask = _ask(caller, request, fields, None)
    fields.nothing_else()
    return answer(200, released(report(wired.ports, ask, rejection)))


def _ask(caller: Caller, request: Request, fields: Fields, not_version: str | None) -> Ask:
    return Ask(
        caller=caller,
        team=checked_team(request.path.get("team", "")),
        installation=checked_installation(request.path.get("installation", "")),
        user=fields.user("user"),
        wish=Wish(fields.number("min_validity", USUAL_VALIDITY), not_version),
    )


def disconnect(wired: Wired, request: Request) -> Response:
    """`DELETE .../connection`: take back what I allowed."""
    from strongroom.flows.revoke import revoke

    user = identity.person(request.event, wired.issuer)
    Fields(request.json()).nothing_else()
    team = checked_team(request.path.get("team", ""))
    status = revoke(wired.ports, user, team, checked_installation(request.path.get("installation", "")))
    return answer(200, {"connection": status_of(status)})
