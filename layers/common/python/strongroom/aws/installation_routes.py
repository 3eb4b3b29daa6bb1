"""What people ask of installations, over HTTP."""

from __future__ import annotations

from typing import Any

from strongroom.aws import identity
from strongroom.aws.bodies import ClientSecretBody, InstallBody, NothingBody, PatchBody, parsed
from strongroom.aws.http import Request, Response, answer
from strongroom.aws.install_shapes import lacking, next_step
from strongroom.aws.queries import wanted_in
from strongroom.aws.shapes import counts_of, listed, own_listing_shown, secret_state
from strongroom.aws.wiring import Wired
from strongroom.domain.change import etag
from strongroom.domain.idempotency import intent
from strongroom.domain.identifiers import checked_installation, checked_team
from strongroom.domain.secret import Secret
from strongroom.flows import change as changing
from strongroom.flows import client_secret, counts, install, installed, removing


def show_all(wired: Wired, request: Request) -> Response:
    """`GET .../installations`: my role, and the team's installations, each with my status, by name and page by page."""
    user = identity.person(request.event, wired.issuer)
    team = checked_team(request.path.get("team", ""))
    page = installed.listing(wired.ports, user, team, wanted_in(request.query))
    return answer(200, own_listing_shown(page))


def add(wired: Wired, request: Request) -> Response:
    """`POST .../installations`: install, and say what to do next."""
    user = identity.person(request.event, wired.issuer)
    body = parsed(InstallBody, request.json())
    team = checked_team(request.path.get("team", ""))
    key = request.header("idempotency-key")
    once = intent(team, user, key, request.json()) if key is not None else None
    new = install.install(wired.ports, user, team, _wanted(body), once)
    return _shown(201, new.entry, next=next_step(new), **lacking(new))


def _wanted(body: InstallBody) -> install.Wanted:
    return install.Wanted(
        name=body.name,
        url=body.url,
        sharing=body.sharing,
        scopes=tuple(body.scopes),
        provider=body.provider.entered() if body.provider else None,
        requires_oauth=body.requires_oauth,
        inject=body.inject.wanted(),
    )


def show(wired: Wired, request: Request) -> Response:
    """`GET .../installations/{installation}`: one of them."""
    user = identity.person(request.event, wired.issuer)
    team = checked_team(request.path.get("team", ""))
    installation = checked_installation(request.path.get("installation", ""))
    return _shown(200, installed.see(wired.ports, user, team, installation))


def show_counts(wired: Wired, request: Request) -> Response:
    """`GET .../installations/{installation}/connections`: how everybody stands, in numbers, for an admin."""
    user, team, installation = _whose(wired, request)
    return answer(200, counts_of(counts.counted(wired.ports, user, team, installation)))


def change(wired: Wired, request: Request) -> Response:
    """`PATCH .../installations/{installation}`: change what is named, as an admin."""
    at = _whose(wired, request)
    wanted = parsed(PatchBody, request.json()).wanted()
    return _shown(200, changing.change(wired.ports, *at, wanted, request.header("if-match")))


def rotate_client_secret(wired: Wired, request: Request) -> Response:
    """`PUT .../client_secret`: another secret of the client that was entered by hand, as an admin."""
    at = _whose(wired, request)
    body = parsed(ClientSecretBody, request.json())
    state = client_secret.rotate(wired.ports, *at, Secret(body.client_secret), request.header("if-match"))
    return answer(200, secret_state(state))


def remove(wired: Wired, request: Request) -> Response:
    """`DELETE .../installations/{installation}`: uninstall, as an admin."""
    at = _whose(wired, request)
    parsed(NothingBody, request.json())
    removing.remove(wired.ports, *at, request.header("if-match"))
    return answer(200, {"installation": at[2], "removed": True})


def revoke_all(wired: Wired, request: Request) -> Response:
    """`DELETE .../connections`: end what everybody has connected, as an admin."""
    at = _whose(wired, request)
    parsed(NothingBody, request.json())
    removing.revoke_all(wired.ports, *at, request.header("if-match"))
    return answer(200, {"installation": at[2], "revoked": "all"})


def _whose(wired: Wired, request: Request) -> tuple[str, str, str]:
    """Who asks, of which team and which installation."""
    user = identity.person(request.event, wired.issuer)
    team = checked_team(request.path.get("team", ""))
    return user, team, checked_installation(request.path.get("installation", ""))


def _shown(status: int, entry: installed.Listed, **more: Any) -> Response:
    """Show one installation, with the tag that `If-Match` takes."""
    return answer(status, {**listed(entry), **more}, {"etag": etag(entry.installation)})
