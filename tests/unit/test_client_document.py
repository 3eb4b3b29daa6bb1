"""Our client ID metadata document: when we are known by it, what it says, and to whom."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain.catalog import STRICT, Authenticating
from strongroom.domain.client_authentication import key_id
from strongroom.domain.client_document import Published, client_document
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.policy import Policy
from strongroom.domain.provider import AuthMethod, Provider, document_key, drafted_key, provider_key
from strongroom.domain.registration import ByDocument, ByRegistration, Way, choose
from tests.requirements import requirement
from tests.unit.attacks.scenes import parameters
from tests.unit.clients import NO_ISS, NO_REGISTRATION, NO_SIGNATURES, ReadingWorld, client_rows, document
from tests.world import PUBLIC_URL, World

POLICY = Policy(PUBLIC_URL, "https://web.example/connections")
KEY = {"kty": "EC", "crv": "P-256", "x": "x" * 43, "y": "y" * 43}
OTHER_KEY = {**KEY, "x": "z" * 43}


def provider(*methods: str, **facts: Any) -> Provider:
    where = "https://provider.example"
    usual: dict[str, Any] = {"client_metadata_documents": True, "registration_endpoint": f"{where}/register"}
    return Provider(where, f"{where}/authorize", f"{where}/token", token_auth_methods=methods, **(usual | facts))


# -- which way


@requirement("mcp:R1")
@pytest.mark.parametrize(
    ("known", "way"),
    [
        (provider("private_key_jwt", "client_secret_basic"), ByDocument("private_key_jwt")),
        (provider("private_key_jwt", signing_algorithms=("ES256", "RS256")), ByDocument("private_key_jwt")),
        (provider("private_key_jwt", "none", signing_algorithms=("RS256",), iss_supported=True), ByDocument("none")),
        (provider("none", "client_secret_basic", iss_supported=True), ByDocument("none")),
        (provider("none", registration_endpoint=None, iss_supported=True), ByDocument("none")),
        (provider("client_secret_basic", iss_supported=True), ByRegistration("client_secret_basic")),
        (provider("private_key_jwt", "none", client_metadata_documents=False), ByRegistration("none")),
    ],
)
def test_a_metadata_document_comes_before_registration_where_the_provider_takes_one(known: Provider, way: Way) -> None:
    assert choose(known, STRICT, POLICY) == way


@requirement("mcp:R1")
@pytest.mark.parametrize(
    "known",
    [
        provider("private_key_jwt", client_metadata_documents=False, registration_endpoint=None),
        provider("none", registration_endpoint=None),
        provider("client_secret_basic", registration_endpoint=None),
    ],
)
def test_where_neither_will_do_an_admin_has_to_enter_a_client(known: Provider) -> None:
    with pytest.raises(DiscoveryFailed) as refusal:
        choose(known, STRICT, POLICY)
    assert refusal.value.public_code == "registration_unsupported"


def test_the_catalog_may_say_that_an_admin_has_to_enter_one() -> None:
    entry = replace(STRICT, authenticating=Authenticating(registration="by_hand"))
    with pytest.raises(DiscoveryFailed):
        choose(provider("private_key_jwt"), entry, POLICY)


def test_nobody_can_read_a_document_on_a_developers_machine() -> None:
    here = replace(POLICY, public_url="http://127.0.0.1:8400", loopback=True)
    assert choose(provider("private_key_jwt", "none"), STRICT, here) == ByRegistration("none")


@requirement("attack:A10")
@pytest.mark.parametrize("announces", [True, False])
def test_without_signatures_the_provider_must_name_itself(announces: bool) -> None:
    unsigned = choose(provider("none", iss_supported=announces), STRICT, POLICY)
    assert unsigned == (ByDocument("none") if announces else ByRegistration("none"))
    signed = choose(provider("private_key_jwt", "none", iss_supported=announces), STRICT, POLICY)
    assert signed == ByDocument("private_key_jwt")


@requirement("attack:A10")
def test_each_way_of_being_a_client_at_an_issuer_has_a_callback_of_its_own() -> None:
    issuer = "https://provider.example"
    methods: tuple[AuthMethod, ...] = ("none", "private_key_jwt")
    made = {provider_key("acme", issuer), *(document_key("acme", issuer, method) for method in methods)}
    assert len(made | {drafted_key("acme", issuer), document_key("rivals", issuer, "none")}) == 5


# -- what it says


@requirement("mcp:R2")
def test_the_document_says_who_we_are() -> None:
    world = ReadingWorld()
    asked = parameters(world.begin("bob", world.install()).url)
    said = document(world, asked["client_id"])
    assert said == {
        "client_id": asked["client_id"],
        "client_name": "Strongroom",
        "client_uri": PUBLIC_URL,
        "redirect_uris": [asked["redirect_uri"]],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "private_key_jwt",
        "application_type": "web",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": said["jwks"],
    }
    assert asked["client_id"].startswith(f"{PUBLIC_URL}/oauth/clients/")
    [key] = said["jwks"]["keys"]
    assert {name: key[name] for name in ("kty", "crv", "use", "alg")} == {
        "kty": "EC",
        "crv": "P-256",
        "use": "sig",
        "alg": "ES256",
    }
    assert key["kid"] == key_id(key)


@requirement("mcp:R2")
def test_a_document_without_signatures_names_no_keys() -> None:
    world = ReadingWorld(**NO_SIGNATURES)
    said = document(world, parameters(world.begin("bob", world.install()).url)["client_id"])
    assert said["token_endpoint_auth_method"] == "none"
    assert said.keys().isdisjoint({"jwks", "token_endpoint_auth_signing_alg", "client_secret"})


@requirement("mcp:R2")
def test_the_document_speaks_for_the_newest_and_lists_the_keys_of_all_that_may_still_sign() -> None:
    newest = Published("https://s.example/d", "private_key_jwt", "https://s.example/cb", KEY)
    older = replace(newest, public_key=OTHER_KEY)
    oldest = replace(newest, auth_method="none", public_key=None)
    said: Any = client_document([newest, older, oldest], "https://s.example")
    assert [key["kid"] for key in said["jwks"]["keys"]] == [key_id(KEY), key_id(OTHER_KEY)]


@requirement("mcp:R2")
def test_the_document_may_be_cached_and_sets_no_cookie() -> None:
    world = ReadingWorld()
    url = parameters(world.begin("bob", world.install()).url)["client_id"]
    answer = world.browse(url)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert not {"set-cookie", "access-control-allow-origin"} & {name.lower() for name in answer.headers}


def test_no_request_header_changes_what_the_document_says() -> None:
    world = ReadingWorld()
    url = parameters(world.begin("bob", world.install()).url)["client_id"]
    forged = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    assert world.call("GET", url.removeprefix(PUBLIC_URL), headers=forged).json == document(world, url)


# -- to whom


def test_there_is_no_document_where_we_are_registered() -> None:
    world = World()
    asked = parameters(world.begin("bob", world.install()).url)
    key = asked["redirect_uri"].rpartition("/")[2]
    answer = world.call("GET", f"/oauth/clients/{key}")
    assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("key", ["none", "a" * 32, "-" * 33, "%2e%2e"])
def test_there_is_no_document_of_a_key_that_nobody_has(key: str) -> None:
    world = ReadingWorld()
    world.begin("bob", world.install())
    assert world.call("GET", f"/oauth/clients/{key}").status == 404


def test_the_document_of_another_public_url_is_not_served_here() -> None:
    world = ReadingWorld()
    url = parameters(world.begin("bob", world.install()).url)["client_id"]
    [row] = client_rows(world)
    world.table.place({**row, "client_id": f"https://old.example{url.removeprefix(PUBLIC_URL)}"})
    assert world.browse(url).status == 404


def test_reading_the_document_opens_nothing() -> None:
    world = ReadingWorld()
    url = parameters(world.begin("bob", world.install()).url)["client_id"]
    world.ports = world.new_environment()
    world.keys.disabled = True
    assert world.browse(url).status == 200


def test_two_teams_have_documents_and_keys_of_their_own() -> None:
    world = ReadingWorld()
    ours = parameters(world.begin("bob", world.install()).url)["client_id"]
    theirs = parameters(world.begin("mallory", world.install("mallory", "rivals"), "rivals").url)["client_id"]
    first, second = (document(world, url)["jwks"]["keys"][0] for url in (ours, theirs))
    assert ours != theirs
    assert first["kid"] != second["kid"]


# -- connecting with it


@pytest.mark.parametrize("metadata", [{}, NO_ISS, NO_SIGNATURES, NO_REGISTRATION], ids=str)
def test_a_client_by_document_connects_renews_and_revokes_without_registering(metadata: dict[str, Any]) -> None:
    world = ReadingWorld(**metadata)
    installation = world.install()
    for user in ("alice", "bob"):
        world.connect(user, installation)
    world.clock.advance(3570)
    assert world.look_up("bob", installation).status == 200
    world.revoke("bob", installation)
    world.deliver()
    assert [row["source"] for row in client_rows(world)] == ["metadata_document"]
    assert world.provider.clients == {}
    assert {form["grant_type"] for form in world.provider.token_requests} == {"authorization_code", "refresh_token"}
    assert not next(grant for grant in world.provider.grants if grant.account == "bob").alive


def test_a_registered_client_goes_on_when_the_provider_begins_to_read_documents() -> None:
    world = ReadingWorld(client_id_metadata_document_supported=False)
    installation = world.install()
    world.connect("alice", installation)
    world.provider.metadata["client_id_metadata_document_supported"] = True
    world.connect("bob", installation)
    assert [row["source"] for row in client_rows(world)] == ["registered"]


def test_when_a_provider_reads_documents_no_longer_the_team_registers() -> None:
    world = ReadingWorld()
    installation = world.install()
    world.connect("alice", installation)
    world.provider.metadata["client_id_metadata_document_supported"] = False
    world.connect("bob", installation)
    assert {row["source"] for row in client_rows(world)} == {"metadata_document", "registered"}
    assert world.look_up("alice", installation).status == world.look_up("bob", installation).status == 200


def test_the_private_key_lies_sealed_and_the_public_one_in_clear() -> None:
    world = ReadingWorld()
    world.begin("bob", world.install())
    [row] = client_rows(world)
    assert isinstance(row["client_secret"], bytes)
    key: Any = row["public_key"]
    assert len(base64.urlsafe_b64decode(key["x"] + "=")) == 32
