"""Where the provider sends the browser, and where a person finishes an authorization."""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.aws import identity, pages
from strongroom.aws.bodies import CompleteBody, parsed
from strongroom.aws.http import Request, Response, answer, serve, told
from strongroom.aws.shapes import authorization_of, status_of
from strongroom.aws.wiring import Wired, wire
from strongroom.domain.client_document import CACHED_FOR
from strongroom.domain.identifiers import checked_authorization, checked_provider_key
from strongroom.domain.secret import Secret
from strongroom.flows import clients, installed
from strongroom.flows.answer import AlreadyFinished, Ended, Returned, take_answer
from strongroom.flows.complete import complete, see, way_back

PORTS = wire("callback", queues=("rescue",))


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Response:
    """Answer the API."""
    routes = {
        "GET /oauth/callback/{provider_key}": partial(callback, ports),
        "GET /oauth/clients/{provider_key}": partial(describe, ports),
        "GET /v1/authorizations/{authorization}": partial(show, ports),
        "POST /v1/authorizations/{authorization}/complete": partial(finish, ports),
    }
    return serve(event, context, ports.ports.journal, routes)


def callback(wired: Wired, request: Request) -> Response:
    """`GET /oauth/callback/{provider_key}`: the browser gets a redirect or a page, never a word of the provider."""
    if pages.is_prefetch(request.event):
        return pages.not_now()
    web_client = wired.ports.policy.web_client_url
    try:
        key = checked_provider_key(request.path.get("provider_key", ""))
        match take_answer(wired.ports, key, Secret(request.query)):
            case Returned(authorization, secret):
                return pages.go(f"{web_client}#authorization={authorization}&secret={secret.reveal()}")
            case Ended(authorization, outcome):
                return pages.go(f"{web_client}#authorization={authorization}&outcome={outcome}")
            case AlreadyFinished():
                return pages.already_finished()
    except Exception as error:
        return pages.refused(told(error, wired.ports.journal), request.request_id)


def describe(wired: Wired, request: Request) -> Response:
    """`GET /oauth/clients/{provider_key}`: our client ID metadata document, for everybody."""
    document = clients.published(wired.ports, checked_provider_key(request.path.get("provider_key", "")))
    return answer(200, document, {"cache-control": f"public, max-age={CACHED_FOR}"})


def show(wired: Wired, request: Request) -> Response:
    """`GET /v1/authorizations/{id}`: how it stands, to the person who began it."""
    user = identity.person(request.event, wired.issuer)
    seen = see(wired.ports, user, checked_authorization(request.path.get("authorization", "")))
    return answer(200, authorization_of(seen.authorization, seen.state))


def finish(wired: Wired, request: Request) -> Response:
    """`POST /v1/authorizations/{id}/complete`: as the person who began, in the browser that consented."""
    user = identity.person(request.event, wired.issuer)
    body = parsed(CompleteBody, request.json())
    wanted = checked_authorization(request.path.get("authorization", ""))
    done = complete(wired.ports, user, wanted, Secret(body.secret), confirm_shared=body.confirm_shared)
    authorization = done.authorization
    mine = installed.see(wired.ports, user, authorization.team, authorization.installation)
    shape = authorization_of(authorization, done.state)
    return answer(
        200, {**shape, "connection": status_of(mine.status), "return_to": way_back(wired.ports, authorization)}
    )
