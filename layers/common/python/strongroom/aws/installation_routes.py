"""What people ask of installations, over HTTP."""

from __future__ import annotations

from strongroom.aws import identity
from strongroom.aws.bodies import InstallBody, parsed
from strongroom.aws.http import Request, Response, answer
from strongroom.aws.shapes import listed
from strongroom.aws.wiring import Wired
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.flows import install, installed


def show_all(wired: Wired, request: Request) -> Response:
    """`GET .../installations`: the team's installations, each with my status."""
    user = identity.person(request.event, wired.issuer)
    entries = installed.listing(wired.ports, user, checked_team(request.path.get("team", "")))
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
    return answer(200, listed(installed.see(wired.ports, user, team, installation)))
