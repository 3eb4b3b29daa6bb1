"""The rules of an MCP client as a provider sees them: what the real handlers send, from registration to revocation."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from strongroom.domain import authorization_request, client_authentication, discovery, registration, step_up
from strongroom.domain.authorization_request import code_challenge
from strongroom.domain.http import Outgoing, Reply
from strongroom.domain.provider import ProviderClient
from strongroom.domain.secret import Secret
from tests.fakes.egress import replying
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind, form_of, parameters, rows
from tests.unit.renewals import Scene
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

PROVIDER = "https://provider.example"
ORIGIN = "https://files.example"


def begins(world: World, installation: str) -> Answered:
    return world.as_user("bob", "POST", f"/v1/teams/acme/installations/{installation}/authorize", {})


def a_whole_life(world: World) -> Scene:
    """Bob connects, is renewed, and revokes."""
    installation = world.install()
    world.connect("bob", installation)
    scene = Scene(world, installation)
    scene.renew()
    world.revoke("bob", installation)
    world.clock.advance(60)
    world.tick()
    return scene


def to_the_back_channel(world: World) -> list[Outgoing]:
    return [request for request in world.egress.sent if request.url in {f"{PROVIDER}/token", f"{PROVIDER}/revoke"}]


# A1: PKCE, from end to end


@requirement("mcp:A1")
def test_the_challenge_in_the_link_is_that_of_the_verifier_in_the_exchange_by_s256() -> None:
    world = World()
    begun = world.begin("bob", world.install())
    asked = parameters(begun.url)
    world.complete("bob", world.consent(begun, "bob"))
    verifier = world.provider.token_requests[0]["code_verifier"]
    assert asked["code_challenge_method"] == "S256"
    assert asked["code_challenge"] == code_challenge(Secret(verifier)) != verifier
    assert len(base64.urlsafe_b64decode(f"{verifier}=")) == 32


@requirement("mcp:A1")
def test_each_authorization_has_a_verifier_of_its_own_that_is_not_its_state() -> None:
    world = World()
    installation = world.install()
    asked = [parameters(world.begin("bob", installation).url) for _ in range(3)]
    assert len({one["code_challenge"] for one in asked}) == 3
    assert all(code_challenge(Secret(one["state"])) != one["code_challenge"] for one in asked)


@requirement("mcp:A1")
def test_control_with_the_verifier_itself_in_the_link_whoever_sees_the_link_can_redeem_the_code() -> None:
    world = World()
    with weakened(authorization_request.code_challenge, "return hashed(verifier.reveal())", "return verifier.reveal()"):
        begun = world.begin("bob", world.install())
    world.complete("bob", world.consent(begun, "bob"))
    assert world.provider.token_requests[0]["code_verifier"] == parameters(begun.url)["code_challenge"]


# A4: no refresh token is taken for granted


@requirement("mcp:A4")
@pytest.mark.parametrize("listed", [True, False])
def test_a_provider_that_gives_no_refresh_token_connects_until_its_token_ends(listed: bool) -> None:
    world = World()
    world.provider.gives_refresh = False
    world.provider.metadata |= {"scopes_supported": ["files", "offline_access"] if listed else ["files"]}
    installation = world.install()
    begun = world.begin("bob", installation)
    assert ("offline_access" in parameters(begun.url)["scope"].split()) is listed
    assert world.complete("bob", world.consent(begun, "bob")).json["connection"]["status"] == "connected"
    assert account_behind(world, "bob", installation) == "bob"
    world.clock.advance(3600)
    world.tick()
    assert world.look_up("bob", installation).json["reason"] == "expired_without_refresh"


# T1: how we say who we are


def of_method(method: str) -> World:
    world = World()
    world.provider.metadata |= {
        "token_endpoint_auth_methods_supported": [method],
        "revocation_endpoint_auth_methods_supported": [method],
    }
    return world


def client_of(world: World) -> tuple[str, str]:
    made = next(iter(world.provider.clients.values()))
    return str(made["client_id"]), str(made.get("client_secret", ""))


def shown(request: Outgoing) -> dict[str, str]:
    """Of a request, what says who we are."""
    form = form_of(request)
    found = {name: form[name] for name in ("client_id", "client_secret", "client_assertion") if name in form}
    header = request.headers.get("authorization")
    return found | ({"authorization": header.reveal()} if header else {})


def expected(method: str, client_id: str, secret: str) -> dict[str, str]:
    if method == "client_secret_basic":
        return {"authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}
    return {"client_id": client_id} | ({"client_secret": secret} if method == "client_secret_post" else {})


DEEDS = {"authorization_code", "refresh_token", "revoke"}
METHODS = ["none", "client_secret_post", "client_secret_basic"]


@requirement("mcp:T1")
@pytest.mark.parametrize("method", METHODS)
def test_exchange_refresh_and_revocation_authenticate_as_registered_and_in_no_other_way(method: str) -> None:
    world = of_method(method)
    a_whole_life(world)
    sent = to_the_back_channel(world)
    assert {form_of(request).get("grant_type", "revoke") for request in sent} == DEEDS
    assert all(shown(request) == expected(method, *client_of(world)) for request in sent)


@requirement("mcp:T1")
def test_a_provider_that_registers_us_for_another_method_is_served_by_that() -> None:
    world = of_method("client_secret_basic")
    honest = world.egress.routes["POST", f"{PROVIDER}/register"]

    def register(request: Outgoing) -> Reply:
        answer = honest(request)
        assert isinstance(answer, Reply)
        made = {**json.loads(answer.body), "token_endpoint_auth_method": "client_secret_post"}
        world.provider.clients[made["client_id"]] = made
        return Reply(201, answer.headers, json.dumps(made).encode())

    world.egress.on("POST", f"{PROVIDER}/register", register)
    a_whole_life(world)
    wanted = expected("client_secret_post", *client_of(world))
    assert all(shown(request) == wanted for request in to_the_back_channel(world))


@requirement("mcp:T1")
@pytest.mark.parametrize(("client_id", "secret"), [("a:b", "c d"), ("ü%", "p+&="), ("i/d", "%3A:")])
def test_basic_can_be_taken_apart_again_whatever_is_in_it(client_id: str, secret: str) -> None:
    client = ProviderClient("key", 1, client_id, Secret(secret), "client_secret_basic", "https://x.example/")
    proof = client_authentication.proof_of(client)
    assert proof.header is not None
    pair = base64.b64decode(proof.header.reveal().removeprefix("Basic ")).decode()
    assert form_of(Outgoing("POST", "", body=Secret(pair.replace(":", "=")))) == {client_id: secret}


@requirement("mcp:T1")
def test_control_without_the_encoding_a_colon_changes_who_we_are() -> None:
    client = ProviderClient("key", 1, "a:b", Secret("c"), "client_secret_basic", "https://x.example/")
    encoded = 'f"{quote_plus(client_id)}:{quote_plus(secret)}"'
    with weakened(client_authentication._basic, encoded, 'f"{client_id}:{secret}"'):
        proof = client_authentication.proof_of(client)
    assert proof.header is not None
    pair = base64.b64decode(proof.header.reveal().removeprefix("Basic ")).decode()
    assert pair.partition(":")[::2] == ("a", "b:c")


# R4, R5: what we ask for at a registration


def registered(world: World) -> dict[str, Any]:
    sent = world.egress.sent_to(f"{PROVIDER}/register")[0].body
    assert sent is not None
    asked = json.loads(sent.reveal())
    assert isinstance(asked, dict)
    return asked


@requirement("mcp:R4")
@requirement("mcp:R5")
def test_we_register_as_a_web_application_with_refresh_tokens_and_one_address() -> None:
    world = World()
    begun = world.begin("bob", world.install())
    asked = registered(world)
    assert asked["application_type"] == "web"
    assert asked["grant_types"] == ["authorization_code", "refresh_token"]
    assert asked["redirect_uris"] == [parameters(begun.url)["redirect_uri"]]


REJECTIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "an error": (400, {"error": "invalid_redirect_uri", "error_description": "<b>no</b>"}),
    "another address": (201, {"client_id": "c", "client_secret": "s", "redirect_uris": ["https://evil.example/"]}),
    "one more address": (
        201,
        {"client_id": "c", "client_secret": "s", "redirect_uris": ["https://evil.example/", ...]},
    ),
    "no address": (201, {"client_id": "c", "client_secret": "s", "redirect_uris": []}),
}


def rejecting(status: int, body: dict[str, Any]) -> World:
    world = World()

    def register(request: Outgoing) -> Reply:
        ours = json.loads(request.body.reveal() if request.body else "")["redirect_uris"][0]
        filled = {name: [ours if one is ... else one for one in value] if isinstance(value, list) else value
                  for name, value in body.items()}  # fmt: skip
        return Reply(status, {"content-type": ("application/json",)}, json.dumps(filled).encode())

    world.egress.on("POST", f"{PROVIDER}/register", register)
    return world


@requirement("mcp:R4")
@pytest.mark.parametrize(("status", "body"), REJECTIONS.values(), ids=REJECTIONS.keys())
def test_a_provider_that_does_not_take_our_address_is_a_clear_error(status: int, body: dict[str, Any]) -> None:
    world = rejecting(status, body)
    refused = begins(world, world.install())
    assert (refused.status, refused.json["error"]) == (422, "redirect_uri_rejected")
    assert "evil" not in refused.text
    assert "<b>" not in refused.text
    assert rows(world, "provider_client") == rows(world, "authorization") == []


@requirement("mcp:R4")
def test_control_without_the_check_a_client_with_somebody_elses_address_is_used() -> None:
    world = rejecting(*REJECTIONS["another address"])
    with weakened(registration.judge_registration, "listed is not None and listed != [redirect_uri]", "False"):
        assert begins(world, world.install()).status == 201


# D7: servers of revision 2025-03-26


def older(metadata: dict[str, Any] | None) -> World:
    """A server that is its own authorization server, with this metadata at its root or none; it has no resource metadata."""
    world = World()
    world.egress.on("POST", MCP_URL, replying(401))
    del world.egress.routes["GET", f"{ORIGIN}/.well-known/oauth-protected-resource/mcp"]
    world.provider.issuer = ORIGIN
    world.provider.serve(world.egress)
    document = {
        **world.provider.document(),
        "authorization_response_iss_parameter_supported": False,
        **(metadata or {}),
    }
    body = json.dumps(document).encode()
    answer = replying(404) if metadata is None else replying(200, body, content_type="application/json")
    world.egress.on("GET", f"{ORIGIN}/.well-known/oauth-authorization-server", answer)
    return world


@requirement("mcp:D7")
@pytest.mark.parametrize("metadata", [{}, None], ids=["with metadata", "without"])
def test_a_server_of_the_first_revision_is_connected_at_its_own_origin(metadata: dict[str, Any] | None) -> None:
    world = older(metadata)
    installation = world.install()
    begun = world.begin("bob", installation)
    assert begun.url.startswith(f"{ORIGIN}/authorize?")
    assert "resource" not in parameters(begun.url)
    assert world.complete("bob", world.consent(begun, "bob")).status == 200
    assert account_behind(world, "bob", installation) == "bob"
    assert "resource" not in world.provider.token_requests[0]


@requirement("mcp:D7")
def test_it_is_asked_as_an_older_one_only_after_both_well_known_places_had_nothing() -> None:
    world = older({})
    world.begin("bob", world.install())
    asked = [request.url for request in world.egress.sent if request.method == "GET"]
    known = f"{ORIGIN}/.well-known/oauth-protected-resource"
    assert asked == [f"{known}/mcp", known, f"{ORIGIN}/.well-known/oauth-authorization-server"]


BROKEN = {
    "a fault": (replying(500), "resource_metadata_unavailable"),
    "no JSON": (replying(200, b"<html>", content_type="application/json"), "resource_metadata_unreadable"),
    "another resource": (
        replying(200, b'{"resource": "https://evil.example/"}', content_type="application/json"),
        "resource_mismatch",
    ),
}


@requirement("mcp:D7")
@pytest.mark.parametrize(("answer", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_a_server_whose_resource_metadata_is_broken_is_not_taken_for_an_older_one(answer: Any, code: str) -> None:
    world = older({})
    world.egress.on("GET", f"{ORIGIN}/.well-known/oauth-protected-resource/mcp", answer)
    refused = begins(world, world.install())
    assert (refused.status, refused.json["error"]) == (422, code)


@requirement("mcp:D7")
@pytest.mark.parametrize("wrong", [{"issuer": "https://evil.example"}, {"code_challenge_methods_supported": ["plain"]}])
def test_an_older_server_is_held_to_the_same_rules(wrong: dict[str, Any]) -> None:
    world = older(wrong)
    assert begins(world, world.install()).status == 422


@requirement("mcp:D7")
def test_control_if_a_fault_counted_as_nothing_whoever_causes_one_would_make_an_older_server_of_it() -> None:
    world = older({})
    world.egress.on("GET", f"{ORIGIN}/.well-known/oauth-protected-resource/mcp", replying(500))
    as_missing = "if isinstance(answer, Reply) and answer.status >= 400:"
    with weakened(discovery._document, "if is_missing(answer):", as_missing):
        assert begins(world, world.install()).status == 201


# S1, S2: a challenge for more


def challenges(world: World, installation: str, scope: str) -> Answered:
    version = str(Scene(world, installation).connection.version)
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    return world.reject("bob", installation, version, 403, challenge=challenge)


def wanting(world: World, scope: str) -> None:
    """The server's 401 asks for this from now on."""
    world.egress.on("POST", MCP_URL, lambda _: Reply(401, {"www-authenticate": (f'Bearer scope="{scope}"',)}, b""))


@requirement("mcp:S1")
def test_what_was_asked_for_before_is_asked_for_again_although_the_server_names_something_else_by_now() -> None:
    world = World()
    wanting(world, "read")
    installation = world.install()
    world.connect("bob", installation)
    assert challenges(world, installation, "write").status == 409
    wanting(world, "list")
    scopes = parameters(world.begin("bob", installation).url)["scope"].split()
    assert sorted(scopes) == ["list", "read", "write"]


@requirement("mcp:S1")
def test_control_without_the_earlier_scopes_a_step_up_would_take_away_what_was_allowed() -> None:
    world = World()
    wanting(world, "read")
    installation = world.install()
    world.connect("bob", installation)
    challenges(world, installation, "write")
    wanting(world, "list")
    with weakened(
        step_up.scopes_to_ask_again, "*connection.requested_scopes, *connection.challenged", "*connection.challenged"
    ):
        scopes = parameters(world.begin("bob", installation).url)["scope"].split()
    assert sorted(scopes) == ["list", "write"]


def steps_up(world: World, installation: str, most: int) -> int:
    """A server that is never content, and a person who always consents: how often?"""
    for times in range(most):
        answer = challenges(world, installation, " ".join(f"more-{times}-{one}" for one in range(20)))
        if "link" not in answer.json:
            return times
        world.connect("bob", installation)
    return most


@requirement("mcp:S2")
def test_a_server_that_always_wants_another_scope_ends_the_round_some_day() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    assert steps_up(world, installation, 20) < 6
    assert world.look_up("bob", installation).status == 200


@requirement("mcp:S2")
def test_control_without_the_highest_number_the_person_is_sent_round_again() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    rounds = steps_up(world, installation, 20)
    with weakened(step_up.asks_for_more, "are_few(everything)", "True"):
        answer = challenges(world, installation, " ".join(f"more-{rounds}-{one}" for one in range(20)))
    assert "link" in answer.json
