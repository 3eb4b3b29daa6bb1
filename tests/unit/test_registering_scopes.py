"""Scopes in a registration: some servers refuse them, others refuse later what was not named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain import registration
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing, Reply
from strongroom.flows import register
from tests.fakes.clock import FakeClock
from tests.requirements import requirement
from tests.unit.clients import client_rows
from tests.weakened import weakened
from tests.world import World

REGISTER = "https://provider.example/register"


def asked_for(world: World) -> list[str | None]:
    """The scopes that each registration named."""
    sent = [request for request in world.egress.sent if request.url == REGISTER]
    return [json.loads(request.body.reveal() if request.body else "{}").get("scope") for request in sent]


def disliking(world: World, error: str) -> None:
    """Let the provider refuse a registration that names scopes."""
    honest = world.egress.routes["POST", REGISTER]

    def dislikes(request: Outgoing) -> Any:
        named = "scope" in json.loads(request.body.reveal() if request.body else "{}")
        return Reply(400, {}, json.dumps({"error": error}).encode()) if named else honest(request)

    world.egress.on("POST", REGISTER, dislikes)


@requirement("mcp:R4")
@pytest.mark.parametrize("error", ["invalid_client_metadata", "invalid_scope"])
def test_a_server_that_takes_no_scopes_from_us_is_asked_once_more_without_any(error: str) -> None:
    world = World()
    disliking(world, error)
    world.connect("bob", world.install())
    assert asked_for(world) == ["files", None]


def test_a_step_up_there_has_the_next_generation_of_the_same_kind() -> None:
    world = World()
    disliking(world, "invalid_client_metadata")
    installation = world.install()
    world.connect("bob", installation)
    version = world.look_up("bob", installation).json["version"]
    wants_more = 'Bearer error="insufficient_scope", scope="files files:write"'
    assert world.reject("bob", installation, version, 403, challenge=wants_more).status == 409
    world.connect("bob", installation)
    assert [row["generation"] for row in client_rows(world)] == [1, 2]
    assert asked_for(world) == ["files", None, "files files:write", None]


@pytest.mark.parametrize("error", ["invalid_redirect_uri", "invalid_software_statement", "access_denied", None, 7])
def test_any_other_refusal_is_final(error: object) -> None:
    world = World()
    body = json.dumps({"error": error}).encode()
    world.egress.on("POST", REGISTER, lambda _: Reply(400, {}, body))
    path = f"/v1/teams/acme/installations/{world.install()}/authorize"
    refused = world.as_user("bob", "POST", path)
    assert refused.json["error"] in {"registration_refused", "redirect_uri_rejected"}
    assert asked_for(world) == ["files"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"error": ', b"\xff"])
def test_what_is_no_json_says_nothing_of_scopes(body: bytes) -> None:
    assert not registration.may_dislike_scopes(Reply(400, {}, body))


# The provider chose the address that it is registered at


def fates() -> dict[str, Callable[[FakeClock], Answer]]:
    def silent(clock: FakeClock) -> Answer:
        clock.advance(4.5)
        return NoAnswer("timeout")

    return {
        "refused": lambda _: NotSent("address_refused"),
        "unreachable": lambda _: NotSent("unreachable"),
        "silent": silent,
        "broken": lambda _: Reply(502, {}, b""),
    }


def heard(fate: str) -> tuple[int, str, float]:
    """What the caller learns of a registration endpoint, and when."""
    world = World()
    world.egress.on("POST", REGISTER, lambda _: fates()[fate](world.clock))
    path, began = f"/v1/teams/acme/installations/{world.install()}/authorize", world.clock.now()
    answer = world.as_user("bob", "POST", path)
    return answer.status, answer.json["error"], world.clock.now() - began


@requirement("attack:B17")
def test_nobody_learns_from_a_registration_why_there_was_no_answer() -> None:
    assert {heard(fate) for fate in fates()} == {(502, "registration_unavailable", 5.0)}


@requirement("attack:B17")
def test_control_without_the_wait_the_time_would_tell() -> None:
    with weakened(register._asked, "budget.settle()", "pass"):
        assert len({heard(fate) for fate in fates()}) > 1
