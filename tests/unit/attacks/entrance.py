"""API Gateway's part for real in front of the world: the template's routes, both authorizers, payload 2.0; no socket."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import jwt
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from functions.authorize import app as authorize
from functions.callback import app as callback
from functions.installations import app as installations
from functions.token import app as token
from local.accounts import HOST as HOST_KEYS
from local.accounts import REGION, Caller
from local.accounts import SATELLITE as GATEWAY_KEYS
from local.accounts import STRANGER as STRANGER_KEYS
from local.api import Api, api_of
from local.execution import Answer
from local.functions import Function, functions_of, local_values
from local.gateway import Authorizers, Gateway
from local.iam_authorizer import IamAuthorizer
from local.jwt_authorizer import Fetch, JwtAuthorizer
from local.payload import Request
from local.plan import ROOT
from local.signing import signed_headers
from local.template import load_template
from tests import page
from tests.world import ISSUER, Answered, Context, World

ORIGIN = "http://127.0.0.1:8400"
AUDIENCE, SCOPE, WEB_ORIGIN = "strongroom-api", "strongroom", "https://web.example"
FUNCTIONS: Mapping[str, ModuleType] = {
    "AuthorizeFunction": authorize,
    "CallbackFunction": callback,
    "InstallationsFunction": installations,
    "TokenFunction": token,
    "WebFunction": page,
}
RIVALS_KEYS = Caller(
    "rivals-gateway", "AKIDSTRONGROOMRIVAL1", "rivals-gateway-secret", "AROALOCALRIVALS00001", "gateway"
)
OTHER_HOST_KEYS = Caller("other-host", "AKIDSTRONGROOMOTHER1", "other-host-secret", "AROALOCALOTHERHOST01", "host")
IAM_USER_KEYS = Caller("bob", "AKIDSTRONGROOMUSER01", "iam-user-secret", "AIDALOCALIAMUSER0001", "")
IMPOSTOR_KEYS = replace(GATEWAY_KEYS, secret="not-the-gateways-secret")
KNOWN_KEYS = (HOST_KEYS, GATEWAY_KEYS, STRANGER_KEYS, RIVALS_KEYS, OTHER_HOST_KEYS, IAM_USER_KEYS)


@functools.cache
def signing_key(name: str = "sign-in") -> RSAPrivateKey:
    """Make the sign-in service's key, or somebody else's."""
    return generate_private_key(public_exponent=65537, key_size=2048)


def published(issuer: str) -> Fetch:
    """What a sign-in service publishes, for an authorizer that asks no network."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(signing_key().public_key()))
    documents: dict[str, Mapping[str, Any]] = {
        f"{issuer}/.well-known/openid-configuration": {"issuer": issuer, "jwks_uri": f"{issuer}/keys"},
        f"{issuer}/keys": {"keys": [{**public, "kid": "one"}]},
    }
    return documents.__getitem__


@functools.cache
def public_pem() -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return signing_key().public_key().public_bytes(serialization.Encoding.PEM, form)


@functools.cache
def deployed(issuer: str) -> tuple[tuple[Function, ...], Api]:
    """Read the functions and the API of the template as they would be deployed."""
    given = {"Issuer": issuer, "WebClientUrl": f"{WEB_ORIGIN}/connections", "WebOrigins": WEB_ORIGIN}
    template = load_template(ROOT / "template.yaml", {**given, "PublicUrl": "https://strongroom.example"})
    keys = {one.logical_id: f"arn:aws:kms:::key/{one.logical_id}" for one in template.of_type("AWS::KMS::Key")}
    values = local_values(template, "http://127.0.0.1:8401", keys)
    functions = functions_of(template, values)
    return functions, api_of(template, values, functions)


@dataclass
class Moment:
    """The time at which the request was made that is being judged."""

    at: float = 0.0

    def __call__(self) -> float:
        return self.at


class Entrance:
    """One HTTP API before a world; `world` may be changed for another at any time."""

    def __init__(
        self,
        world: World,
        callers: Iterable[Caller] = KNOWN_KEYS,
        issuer: str = ISSUER,
        fetch: Fetch | None = None,
        signing_time: Callable[[], float] | None = None,
    ) -> None:
        """Without a `signing_time` a signature is judged at the moment at which it was made."""
        self.world, self.issuer, self._signed_at = world, issuer, Moment()
        functions, self.api = deployed(issuer)
        jwts = {
            name: JwtAuthorizer(rules, fetch or published(issuer), self._now)
            for name, rules in self.api.authorizers.items()
        }
        authorizers = Authorizers(jwts, IamAuthorizer(callers, signing_time or self._signed_at))
        self.gateway = Gateway(functions, self.api, authorizers, self._invoke, self._now)

    def _now(self) -> float:
        return self.world.clock.now()

    def _invoke(self, function: str, payload: bytes) -> Answer:
        """Run the handler here, as Lambda would through the alias `live`."""
        wired = replace(self.world.wired, issuer=self.issuer)
        result = FUNCTIONS[function].lambda_handler(json.loads(payload), Context(), wired)
        return Answer(json.dumps(result).encode())

    def send(self, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Answered:
        """Send one request as it is; `target` is encoded already."""
        given = tuple(headers)
        self._signed_at.at = next((moment_of(text) for name, text in given if name.lower() == "x-amz-date"), 0.0)
        response = self.gateway.handle(Request(method, target, given, body))
        return Answered(response.status, dict(response.headers), response.body.decode())

    def close(self) -> None:
        self.gateway.close()

    # -- what a caller puts into a request

    def token(self, user: str, **claims: Any) -> str:
        """An access token of the sign-in service, or what `claims` make of it; None leaves one out."""
        return jwt.encode(self.claims(user, **claims), signing_key(), "RS256", {"kid": "one"})

    def claims(self, user: str, **changed: Any) -> dict[str, Any]:
        now = int(self.world.clock.now())
        usual = {"iss": self.issuer, "aud": AUDIENCE, "sub": user, "scope": SCOPE, "iat": now, "exp": now + 300}
        return {name: value for name, value in (usual | changed).items() if value is not None}


def moment_of(date: str) -> float:
    return datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def signature(
    keys: Caller, method: str, target: str, body: bytes, origin: str = ORIGIN, headers: Mapping[str, str] | None = None
) -> tuple[tuple[str, str], ...]:
    """The headers with which this caller signs this request."""
    return tuple(signed_headers(keys, method, origin + target, body, headers).items())


class _AsItIs(SigV4Auth):  # type: ignore[misc, unused-ignore]  # botocore has no types on some machines
    """Sign the path as it is sent, as an attacker does, who tidies nothing."""

    def _normalize_url_path(self, path: str) -> str:
        return path


def signed_as_it_is(keys: Caller, method: str, target: str, body: bytes = b"") -> tuple[tuple[str, str], ...]:
    request = AWSRequest(method, ORIGIN + target, data=body)
    _AsItIs(Credentials(keys.access_key, keys.secret), "execute-api", REGION).add_auth(request)
    return (("Host", urlsplit(ORIGIN).netloc), *request.headers.items())
