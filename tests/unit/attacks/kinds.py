"""Every kind of caller of the API: nobody, people, roles, and those who only look like one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import jwt

from local.accounts import HOST as HOST_KEYS
from local.accounts import SATELLITE as GATEWAY_KEYS
from local.accounts import STRANGER as STRANGER_KEYS
from local.accounts import Caller
from tests.unit.attacks.entrance import (
    IAM_USER_KEYS,
    IMPOSTOR_KEYS,
    OTHER_HOST_KEYS,
    RIVALS_KEYS,
    Entrance,
    bearer,
    public_pem,
    signature,
    signing_key,
)
from tests.world import World

Headers: TypeAlias = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Kind:
    """A kind of caller: what comes with its requests, and what has happened to it before."""

    name: str
    headers: Callable[[Entrance, str, str, bytes], Headers]
    before: Callable[[World], object] = field(default=lambda _: None)


def _with_token(make: Callable[[Entrance], str]) -> Callable[[Entrance, str, str, bytes], Headers]:
    return lambda entrance, *_: bearer(make(entrance))


def person(name: str, user: str, before: Callable[[World], object] = lambda _: None, **claims: Any) -> Kind:
    """Somebody with a token of the sign-in service, of which `claims` differ from a good one."""
    return Kind(name, _with_token(lambda entrance: entrance.token(user, **claims)), before)


def role(name: str, keys: Caller) -> Kind:
    return Kind(name, lambda _, method, target, body: signature(keys, method, target, body))


def _forged(entrance: Entrance) -> str:
    return jwt.encode(entrance.claims("alice"), signing_key("somebody else's"), "RS256", {"kid": "one"})


def _unsigned(entrance: Entrance) -> str:
    return jwt.encode(entrance.claims("alice"), "", "none", {"kid": "one"})


def _signed_with_the_public_key(entrance: Entrance) -> str:
    """The oldest trick: the public key, which everybody has, as the secret of an HMAC."""
    head, claims = (_encoded(part) for part in ({"alg": "HS256", "kid": "one"}, entrance.claims("alice")))
    algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    mac = algorithm.sign(f"{head}.{claims}".encode(), public_pem())
    return f"{head}.{claims}.{jwt.utils.base64url_encode(mac).decode()}"


def _encoded(part: Mapping[str, Any]) -> str:
    return jwt.utils.base64url_encode(json.dumps(part).encode()).decode()


def _together(first: str) -> Callable[[Entrance, str, str, bytes], Headers]:
    """The satellite's signature and an admin's token, as two headers of the same name."""

    def headers(entrance: Entrance, method: str, target: str, body: bytes) -> Headers:
        both = [*signature(GATEWAY_KEYS, method, target, body), *bearer(entrance.token("alice"))]
        return both if first == "signature" else both[::-1]

    return headers


def _carol_leaves(world: World) -> object:
    return world.put_member("acme", "carol", None)


def _mallory_is_no_admin(world: World) -> object:
    return world.put_member("rivals", "mallory", "team_user")


NOBODY, MEMBER, ANOTHER, ADMIN, EX = "nobody", "member", "another member", "admin", "ex-member"
SATELLITE, RIVAL, UNREGISTERED = "satellite", "satellite elsewhere", "unregistered role"
HOST, OTHER, USER = "host", "host elsewhere", "IAM user"

UNPROVEN = (
    Kind(NOBODY, lambda *_: ()),
    Kind("no JWT at all", lambda *_: bearer("alice")),
    person("expired JWT", "alice", exp=1_000),
    person("JWT not valid yet", "alice", nbf=9_999_999_999),
    Kind("JWT of a wrong key", _with_token(_forged)),
    Kind("JWT with alg none", _with_token(_unsigned)),
    Kind("JWT with HMAC", _with_token(_signed_with_the_public_key)),
    person("JWT of another issuer", "alice", iss="https://evil.example"),
    person("JWT for another audience", "alice", aud="https://other.example"),
    person("ID token", "alice", aud="strongroom-web", scope=None, nonce="n"),
)
WITHOUT_SCOPE = (
    person("ID token for the API", "alice", scope=None, nonce="n"),
    person("JWT of another scope", "alice", scope="openid profile"),
)
ID_TOKENS = (person("ID token with scope", "alice", nonce="n", at_hash="h"),)
OUTSIDERS = (
    person("user elsewhere", "mallory", _mallory_is_no_admin),
    person("admin elsewhere", "mallory"),
    person(EX, "carol", _carol_leaves),
    person("never heard of", "nobody"),
)
MEMBERS = (person(MEMBER, "bob"), person(ANOTHER, "carol"), person(ADMIN, "alice"))
UNSIGNED = (
    role("wrong secret", IMPOSTOR_KEYS),
    role("unknown key", replace(GATEWAY_KEYS, access_key="AKIDNOBODYATALL00001")),
)
TOGETHER = (
    Kind("signature, then JWT", _together("signature")),
    Kind("JWT, then signature", _together("JWT")),
)
ROLES = (
    role(SATELLITE, GATEWAY_KEYS),
    role(RIVAL, RIVALS_KEYS),
    role(HOST, HOST_KEYS),
    role(OTHER, OTHER_HOST_KEYS),
    role(UNREGISTERED, STRANGER_KEYS),
    role(USER, IAM_USER_KEYS),
)
PEOPLE = (*WITHOUT_SCOPE, *ID_TOKENS, *OUTSIDERS, *MEMBERS)
KINDS = (*UNPROVEN, *PEOPLE, *UNSIGNED, *TOGETHER, *ROLES)


def kind_named(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)
