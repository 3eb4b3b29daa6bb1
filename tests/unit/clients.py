"""Scenes of our clients at providers: by metadata document, by registration, in generations."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import jwt

from strongroom.domain.http import Outgoing
from strongroom.domain.table import Item
from tests.fakes.egress import replying
from tests.fakes.provider import READS_DOCUMENTS, FakeProvider
from tests.unit.attacks.scenes import form_of, parameters, rows
from tests.world import MCP_URL, Begun, World

NO_SIGNATURES = {"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]}
NO_ISS = {"authorization_response_iss_parameter_supported": False}
NO_REGISTRATION = {"registration_endpoint": None}


class ReadingWorld(World):
    """A world whose provider knows us by our document, and reads it whenever somebody begins."""

    def __init__(self, **metadata: Any) -> None:
        super().__init__()
        self.provider.metadata |= READS_DOCUMENTS | metadata

    def begin(self, user: str, installation: str, team: str = "acme", **body: Any) -> Begun:
        begun = super().begin(user, installation, team, **body)
        reads(self, begun, self.provider)
        return begun


def reads(world: World, begun: Begun, *providers: FakeProvider) -> None:
    """Let providers read the document that is the client id of this authorization, if it is one."""
    client_id = parameters(begun.url)["client_id"]
    if client_id.startswith(f"{world.policy.public_url}/"):
        for provider in providers:
            provider.documents[client_id] = document(world, client_id)


def document(world: World, client_id: str) -> dict[str, Any]:
    answer = world.call("GET", urlsplit(client_id).path)
    assert answer.status == 200, answer.text
    return answer.json


def client_rows(world: World) -> list[Item]:
    """All generations of all our clients, oldest first."""
    return sorted(rows(world, "provider_client"), key=lambda row: (str(row["PK"]), str(row["SK"])))


def assertions(world: World) -> list[str]:
    """Every assertion that we have sent anywhere, in order."""
    return [form["client_assertion"] for form in map(form_of, world.egress.sent) if "client_assertion" in form]


def said(assertion: str) -> dict[str, Any]:
    claims = jwt.decode(assertion, options={"verify_signature": False})
    assert isinstance(claims, dict)
    return claims


def sent_with(world: World, assertion: str) -> Outgoing:
    [request] = [sent for sent in world.egress.sent if form_of(sent).get("client_assertion") == assertion]
    return request


def server_wants(world: World, *scopes: str) -> None:
    """The MCP server's challenge names these scopes from now on."""
    metadata = "https://files.example/.well-known/oauth-protected-resource/mcp"
    challenge = f'Bearer resource_metadata="{metadata}", scope="{" ".join(scopes)}"'
    world.egress.on("POST", MCP_URL, replying(401, www_authenticate=challenge))
