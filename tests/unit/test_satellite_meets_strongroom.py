"""The package and Strongroom's real handlers, over both ways that there are: what one sends, the other takes."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, TypeAlias

import pytest

from functions.token import app as token
from strongroom.domain.team import Caller
from strongroom_satellite import (
    AuthorizationRequired,
    InstallationDisabled,
    Misconfigured,
    Need,
    NotFound,
    Refused,
    Release,
    Strongroom,
)
from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask
from strongroom_satellite.clock import Moment
from strongroom_satellite.direct import DirectInvoke
from tests.world import GATEWAY, HOST, MCP_URL, RIVAL_GATEWAY, STRANGER, WEB_CLIENT_URL, Context, World

Way: TypeAlias = Callable[[World], Strongroom]


@dataclass
class Api:
    """The route over the API, as a role that IAM has let through."""

    world: World
    role: Caller = GATEWAY
    asked: list[Ask] = field(default_factory=list)

    def send(self, ask: Ask, within: float) -> Reply:
        self.asked.append(ask)
        path, _, query = ask.path.partition("?")
        answer = self.world.as_role(self.role, ask.method, path, ask.body, query=query)
        return Reply(answer.status, {"date": dated(self.world), **answer.headers}, answer.text.encode())

    def close(self) -> None:
        pass


@dataclass
class Lambda:
    """The client of direct invoke, with the token function behind it."""

    world: World

    def invoke(self, *, FunctionName: str, Qualifier: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - AWS's names
        answer = token.lambda_handler(json.loads(Payload), Context(alias=Qualifier), self.world.wired)
        about = {"HTTPHeaders": {"date": dated(self.world)}}
        return {"StatusCode": 200, "ResponseMetadata": about, "Payload": io.BytesIO(json.dumps(answer).encode())}

    def close(self) -> None:
        pass


@dataclass
class WorldsClock:
    world: World

    def now(self) -> Moment:
        return Moment(self.world.clock.now(), self.world.clock.now())

    def wait(self, closed: threading.Event, seconds: float) -> bool:
        self.world.clock.advance(seconds)
        return closed.is_set()


def dated(world: World) -> str:
    return formatdate(world.clock.now(), usegmt=True)


def over(world: World, transport: Any) -> Strongroom:
    clock = WorldsClock(world)
    return Strongroom(transport, clock=clock, chance=lambda: 0.5, wait=clock.wait)


def by_api(world: World, role: Caller = GATEWAY) -> Strongroom:
    return over(world, Api(world, role))


def by_invoke(world: World) -> Strongroom:
    return over(world, DirectInvoke("strongroom", Lambda(world)))


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(params=[by_api, by_invoke], ids=["the API", "direct invoke"])
def strongroom(request: pytest.FixtureRequest, world: World) -> Iterator[Strongroom]:
    way: Way = request.param
    with way(world) as strongroom:
        yield strongroom


def connected(world: World, *users: str, **more: Any) -> str:
    installation = world.install(**more)
    for user in users:
        world.connect(user, installation)
    return installation


def account(world: World, release: Release) -> str | None:
    """Whose token it is, for the provider that gave it."""
    assert release.access_token is not None
    return world.provider.account_of(release.access_token.reveal())


def test_each_gets_their_own_token_with_its_header_and_where_it_goes(world: World, strongroom: Strongroom) -> None:
    installation = connected(world, "bob", "carol")
    for user in ("bob", "carol", "bob"):
        release = strongroom.look_up(Need("acme", installation, user))
        assert account(world, release) == user
        assert release.url == MCP_URL
        assert release.access_token is not None
        assert release.headers["Authorization"].reveal() == f"Bearer {release.access_token.reveal()}"


def test_whoever_has_not_connected_is_told_where_to(world: World, strongroom: Strongroom) -> None:
    need = Need("acme", connected(world), "bob")
    with pytest.raises(AuthorizationRequired) as required:
        strongroom.look_up(need)
    assert (required.value.reason, required.value.need) == ("never_connected", need)
    assert str(required.value.link).startswith(WEB_CLIENT_URL)


def test_after_a_revoke_the_token_is_used_for_a_minute_at_most(world: World, strongroom: Strongroom) -> None:
    installation = connected(world, "bob")
    need = Need("acme", installation, "bob")
    first = strongroom.look_up(need)
    assert world.revoke("bob", installation).status == 200
    assert strongroom.look_up(need) is first
    world.clock.advance(60)
    with pytest.raises(AuthorizationRequired) as required:
        strongroom.look_up(need)
    assert required.value.reason == "revoked"


def test_a_rejected_token_is_renewed_and_the_report_names_it_once(world: World, strongroom: Strongroom) -> None:
    need = Need("acme", connected(world, "bob"), "bob")
    first = strongroom.look_up(need)
    second = strongroom.rejected(need, str(first.version), 401, 'Bearer error="invalid_token"')
    assert first.version != second.version
    assert account(world, second) == "bob"
    assert strongroom.rejected(need, str(first.version), 401) is second


def test_a_lack_of_scopes_is_a_link_and_look_ups_go_on(world: World, strongroom: Strongroom) -> None:
    need = Need("acme", connected(world, "bob"), "bob")
    first = strongroom.look_up(need)
    challenge = 'Bearer error="insufficient_scope", scope="files:write"'
    with pytest.raises(AuthorizationRequired) as required:
        strongroom.rejected(need, str(first.version), 403, challenge)
    assert (required.value.code, required.value.reason) == ("insufficient_scope", "insufficient_scope")
    assert str(required.value.link).startswith(WEB_CLIENT_URL)
    assert strongroom.look_up(need).version == first.version


def test_what_is_switched_off_or_not_there_is_said_so(world: World, strongroom: Strongroom) -> None:
    installation = connected(world, "bob")
    path = f"/v1/teams/acme/installations/{installation}"
    assert world.as_user("alice", "PATCH", path, {"enabled": False}).status == 200
    with pytest.raises(InstallationDisabled):
        strongroom.look_up(Need("acme", installation, "bob"))
    with pytest.raises(NotFound):
        strongroom.look_up(Need("acme", installation, "mallory"))
    with pytest.raises(NotFound):
        strongroom.look_up(Need("acme", "a" * 20, "bob"))


def test_a_server_that_needs_no_oauth_has_headers_and_variables_and_no_token(
    world: World, strongroom: Strongroom
) -> None:
    inject = {"headers": {"X-Api-Key": "k"}, "env": {"NOTES_KEY": "v"}}
    installation = world.install(requires_oauth=False, inject=inject)
    release = strongroom.look_up(Need("acme", installation, "bob"))
    assert (release.access_token, release.version) == (None, None)
    assert {name: value.reveal() for name, value in release.headers.items()} == {"X-Api-Key": "k"}
    assert {name: value.reveal() for name, value in release.env.items()} == {"NOTES_KEY": "v"}


def test_a_longer_validity_is_asked_for_as_such(world: World, strongroom: Strongroom) -> None:
    need = Need("acme", connected(world, "bob"), "bob")
    first = strongroom.look_up(need)
    assert first.expires_at is not None
    world.clock.advance(first.expires_at - world.clock.now() - 100)
    assert strongroom.look_up(need, min_validity=90).version == first.version
    assert strongroom.look_up(need, min_validity=120).version != first.version


def test_a_satellite_reads_what_is_installed_and_how_somebody_stands(world: World) -> None:
    installation = connected(world, "bob")
    with by_api(world) as strongroom:
        [bobs], [carols] = strongroom.installations("acme", "bob"), strongroom.installations("acme", "carol")
    assert bobs["installation"] == carols["installation"] == installation
    assert (bobs["connection"]["status"], carols["connection"]["status"]) == ("connected", "auth_required")


def test_a_host_reads_how_everybody_stands(world: World) -> None:
    installation = connected(world, "bob")
    with by_api(world, HOST) as strongroom:
        rows = strongroom.connections("acme", installation)
    stand = {row["user"]: row["connection"]["status"] for row in rows}
    assert stand == {"alice": "auth_required", "bob": "connected", "carol": "auth_required"}


def test_lists_are_not_for_direct_invoke(world: World) -> None:
    with by_invoke(world) as strongroom, pytest.raises(Misconfigured):
        strongroom.installations("acme", "bob")


@pytest.mark.parametrize(
    ("role", "code", "status"), [(STRANGER, "unknown_caller", 403), (RIVAL_GATEWAY, "not_found", 404)]
)
def test_another_role_is_refused(world: World, role: Caller, code: str, status: int) -> None:
    need = Need("acme", connected(world, "bob"), "bob")
    with by_api(world, role) as strongroom, pytest.raises(Refused) as refused:
        strongroom.look_up(need)
    assert (refused.value.code, refused.value.status) == (code, status)
    assert refused.value.request_id
