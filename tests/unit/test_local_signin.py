"""The sign-in service's rules without a network."""

import itertools
from typing import Any

import anyio
import httpx2
import jwt
import pytest

from local.services.exchange import DeadEnd, OAuthError, s256
from local.services.signin import Settings, SignIn
from local.services.signin_flow import Codes, SignInRequest, accept_request, audience_of, redirect_uri_of
from local.services.signin_tokens import SigningKey, Subject, access_claims, identity_claims
from local.services.visits import recognises

BACK = "http://127.0.0.1:8400/connections/signed-in"
ISSUER = "http://127.0.0.1:8402"
VERIFIER = "v" * 43
ASKED = {
    "response_type": "code",
    "client_id": "strongroom-web",
    "redirect_uri": BACK,
    "scope": "openid strongroom admin",
    "code_challenge": s256(VERIFIER),
    "code_challenge_method": "S256",
}
GIVEN = {"code": "1", "redirect_uri": BACK, "client_id": "strongroom-web", "code_verifier": VERIFIER}
SUBJECT = Subject("alice", "strongroom-web", ("openid", "strongroom"), 90)


def _codes(now: list[float]) -> tuple[Codes, SignInRequest]:
    numbers = itertools.count(1)
    return Codes(lambda: now[0], lambda: str(next(numbers))), accept_request(ASKED, BACK)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
    ],
)
def test_a_sign_in_without_code_flow_and_s256_is_refused(changed: dict[str, str], code: str) -> None:
    with pytest.raises(OAuthError) as caught:
        accept_request({**ASKED, **changed}, BACK)
    assert caught.value.code == code


def test_unknown_scopes_are_left_out() -> None:
    assert accept_request(ASKED, BACK).scopes == ("openid", "strongroom")


@pytest.mark.parametrize("changed", [{"client_id": "other"}, {"redirect_uri": BACK + "/"}])
def test_an_unknown_client_or_redirect_uri_is_a_dead_end(changed: dict[str, str]) -> None:
    with pytest.raises(DeadEnd):
        redirect_uri_of({**ASKED, **changed}, [BACK])


def test_a_code_gives_the_account_once() -> None:
    codes, request = _codes([100.0])
    codes.issue(request, "alice", 90)

    assert codes.redeem(GIVEN) == (request, "alice", 90)
    with pytest.raises(OAuthError):
        codes.redeem(GIVEN)


@pytest.mark.parametrize(
    "changed", [{"code_verifier": "w" * 43}, {"redirect_uri": BACK + "/"}, {"client_id": "other"}, {"code": "2"}]
)
def test_a_code_is_bound_to_verifier_redirect_uri_and_client(changed: dict[str, str]) -> None:
    codes, request = _codes([100.0])
    codes.issue(request, "alice", 90)

    with pytest.raises(OAuthError):
        codes.redeem({**GIVEN, **changed})


def test_a_code_is_good_for_a_minute() -> None:
    now = [100.0]
    codes, request = _codes(now)
    codes.issue(request, "alice", 90)
    now[0] = 160.0

    with pytest.raises(OAuthError):
        codes.redeem(GIVEN)


def test_access_and_id_tokens_are_for_different_audiences() -> None:
    access = access_claims(ISSUER, SUBJECT, 100, 60, "j")
    identity = identity_claims(ISSUER, SUBJECT, 100, 60, "n")

    assert (access["aud"], access["scope"], access["exp"]) == ("strongroom-api", "strongroom", 160)
    assert (identity["aud"], identity["nonce"], "scope" in identity) == ("strongroom-web", "n", False)


def test_the_published_key_verifies_and_holds_no_private_part() -> None:
    key = SigningKey("k1")
    (public,) = key.published()["keys"]
    token = key.sign({"sub": "alice"}, "at+jwt")

    assert jwt.decode(token, jwt.PyJWK(public).key, algorithms=["RS256"]) == {"sub": "alice"}
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": "k1", "typ": "at+jwt"}
    assert set(public) == {"kty", "key_ops", "n", "e", "kid", "use", "alg"}


def test_only_demo_accounts_with_their_password_are_recognised() -> None:
    assert recognises("alice", "demo")
    assert not recognises("alice", "Demo")
    assert not recognises("root", "demo")


GATEWAY = "http://127.0.0.1:8406/mcp"
AT_TERMINAL = {"grant_type": "password", "username": "alice", "password": "demo", "scope": "openid strongroom"}


def _asked(**changed: str | list[str]) -> tuple[int, dict[str, Any]]:
    """Ask for a token at a terminal, where the gateway is known: the status, and what is answered."""

    async def ask() -> tuple[int, dict[str, Any]]:
        app = SignIn(Settings(ISSUER, resources=(GATEWAY,)), lambda: 100.0).app()
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=ISSUER) as http:
            answer = await http.post("/token", data={**AT_TERMINAL, **changed})
        return answer.status_code, answer.json()

    return anyio.run(ask)


def _claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def test_a_token_for_a_known_service_is_for_it_alone_and_may_nothing_at_strongroom() -> None:
    status, given = _asked(resource=GATEWAY)
    claims = _claims(given["access_token"])

    assert (status, claims["aud"], claims["sub"], claims["iss"]) == (200, GATEWAY, "alice", ISSUER)
    assert (claims["scope"], given["scope"], claims["client_id"]) == ("", "", "strongroom-terminal")
    assert "id_token" not in given


def test_a_token_for_nobody_in_particular_is_for_strongrooms_api() -> None:
    status, given = _asked()
    claims = _claims(given["access_token"])

    assert (status, claims["aud"], claims["scope"]) == (200, "strongroom-api", "strongroom")


@pytest.mark.parametrize(
    "resource", ["http://127.0.0.1:8407/mcp", f"{GATEWAY}/", GATEWAY.upper(), "strongroom-api", [GATEWAY, "http://x"]]
)
def test_a_token_for_a_service_that_is_not_known_is_refused(resource: str | list[str]) -> None:
    status, told = _asked(resource=resource)

    assert status == 400
    assert told["error"] in ("invalid_target", "invalid_request")
    assert "access_token" not in told


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"password": "Demo"}, (400, "invalid_grant")),
        ({"username": "root"}, (400, "invalid_grant")),
        ({"client_id": "other"}, (401, "invalid_client")),
        ({"grant_type": "implicit"}, (400, "unsupported_grant_type")),
    ],
)
def test_a_service_is_named_in_vain_where_the_rest_is_wrong(changed: dict[str, str], refusal: tuple[int, str]) -> None:
    status, told = _asked(resource=GATEWAY, **changed)

    assert (status, told["error"]) == refusal


def test_without_known_services_there_is_strongrooms_api_alone() -> None:
    assert audience_of({}, ()) == "strongroom-api"
    with pytest.raises(OAuthError) as caught:
        audience_of({"resource": GATEWAY}, ())
    assert caught.value.code == "invalid_target"
