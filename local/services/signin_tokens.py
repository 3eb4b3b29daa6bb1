"""The keys of the sign-in service and the two kinds of JWT that it issues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

API_AUDIENCE = "strongroom-api"
API_SCOPE = "strongroom"
WEB_CLIENT = "strongroom-web"


class SigningKey:
    """An RSA key made at start. RS256: an HTTP API's JWT authorizer takes RSA algorithms only."""

    def __init__(self, identifier: str) -> None:
        self._identifier = identifier
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def published(self) -> dict[str, list[dict[str, object]]]:
        """Give the JWKS document (RFC 7517 §5): the public half alone."""
        public = RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": self._identifier, "use": "sig", "alg": "RS256"}]}

    def sign(self, claims: Mapping[str, object], kind: str) -> str:
        """Sign claims; `kind` is the header's `typ`."""
        headers = {"kid": self._identifier, "typ": kind}
        return jwt.encode(dict(claims), self._private, algorithm="RS256", headers=headers)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who signed in, through which client, for which scopes, and when (seconds since the epoch)."""

    account: str
    client_id: str
    scopes: tuple[str, ...]
    signed_in_at: int
    audience: str = API_AUDIENCE


def access_claims(issuer: str, subject: Subject, now: int, seconds: int, identifier: str) -> dict[str, object]:
    """Write the claims of an access token for its audience (RFC 9068 §2.2); `openid` is no scope of Strongroom's API."""
    return {
        "iss": issuer,
        "sub": subject.account,
        "aud": subject.audience,
        "client_id": subject.client_id,
        "scope": " ".join(scope for scope in subject.scopes if scope != "openid"),
        "iat": now,
        "exp": now + seconds,
        "jti": identifier,
    }


def identity_claims(issuer: str, subject: Subject, now: int, seconds: int, nonce: str | None) -> dict[str, object]:
    """Write the claims of an ID token (OpenID Connect Core §2). It is for the web client and no key to any API."""
    claims: dict[str, object] = {
        "iss": issuer,
        "sub": subject.account,
        "aud": WEB_CLIENT,
        "iat": now,
        "exp": now + seconds,
        "auth_time": subject.signed_in_at,
    }
    return claims if nonce is None else {**claims, "nonce": nonce}
