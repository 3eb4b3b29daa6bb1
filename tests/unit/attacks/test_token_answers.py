"""What a token endpoint is asked and may answer: the resource goes along each time, and only a token is a success."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strongroom.domain import answer_fields, exchange, token_requests
from strongroom.domain.http import Answer, Outgoing, Reply
from tests.fakes.provider import serve_mcp
from tests.requirements import requirement
from tests.unit.attacks.scenes import parameters, rows
from tests.unit.renewals import Scene, connected
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

TOKEN = {"access_token": "a-token", "token_type": "Bearer", "refresh_token": "another", "expires_in": 3600}


def saying(document: object, status: int = 200) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def answer(_: Outgoing) -> Answer:
        return Reply(status, {"content-type": ("application/json",)}, body)

    return answer


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in TOKEN.items() if name not in names}


# T2: a success that is none

NO_SUCCESS: dict[str, tuple[object, int]] = {
    "an error with 200, as GitHub does": ({"error": "bad_verification_code"}, 200),
    "ok: false with an error, as Slack does": ({"ok": False, "error": "invalid_code"}, 200),
    "an error beside a token": (TOKEN | {"error": "invalid_grant"}, 200),
    "an error that is an object, beside a token": (TOKEN | {"error": {"code": 1}}, 200),
    "no token": (without("access_token"), 200),
    "null": (TOKEN | {"access_token": None}, 200),
    "an empty token": (TOKEN | {"access_token": ""}, 200),
    "a number": (TOKEN | {"access_token": 7}, 200),
    "true": (TOKEN | {"access_token": True}, 200),
    "a list": (TOKEN | {"access_token": ["a-token"]}, 200),
    "an object": (TOKEN | {"access_token": {"token": "a-token"}}, 200),
    "a token with a line break": (TOKEN | {"access_token": "a\r\nx-evil: 1"}, 200),
    "a token with a space": (TOKEN | {"access_token": "a token"}, 200),
    "a token of spaces": (TOKEN | {"access_token": " "}, 200),
    "accepted, but not yet": (TOKEN, 202),
    "no content": (b"", 204),
    "a page": (b"<html>", 200),
    "nothing": (b"", 200),
    "a list of tokens": ([TOKEN], 200),
    "two tokens": (b'{"access_token": "a", "access_token": "b", "token_type": "Bearer"}', 200),
    "another type": (TOKEN | {"token_type": "mac"}, 200),
}


def completes(*answers: Any) -> tuple[World, Answered]:
    """Bob consents, and the provider answers the exchange of his code like this."""
    world = World()
    consented = world.consent(world.begin("bob", world.install()), "bob")
    world.provider.answer_next.extend(answers)
    return world, world.complete("bob", consented)


def refreshes(*answers: Any) -> Scene:
    """The provider answers a renewal like this."""
    scene = connected()
    scene.provider_does(*answers)
    scene.renew()
    return scene


@requirement("mcp:T2")
@pytest.mark.parametrize(("document", "status"), NO_SUCCESS.values(), ids=NO_SUCCESS.keys())
def test_what_holds_no_token_connects_nobody(document: object, status: int) -> None:
    world, answer = completes(saying(document, status))
    assert answer.status == 502
    assert rows(world, "connection") == []
    assert [row["state"] for row in rows(world, "authorization")] == ["failed"]


@requirement("mcp:T2")
@pytest.mark.parametrize(("document", "status"), NO_SUCCESS.values(), ids=NO_SUCCESS.keys())
def test_what_holds_no_token_renews_nothing_and_takes_nothing_away(document: object, status: int) -> None:
    scene = refreshes(saying(document, status))
    assert scene.connection.version.n == 1
    assert scene.world.status("bob", scene.installation)["status"] == "connected"
    assert scene.works()


@requirement("mcp:T2")
@pytest.mark.parametrize("status", [200, 201])
def test_a_token_with_either_status_is_a_success(status: int) -> None:
    world, answer = completes(saying(TOKEN, status))
    assert answer.json["state"] == "completed"
    assert len(rows(world, "connection")) == 1


EMPTY_IS_NONE = (answer_fields.token, "or not _TOKEN.fullmatch(value)", "")
ERROR_IS_ERROR = (exchange._judge_success, 'document.get("error") or ', "")
SUCCESS_STATUS = (exchange._judge_success, "or answer.status not in {200, 201} ", "")
CONTROLS: dict[str, tuple[Any, object, int]] = {
    "an empty token": (EMPTY_IS_NONE, TOKEN | {"access_token": ""}, 200),
    "a token with a line break": (EMPTY_IS_NONE, TOKEN | {"access_token": "a\r\nx-evil: 1"}, 200),
    "an error beside a token": (ERROR_IS_ERROR, TOKEN | {"error": "invalid_grant"}, 200),
    "accepted, but not yet": (SUCCESS_STATUS, TOKEN, 202),
}


@requirement("mcp:T2")
@pytest.mark.parametrize(("check", "document", "status"), CONTROLS.values(), ids=CONTROLS.keys())
def test_control_without_the_check_such_an_answer_connects_bob(check: Any, document: object, status: int) -> None:
    with weakened(*check):
        world, answer = completes(saying(document, status))
    assert answer.json["state"] == "completed"
    assert len(rows(world, "connection")) == 1


# A2: the resource


def with_resource(resource: str) -> World:
    world = World()
    serve_mcp(world.egress, MCP_URL, world.provider.issuer, resource)
    return world


def told_of_the_resource(world: World, installation: str) -> list[str | None]:
    """The resource in the authorization request, the exchange of the code, and two refreshes."""
    begun = world.begin("bob", installation)
    assert world.complete("bob", world.consent(begun, "bob")).status == 200
    Scene(world, installation).renew()
    Scene(world, installation).renew()
    sent = [form.get("resource") for form in world.provider.token_requests]
    return [parameters(begun.url).get("resource"), *sent]


RESOURCES = [MCP_URL, "https://files.example", "https://files.example/", "https://FILES.example:443/mcp/"]


@requirement("mcp:A2")
@pytest.mark.parametrize("resource", RESOURCES)
def test_the_resource_is_named_to_the_letter_each_time_refreshes_too(resource: str) -> None:
    world = with_resource(resource)
    assert told_of_the_resource(world, world.install()) == [resource] * 4


@requirement("mcp:A2")
def test_a_refresh_names_the_resource_of_the_consent_whatever_the_metadata_says_by_then() -> None:
    scene = connected()
    serve_mcp(scene.world.egress, MCP_URL, scene.world.provider.issuer, "https://files.example")
    scene.renew()
    assert scene.world.provider.token_requests[-1]["resource"] == MCP_URL


@requirement("mcp:A2")
def test_control_a_refresh_without_the_resource_shows() -> None:
    named = '"resource": resource if channel.entry.asking.resource else "",'
    scene = connected()
    with weakened(token_requests.refresh_request, named, ""):
        scene.renew()
    assert "resource" not in scene.world.provider.token_requests[-1]


@requirement("mcp:A2")
def test_control_an_exchange_without_the_resource_is_refused_by_a_provider_that_looks() -> None:
    named = '"resource": resource if channel.entry.asking.resource else "",'
    with weakened(token_requests.code_request, named, ""):
        _, answer = completes()
    assert answer.status == 502
