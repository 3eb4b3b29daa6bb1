"""What alice, an admin, enters by hand about a provider, and the worlds in which it is used."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from strongroom.domain.catalog import Catalog, CatalogEntry
from strongroom.domain.http import Outgoing
from strongroom.domain.provider import drafted_key
from tests.fakes.provider import serve_mcp
from tests.unit.attacks.scenes import form_of
from tests.world import MCP_URL, Answered, World

PROVIDER = "https://provider.example"
DRAFT = "draft" + "a" * 15
SECRET = "the-secret-of-our-client"
CLIENT = {"client_id": "entered-client", "client_secret": SECRET}
ENDPOINTS = {
    "authorization": f"{PROVIDER}/authorize",
    "token": f"{PROVIDER}/token",
    "revocation": f"{PROVIDER}/revoke",
}
TOKEN_URL = ENDPOINTS["token"]


def provider(**changed: Any) -> dict[str, Any]:
    """A pre-registered client, with discovery; `...` takes a member out."""
    whole = {"draft": DRAFT, "issuer": PROVIDER, "client": CLIENT, **changed}
    return {name: value for name, value in whole.items() if value is not ...}


def whole_provider(**changed: Any) -> dict[str, Any]:
    """Everything by hand."""
    return provider(**{"issuer": PROVIDER, "endpoints": ENDPOINTS, **changed})


def registered(world: World, client: Any, method: str | None = None) -> None:
    """The admin has registered Strongroom at the provider, for this way of proving itself."""
    if isinstance(client, dict) and isinstance(client.get("client_id"), str):
        usual = "client_secret_basic" if "client_secret" in client else "none"
        known = {**client, "token_endpoint_auth_method": method or client.get("auth_method") or usual}
        world.provider.clients.setdefault(client["client_id"], known)


def install(
    world: World, entered: dict[str, Any] | None, user: str = "alice", team: str = "acme", **more: Any
) -> Answered:
    registered(world, entered["client"] if entered and "client" in entered else None)
    body = {"name": "Team Files", "url": MCP_URL, **more, **({"provider": entered} if entered else {})}
    return world.as_user(user, "POST", f"/v1/teams/{team}/installations", body)


def installed(world: World, entered: dict[str, Any] | None = None, **more: Any) -> str:
    answer = install(world, entered, **more)
    assert answer.status == 201, answer.text
    return str(answer.json["installation"])


def begins(world: World, installation: str, user: str = "bob", team: str = "acme") -> Answered:
    return world.as_user(user, "POST", f"/v1/teams/{team}/installations/{installation}/authorize", {})


def without_discovery(**policy: Any) -> World:
    """The provider publishes no metadata, and the MCP server none either."""
    world = World(**policy)
    for method, url in list(world.egress.routes):
        if method == "GET":
            del world.egress.routes[method, url]
    return world


def with_catalog(world: World, *entries: CatalogEntry) -> World:
    world.catalog = Catalog(entries)
    world.ports = replace(world.ports, catalog=world.catalog)
    return world


def moved(world: World, issuer: str) -> None:
    """The MCP server names another authorization server now."""
    serve_mcp(world.egress, MCP_URL, issuer)


def asked(answer: Answered) -> dict[str, list[str]]:
    """The parameters of the consent page, each with all of its values."""
    assert answer.status == 201, answer.text
    return parse_qs(urlsplit(answer.json["authorization_url"]).query)


def key_of(team: str = "acme", draft: str = DRAFT) -> str:
    return drafted_key(team, draft)


def proof(request: Outgoing) -> tuple[str, str | None, str | None]:
    """How the client proved itself: the Basic header, and what stands in the body."""
    header = request.headers.get("authorization")
    form = form_of(request)
    basic = base64.b64decode(header.reveal().removeprefix("Basic ")).decode() if header else ""
    return basic, form.get("client_id"), form.get("client_secret")


def everything_sent(world: World) -> str:
    """All that ever left, credentials included."""
    parts = []
    for request in world.egress.sent:
        parts += [request.url, *(value.reveal() for value in request.headers.values())]
        parts.append(request.body.reveal() if request.body else "")
    return "\n".join(parts)
