"""The ID token of the Files Provider: who has consented, for the client to show."""

from __future__ import annotations

import jwt

OPENID = "openid"
SECONDS = 300


def id_token(issuer: str, account: str, client_id: str, now: int) -> str:
    """Write an ID token (OpenID Connect Core §2) that expires in five minutes.

    It is not signed, and the metadata promises none: whoever wants more than a name to show has to ask elsewhere.
    """
    claims = {
        "iss": issuer,
        "sub": account,
        "aud": client_id,
        "iat": now,
        "exp": now + SECONDS,
        "email": f"{account}@files.example",
    }
    return jwt.encode(claims, key="", algorithm="none")
