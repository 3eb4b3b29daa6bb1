"""A server that moves: to another authorization server, or to other endpoints of the same one.

What was found at the consent is kept with the connection: where the server points later gets no secret of the old place.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote_plus

import pytest

from strongroom.domain import provider as providers
from strongroom.domain.http import Outgoing
from strongroom.flows import renew as renewing
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind, exchanges, form_of, parameters, rows
from tests.unit.renewals import Scene
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

OLD, NEW = "https://provider.example", "https://evil.example"
ISSUER_IN_KEY = ('"provider-key-1", team, issuer', '"provider-key-1", team, "any"')


class Moved(World):
    """Bob is connected through the old provider; then the MCP server's metadata names the new one."""

    def __init__(self, **policy: Any) -> None:
        super().__init__(**policy)
        self.files = self.install()
        self.connect("bob", self.files)
        self.kept = self.secrets()
        self.new = FakeProvider(self.clock, issuer=NEW)
        self.new.serve(self.egress)
        serve_mcp(self.egress, MCP_URL, NEW)

    def secrets(self) -> set[str]:
        """What the old provider gave us: client secrets and tokens."""
        secrets = {str(client["client_secret"]) for client in self.provider.clients.values()}
        return secrets | {text for grant in self.provider.grants for text in (grant.access, grant.refresh)}

    def to_the_new_one(self) -> list[Outgoing]:
        return [request for request in self.egress.sent if request.url.startswith(NEW)]

    def given_away(self) -> set[str]:
        """Which of them the new provider has seen, in whatever part of a request."""
        seen = " ".join(text for request in self.to_the_new_one() for text in texts(request))
        return {secret for secret in self.kept | self.secrets() if secret in seen}

    def reconnect(self) -> Answered:
        begun = self.begin("bob", self.files)
        answer = self.browse(self.new.consent(begun.url, "bob"))
        secret = answer.headers["location"].rpartition("secret=")[2]
        path = f"/v1/authorizations/{begun.id}/complete"
        return self.as_user("bob", "POST", path, {"secret": secret})


def texts(request: Outgoing) -> list[str]:
    """Everything that a request says; Basic is taken apart."""
    found = [request.url, request.body.reveal() if request.body else "", unquote_plus(str(form_of(request)))]
    for value in request.headers.values():
        scheme, _, rest = value.reveal().partition(" ")
        found.append(unquote_plus(base64.b64decode(rest).decode()) if scheme == "Basic" else value.reveal())
    return found


# B2: another authorization server


@requirement("attack:B2")
@requirement("mcp:D4")
def test_the_old_connection_is_renewed_where_it_was_made_and_the_new_server_hears_nothing() -> None:
    world = Moved()
    world.clock.advance(3500)
    world.tick()
    assert Scene(world, world.files).connection.version.n == 2
    assert account_behind(world, "bob", world.files) == "bob"
    assert world.to_the_new_one() == []


@requirement("attack:B2")
@requirement("mcp:D4")
def test_to_authorize_at_the_new_server_we_register_anew_and_show_it_nothing_of_the_old() -> None:
    world = Moved()
    old = {str(row["client_id"]) for row in rows(world, "provider_client")}
    asked = parameters(world.begin("bob", world.files).url)
    assert asked["client_id"] in world.new.clients
    assert asked["client_id"] not in old
    redirects = {row["issuer"]: row["redirect_uri"] for row in rows(world, "provider_client")}
    assert redirects[NEW] == asked["redirect_uri"] != redirects[OLD]
    assert world.given_away() == set()


@requirement("attack:B2")
@requirement("mcp:D4")
def test_after_a_reconnect_each_server_has_only_seen_what_it_gave_itself() -> None:
    world = Moved()
    assert world.reconnect().status == 200
    Scene(world, world.files).renew()
    world.clock.advance(60)
    world.tick()
    assert world.new.token_requests[-1]["grant_type"] == "refresh_token"
    assert world.given_away() == set()
    assert world.provider.revoked != []
    codes = [url for url, _ in exchanges(world)]
    assert codes == [f"{OLD}/token", f"{NEW}/token"]
    assert [grant.alive for grant in world.provider.grants] == [False]


@requirement("attack:B2")
def test_a_person_who_has_to_act_after_the_move_is_told_so_and_no_token_is_handed_out() -> None:
    world = Moved()
    world.provider.withdraw("bob")
    world.clock.advance(3500)
    world.tick()
    answer = world.look_up("bob", world.files)
    assert (answer.status, answer.json["reason"]) == (409, "refused")
    assert world.to_the_new_one() == []


@requirement("attack:B2")
@requirement("mcp:D4")
def test_control_without_the_issuer_in_its_key_the_old_client_and_its_secret_go_to_the_new_server() -> None:
    with weakened(providers.provider_key, *ISSUER_IN_KEY):
        world = Moved()
        asked = parameters(world.begin("bob", world.files).url)
        assert asked["client_id"] in world.provider.clients
        world.reconnect()
    assert world.given_away() == {str(client["client_secret"]) for client in world.provider.clients.values()}


# B3: other endpoints of the same authorization server

ELSEWHERE = {
    "another origin": f"{NEW}/token",
    "another path": f"{OLD}/token2",
    "plain http": "http://provider.example/token",
    "an internal address": "https://10.0.0.1/token",
}


def redirected(endpoint: str) -> Scene:
    """Bob is connected; then the provider's metadata names another token endpoint, which would take anything."""
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.provider.metadata |= {"token_endpoint": endpoint, "revocation_endpoint": endpoint}
    if endpoint.startswith("https://") and "10.0" not in endpoint:
        world.egress.on("POST", endpoint, world.provider.honest)
    return Scene(world, installation)


def endpoints(scene: Scene) -> set[str]:
    """Where tokens were sent, as refresh tokens or to be revoked."""
    forms = [(request.url, form_of(request)) for request in scene.world.egress.sent if request.method == "POST"]
    return {url for url, form in forms if "refresh_token" in form or "token" in form}


@requirement("attack:B3")
@pytest.mark.parametrize("endpoint", ELSEWHERE.values(), ids=ELSEWHERE.keys())
def test_a_refresh_token_goes_where_it_was_given_whatever_the_metadata_says_later(endpoint: str) -> None:
    scene = redirected(endpoint)
    scene.world.clock.advance(3500)
    scene.world.tick()
    scene.world.look_up("bob", scene.installation, not_version=str(scene.connection.version))
    assert scene.connection.version.n == 3
    assert scene.works()
    assert endpoints(scene) == {f"{OLD}/token"}


@requirement("attack:B3")
def test_a_revocation_goes_where_the_token_was_given_too() -> None:
    scene = redirected(f"{NEW}/token")
    scene.world.revoke("bob", scene.installation)
    scene.world.clock.advance(60)
    scene.world.tick()
    assert scene.world.provider.revoked != []
    assert endpoints(scene) == {f"{OLD}/revoke"}


@requirement("attack:B3")
def test_an_endpoint_off_the_issuers_origin_is_refused_when_somebody_connects_again() -> None:
    scene = redirected(f"{NEW}/token")
    scene.world.provider.metadata |= {"authorization_response_iss_parameter_supported": False}
    path = f"/v1/teams/acme/installations/{scene.installation}/authorize"
    answer = scene.world.as_user("bob", "POST", path, {})
    assert (answer.status, answer.json["error"]) == (422, "endpoint_off_issuer")
    assert scene.works()


@requirement("attack:B3")
def test_control_a_renewal_that_looked_up_the_endpoint_would_send_the_refresh_token_there() -> None:
    scene = redirected(f"{NEW}/token")
    discovered = (
        f"__import__('strongroom.flows.discover', fromlist=['x']).discover(ports, {MCP_URL!r}).provider.token_endpoint"
    )
    with weakened(renewing._prepare, "destination.token_endpoint", discovered):
        scene.renew()
    assert endpoints(scene) == {f"{NEW}/token"}
