"""Signed assertions: what they say, that they verify, and that each is good for one server and one request."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.adapters.signer import SEED_BYTES, Es256
from strongroom.domain.client_authentication import assertion_to_sign, key_id, proof_of, signed
from strongroom.domain.identifiers import url_safe
from strongroom.domain.provider import ProviderClient
from strongroom.domain.secret import Secret
from strongroom.flows import clients
from strongroom.ports import Signer
from tests.requirements import requirement
from tests.unit.attacks.scenes import form_of, parameters
from tests.unit.clients import ReadingWorld, assertions, client_rows, document, said, sent_with
from tests.unit.renewals import Scene, silence
from tests.world import World

SIGNER: Signer = Es256()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIME = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
"""P-256: its order, its field and its base point (SEC 2 §2.4.2)."""
CLIENT, ISSUER = "https://strongroom.example/oauth/clients/key", "https://provider.example"


def seed(number: int) -> bytes:
    return number.to_bytes(SEED_BYTES, "big")


def point(key: Any) -> tuple[int, ...]:
    return tuple(int.from_bytes(base64.urlsafe_b64decode(key[name] + "="), "big") for name in ("x", "y"))


def verified(text: bytes, signature: bytes, key: Any) -> bool:
    es256 = jwt.get_algorithm_by_name("ES256")
    return bool(es256.verify(text, jwt.PyJWK({**key, "alg": "ES256"}).key, signature))


# -- the adapter's contract


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (0, BASE),
        (ORDER - 1, BASE),
        (2 * (ORDER - 1), BASE),
        (ORDER - 2, (BASE[0], PRIME - BASE[1])),
    ],
    ids=["nothing", "once around", "twice around", "the highest scalar"],
)
def test_every_seed_gives_a_scalar_from_one_to_the_order_less_one(number: int, expected: tuple[int, int]) -> None:
    private, public = SIGNER.make(seed(number))
    assert point(public) == expected
    assert verified(b"text", SIGNER.sign(private, b"text"), public)


def test_a_key_is_the_one_of_the_standards_example() -> None:
    """RFC 7515 appendix A.3.1."""
    scalar = int.from_bytes(base64.urlsafe_b64decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI="), "big")
    private, public = SIGNER.make(seed(scalar - 1))
    assert private == Secret("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI")
    assert public == {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }


@pytest.mark.parametrize("length", [0, 32, 39, 41, 64])
def test_a_seed_of_another_length_makes_no_key(length: int) -> None:
    with pytest.raises(ValueError, match="40 random bytes"):
        SIGNER.make(b"x" * length)


@settings(max_examples=30, deadline=None)
@given(fresh=st.binary(min_size=SEED_BYTES, max_size=SEED_BYTES), text=st.binary(max_size=200))
def test_what_is_signed_verifies_with_the_public_half_and_no_other(fresh: bytes, text: bytes) -> None:
    private, public = SIGNER.make(fresh)
    signature = SIGNER.sign(private, text)
    assert verified(text, signature, public)
    assert not verified(text + b"x", signature, public)
    assert not verified(text, signature, SIGNER.make(hashlib.shake_256(fresh).digest(SEED_BYTES))[1])


def test_a_signature_has_64_bytes_whatever_its_numbers_are() -> None:
    private, public = SIGNER.make(seed(7))
    made = [SIGNER.sign(private, b"text") for _ in range(1500)]
    assert {len(signature) for signature in made} == {64}
    short = [signature for signature in made if signature[0] == 0 or signature[32] == 0]
    assert all(verified(b"text", signature, public) for signature in short[:5])


def test_a_key_does_not_print() -> None:
    private, _ = SIGNER.make(seed(7))
    assert str(private) == repr(private) == "***"


# -- what an assertion says


def test_an_assertion_names_us_twice_and_the_issuer_alone_for_sixty_seconds() -> None:
    """RFC 7523 §3."""
    private, public = SIGNER.make(seed(7))
    text = assertion_to_sign(CLIENT, ISSUER, key_id(public), "fresh", 1_800_000_000)
    assertion = signed(text, SIGNER.sign(private, text)).reveal()
    key = jwt.PyJWK({**public, "alg": "ES256"}).key
    untimed: Any = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(assertion, key, ["ES256"], audience=ISSUER, options=untimed) == {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": ISSUER,
        "jti": "fresh",
        "iat": 1_800_000_000,
        "exp": 1_800_000_060,
    }
    assert jwt.get_unverified_header(assertion) == {"alg": "ES256", "kid": key_id(public), "typ": "JWT"}
    assert "=" not in assertion


def test_a_key_is_named_by_its_thumbprint() -> None:
    """RFC 7638 §3: the needed members alone, in order, without spaces."""
    _, public = SIGNER.make(seed(7))
    text = f'{{"crv":"P-256","kty":"EC","x":"{public["x"]}","y":"{public["y"]}"}}'
    assert key_id({**public, "use": "sig"}) == url_safe(hashlib.sha256(text.encode()).digest())


@requirement("mcp:T1")
def test_who_signs_sends_the_assertion_and_no_second_proof() -> None:
    private, public = SIGNER.make(seed(7))
    client = ProviderClient("key", 1, CLIENT, private, "private_key_jwt", "https://s.example/cb", public_key=public)
    proof = proof_of(client, Secret("a.b.c"))
    assert proof.header is None
    assert proof.form == {
        "client_id": CLIENT,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "a.b.c",
    }
    with pytest.raises(ValueError, match="assertion"):
        proof_of(client)


@pytest.mark.parametrize("public", [None, {"kty": "EC"}])
def test_who_signs_has_both_halves_of_a_key_and_nobody_else_has_one(public: Any) -> None:
    method: Any = "private_key_jwt" if public is None else "client_secret_basic"
    with pytest.raises(ValueError, match="public key"):
        ProviderClient("key", 1, CLIENT, Secret("s"), method, "https://s.example/cb", public_key=public)


# -- on every request of the back channel


def a_day() -> ReadingWorld:
    world = ReadingWorld()
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(3570)
    assert world.look_up("bob", installation).status == 200
    world.revoke("bob", installation)
    world.deliver()
    return world


@requirement("mcp:T1")
def test_exchange_refresh_and_revocation_are_signed_each_with_an_assertion_of_its_own() -> None:
    world = a_day()
    made = assertions(world)
    urls = [sent_with(world, one).url.removeprefix(ISSUER) for one in made]
    assert urls == ["/token", "/token", "/revoke", "/revoke"]
    assert len({said(one)["jti"] for one in made}) == 4
    assert {said(one)["aud"] for one in made} == {ISSUER}
    assert {said(one)["exp"] - said(one)["iat"] for one in made} == {60}
    assert (
        {said(one)["sub"] for one in made} == {said(one)["iss"] for one in made} == {client_rows(world)[0]["client_id"]}
    )


@requirement("mcp:T1")
def test_a_signed_request_holds_neither_a_secret_nor_a_basic_header() -> None:
    world = a_day()
    for request in (sent_with(world, one) for one in assertions(world)):
        assert "authorization" not in request.headers
        assert form_of(request).keys().isdisjoint({"client_secret"})


def test_a_second_look_is_signed_anew() -> None:
    world = ReadingWorld()
    installation = world.install()
    world.connect("bob", installation)
    scene = Scene(world, installation)
    world.clock.advance(3570)
    scene.provider_does(silence)
    scene.renew()
    world.clock.advance(30)
    scene.renew()
    refreshes = [one for one in assertions(world) if form_of(sent_with(world, one))["grant_type"] == "refresh_token"]
    assert len({said(one)["jti"] for one in refreshes}) == 2
    assert said(refreshes[1])["iat"] - said(refreshes[0])["iat"] == 30


def test_every_provider_and_every_team_has_a_key_of_its_own() -> None:
    world = ReadingWorld()
    ours = parameters(world.begin("bob", world.install()).url)["client_id"]
    theirs = parameters(world.begin("mallory", world.install("mallory", "rivals"), "rivals").url)["client_id"]
    kids = {document(world, url)["jwks"]["keys"][0]["kid"] for url in (ours, theirs)}
    assert len(kids) == 2


def test_who_does_not_sign_has_no_assertion_and_no_key() -> None:
    world = World()
    world.connect("bob", world.install())
    assert assertions(world) == []
    assert "public_key" not in client_rows(world)[0]


def test_a_client_with_a_secret_is_given_no_assertion() -> None:
    client = ProviderClient("key", 1, CLIENT, Secret("s"), "client_secret_basic", "https://s.example/cb")
    assert clients.assertion_for(World().ports, client, ISSUER) is None


def test_an_assertion_is_json_in_its_shortest_form() -> None:
    text = assertion_to_sign(CLIENT, ISSUER, "kid", "jti", 1)
    header, claims = (base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in text.split(b"."))
    assert header == json.dumps(json.loads(header), separators=(",", ":")).encode()
    assert claims == json.dumps(json.loads(claims), separators=(",", ":")).encode()
