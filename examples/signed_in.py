"""Who calls the example gateway: people, with access tokens of their sign-in service."""

from __future__ import annotations

import anyio.to_thread
import httpx2
import jwt
from mcp.server.auth.provider import AccessToken

from strongroom_satellite import Misconfigured, SatelliteError
from strongroom_satellite.origin import parse_origin

REQUIRED = ("exp", "iss", "aud", "sub", "client_id")


class SignedIn:
    """The access tokens that people show: JWTs of the sign-in service that are for this gateway and nobody else."""

    def __init__(self, issuer: str, audience: str, keys: jwt.PyJWKClient) -> None:
        self._issuer, self._audience, self._keys = issuer, audience, keys

    async def verify_token(self, token: str) -> AccessToken | None:
        """Give who it is; None for whatever is not a good token."""
        try:
            return await anyio.to_thread.run_sync(self._verified, token)
        except (jwt.PyJWTError, ValueError):
            return None

    def _verified(self, token: str) -> AccessToken:
        key = self._keys.get_signing_key_from_jwt(token).key
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            options={"require": list(REQUIRED), "strict_aud": True},  # one that is for others too is not taken
            audience=self._audience,
            issuer=self._issuer,
        )
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=[],
            expires_at=claims["exp"],
            resource=self._audience,
            subject=claims["sub"],
            claims={"iss": claims["iss"]},
        )


def keys_of(issuer: str) -> jwt.PyJWKClient:
    """Ask the sign-in service where its keys are (OpenID Connect Discovery §4).

    Raises:
        Misconfigured: If it does not say, or if others could answer for it.
    """
    try:
        told = (
            httpx2.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration", timeout=10).raise_for_status().json()
        )
        parse_origin(told["jwks_uri"])
        if told["issuer"] != issuer:
            raise ValueError("the document of another issuer")
        return jwt.PyJWKClient(told["jwks_uri"], timeout=3)  # whoever names an unknown key makes others wait so long
    except (
        SatelliteError,
        httpx2.HTTPError,
        httpx2.InvalidURL,
        jwt.PyJWTError,
        LookupError,
        TypeError,
        ValueError,
    ) as problem:
        raise Misconfigured(f"{issuer} does not answer as a sign-in service does") from problem
