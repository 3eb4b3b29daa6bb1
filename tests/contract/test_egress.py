"""What every `Egress` promises: the guarded client over real sockets, and the fake that flows are tested with."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_connection import verified_tls
from strongroom.domain.destinations import judge
from strongroom.domain.errors import EgressRefused, ProviderFailed
from strongroom.domain.http import NoAnswer, NotSent, Outgoing, Reply
from strongroom.domain.secret import Secret
from strongroom.ports import Egress
from tests.fakes.egress import FakeEgress, replying
from tests.fakes.egress_servers import PUBLIC, Heard, Server, Switchboard, answer, authority
from tests.requirements import requirement

ORIGIN = "https://provider.example"


class World:
    """A world whose state is a fake's, with the client that lives in it: the fake itself, or the real one."""

    def __init__(self, state: FakeEgress, egress: Egress) -> None:
        self.state = state
        self.egress = egress


@pytest.fixture(params=["fake", "real"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    state = FakeEgress()
    if request.param == "fake":
        yield World(state, state)
        return
    with real_client(state, tmp_path) as egress:
        yield World(state, egress)


@contextmanager
def real_client(state: FakeEgress, folder: Path) -> Iterator[GuardedEgress]:
    """Put the guarded client before a server that answers as the fake would."""
    issuer = authority(folder)

    def script(line: socket.socket, heard: Heard) -> None:
        url = f"https://{heard.headers['host']}{heard.target}"
        headers = {name: Secret(value) for name, value in heard.headers.items() if name.startswith("x-")}
        body = Secret(heard.body.decode()) if heard.method == "POST" else None
        method: Literal["GET", "POST"] = "POST" if heard.method == "POST" else "GET"
        reply = state.answer(judge(url, state.rules), Outgoing(method, url, headers, body, limit=10**9))
        if isinstance(reply, Reply):
            pairs = [(name, value) for name, values in reply.headers.items() for value in values]
            line.sendall(answer(reply.status, reply.body, *pairs))
        else:
            server.over.wait(5)

    def resolve(host: str, port: int) -> list[str]:
        if host in state.internal:
            return ["10.0.0.1"]
        if host in state.unreachable:
            return ["1.1.1.1"]
        if host in {judge(url, state.rules).host for _, url in state.routes} | state.silent:
            return [PUBLIC]
        raise socket.gaierror

    with Server(script, issuer.server("provider.example", "other.example", "mute.example")) as server:
        connect = Switchboard(server.port, refusing={"1.1.1.1"})
        yield GuardedEgress(resolve=resolve, connect=connect, tls=lambda: verified_tls(issuer.file))


def get(url: str, *, within: float = 5.0, hops: int = 0, limit: int = 1000) -> Outgoing:
    return Outgoing("GET", url, within=within, hops=hops, limit=limit)


def post(url: str, body: str = "a=b", *, within: float = 5.0, hops: int = 0) -> Outgoing:
    return Outgoing("POST", url, {"x-key": Secret("k")}, Secret(body), within=within, hops=hops)


def test_a_reply_comes_back_whole(world: World) -> None:
    world.state.on("GET", f"{ORIGIN}/a?b=c", replying(200, b"hello", content_type="text/plain"))

    reply = world.egress.send(get(f"{ORIGIN}/a?b=c"))

    assert isinstance(reply, Reply)
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"hello", ("text/plain",))


def test_a_post_arrives_with_its_body_and_headers(world: World) -> None:
    world.state.on("POST", f"{ORIGIN}/token", replying(400, b"{}"))

    reply = world.egress.send(post(f"{ORIGIN}/token", "grant_type=refresh_token"))

    (arrived,) = world.state.sent_to(f"{ORIGIN}/token")
    assert isinstance(reply, Reply)
    assert reply.status == 400
    assert arrived.body == Secret("grant_type=refresh_token")
    assert arrived.headers["x-key"] == Secret("k")


def test_an_unknown_name_and_a_closed_door_mean_that_nothing_was_sent(world: World) -> None:
    world.state.unreachable.add("away.example")

    assert world.egress.send(post("https://nowhere.example/")) == NotSent("not_resolved")
    assert world.egress.send(post("https://away.example/")) == NotSent("not_connected")
    assert world.state.sent == []


@requirement("attack:B13")
def test_silence_after_the_request_is_no_answer(world: World) -> None:
    world.state.silent.add("mute.example")

    assert world.egress.send(post("https://mute.example/token", within=1.0)) == NoAnswer("timed_out")
    assert len(world.state.sent) == 1


@requirement("attack:B12")
def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(world: World) -> None:
    world.state.on("GET", f"{ORIGIN}/fits", replying(200, b"x" * 1000))
    world.state.on("GET", f"{ORIGIN}/over", replying(200, b"x" * 1001))

    assert isinstance(world.egress.send(get(f"{ORIGIN}/fits")), Reply)
    assert world.egress.send(get(f"{ORIGIN}/over")) == NoAnswer("too_large")


@pytest.mark.parametrize("url", ["http://provider.example/", "https://internal.example/", "https://127.0.0.1/", "x"])
def test_a_forbidden_destination_is_refused_before_anything_is_sent(world: World, url: str) -> None:
    world.state.internal.add("internal.example")

    with pytest.raises(EgressRefused):
        world.egress.send(post(url))
    with pytest.raises(EgressRefused), world.egress.dial(url, 5.0):
        pass
    assert world.state.sent == []


def test_a_redirect_is_followed_only_when_the_request_permits_it(world: World) -> None:
    world.state.on("GET", f"{ORIGIN}/old", replying(302, location="/new"))
    world.state.on("GET", f"{ORIGIN}/new", replying(200, b"new"))

    kept = world.egress.send(get(f"{ORIGIN}/old"))
    followed = world.egress.send(get(f"{ORIGIN}/old", hops=1))

    assert isinstance(kept, Reply)
    assert isinstance(followed, Reply)
    assert (kept.status, followed.status) == (302, 200)


@requirement("attack:B9")
@pytest.mark.parametrize("hops", [3, 50])
def test_a_loop_of_redirects_ends(world: World, hops: int) -> None:
    world.state.on("GET", f"{ORIGIN}/loop", replying(302, location="/loop"))

    assert world.egress.send(get(f"{ORIGIN}/loop", hops=hops)) == NoAnswer("too_many_redirects")
    assert len(world.state.sent) == 4


@requirement("attack:B9")
@pytest.mark.parametrize("location", ["http://provider.example/", "https://internal.example/", "https://127.0.0.1/"])
def test_a_redirect_to_a_forbidden_destination_is_refused(world: World, location: str) -> None:
    world.state.internal.add("internal.example")
    world.state.on("GET", f"{ORIGIN}/old", replying(302, location=location))

    with pytest.raises(EgressRefused):
        world.egress.send(get(f"{ORIGIN}/old", hops=3))
    assert len(world.state.sent) == 1


def test_a_redirect_to_nobody_is_no_answer_because_something_was_sent(world: World) -> None:
    world.state.on("GET", f"{ORIGIN}/old", replying(302, location="https://nowhere.example/"))

    assert world.egress.send(get(f"{ORIGIN}/old", hops=3)) == NoAnswer("not_resolved")


@requirement("attack:B9")
@requirement("invariant:I12")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_post_is_never_redirected(world: World, status: int) -> None:
    world.state.on("POST", f"{ORIGIN}/token", replying(status, location="https://other.example/"))
    world.state.on("POST", "https://other.example/", replying(200))

    reply = world.egress.send(post(f"{ORIGIN}/token", hops=3))

    assert isinstance(reply, Reply)
    assert reply.status == status
    assert [request.url for request in world.state.sent] == [f"{ORIGIN}/token"]


def test_a_line_carries_one_request_to_the_origin_that_was_dialled(world: World) -> None:
    world.state.on("POST", f"{ORIGIN}/token", replying(200, b"{}"))

    with world.egress.dial(f"{ORIGIN}/token", 5.0) as line:
        before = list(world.state.sent)
        reply = line.send(post(f"{ORIGIN}/token"))
        with pytest.raises(EgressRefused):
            line.send(post(f"{ORIGIN}/token"))

    assert before == []
    assert isinstance(reply, Reply)
    assert len(world.state.sent) == 1


@requirement("invariant:I12")
def test_a_line_carries_nothing_to_another_origin(world: World) -> None:
    world.state.on("POST", f"{ORIGIN}/token", replying(200))
    world.state.on("POST", "https://other.example/token", replying(200))

    with world.egress.dial(f"{ORIGIN}/token", 5.0) as line, pytest.raises(EgressRefused):
        line.send(post("https://other.example/token"))
    assert world.state.sent == []


def test_a_line_that_cannot_be_opened_is_the_providers_failure(world: World) -> None:
    world.state.unreachable.add("away.example")

    for url in ("https://away.example/", "https://nowhere.example/"):
        with pytest.raises(ProviderFailed), world.egress.dial(url, 5.0):
            pass
