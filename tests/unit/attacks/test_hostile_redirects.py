"""Redirects of hostile servers: followed by discovery alone, and never with anything worth having."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.ports import Line
from tests.fakes.egress import FakeEgress
from tests.requirements import requirement
from tests.unit.attacks.hostile import FILES, PLACES, PROVIDER, RESOURCE_METADATA, answering, begun_with, place
from tests.unit.attacks.scenes import rows
from tests.world import Answered, World

THIEF = "https://thief.example/collect"
MOVES = [301, 302, 303, 307, 308]


class Obedient:
    """The defence switched off: a client that follows every redirect of a POST, with its body."""

    def __init__(self, world: FakeEgress) -> None:
        self._world = world

    def send(self, request: Outgoing) -> Answer:
        answer = self._world.send(request)
        return self._after(request, answer) if request.method == "POST" else answer

    @contextmanager
    def dial(self, url: str, within: float) -> Iterator[Line]:
        with self._world.dial(url, within) as line:
            yield ObedientLine(self, line)

    def _after(self, request: Outgoing, answer: Answer) -> Answer:
        if isinstance(answer, Reply) and answer.status in MOVES:
            return self._world.send(replace(request, url=answer.headers["location"][0]))
        return answer


class ObedientLine:
    def __init__(self, client: Obedient, line: Line) -> None:
        self._client, self._line = client, line

    def send(self, request: Outgoing) -> Answer:
        return self._client._after(request, self._line.send(request))


def moving(status: int, where: str = THIEF) -> Reply:
    return Reply(status, {"location": (where,), "content-type": ("application/json",)}, b"{}")


def with_a_thief(obedient: bool = False) -> tuple[World, str]:
    """A world in which somebody takes whatever is posted to them; bob is connected."""
    world = World()
    installation = world.install()
    world.egress.on("POST", THIEF, answering({"access_token": "theirs", "token_type": "Bearer"}))
    if obedient:
        world.ports = replace(world.ports, egress=Obedient(world.egress))
    world.connect("bob", installation)
    return world, installation


def refreshed(world: World, installation: str, status: int) -> Answered:
    world.provider.answer_next.append(lambda _: moving(status))
    world.clock.advance(3601)
    return world.look_up("bob", installation)


@requirement("attack:B9")
@pytest.mark.parametrize("status", MOVES)
def test_a_refresh_token_goes_nowhere_else_and_the_connection_stays(status: int) -> None:
    world, installation = with_a_thief()

    answer = refreshed(world, installation, status)

    assert world.egress.sent_to(THIEF) == []
    assert (answer.status, world.status("bob", installation)["status"]) == (503, "expired")
    assert world.status("bob", installation)["reason"] == "redirected"


@requirement("attack:B9")
def test_control_an_obedient_client_would_hand_the_refresh_token_over_and_take_the_thiefs_token() -> None:
    world, installation = with_a_thief(obedient=True)

    answer = refreshed(world, installation, 307)

    (stolen,) = world.egress.sent_to(THIEF)
    assert stolen.body is not None
    assert "refresh_token=refresh-" in stolen.body.reveal()
    assert answer.json["access_token"] == "theirs"


@requirement("attack:B9")
@pytest.mark.parametrize("status", MOVES)
def test_a_code_goes_nowhere_else_and_nothing_is_stored(status: int) -> None:
    world, installation = with_a_thief()
    consented = world.consent(world.begin("carol", installation), "carol")
    world.provider.answer_next.append(lambda _: moving(status))

    done = world.complete("carol", consented)

    assert (done.status, done.json["error"]) == (502, "exchange_failed")
    assert world.egress.sent_to(THIEF) == []
    assert world.status("carol", installation)["reason"] == "never_connected"


@requirement("attack:B9")
@pytest.mark.parametrize("status", MOVES)
def test_a_registration_goes_nowhere_else(status: int) -> None:
    def prepare(world: World) -> None:
        world.egress.on("POST", THIEF, answering({"client_id": "theirs", "token_endpoint_auth_method": "none"}, 201))
        place(world, "registration", lambda _: moving(status))

    world, answered = begun_with(prepare)

    assert (answered.status, answered.json["error"]) == (422, "registration_refused")
    assert world.egress.sent_to(THIEF) == []
    assert rows(world, "provider_client") == []


@requirement("attack:B9")
@pytest.mark.parametrize("status", MOVES)
def test_a_revocation_goes_nowhere_else(status: int) -> None:
    world, installation = with_a_thief()
    world.egress.on("POST", f"{PROVIDER}/revoke", lambda _: moving(status))

    world.revoke("bob", installation)
    world.deliver()

    assert world.egress.sent_to(f"{PROVIDER}/revoke") != []
    assert world.egress.sent_to(THIEF) == []


@requirement("attack:B9")
@pytest.mark.parametrize("status", MOVES)
def test_a_question_to_an_mcp_server_is_not_carried_elsewhere(status: int) -> None:
    def prepare(world: World) -> None:
        world.egress.on("POST", THIEF, lambda _: Reply(401, {}, b""))
        world.egress.on("POST", f"{FILES}/mcp", lambda _: moving(status))

    world, answered = begun_with(prepare)

    assert answered.json["error"] == "mcp_server_unusable"
    assert world.egress.sent_to(THIEF) == []


def chain(world: World, length: int, onward: str = f"{FILES}/hop") -> None:
    """Let the resource metadata be found after so many redirects."""
    honest = world.egress.routes["GET", RESOURCE_METADATA]
    stops = [RESOURCE_METADATA, *(f"{onward}{number}" for number in range(length))]
    for here, there in pairwise(stops):
        world.egress.on("GET", here, answering(b"", 302, location=there))
    world.egress.on("GET", stops[-1], honest)


@requirement("attack:B9")
@pytest.mark.parametrize(("length", "status"), [(1, 201), (3, 201), (4, 422), (9, 422)])
def test_discovery_follows_three_redirects_and_no_more(length: int, status: int) -> None:
    world, answered = begun_with(lambda world: chain(world, length))

    assert answered.status == status
    assert len({request.url for request in world.egress.sent if "/hop" in request.url}) == min(length, 3)


@requirement("attack:B9")
@pytest.mark.parametrize(
    "where",
    ["http://files.example/x", "https://10.0.0.1/x", "https://inside.example/x", "//[::1]/x", "x", "javascript:x", ""],
)
@pytest.mark.parametrize("document", ["resource metadata", "server metadata"])
def test_a_redirect_that_may_not_be_followed_is_a_document_that_cannot_be_had(document: str, where: str) -> None:
    def prepare(world: World) -> None:
        world.egress.internal.add("inside.example")
        place(world, document, lambda _: moving(302, where))

    world, answered = begun_with(prepare)
    _, other = begun_with(lambda world: place(world, document, answering(b"", 503)))

    assert (answered.status, answered.text) == (other.status, other.text)
    assert not any("inside" in request.url or "10.0.0.1" in request.url for request in world.egress.sent)


@requirement("attack:B9")
@requirement("attack:B1")
def test_a_document_that_was_found_elsewhere_speaks_for_nobody_else() -> None:
    """What a redirect leads to must still be the metadata of the one who was asked for."""

    def prepare(world: World) -> None:
        evil = {"issuer": "https://thief.example", "code_challenge_methods_supported": ["S256"]}
        evil |= {f"{name}_endpoint": f"https://thief.example/{name}" for name in ("authorization", "token")}
        world.egress.on("GET", THIEF, answering(evil))
        place(world, "server metadata", lambda _: moving(302))

    _, answered = begun_with(prepare)

    assert answered.json["error"] == "issuer_mismatch"


@requirement("attack:B9")
def test_what_discovery_carries_along_holds_no_credential() -> None:
    world, answered = begun_with(lambda world: chain(world, 2))

    assert answered.status == 201
    for method, url in PLACES.values():
        for request in world.egress.sent_to(url):
            assert request.method == method
            assert not {"authorization", "cookie"} & {name.lower() for name in request.headers}
