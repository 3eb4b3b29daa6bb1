"""The local services as real processes, walked through by HTTP as people and clients do."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import jwt
import pytest

from local.services.browser import Browser
from local.services.exchange import fingerprint
from local.services.mcp_caller import Told, ToolAnswer, TurnedAway, call_tool
from tests.contract.service_processes import OAuthClient, Services, all_services, first_line, free_ports, running, start


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with all_services(tmp_path_factory.mktemp("services")) as found:
        yield found


def _ask(services: Services, tool: str, token: str) -> ToolAnswer:
    return call_tool(services.mcp, tool, {"Authorization": f"Bearer {token}"})


def _claims(services: Services, token: str, audience: str) -> dict[str, object]:
    keys = httpx2.get(f"{services.issuer}/jwks.json", trust_env=False).json()
    public = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, object] = jwt.decode(token, public.key, ["RS256"], audience=audience, issuer=services.issuer)
    return claims


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_from_registration_to_a_tool_that_says_who(services: Services, method: str) -> None:
    client = OAuthClient(services, method)

    returned = client.returned("bob")
    tokens = client.redeem(returned["code"]).json()

    assert (returned["state"], returned["iss"]) == ("a-state", services.provider)
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", "files:read")
    assert _ask(services, "whoami", tokens["access_token"]) == Told("bob")
    assert _ask(services, "list_files", tokens["access_token"]) == Told("notes.txt")


def test_each_account_is_told_apart(services: Services) -> None:
    client = OAuthClient(services)
    alice, bob = client.connect("alice"), client.connect("bob")

    assert _ask(services, "whoami", alice["access_token"]) == Told("alice")
    assert _ask(services, "whoami", bob["access_token"]) == Told("bob")


def test_who_asks_for_openid_is_told_once_who_it_is(services: Services) -> None:
    client = OAuthClient(services, scope="files:read openid")
    tokens = client.connect("bob")
    claims = jwt.decode(tokens["id_token"], options={"verify_signature": False})

    assert (claims["iss"], claims["aud"], claims["email"]) == (
        services.provider,
        client.identifier,
        "bob@files.example",
    )
    assert _ask(services, "whoami", tokens["access_token"]) == Told("bob")
    assert "id_token" not in client.refresh(tokens["refresh_token"]).json()
    assert "id_token" not in OAuthClient(services).connect("bob")


def test_a_denial_comes_back_as_an_error_with_state_and_issuer(services: Services) -> None:
    returned = OAuthClient(services).returned("carol", allow=False)

    assert returned == {"error": "access_denied", "state": "a-state", "iss": services.provider}


def test_a_refresh_rotates_and_reuse_ends_the_grant(services: Services) -> None:
    client = OAuthClient(services)
    first = client.connect("bob")
    second = client.refresh(first["refresh_token"]).json()

    assert fingerprint(second["refresh_token"]) in json.dumps(services.control("state")["grants"])
    assert _ask(services, "whoami", second["access_token"]) == Told("bob")

    assert client.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    assert isinstance(_ask(services, "whoami", second["access_token"]), TurnedAway)


def test_a_revocation_ends_the_grant_and_is_remembered(services: Services) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")

    assert client.revoke(tokens["refresh_token"]).status_code == 200

    told = services.control("state")["revocations"][-1]
    assert (told["token_sha256"], told["effect"]) == (fingerprint(tokens["refresh_token"]), "grant")
    assert client.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert isinstance(_ask(services, "whoami", tokens["access_token"]), TurnedAway)


def test_withdrawing_alice_leaves_bob(services: Services) -> None:
    client = OAuthClient(services)
    alice, bob = client.connect("alice"), client.connect("bob")

    services.control("withdraw", account="alice")

    assert client.refresh(alice["refresh_token"]).json()["error"] == "invalid_grant"
    assert client.refresh(bob["refresh_token"]).status_code == 200


def test_a_forgotten_client_is_answered_invalid_client(services: Services) -> None:
    client = OAuthClient(services)
    tokens = client.connect("bob")

    services.control("forget", client_id=client.identifier)

    answer = client.refresh(tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_without_a_token_the_tool_is_refused_with_a_way_to_get_one(services: Services) -> None:
    refused = call_tool(services.mcp, "whoami", {})

    assert isinstance(refused, TurnedAway)
    metadata_url = services.mcp.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    assert refused.status == 401
    assert f'resource_metadata="{metadata_url}"' in refused.challenge
    metadata = httpx2.get(metadata_url, trust_env=False).json()
    assert metadata["resource"] == services.mcp
    assert metadata["authorization_servers"] == [services.provider]


def test_a_token_for_another_resource_is_refused(services: Services, tmp_path: Path) -> None:
    token = OAuthClient(services).connect("bob")["access_token"]
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/mcp"

    with running("team_files", port, "--provider", services.provider, log=tmp_path / "errors.log"):
        assert isinstance(call_tool(url, "whoami", {"Authorization": f"Bearer {token}"}), TurnedAway)


def test_the_provider_describes_itself_on_its_own_origin(services: Services) -> None:
    url = f"{services.provider}/.well-known/oauth-authorization-server"
    metadata = httpx2.get(url, trust_env=False).json()

    assert metadata["issuer"] == services.provider
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    endpoints = [value for name, value in metadata.items() if name.endswith("_endpoint")]
    assert len(endpoints) == 5
    assert all(endpoint.startswith(services.provider + "/") for endpoint in endpoints)


def test_access_token_and_id_token_are_different_things(services: Services) -> None:
    with Browser("alice") as browser:
        tokens = browser.tokens(services.issuer, services.signed_in)

    access = _claims(services, tokens["access_token"], "strongroom-api")
    assert (access["sub"], access["scope"], access["client_id"]) == ("alice", "strongroom", "strongroom-web")
    assert jwt.get_unverified_header(tokens["access_token"])["typ"] == "at+jwt"
    assert _claims(services, tokens["id_token"], "strongroom-web")["sub"] == "alice"
    with pytest.raises(jwt.InvalidAudienceError):
        _claims(services, tokens["id_token"], "strongroom-api")


def test_a_second_sign_in_of_the_same_browser_asks_nothing(services: Services) -> None:
    with Browser("alice") as browser:
        browser.sign_in(services.issuer, services.signed_in)
        browser.password = "forgotten"
        assert browser.sign_in(services.issuer, services.signed_in)


def test_at_a_terminal_account_and_password_give_an_access_token(services: Services) -> None:
    sent = {"grant_type": "password", "username": "mallory", "password": "demo", "scope": "strongroom"}
    answer = httpx2.post(f"{services.issuer}/token", data=sent, trust_env=False)
    wrong = httpx2.post(f"{services.issuer}/token", data={**sent, "password": "guess"}, trust_env=False)

    assert _claims(services, answer.json()["access_token"], "strongroom-api")["sub"] == "mallory"
    assert "id_token" not in answer.json()
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant")


def test_only_the_origins_of_its_pages_may_read_the_sign_in_services_answers(services: Services) -> None:
    url = f"{services.issuer}/.well-known/openid-configuration"
    ours = httpx2.get(url, headers={"Origin": services.web}, trust_env=False)
    other = httpx2.get(url, headers={"Origin": "https://evil.example"}, trust_env=False)

    assert ours.headers["access-control-allow-origin"] == services.web
    assert "access-control-allow-origin" not in other.headers


def test_a_form_of_one_browser_is_no_good_in_another(services: Services) -> None:
    client = OAuthClient(services)
    with Browser("alice") as alice, Browser("mallory") as mallory:
        page = mallory.open(client.authorization_url()).text
        waiting = page.split('name="request" value="')[1].split('"')[0]
        alice.answer(client.authorization_url())
        forged = alice.submit(f"{services.provider}/consent", {"request": waiting, "decision": "allow"})
        grants = services.control("state")["grants"]

    assert forged.status_code == 400
    assert len([grant for grant in grants if grant["client_id"] == client.identifier]) == 1


def test_levers_are_not_for_web_pages(services: Services) -> None:
    url = f"{services.provider}/control/withdraw"
    from_page = httpx2.post(url, json={"account": "bob"}, headers={"Origin": services.web}, trust_env=False)
    by_form = httpx2.post(url, data={"account": "bob"}, trust_env=False)

    assert (from_page.status_code, by_form.status_code) == (403, 415)


def test_the_control_port_shows_no_secret(services: Services) -> None:
    client = OAuthClient(services, "client_secret_post")
    tokens = client.connect("bob")

    shown = json.dumps(services.control("state"))

    for secret in (tokens["access_token"], tokens["refresh_token"], client.known["client_secret"]):
        assert secret not in shown


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_example_hosts_page_answers_without_redirect_and_with_its_policy(services: Services, method: str) -> None:
    for path in ("/", "/?code=c&state=s", "/connected", "/connected?team=acme&installation=i", "/button"):
        page = httpx2.request(method, services.web + path, trust_env=False)
        assert page.status_code == 200
        assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self' ")
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("signin", signal.SIGTERM),
        ("provider", signal.SIGTERM),
        ("team_files", signal.SIGTERM),
        ("examples.host_page", signal.SIGTERM),
        ("examples.host_page", signal.SIGINT),
    ],
)
def test_a_signal_ends_a_service_cleanly(name: str, number: signal.Signals, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with running(name, port, log=tmp_path / "errors.log") as process:
        process.send_signal(number)
        assert process.wait(10) == 0
    assert (tmp_path / "errors.log").read_text() == ""


def test_a_taken_port_is_said_in_one_sentence(services: Services, tmp_path: Path) -> None:
    taken = int(services.provider.rsplit(":", 1)[1])
    with start("provider", taken, log=tmp_path / "errors.log") as process:
        assert first_line(process) == ""
        assert process.wait(10) == 1
    assert (tmp_path / "errors.log").read_text().count("\n") == 1


def test_no_service_wrote_a_line_about_all_this(services: Services) -> None:
    assert services.log.read_text() == ""
