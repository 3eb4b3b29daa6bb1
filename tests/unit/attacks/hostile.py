"""What the attacks of hostile servers share: the places that a discovery asks at, and ways to answer there."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.ports import Line
from tests.fakes.egress import Behaviour, FakeEgress
from tests.world import Answered, World

FILES, PROVIDER = "https://files.example", "https://provider.example"
RESOURCE_METADATA = f"{FILES}/.well-known/oauth-protected-resource/mcp"
SERVER_METADATA = f"{PROVIDER}/.well-known/oauth-authorization-server"
PLACES = {
    "resource metadata": ("GET", RESOURCE_METADATA),
    "server metadata": ("GET", SERVER_METADATA),
    "registration": ("POST", f"{PROVIDER}/register"),
}


def answering(body: bytes | object, status: int = 200, kind: str = "application/json", **headers: str) -> Behaviour:
    """Always give this answer; what is not bytes is written as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    return lambda _: Reply(status, {"content-type": (kind,), **named}, data)


def altered(honest: Callable[[Outgoing], Answer], change: Callable[[Reply], Answer]) -> Behaviour:
    """Give the honest answer, changed."""

    def behave(request: Outgoing) -> Answer:
        answer = honest(request)
        assert isinstance(answer, Reply)
        return change(answer)

    return behave


def with_members(**members: object) -> Callable[[Reply], Reply]:
    """Set members of a JSON answer; None takes one out."""

    def change(answer: Reply) -> Reply:
        document = {name: value for name, value in (json.loads(answer.body) | members).items() if value is not None}
        return replace(answer, body=json.dumps(document).encode())

    return change


def place(world: World, where: str, behaviour: Behaviour) -> None:
    method, url = PLACES[where]
    world.egress.on(method, url, behaviour)


def challenging(scope: str, metadata: str = RESOURCE_METADATA) -> Behaviour:
    challenge = f'Bearer resource_metadata="{metadata}", scope="{scope}"'
    return lambda _: Reply(401, {"www-authenticate": (challenge,)}, b"")


def tries(world: World, installation: str, user: str = "bob") -> Answered:
    """Somebody begins an authorization, which discovers and registers, and hears what became of it."""
    return world.as_user(user, "POST", f"/v1/teams/acme/installations/{installation}/authorize", {})


def begun_with(prepare: Callable[[World], object]) -> tuple[World, Answered]:
    world = World()
    installation = world.install()
    prepare(world)
    return world, tries(world, installation)


def no_surprise(world: World, answered: Answered) -> bool:
    """It was refused with a code of ours, and nobody was woken up."""
    return 400 <= answered.status < 503 and answered.status != 500 and world.journal.alarms() == []


def heard(answered: Answered) -> tuple[int, str]:
    """All that a caller can see."""
    return answered.status, answered.text


class Counted:
    """The outside world, with every attempt to reach it listed: also those that nobody answers."""

    def __init__(self, world: FakeEgress) -> None:
        self._world = world
        self.asked: list[Outgoing] = []

    def send(self, request: Outgoing) -> Answer:
        self.asked.append(request)
        return self._world.send(request)

    def dial(self, url: str, within: float) -> AbstractContextManager[Line]:
        return self._world.dial(url, within)


def counting(world: World) -> Counted:
    counted = Counted(world.egress)
    world.ports = replace(world.ports, egress=counted)
    return counted
