"""Whose tokens the example gateway takes, and that nobody gets into somebody else's session."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from examples.signed_in import SignedIn
from local.services.signin_tokens import API_AUDIENCE, SigningKey, Subject, access_claims, identity_claims
from tests.requirements import requirement
from tests.unit.elicitations import run
from tests.unit.gateways import (
    ACCEPTS,
    ISSUER,
    KEY,
    LATER,
    URL,
    Keys,
    World,
    claims_of,
    http_to,
    message_in,
    shake_hands,
    token_of,
)
from tests.weakened import weakened

ANOTHER_KEY = SigningKey("one")


def part(value: Any) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def unsigned() -> str:
    """`alg` none (RFC 8725 §3.1)."""
    return b".".join([part({"alg": "none", "typ": "at+jwt", "kid": "one"}), part(claims_of("bob")), b""]).decode()


def signed_with_what_is_public() -> str:
    """HS256 with the public key for a secret (RFC 8725 §2.1)."""
    [public] = KEY.published()["keys"]
    pem = jwt.PyJWK(public).key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    body = part({"alg": "HS256", "typ": "at+jwt", "kid": "one"}) + b"." + part(claims_of("bob"))
    return (body + b"." + base64.urlsafe_b64encode(hmac.digest(pem, body, hashlib.sha256)).rstrip(b"=")).decode()


def without(name: str) -> str:
    return KEY.sign({key: value for key, value in claims_of("bob").items() if key != name}, "at+jwt")


def identity() -> str:
    return KEY.sign(identity_claims(ISSUER, Subject("bob", "strongroom-web", (), 1), 1, LATER, None), "JWT")


def for_strongroom() -> str:
    subject = Subject("bob", "strongroom-web", ("strongroom",), 1)
    return KEY.sign(access_claims(ISSUER, subject, 1, LATER, "j"), "at+jwt")


FOREIGN: dict[str, Callable[[], str]] = {
    "for Strongroom's API": for_strongroom,
    "for a gateway beside this one": lambda: token_of("bob", aud=f"{URL}/other"),
    "for this gateway and others": lambda: token_of("bob", aud=[URL, API_AUDIENCE]),
    "for nobody": lambda: without("aud"),
    "expired": lambda: token_of("bob", exp=2),
    "that never expires": lambda: without("exp"),
    "not yet good": lambda: token_of("bob", nbf=LATER),
    "of another issuer": lambda: token_of("bob", iss="http://127.0.0.1:8403"),
    "of an issuer with a slash more": lambda: token_of("bob", iss=f"{ISSUER}/"),
    "of no issuer": lambda: without("iss"),
    "of nobody": lambda: without("sub"),
    "of no client": lambda: without("client_id"),
    "of a client that is a number": lambda: token_of("bob", client_id=5),
    "an ID token": identity,
    "alg none": unsigned,
    "HS256 with the public key": signed_with_what_is_public,
    "another key": lambda: ANOTHER_KEY.sign(claims_of("bob"), "at+jwt"),
    "another claim": lambda: ".".join(
        [token_of("alice").split(".")[0], part(claims_of("bob")).decode(), token_of("alice").split(".")[2]]
    ),
    "a key that nobody publishes": lambda: SigningKey("two").sign(claims_of("bob"), "at+jwt"),
}


class Careless(SignedIn):
    """Reads what stands in a token, and checks nothing."""

    async def verify_token(self, token: str) -> AccessToken | None:
        claims = jwt.decode(token, options={"verify_signature": False})
        return AccessToken(token=token, client_id="c", scopes=[], resource=URL, subject=claims.get("sub", ""))


def status_for(token: str | None, people: SignedIn | None = None, headers: Mapping[str, str] | None = None) -> int:
    found: list[int] = []

    async def test() -> None:
        async with World().gateway(people) as gateway:
            answer = await shake_hands(gateway, token, **(headers or {}))
            found.append(answer.status_code)
            if answer.status_code == 401:
                assert 'resource_metadata="http://127.0.0.1:8406/.well-known/' in answer.headers["www-authenticate"]

    run(test)
    return found[0]


def test_a_token_of_the_sign_in_service_for_this_gateway_is_taken() -> None:
    assert status_for(token_of("bob")) == 200


@requirement("attack:S11")
@pytest.mark.parametrize("made", FOREIGN.values(), ids=FOREIGN.keys())
def test_no_other_token_is(made: Callable[[], str]) -> None:
    assert status_for(made()) == 401


@requirement("attack:S11")
@pytest.mark.parametrize("made", FOREIGN.values(), ids=FOREIGN.keys())
def test_control_a_gateway_that_checks_nothing_would_take_it(made: Callable[[], str]) -> None:
    assert status_for(made(), Careless(ISSUER, URL, Keys(ISSUER))) == 200


@pytest.mark.parametrize(
    ("kind", "defence", "without"),
    [
        ("for Strongroom's API", '"strict_aud": True', '"verify_aud": False'),
        ("for this gateway and others", '"strict_aud": True', '"strict_aud": False'),
        ("of another issuer", "issuer=self._issuer", "issuer=None"),
    ],
)
def test_control_each_of_the_rules_is_one_of_ours(kind: str, defence: str, without: str) -> None:
    with weakened(SignedIn._verified, defence, without):
        assert status_for(FOREIGN[kind]()) == 200


@pytest.mark.parametrize("shown", [None, "", "x", "a.b.c", "ä", "." * 3, "e30.e30.e30"])
def test_whatever_is_no_token_is_answered_401(shown: str | None) -> None:
    assert status_for(shown) == 401


# -- sessions


async def listed_in(world: World, session_of: str, token: str) -> tuple[int, str]:
    """Open a session as somebody (revision 2025-11-25), and list the tools in it with this token."""
    async with world.gateway() as gateway:
        opened = await shake_hands(gateway, token_of(session_of))
        session = {**ACCEPTS, "Mcp-Session-Id": opened.headers["mcp-session-id"], "MCP-Protocol-Version": "2025-11-25"}
        async with http_to(gateway, token, **session) as http:
            await http.post(URL, json={"jsonrpc": "2.0", "method": "notifications/initialized"})
            answer = await http.post(URL, json={"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
            return answer.status_code, str(message_in(answer)) if answer.status_code == 200 else answer.text


@requirement("attack:S11")
def test_a_session_of_alice_is_none_with_bobs_token() -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", "f" * 20)
        world.connect("alice", "f" * 20)
        status, text = await listed_in(world, "alice", token_of("bob"))
        assert (status, world.asked) == (404, [])
        assert "Session not found" in text

    run(test)


def test_control_with_alices_own_it_is_one() -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", "f" * 20)
        world.connect("alice", "f" * 20)
        status, text = await listed_in(world, "alice", token_of("alice", jti="another"))
        assert status == 200
        assert "team-files__whoami" in text

    run(test)


def test_control_without_the_owner_of_a_session_bob_gets_in() -> None:
    async def test() -> None:
        world = World()
        world.install("Team Files", "f" * 20)
        handler = StreamableHTTPSessionManager._handle_stateful_request
        with weakened(handler, "if requestor != self._session_owners.get(request_mcp_session_id)", "if False"):
            status, _ = await listed_in(world, "alice", token_of("bob"))
        assert status == 200

    run(test)


# -- pages that lead a browser here


@requirement("attack:S11")
@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("Host", "gateway.example:8406", 421),
        ("Host", "127.0.0.1.example", 421),
        ("Origin", "https://page.example", 403),
        ("Origin", "http://127.0.0.1.example:8406", 403),
        ("Origin", "null", 403),
    ],
)
def test_a_page_that_has_rebound_its_name_to_this_machine_is_refused(header: str, value: str, status: int) -> None:
    assert status_for(token_of("bob"), headers={header: value}) == status


@pytest.mark.parametrize(("header", "value"), [("Host", "127.0.0.1:8406"), ("Origin", "http://127.0.0.1:8405")])
def test_control_what_is_on_this_machine_is_not(header: str, value: str) -> None:
    assert status_for(token_of("bob"), headers={header: value}) == 200
