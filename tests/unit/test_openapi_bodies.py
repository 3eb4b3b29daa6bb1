"""The interface's document takes exactly the bodies that the handlers take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.openapi import body_schema, operations, problems
from tests.world import ACCOUNT, GATEWAY, HOST, MCP_URL, Answered, World

NEVER_MINTED = "a" * 20
VERSION = f"{NEVER_MINTED}.1"
LONG = ("x" * 79, "x" * 80, "x" * 81, "x" * 128, "x" * 129, "x" * 255, "x" * 256, "x" * 2048, "x" * 2049)
ODD = ("", " ", "\n", "alice", "alice\n", "a\u202eb", "\u2028", "\u0085", "é", "auth0|1@b%2F", "x\x7f", "~", "A-_z")
WORDS = ("per_user", "shared", "team_admin", "team_user", "true", "60", "401", VERSION, f"{VERSION}1.", "a.1")
IDS = ("1" * 12, "1" * 11, "1" * 12 + "\n", "AROA" + "A" * 12, "AROA" + "A" * 11, "AROA" + "A" * 125, "AIDA" + "A" * 12)
NUMBERS = (-1, 0, 1, 60, 60.0, 60.5, 600, 601, 401, 401.0, 402, 403, 10**20)
LISTS: tuple[Any, ...] = ([], ["alice"], ["a", "a"], ["a b"], ['"'], [1], [f"s{number}" for number in range(101)])
METHODS = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
OTHERS: tuple[Any, ...] = ("y" * 8192, "y" * 8193, None, True, False, {}, *LISTS, *METHODS)
VALUES: tuple[Any, ...] = (*LONG, *ODD, *WORDS, *IDS, *NUMBERS, *OTHERS)

_PROVIDER: dict[str, Any] = {
    "draft": NEVER_MINTED,
    "issuer": "https://provider.example",
    "client": {"client_id": "x", "client_secret": "y", "auth_method": "client_secret_post"},
    "endpoints": {
        "authorization": "https://provider.example/a",
        "token": "https://provider.example/t",
        "revocation": "https://provider.example/r",
    },
    "iss": True,
    "pkce_unlisted": True,
    "parameters": {"audience": "files"},
}
_INJECT: dict[str, Any] = {"headers": {"X-Api-Key": "k"}, "env": {"KEY": "{access_token}", "OLD": None}}
GOOD: dict[str, dict[str, Any]] = {
    "POST /v1/teams/{team}/installations": {
        "name": "Files",
        "url": MCP_URL,
        "sharing": "shared",
        "scopes": ["files", "mail"],
        "requires_oauth": True,
        "provider": _PROVIDER,
        "inject": _INJECT,
    },
    "POST /v1/teams/{team}/probe": {"url": MCP_URL},
    "PUT /v1/teams/{team}/installations/{installation}/client_secret": {"client_secret": "y"},
    "POST /v1/teams/{team}/installations/{installation}/authorize": {"return_to": "https://web.example/"},
    "POST /v1/authorizations/{authorization}/complete": {"secret": "x", "confirm_shared": True},
    "PATCH /v1/teams/{team}/installations/{installation}": {
        "name": "Files",
        "url": MCP_URL,
        "sharing": "shared",
        "enabled": True,
        "scopes": ["files", "mail"],
        "requires_oauth": True,
        "provider": _PROVIDER,
        "inject": _INJECT,
    },
    "DELETE /v1/teams/{team}/installations/{installation}/connection": {},
    "DELETE /v1/teams/{team}/installations/{installation}/connections": {},
    "DELETE /v1/teams/{team}/installations/{installation}": {},
    "POST /v1/satellite/teams/{team}/installations/{installation}/token": {
        "user": "bob",
        "min_validity": 30,
        "not_version": VERSION,
    },
    "POST /v1/satellite/teams/{team}/installations/{installation}/rejected": {
        "user": "bob",
        "version": VERSION,
        "status": 401,
        "challenge": "Bearer",
        "min_validity": 1,
    },
    "POST /v1/satellite/teams/{team}/installations": {
        "user": "bob",
        "status": "connected",
        "limit": 10,
        "next": "VGVhbSBGaWxlcw",
    },
    "DELETE /v1/host/teams/{team}": {},
    "PUT /v1/host/teams/{team}/members": {"user": "bob", "role": "team_user"},
    "PUT /v1/host/teams/{team}/satellites": {"account": ACCOUNT, "role_id": "AROA" + "B" * 12, "allowed": True},
}


def variants(good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Change one member at a time, at every depth: to every value, to nothing, and to one more."""
    yield good
    yield {**good, "more": 1}
    for name, whole in good.items():
        yield {other: value for other, value in good.items() if other != name}
        yield from ({**good, name: value} for value in VALUES)
        if isinstance(whole, dict):
            yield from ({**good, name: changed} for changed in variants(whole))


def test_every_body_of_the_document_is_tried() -> None:
    assert set(GOOD) == {route for route, one in operations().items() if "requestBody" in one}
    assert all(set(good) == set(body_schema(route).get("properties", {})) for route, good in GOOD.items())


@pytest.mark.parametrize("route", GOOD)
def test_the_document_takes_exactly_the_bodies_that_the_handler_takes(route: str) -> None:
    world = World()
    tried = [(body, sent(world, route, body)) for body in variants(GOOD[route])]
    apart = [body for body, answered in tried if is_taken(answered) != (problems(body_schema(route), body) == [])]
    assert apart == []
    assert {is_taken(answered) for _, answered in tried} == {True, False}


@pytest.mark.parametrize("route", GOOD)
def test_a_body_may_be_left_out_where_the_document_says_so(route: str) -> None:
    assert is_taken(sent(World(), route, None)) != operations()[route]["requestBody"]["required"]


def sent(world: World, route: str, body: dict[str, Any] | None) -> Answered:
    method, _, path = route.partition(" ")
    path = path.format(team="acme", installation=NEVER_MINTED, authorization="A" * 43)
    if "/satellite/" in path or "/host/" in path:
        return world.as_role(HOST if "/host/" in path else GATEWAY, method, path, body)
    return world.as_user("alice", method, path, body)


def is_taken(answered: Answered) -> bool:
    """Whether the form of the body was taken, whatever became of the call then. A position has it that no page gave."""
    if answered.status == 400 and answered.json["message"] == "next is what an earlier page gave as `next`":
        return True
    return answered.status != 400 or answered.json["error"] not in ("invalid_request", "unknown_field")
