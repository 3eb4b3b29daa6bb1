"""The provider's rules without a network: registration, client authentication, requests, faults."""

import base64
import json
from urllib.parse import quote_plus

import pytest

from local.services.exchange import DeadEnd
from local.services.provider_faults import Faults
from local.services.provider_identity import id_token
from local.services.provider_rules import client_of
from strongroom.domain.account import account_told
from strongroom.domain.exchange import PLAIN
from strongroom.domain.http import Reply
from tests.unit.provider_world import CALLBACK, World, refused


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ([], "invalid_client_metadata"),
        ({}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://app.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"redirect_uris": [CALLBACK], "response_types": ["token"]}, "invalid_client_metadata"),
        ({"redirect_uris": [CALLBACK], "grant_types": ["refresh_token"]}, "invalid_client_metadata"),
        ({"redirect_uris": [CALLBACK], "client_name": ""}, "invalid_client_metadata"),
    ],
)
def test_a_registration_that_breaks_a_rule_is_refused(metadata: object, code: str) -> None:
    refused(code, lambda: World().clients.register(metadata))


def test_a_registration_without_a_method_gets_basic_and_a_secret() -> None:
    registered = World().clients.register({"redirect_uris": [CALLBACK]})

    assert registered["token_endpoint_auth_method"] == "client_secret_basic"
    assert registered["client_secret_expires_at"] == 0


def _basic(identifier: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{identifier}:{secret}".encode()).decode()


def test_basic_credentials_have_to_be_form_encoded() -> None:
    world = World()
    client = world.client(token_endpoint_auth_method="client_secret_basic")
    plain = client.secret or ""

    assert world.clients.authenticate(_basic(client.client_id, quote_plus(plain)), {}) is client
    refused("invalid_client", lambda: world.clients.authenticate(_basic(client.client_id, plain), {}))


def test_basic_with_a_client_id_in_the_body_is_refused() -> None:
    world = World()
    client = world.client(token_endpoint_auth_method="client_secret_basic")
    header = _basic(client.client_id, quote_plus(client.secret or ""))

    refused("invalid_request", lambda: world.clients.authenticate(header, {"client_id": client.client_id}))


def test_a_client_has_to_authenticate_as_it_registered() -> None:
    world = World()
    client = world.client(token_endpoint_auth_method="client_secret_post")
    named = {"client_id": client.client_id}

    assert world.clients.authenticate(None, {**named, "client_secret": client.secret or ""}) is client
    refused("invalid_client", lambda: world.clients.authenticate(None, named))
    refused("invalid_client", lambda: world.clients.authenticate(None, {**named, "client_secret": "guess"}))
    refused("invalid_client", lambda: world.clients.authenticate("Basic ???", {}))


def test_an_unknown_client_or_redirect_uri_is_never_redirected() -> None:
    world = World()
    client = world.client()

    for changed in ({"client_id": "files-other"}, {"redirect_uri": CALLBACK + "/"}, {"redirect_uri": ""}):
        with pytest.raises(DeadEnd):
            client_of(world.asked(client, **changed), world.clients)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"resource": ""}, "invalid_target"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"scope": "files:read admin"}, "invalid_scope"),
    ],
)
def test_an_authorization_request_that_breaks_a_rule_is_refused(changed: dict[str, str], code: str) -> None:
    world = World()

    refused(code, lambda: world.code(world.client(), **changed))


def test_openid_may_be_asked_for_and_is_not_unless_it_is() -> None:
    world = World()
    client = world.client()

    assert "openid" in world.rules.scopes
    assert world.rules.accept(world.asked(client, scope="files:read openid"), client).scopes == ("files:read", "openid")
    assert world.rules.accept(world.asked(client, scope=""), client).scopes == ("files:read",)


def test_an_id_token_names_the_account_to_this_client_and_is_what_strongroom_reads() -> None:
    world = World()
    issuer = world.rules.issuer
    body = json.dumps({"id_token": id_token(issuer, "bob", "client", int(world.now))}).encode()

    assert account_told(Reply(200, {}, body), PLAIN, issuer, "client") == "bob@files.example"
    assert account_told(Reply(200, {}, body), PLAIN, issuer, "another") is None


def test_faults_come_in_order_and_end() -> None:
    faults = Faults()
    faults.add({"kind": "status", "status": 503, "times": 2})
    faults.add({"kind": "html"})

    taken = [faults.take("token") for _ in range(4)]

    assert [fault and fault.kind for fault in taken] == ["status", "status", "html", None]
    assert faults.take("revoke") is None
    assert faults.done == {"token:status": 2, "token:html": 1}


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"kind": "magic"},
        {"kind": "html", "endpoint": "nowhere"},
        {"kind": "html", "times": 0},
        {"kind": "html", "x": 1},
    ],
)
def test_an_unknown_fault_is_refused(order: dict[str, object]) -> None:
    refused("invalid_request", lambda: Faults().add(order))
