"""Requests that wait on their way, on real connections: what goes out is what serves then."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import httpx2
import pytest
from anyio.from_thread import start_blocking_portal

from strongroom_satellite import AuthorizationRequired, StrongroomAuth, WrongOrigin, plain_httpx
from strongroom_satellite.asks import Rejected
from strongroom_satellite.injection import Injected
from tests.contract.satellite_clients import KINDS, held_by, outcome
from tests.fakes.egress_servers import Authority, Heard, Server, answer, authority, saying
from tests.requirements import requirement
from tests.unit.satellites import (
    HEADER,
    INSTALLATION,
    LONGEST,
    TOKEN,
    Said,
    Scripted,
    TwoHands,
    gateway,
    must_act,
    released,
    reports,
)
from tests.weakened import weakened

Send: TypeAlias = Callable[[str], "Future[Any]"]
OVER = ("connection", "close")
OK = answer(200, b"ok", OVER)
FINE = saying(OK)


class Changing:
    """A Strongroom that says something else from some moment on, when what is kept is over too. A report renews."""

    def __init__(self, url: str) -> None:
        self.url, self.clock, self.transport = url, TwoHands(), Scripted(self._said)
        self.now = self.giving("v.1")

    def giving(self, version: str, **other: Any) -> Said:
        return released(version, **{"url": self.url, "lasts": 60, **other})

    def turn(self, said: Said) -> None:
        self.now = said
        self.clock.advance(60)

    def _said(self, ask: Any) -> Said:
        return self.giving("v.9") if isinstance(ask, Rejected) else self.now


# -- Clients -----------------------------------------------------------------------------------------------------------


@contextmanager
def sending(kind: tuple[Any, bool], strongroom: Changing, begun: threading.Semaphore, **options: Any) -> Iterator[Send]:
    """Send with one client of one of the four kinds, and not wait for it; `begun` is told when a request has its token."""
    library, is_async = kind
    auth_of = StrongroomAuth if library is httpx2 else plain_httpx.StrongroomAuth
    with gateway(strongroom.transport, strongroom.clock) as satellite:
        auth = auth_of(satellite, team="acme", installation=INSTALLATION, user="alice")
        options = {"auth": auth, "trust_env": False, "timeout": LONGEST, "follow_redirects": True, **options}
        with (_asynchronous if is_async else _sync)(library, begun, options) as send:
            yield send


@contextmanager
def _sync(library: Any, begun: threading.Semaphore, options: dict[str, Any]) -> Iterator[Send]:
    def hook(_: Any) -> None:
        begun.release()

    with ThreadPoolExecutor(4) as threads, library.Client(event_hooks={"request": [hook]}, **options) as client:
        yield lambda url: threads.submit(client.post, url, content=b"hello")


@contextmanager
def _asynchronous(library: Any, begun: threading.Semaphore, options: dict[str, Any]) -> Iterator[Send]:
    async def hook(_: Any) -> None:
        begun.release()

    with start_blocking_portal() as portal:
        client = library.AsyncClient(event_hooks={"request": [hook]}, **options)
        try:
            yield lambda url: portal.start_task_soon(partial(client.post, url, content=b"hello"))
        finally:
            portal.call(client.aclose)


# -- Ways to wait ------------------------------------------------------------------------------------------------------


@dataclass
class Late:
    """A server before which one request waits with its token on; `go` lets it through."""

    server: Server
    strongroom: Changing
    sent: Future[Any]
    send: Send
    go: Callable[[], None]

    @property
    def url(self) -> str:
        return self.strongroom.url

    def arrived(self) -> Any:
        """Let it through, and give what came of it."""
        self.go()
        return outcome(lambda: self.sent.result(LONGEST))

    def heard(self, name: str) -> list[str | None]:
        """What stood in this header of each request that waited or came later."""
        return [one.headers.get(name) for one in self.server.heard if one.target != "/first"]


@contextmanager
def for_a_place(kind: tuple[Any, bool], _: Authority, script: Callable[[socket.socket, Heard], None]) -> Iterator[Late]:
    """Wait for the one connection of the pool, which another request has."""
    begun, free = threading.Semaphore(0), threading.Event()

    def holding(line: socket.socket, heard: Heard) -> None:
        if heard.target == "/first":
            assert free.wait(LONGEST)
            line.sendall(OK)
        else:
            script(line, heard)

    limits = kind[0].Limits(max_connections=1)
    with Server(holding) as server:
        url = f"http://localhost:{server.port}"
        strongroom = Changing(url)
        with sending(kind, strongroom, begun, limits=limits) as send:
            send(f"{url}/first")
            assert begun.acquire(timeout=LONGEST)
            sent = send(f"{url}/mcp")
            assert begun.acquire(timeout=LONGEST)
            try:
                yield Late(server, strongroom, sent, send, free.set)
            finally:
                free.set()


class Dawdling(Server):
    """Begins the handshake when it is told to."""

    def __init__(self, script: Callable[[socket.socket, Heard], None], tls: ssl.SSLContext) -> None:
        super().__init__(script, tls)
        self.called, self.begin = threading.Event(), threading.Event()

    def _serve(self, connection: socket.socket) -> None:
        self.called.set()
        assert self.begin.wait(LONGEST)
        super()._serve(connection)


@contextmanager
def for_a_handshake(
    kind: tuple[Any, bool], certificates: Authority, script: Callable[[socket.socket, Heard], None]
) -> Iterator[Late]:
    """Wait for a server that takes its time with TLS."""
    verify = ssl.create_default_context(cafile=certificates.file)
    with Dawdling(script, certificates.server("localhost")) as server:
        url = f"https://localhost:{server.port}"
        strongroom = Changing(url)
        with sending(kind, strongroom, threading.Semaphore(0), verify=verify) as send:
            sent = send(f"{url}/mcp")
            assert server.called.wait(LONGEST)
            try:
                yield Late(server, strongroom, sent, send, server.begin.set)
            finally:
                server.begin.set()


Waiting: TypeAlias = Callable[..., AbstractContextManager[Late]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=[for_a_place, for_a_handshake], ids=["pool", "handshake"])
def way(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(params=KINDS, ids=["httpx2", "httpx2-async", "httpx", "httpx-async"])
def waiting(request: pytest.FixtureRequest, way: Any, certificates: Authority) -> Waiting:
    """A request of each client, held up in each way."""

    def wait(script: Callable[[socket.socket, Heard], None] = FINE) -> AbstractContextManager[Late]:
        held: AbstractContextManager[Late] = way(request.param, certificates, script)
        return held

    return wait


# -- What goes out -----------------------------------------------------------------------------------------------------


@requirement("attack:S3")
def test_a_request_that_waited_carries_the_token_that_serves_then(waiting: Waiting) -> None:
    with waiting() as late:
        late.strongroom.turn(late.strongroom.giving("v.2"))
        assert late.arrived().status_code == 200

        assert late.heard("authorization") == [f"Bearer {TOKEN}-v.2"]


@requirement("attack:S3")
def test_a_request_that_waited_while_its_connection_was_revoked_does_not_go_out(waiting: Waiting) -> None:
    with waiting() as late:
        late.strongroom.turn(must_act("revoked"))
        told = late.arrived()

        assert isinstance(told, AuthorizationRequired)
        assert (told.reason, bool(told.link)) == ("revoked", True)
        assert late.heard("authorization") == []


@requirement("attack:S3")
def test_control_without_a_look_as_headers_are_written_the_revoked_token_goes_out(waiting: Waiting) -> None:
    with weakened(Injected._sends, "return True", "return False"), waiting() as late:
        late.strongroom.turn(must_act("revoked"))
        late.arrived()

        assert late.heard("authorization") == [f"Bearer {TOKEN}-v.1"]


def test_after_a_request_that_did_not_go_out_the_client_works_on(waiting: Waiting) -> None:
    """The place in its pool is free again."""
    with waiting() as late:
        late.strongroom.turn(must_act("revoked"))
        late.arrived()
        late.strongroom.turn(late.strongroom.giving("v.3"))

        assert late.send(f"{late.url}/mcp").result(LONGEST).status_code == 200
        assert late.heard("authorization") == [f"Bearer {TOKEN}-v.3"]


def test_a_release_with_other_headers_replaces_all_of_the_first_one(waiting: Waiting) -> None:
    with waiting() as late:
        late.strongroom.turn(late.strongroom.giving("v.2", headers={"X-Api-Key": HEADER}))
        late.arrived()

        assert late.heard("x-api-key") == [HEADER]
        assert late.heard("authorization") == [None]
        assert TOKEN not in repr([one for one in late.server.heard if one.target != "/first"])


@requirement("attack:S2")
def test_a_server_that_has_moved_meanwhile_gets_neither_token(waiting: Waiting) -> None:
    with Server(saying(OK)) as elsewhere, waiting() as late:
        late.strongroom.turn(late.strongroom.giving("v.2", url=f"http://127.0.0.1:{elsewhere.port}/"))

        assert isinstance(late.arrived(), WrongOrigin)
        assert late.heard("authorization") == []
        assert TOKEN not in held_by(elsewhere)


@requirement("attack:S5")
def test_what_is_reported_is_the_version_that_was_sent(waiting: Waiting) -> None:
    def rejecting(line: socket.socket, heard: Heard) -> None:
        good = heard.headers["authorization"].endswith("v.9")
        line.sendall(OK if good else answer(401, b"", ("www-authenticate", "Bearer"), OVER))

    with waiting(rejecting) as late:
        late.strongroom.turn(late.strongroom.giving("v.2"))
        assert late.arrived().status_code == 200

        assert [one.version for one in reports(late.strongroom.transport)] == ["v.2"]
        assert late.heard("authorization") == [f"Bearer {TOKEN}-v.2", f"Bearer {TOKEN}-v.9"]


@requirement("attack:S5")
def test_control_without_the_note_of_what_was_sent_nothing_is_reported_and_it_goes_out_again(waiting: Waiting) -> None:
    rejecting = saying(answer(401, b"", ("www-authenticate", "Bearer"), OVER))
    with weakened(Injected._update, "self.release = latest", "pass"), waiting(rejecting) as late:
        late.strongroom.turn(late.strongroom.giving("v.2"))
        late.arrived()

        assert reports(late.strongroom.transport) == []
        assert late.heard("authorization") == [f"Bearer {TOKEN}-v.2"] * 2


@requirement("attack:S3")
def test_a_redirect_after_the_wait_is_followed_with_the_token_that_serves(waiting: Waiting) -> None:
    with waiting(leading) as late:
        late.strongroom.turn(late.strongroom.giving("v.2"))
        assert late.arrived().text == "ok"

        assert late.heard("authorization") == [f"Bearer {TOKEN}-v.2"] * 2


@requirement("attack:S3")
def test_control_compared_with_what_was_sent_last_the_redirect_carries_the_token_before(waiting: Waiting) -> None:
    with (
        weakened(Injected._update, "latest is not self._first", "latest is not self.release"),
        waiting(leading) as late,
    ):
        late.strongroom.turn(late.strongroom.giving("v.2"))
        late.arrived()

        assert late.heard("authorization") == [f"Bearer {TOKEN}-v.2", f"Bearer {TOKEN}-v.1"]


def leading(line: socket.socket, heard: Heard) -> None:
    line.sendall(answer(307, b"", ("location", "/there"), OVER) if heard.target == "/mcp" else OK)
