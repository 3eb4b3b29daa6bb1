"""API Gateway's JWT authorizer: discovery, key set, signature and claims for real."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import jwt

from local.api import JwtRules
from local.signing import loopback

_ALGORITHMS = ["RS256", "RS384", "RS512"]  # API Gateway takes RSA only
Fetch = Callable[[str], Mapping[str, Any]]


class Unauthorized(Exception):
    """401: no token, or none that counts here."""


class MissingScope(Exception):
    """403: the token is good, but not for this route."""


def fetch_json(url: str) -> Mapping[str, Any]:
    """Read a JSON document from loopback.

    Raises:
        LocalError: If the URL leaves this machine.
        OSError, ValueError, http.client.HTTPException: If no JSON object comes back.
    """
    parts = urlsplit(loopback(url))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", parts.path)
        document = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document


class JwtAuthorizer:
    """Decide on the `Authorization` header of one route. Keys are fetched once, and again for an unknown key id."""

    def __init__(self, rules: JwtRules, fetch: Fetch, now: Callable[[], float]) -> None:
        self._rules, self._fetch, self._now = rules, fetch, now
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}

    def authorize(self, header: str | None, scopes: Sequence[str]) -> dict[str, Any]:
        """Answer `requestContext.authorizer` for this header.

        Raises:
            Unauthorized: If there is no token, or its signature, issuer, audience or times are wrong.
            MissingScope: If the route asks for scopes and the token has none of them.
        """
        token = (header or "").removeprefix("Bearer ").strip()
        if not token:
            raise Unauthorized
        try:
            claims = self._verified(token)
        except (jwt.PyJWTError, OSError, ValueError, KeyError, http.client.HTTPException) as error:
            raise Unauthorized from error
        check_claims(claims, self._rules, self._now())
        held = held_scopes(claims)
        if scopes and not set(scopes) & set(held):
            raise MissingScope
        shown = [scope for scope in scopes if scope in held]
        return {"jwt": {"claims": stringified(claims), "scopes": shown or None}}

    def _verified(self, token: str) -> dict[str, Any]:
        key = self._key(str(jwt.get_unverified_header(token)["kid"]))
        unchecked = dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), False)
        unchecked |= dict.fromkeys(("verify_sub", "verify_jti"), False)
        return dict(jwt.decode(token, key, algorithms=_ALGORITHMS, options=unchecked))  # type: ignore[arg-type]

    def _key(self, kid: str) -> jwt.PyJWK:
        with self._lock:
            if kid not in self._keys:
                discovery = self._fetch(f"{self._rules.issuer.rstrip('/')}/.well-known/openid-configuration")
                documents = self._fetch(str(discovery["jwks_uri"]))["keys"]
                found = [jwt.PyJWK(document) for document in documents if document.get("kty") == "RSA"]
                self._keys = {str(key.key_id): key for key in found}
            return self._keys[kid]


def check_claims(claims: Mapping[str, Any], rules: JwtRules, now: float) -> None:
    """Hold the claims against the route's rules.

    `iss` is exact; `aud` (without one: `client_id`) is one that is configured; `exp` is ahead, `nbf` and `iat` are not.

    Raises:
        Unauthorized: If one of them does not hold.
    """
    audience = claims.get("aud", claims.get("client_id"))
    audiences = audience if isinstance(audience, list) else [audience]
    times = [claims.get("exp", 0), claims.get("nbf", 0), claims.get("iat", 0)]
    if claims.get("iss") != rules.issuer or not set(rules.audience) & {str(one) for one in audiences}:
        raise Unauthorized
    if not all(isinstance(time, int | float) for time in times) or times[0] <= now or max(times[1:]) > now:
        raise Unauthorized


def held_scopes(claims: Mapping[str, Any]) -> list[str]:
    """The token's scopes, from `scope` or `scp`, a text or a list."""
    value = claims.get("scope", claims.get("scp", ""))
    return [str(one) for one in value] if isinstance(value, list) else str(value).split()


def stringified(claims: Mapping[str, Any]) -> dict[str, str]:
    """Claims as API Gateway hands them over: texts only, a list as `[a b]`."""
    return {name: _as_text(value) for name, value in claims.items()}


def _as_text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case None:
            return "<nil>"
        case list():
            return f"[{' '.join(_as_text(item) for item in value)}]"
        case dict():
            return f"map[{' '.join(f'{name}:{_as_text(value[name])}' for name in sorted(value))}]"
    return str(value)
