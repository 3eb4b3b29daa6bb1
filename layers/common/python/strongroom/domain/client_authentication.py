"""How we prove to a provider that we are its client. One place, for exchange, refresh and revocation."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import quote_plus

from strongroom.domain.identifiers import url_safe
from strongroom.domain.provider import ProviderClient
from strongroom.domain.secret import Secret

ASSERTION_LIFETIME: Final = 60
JWT_BEARER: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SIGNING_ALGORITHM: Final = "ES256"

PublicKey: TypeAlias = Mapping[str, str]
"""A public key as a JWK of type EC on P-256 (RFC 7518 §6.2.1)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What goes into the body and into the Authorization header."""

    form: Mapping[str, str]
    header: Secret | None = None

    def __repr__(self) -> str:
        return "Proof(***)"


def proof_of(client: ProviderClient, assertion: Secret | None = None) -> Proof:
    """Authenticate as registered: none, post, basic or a signed assertion, and never two of them (RFC 6749 §2.3).

    With Basic there is no `client_id` in the body: some servers count that as a second method.

    Raises:
        ValueError: If the client signs and there is no assertion.
    """
    secret = client.client_secret.reveal() if client.client_secret else ""
    match client.auth_method:
        case "none":
            return Proof({"client_id": client.client_id})
        case "client_secret_post":
            return Proof({"client_id": client.client_id, "client_secret": secret})
        case "client_secret_basic":
            return Proof({}, _basic(client.client_id, secret))
        case "private_key_jwt":
            if assertion is None:
                raise ValueError("this client authenticates with a signed assertion")
            # RFC 7521 §4.2: `client_id` is unnecessary, and harmless since it must equal the assertion's subject.
            form = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion.reveal()}
            return Proof({"client_id": client.client_id, **form})


def _basic(client_id: str, secret: str) -> Secret:
    # RFC 6749 §2.3.1: form-urlencoded first. A colon or percent sign in either part would otherwise change the pair.
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return Secret("Basic " + base64.b64encode(pair.encode()).decode())


def assertion_to_sign(client_id: str, issuer: str, key_id: str, jti: str, now: int) -> bytes:
    """Write down what a client assertion says (RFC 7523 §3), ready to be signed (RFC 7515 §5.1).

    Its audience is the issuer alone, so that no other server can use it (RFC 7523bis §4); it lives sixty seconds and is
    good once.
    """
    header = {"alg": SIGNING_ALGORITHM, "kid": key_id, "typ": "JWT"}
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer,
        "jti": jti,
        "iat": now,
        "exp": now + ASSERTION_LIFETIME,
    }
    return b".".join(url_safe(json.dumps(part, separators=(",", ":")).encode()).encode() for part in (header, claims))


def signed(assertion: bytes, signature: bytes) -> Secret:
    """Put an assertion and its signature together (RFC 7515 §7.1)."""
    return Secret(f"{assertion.decode()}.{url_safe(signature)}")


def key_id(key: PublicKey) -> str:
    """Name a key by its thumbprint (RFC 7638 §3)."""
    needed = {name: key[name] for name in ("crv", "kty", "x", "y")}
    return url_safe(hashlib.sha256(json.dumps(needed, separators=(",", ":"), sort_keys=True).encode()).digest())
