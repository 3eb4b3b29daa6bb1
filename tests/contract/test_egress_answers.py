"""The guarded client against servers that answer too much, too slowly, too cleverly, or elsewhere."""

from __future__ import annotations

import gzip
import logging
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_connection import Deadline, connect_to, verified_tls
from strongroom.adapters.egress_exchange import exchange
from strongroom.domain.destinations import Rules, judge
from strongroom.domain.errors import EgressRefused
from strongroom.domain.http import Answer, NoAnswer, Outgoing, Reply
from strongroom.domain.secret import Secret
from tests.fakes.egress_servers import (
    LOOPBACK,
    PUBLIC,
    Heard,
    Names,
    Script,
    Server,
    Switchboard,
    answer,
    authority,
    listening,
    saying,
)
from tests.requirements import requirement

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

REASONS = {"timed_out", "broken_off", "malformed", "too_large", "encoded", "too_many_redirects"}
MEGABYTE = 1024 * 1024


def ask(script: Script, *, within: float = 5.0, limit: int = 64 * 1024) -> Answer:
    """Send one GET to a server that follows the script."""
    with Server(script) as server:
        return GuardedEgress(loopback=True).send(
            Outgoing("GET", f"http://{LOOPBACK}:{server.port}/", within=within, limit=limit)
        )


class Forever(Deadline):
    """The defence switched off: each read has time again, as with a timeout per read."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0, 5.0)


class HandClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Drip(socket.socket):
    """A connection on which one byte arrives each second, by a clock that only it moves."""

    clock: HandClock

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        self.clock.seconds += 1.0
        return super().recv(1, flags)


def dripping(clock: HandClock) -> Callable[[str, int, float], Drip]:
    """Make a connector whose connections drip."""

    def connect(address: str, port: int, within: float) -> Drip:
        drip = Drip(fileno=connect_to(address, port, within).detach())
        drip.clock = clock
        return drip

    return connect


SLOW_HEAD = b"HTTP/1.1 200 OK\r\nx-slow: " + b"s" * 500 + b"\r\ncontent-length: 2\r\n\r\nok"
SLOW_BODY = answer(200, b"b" * 500)
SLOW_CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100 + b"0\r\n\r\n"


@requirement("attack:B13")
@pytest.mark.parametrize("text", [SLOW_HEAD, SLOW_BODY, SLOW_CHUNKS], ids=["head", "body", "chunks"])
def test_an_answer_that_drips_ends_at_the_total_deadline(text: bytes) -> None:
    clock = HandClock()
    with Server(saying(text)) as server:
        egress = GuardedEgress(loopback=True, monotonic=clock, connect=dripping(clock))

        outcome = egress.send(Outgoing("GET", f"http://{LOOPBACK}:{server.port}/", within=5.0))

    assert outcome == NoAnswer("timed_out")


@requirement("attack:B13")
@pytest.mark.parametrize("text", [SLOW_HEAD, SLOW_BODY, SLOW_CHUNKS], ids=["head", "body", "chunks"])
def test_control_a_timeout_per_read_would_wait_for_the_whole_drip(text: bytes) -> None:
    clock = HandClock()
    with Server(saying(text)) as server:
        url = f"http://{LOOPBACK}:{server.port}/"
        with dripping(clock)(LOOPBACK, server.port, 5.0) as line:
            outcome = exchange(line, judge(url, Rules(loopback=True)), Outgoing("GET", url), Forever())

    assert isinstance(outcome, Reply)
    assert clock.seconds > 500


class Trickle(socket.socket):
    """A connection that takes one byte a second, by a clock that only it moves."""

    clock: HandClock

    def send(self, data: Buffer, flags: int = 0) -> int:
        self.clock.seconds += 1.0
        return super().send(memoryview(data)[:1], flags)


@requirement("attack:B13")
def test_a_server_that_reads_slowly_ends_at_the_total_deadline() -> None:
    clock = HandClock()

    def connect(address: str, port: int, within: float) -> Trickle:
        trickle = Trickle(fileno=connect_to(address, port, within).detach())
        trickle.clock = clock
        return trickle

    with Server(saying(answer(200))) as server:
        egress = GuardedEgress(loopback=True, monotonic=clock, connect=connect)
        outcome = egress.send(Outgoing("GET", f"http://{LOOPBACK}:{server.port}/", within=5.0))

    assert outcome == NoAnswer("timed_out")
    assert clock.seconds == 5.0


class HangsUp(socket.socket):
    """A connection that takes what it is given, and reports from the second time on that nobody listens any more."""

    writes = 0

    def send(self, data: Buffer, flags: int = 0) -> int:
        self.writes += 1
        super().sendall(data, flags)
        if self.writes > 1:
            raise BrokenPipeError
        return memoryview(data).nbytes


def test_an_answer_from_a_server_that_stopped_listening_is_still_read() -> None:
    def connect(address: str, port: int, within: float) -> HangsUp:
        return HangsUp(fileno=connect_to(address, port, within).detach())

    with Server(saying(answer(413))) as server:
        egress = GuardedEgress(loopback=True, connect=connect)
        outcome = egress.send(Outgoing("POST", f"http://{LOOPBACK}:{server.port}/", body=Secret("a=b")))

    assert isinstance(outcome, Reply)
    assert outcome.status == 413


@requirement("attack:B13")
def test_a_server_that_accepts_and_says_nothing_is_left_at_the_deadline() -> None:
    def silent(line: socket.socket, heard: Heard) -> None:
        line.recv(1)

    assert ask(silent, within=0.3) == NoAnswer("timed_out")


@requirement("attack:B13")
def test_a_server_that_does_not_read_is_left_at_the_deadline() -> None:
    with listening() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/"
        request = Outgoing("POST", url, body=Secret("x" * 32 * MEGABYTE), within=0.3)

        assert GuardedEgress(loopback=True).send(request) == NoAnswer("timed_out")


def endless(first: bytes, again: bytes) -> Script:
    def script(line: socket.socket, heard: Heard) -> None:
        line.sendall(first)
        while True:
            line.sendall(again)

    return script


@requirement("attack:B12")
@requirement("attack:B13")
@requirement("invariant:I13")
@pytest.mark.parametrize(
    "script",
    [
        saying(answer(200, b"x" * 2 * MEGABYTE)),
        endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"),
        endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1;" + b"e" * 4096 + b"\r\nx\r\n"),
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 4096),
        endless(b"HTTP/1.1 200 OK\r\n", b"x-header: value\r\n"),
        endless(b"HTTP/1.1 200 OK\r\nx: ", b"x" * 4096),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        saying(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000 + b"\r\n"),
    ],
    ids=["long", "chunks", "extensions", "unframed", "headers", "header", "informational", "100k headers"],
)
def test_an_answer_that_does_not_end_is_cut_at_the_limit(script: Script) -> None:
    assert ask(script) == NoAnswer("too_large")


class Counting(socket.socket):
    """A connection that counts what comes in."""

    received = 0

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        data = super().recv(bufsize, flags)
        self.received += len(data)
        return data


@requirement("attack:B12")
def test_what_comes_over_the_wire_is_bounded_too_and_not_only_the_body() -> None:
    lines: list[Counting] = []

    def connect(address: str, port: int, within: float) -> Counting:
        lines.append(Counting(fileno=connect_to(address, port, within).detach()))
        return lines[0]

    script = endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1;" + b"e" * 4096 + b"\r\nx\r\n")
    with Server(script) as server:
        egress = GuardedEgress(loopback=True, connect=connect)
        outcome = egress.send(Outgoing("GET", f"http://{LOOPBACK}:{server.port}/", limit=1000))

    assert outcome == NoAnswer("too_large")
    assert lines[0].received == 32 * 1024 + 4 * 1000


def peak_of(action: Callable[[], object]) -> int:
    """Give the most bytes that were allocated at once while something ran."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """64 MB of nothing in 64 KB."""
    packed = gzip.compress(bytes(64 * MEGABYTE), 9)
    return answer(200, packed, ("content-encoding", "gzip"), ("content-type", "application/json"))


@requirement("attack:B12")
def test_a_compressed_bomb_stays_packed(bomb: bytes) -> None:
    outcomes: list[Answer] = []

    peak = peak_of(lambda: outcomes.append(ask(saying(bomb), limit=256 * 1024)))

    assert outcomes == [NoAnswer("encoded")]
    assert peak < 20 * MEGABYTE


@requirement("attack:B12")
def test_control_a_client_that_unpacks_would_be_flooded_by_the_bomb(bomb: bytes) -> None:
    with Server(saying(bomb)) as server, httpx2.Client(trust_env=False) as client:
        peak = peak_of(lambda: client.get(f"http://{LOOPBACK}:{server.port}/"))

    assert peak > 60 * MEGABYTE


@requirement("attack:B12")
@pytest.mark.parametrize("encoding", ["br", "gzip", "deflate", "zstd", "identity", "x, gzip", ""])
def test_any_content_encoding_is_refused(encoding: str) -> None:
    assert ask(saying(answer(200, b"{}", ("Content-Encoding", encoding)))) == NoAnswer("encoded")


@requirement("attack:B12")
def test_an_unusual_content_type_is_handed_on_for_the_judge_to_refuse() -> None:
    reply = ask(saying(answer(200, b"<html>", ("Content-Type", "text/html"))))

    assert isinstance(reply, Reply)
    assert reply.headers["content-type"] == ("text/html",)


@requirement("attack:B12")
def test_no_encoding_is_asked_for() -> None:
    with Server(saying(answer(200))) as server:
        GuardedEgress(loopback=True).send(Outgoing("GET", f"http://{LOOPBACK}:{server.port}/"))

    assert server.heard[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na\x00b: c\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_an_answer_that_is_not_http_is_malformed_and_nothing_more(text: bytes) -> None:
    assert ask(saying(text)) == NoAnswer("malformed")


def test_a_reset_after_the_request_is_no_answer() -> None:
    def resetting(line: socket.socket, heard: Heard) -> None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        line.close()

    assert ask(resetting) == NoAnswer("broken_off")


def test_a_repeated_header_keeps_each_value_in_order() -> None:
    reply = ask(saying(answer(200, b"", ("WWW-Authenticate", "Bearer"), ("www-authenticate", "DPoP"))))

    assert isinstance(reply, Reply)
    assert reply.headers["www-authenticate"] == ("Bearer", "DPoP")


@requirement("attack:B17")
@pytest.mark.parametrize(
    "text",
    [
        b"canary\r\n\r\n",
        answer(200, b"canary" * 100_000),
        answer(200, b"canary", ("content-encoding", "canary")),
        b"HTTP/1.1 200 OK\r\ncanary\x00: canary\r\n\r\n",
    ],
)
def test_a_reason_is_one_of_ours_and_holds_nothing_of_the_peer(text: bytes) -> None:
    outcome = ask(saying(text))

    assert isinstance(outcome, NoAnswer)
    assert outcome.reason in REASONS


@requirement("attack:B17")
@requirement("invariant:I10")
def test_nothing_is_logged_even_at_the_lowest_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    script = saying(answer(200, b"canary", ("x-canary", "canary")))
    with Server(script) as server:
        url = f"http://{LOOPBACK}:{server.port}/canary"
        GuardedEgress(loopback=True).send(Outgoing("POST", url, {"x": Secret("canary")}, Secret("canary")))
        ours = caplog.text
        with httpx2.Client(trust_env=False) as talkative:
            talkative.get(url)

    assert ours == ""
    assert "canary" in caplog.text


@pytest.fixture
def crossroads(tmp_path: Path) -> Iterator[tuple[GuardedEgress, Server, Switchboard]]:
    """Two origins on one server; `/to?<url>` redirects there."""

    def script(line: socket.socket, heard: Heard) -> None:
        path, _, location = heard.target.partition("?")
        line.sendall(answer(302, b"", ("location", location)) if path == "/to" else answer(200, path.encode()))

    issuer, names = authority(tmp_path), Names()
    names.stands_for("good.example", [PUBLIC])
    names.stands_for("other.example", ["1.1.1.1"])
    names.stands_for("internal.example", ["169.254.169.254"])
    names.stands_for("rebound.example", [PUBLIC], ["127.0.0.1"])
    with Server(script, issuer.server("good.example", "other.example", "rebound.example")) as server:
        switchboard = Switchboard(server.port)
        egress = GuardedEgress(resolve=names, connect=switchboard, tls=lambda: verified_tls(issuer.file))
        yield egress, server, switchboard


@requirement("attack:B9")
@requirement("invariant:I12")
def test_credentials_do_not_follow_a_redirect_to_another_origin(
    crossroads: tuple[GuardedEgress, Server, Switchboard],
) -> None:
    egress, server, _ = crossroads
    headers = {"Authorization": Secret("Bearer canary"), "X-Key": Secret("canary"), "Accept": Secret("text/plain")}

    egress.send(Outgoing("GET", "https://good.example/to?/here", headers, hops=1))
    egress.send(Outgoing("GET", "https://good.example/to?https://other.example/there", headers, hops=1))

    here, there = server.heard[1], server.heard[3]
    assert here.headers["authorization"] == "Bearer canary"
    assert (there.headers["host"], there.headers["accept"]) == ("other.example", "text/plain")
    assert "canary" not in str(there.headers)


@requirement("attack:B9")
@pytest.mark.parametrize("target", ["https://internal.example/", "https://169.254.169.254/", "http://good.example/"])
def test_a_redirect_inwards_opens_no_second_connection(
    crossroads: tuple[GuardedEgress, Server, Switchboard], target: str
) -> None:
    egress, _, switchboard = crossroads

    with pytest.raises(EgressRefused):
        egress.send(Outgoing("GET", f"https://good.example/to?{target}", hops=3))

    assert switchboard.asked == [PUBLIC]


@requirement("attack:B8")
@requirement("attack:B9")
def test_a_redirect_to_the_same_name_is_resolved_and_checked_again(
    crossroads: tuple[GuardedEgress, Server, Switchboard],
) -> None:
    egress, _, switchboard = crossroads

    with pytest.raises(EgressRefused):
        egress.send(Outgoing("GET", "https://rebound.example/to?/again", hops=3))

    assert switchboard.asked == [PUBLIC]


@requirement("attack:B9")
def test_control_a_client_that_follows_redirects_would_post_the_secret_to_the_other_server() -> None:
    with Server(saying(answer(200))) as thief:
        location = ("location", f"http://{LOOPBACK}:{thief.port}/")
        with Server(saying(answer(307, b"", location))) as server:
            request = Outgoing("POST", f"http://{LOOPBACK}:{server.port}/", body=Secret("canary"), hops=3)
            ours = GuardedEgress(loopback=True).send(request)
            stolen = len(thief.heard)
            with httpx2.Client(trust_env=False, follow_redirects=True) as obedient:
                obedient.post(request.url, content=b"canary")

    assert isinstance(ours, Reply)
    assert ours.status == 307
    assert stolen == 0
    assert [heard.body for heard in thief.heard] == [b"canary"]


@requirement("attack:B13")
def test_the_deadline_covers_all_redirects_together() -> None:
    clock = HandClock()

    def script(line: socket.socket, heard: Heard) -> None:
        clock.seconds += 2.0
        line.sendall(answer(302, b"", ("location", "/again")))

    with Server(script) as server:
        egress = GuardedEgress(loopback=True, monotonic=clock)
        outcome = egress.send(Outgoing("GET", f"http://{LOOPBACK}:{server.port}/", within=3.0, hops=3))

    assert outcome == NoAnswer("timed_out")
    assert len(server.heard) == 2


def test_a_body_that_ends_without_tls_goodbye_may_have_been_cut(tmp_path: Path) -> None:
    def cut(line: socket.socket, heard: Heard) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n{}")
        socket.socket.shutdown(line, socket.SHUT_RDWR)

    issuer, names = authority(tmp_path), Names()
    names.stands_for("good.example", [PUBLIC])
    with Server(cut, issuer.server("good.example")) as server:
        egress = GuardedEgress(resolve=names, connect=Switchboard(server.port), tls=lambda: verified_tls(issuer.file))

        assert egress.send(Outgoing("GET", "https://good.example/")) == NoAnswer("broken_off")
