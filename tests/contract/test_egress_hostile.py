"""The guarded client against servers that drip at every stage, never end, or keep everybody waiting: over real sockets."""

from __future__ import annotations

import socket
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_connection import Dialler, connect_to, verified_tls
from strongroom.adapters.egress_exchange import HEAD_LIMIT, Wire, _body, exchange
from strongroom.adapters.egress_memory import Silences
from strongroom.domain.destinations import Rules, judge
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing, Reply
from tests.contract.test_egress_answers import Forever, endless
from tests.fakes.clock import FakeClock
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
from tests.weakened import weakened

MEGABYTE = 1024 * 1024
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
NAME, URL = "provider.example", "https://provider.example/"


def get(url: str, *, within: float = 5.0, limit: int = 64 * 1024, hops: int = 0) -> Outgoing:
    return Outgoing("GET", url, within=within, limit=limit, hops=hops)


# B13: stages that drip


class HandClock:
    """A clock that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Slowly(socket.socket):
    """A connection on which each read brings one byte and takes a second, by a clock that only it moves."""

    clock: HandClock

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        self.clock.seconds += 1.0
        return super().recv(1, flags)


def slowly(clock: HandClock) -> Callable[[str, int, float], Slowly]:
    def connect(address: str, port: int, within: float) -> Slowly:
        line = Slowly(fileno=connect_to(address, port, within).detach())
        line.clock = clock
        return line

    return connect


INFORMATION = b"HTTP/1.1 100 Continue\r\n\r\n" * 20 + answer(200)
MANY_HEADERS = b"HTTP/1.1 200 OK\r\n" + b"".join(b"x%d: y\r\n" % number for number in range(90)) + b"\r\n"
TRAILERS = CHUNKED + b"0\r\n" + b"".join(b"x%d: y\r\n" % number for number in range(90)) + b"\r\n"


@requirement("attack:B13")
@pytest.mark.parametrize("text", [INFORMATION, MANY_HEADERS, TRAILERS], ids=["informational", "headers", "trailers"])
def test_a_drip_of_anything_ends_at_the_total_deadline(text: bytes) -> None:
    clock = HandClock()
    with Server(saying(text)) as server:
        egress = GuardedEgress(loopback=True, monotonic=clock, connect=slowly(clock))

        outcome = egress.send(get(f"http://{LOOPBACK}:{server.port}/"))

    assert outcome == NoAnswer("timed_out")
    assert clock.seconds == 5.0


@requirement("attack:B13")
@pytest.mark.parametrize("text", [INFORMATION, MANY_HEADERS, TRAILERS], ids=["informational", "headers", "trailers"])
def test_control_a_timeout_for_each_read_would_sit_the_drip_out(text: bytes) -> None:
    clock = HandClock()
    with Server(saying(text)) as server:
        url = f"http://{LOOPBACK}:{server.port}/"
        with slowly(clock)(LOOPBACK, server.port, 5.0) as line:
            outcome = exchange(line, judge(url, Rules(loopback=True)), get(url), Forever())

    assert isinstance(outcome, Reply)
    assert clock.seconds > 400


@requirement("attack:B13")
def test_a_handshake_that_drips_ends_at_the_deadline_with_nothing_sent(tmp_path: Path) -> None:
    """A record of TLS that comes byte by byte keeps every single read short."""
    issuer, names = authority(tmp_path), Names()
    names.stands_for(NAME, [PUBLIC])
    with Dripper(b"\x16\x03\x03\x40\x00") as server:
        egress = GuardedEgress(resolve=names, connect=Switchboard(server.port), tls=lambda: verified_tls(issuer.file))

        assert egress.send(get(URL, within=0.5)) == NotSent("timed_out")


class Dripper(Server):
    """Answers whatever comes with a few bytes and then one more again and again, until the other side has gone."""

    def __init__(self, first: bytes) -> None:
        super().__init__(saying())
        self.first = first

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.sendall(self.first)
                while not self.over.wait(0.02):
                    connection.sendall(b"\x00")
            except OSError:
                return


@requirement("attack:B13")
def test_an_encrypted_answer_that_drips_ends_at_the_deadline(tmp_path: Path) -> None:
    issuer, names = authority(tmp_path), Names()
    names.stands_for(NAME, [PUBLIC])

    def drip(line: socket.socket, heard: Heard) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n")
        while not server.over.wait(0.02):
            line.sendall(b"x")

    with Server(drip, issuer.server(NAME)) as server:
        egress = GuardedEgress(resolve=names, connect=Switchboard(server.port), tls=lambda: verified_tls(issuer.file))

        assert egress.send(get(URL, within=0.5)) == NoAnswer("timed_out")


# B12: what never ends costs little

SCRIPTS: dict[str, Script] = {
    "chunks": endless(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "tiny chunks": endless(CHUNKED, b"1\r\nx\r\n" * 10_000),
    "unframed": endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "announced": endless(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n", b"x" * 65536),
    "trailers": endless(CHUNKED + b"0\r\n", b"x: y\r\n" * 10_000),
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 10_000),
}


def peak_of(action: Callable[[], object]) -> int:
    """Give the most bytes that were allocated at once while something ran."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def asked(script: Script, limit: int) -> tuple[Answer, int]:
    outcomes: list[Answer] = []
    with Server(script) as server:
        request = get(f"http://{LOOPBACK}:{server.port}/", limit=limit)
        peak = peak_of(lambda: outcomes.append(GuardedEgress(loopback=True).send(request)))
    return outcomes[0], peak


@requirement("attack:B12")
@requirement("invariant:I13")
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_an_answer_without_end_costs_a_few_megabytes_at_most(script: Script) -> None:
    outcome, peak = asked(script, limit=256 * 1024)

    assert outcome in {NoAnswer("too_large"), NoAnswer("malformed")}
    assert peak < 20 * MEGABYTE


@requirement("attack:B12")
@pytest.mark.parametrize("kind", ["chunks", "unframed", "announced"])
def test_control_a_limit_a_hundred_times_as_high_would_let_it_all_in(kind: str) -> None:
    outcome, peak = asked(SCRIPTS[kind], limit=25 * MEGABYTE)

    assert outcome == NoAnswer("too_large")
    assert peak > 20 * MEGABYTE


class Counting(socket.socket):
    """A connection that counts what comes in."""

    counted: list[int]

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        data = super().recv(bufsize, flags)
        self.counted.append(len(data))
        return data


def bytes_taken(script: Script, limit: int = 256 * 1024) -> tuple[Answer, int]:
    """Ask a server, and give what became of it and how many bytes of its answer were read."""
    counted: list[int] = []

    def connect(address: str, port: int, within: float) -> Counting:
        line = Counting(fileno=connect_to(address, port, within).detach())
        line.counted = counted
        return line

    with Server(script) as server:
        egress = GuardedEgress(loopback=True, connect=connect)
        outcome = egress.send(get(f"http://{LOOPBACK}:{server.port}/", limit=limit, within=60.0))
    return outcome, sum(counted)


@requirement("attack:B12")
@requirement("attack:B13")
def test_a_body_in_tiny_pieces_is_cut_before_it_costs_seconds_of_work() -> None:
    outcome, taken = bytes_taken(SCRIPTS["tiny chunks"])

    assert outcome == NoAnswer("too_large")
    assert taken < 256 * 1024


@requirement("attack:B12")
@requirement("attack:B13")
def test_control_without_the_limit_of_pieces_every_byte_of_the_megabyte_is_worked_on() -> None:
    with weakened(_body, " or number > MOST_PIECES", ""):
        outcome, taken = bytes_taken(SCRIPTS["tiny chunks"])

    assert outcome == NoAnswer("too_large")
    assert taken > 1024 * 1024


def test_a_body_in_small_pieces_is_taken_if_there_are_not_too_many() -> None:
    outcome, _ = bytes_taken(saying(CHUNKED, b"1\r\nx\r\n" * 10_000, b"0\r\n\r\n"))

    assert isinstance(outcome, Reply)
    assert outcome.body == b"x" * 10_000


@requirement("attack:B12")
@requirement("attack:B13")
def test_control_without_the_budget_of_bytes_more_of_the_100k_headers_would_be_read() -> None:
    script = saying(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000 + b"\r\n")

    bounded, ours = bytes_taken(script)
    with weakened(Wire.read, "self._room -= len(data)", "pass"):
        _, unbounded = bytes_taken(script)

    assert (bounded, ours) == (NoAnswer("too_large"), HEAD_LIMIT)
    assert unbounded > 2 * HEAD_LIMIT


# B19: the memory of silence, with real doors


@requirement("attack:B19")
def test_a_port_that_is_closed_is_knocked_at_once_in_ten_seconds() -> None:
    clock, knocks = FakeClock(), []

    def connect(address: str, port: int, within: float) -> socket.socket:
        knocks.append(port)
        return connect_to(address, port, within)

    with listening() as listener:
        port = int(listener.getsockname()[1])
    egress = GuardedEgress(loopback=True, connect=connect, now=clock.now)
    answers = [egress.send(get(f"http://{LOOPBACK}:{port}/{place}")) for place in range(5)]
    clock.advance(10)
    egress.send(get(f"http://{LOOPBACK}:{port}/"))

    assert answers == [NotSent("not_connected")] * 5
    assert knocks == [port, port]


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: open\n\n"


def honest_but_for_one_path(first_words: bytes) -> Script:
    """Answers everybody, and keeps one path open without another word."""

    def script(line: socket.socket, heard: Heard) -> None:
        if heard.target == "/events":
            line.sendall(first_words)
            line.recv(1)
        else:
            line.sendall(answer(200, b"hi"))

    return script


def what_acme_gets_after_mallory(first_words: bytes) -> Answer:
    """Mallory's server names a path of an honest one that never ends. One process serves all teams."""
    with Server(honest_but_for_one_path(first_words)) as server:
        egress, url = GuardedEgress(loopback=True, now=FakeClock().now), f"http://{LOOPBACK}:{server.port}"
        assert egress.send(get(f"{url}/events", within=0.3)) == NoAnswer("timed_out")
        return egress.send(get(f"{url}/metadata"))


@requirement("attack:B19")
@requirement("invariant:I18")
@pytest.mark.parametrize("first_words", [b"", b"HTTP/1.1 200", STREAM], ids=["nothing", "half a line", "a stream"])
def test_no_team_silences_an_honest_server_for_another_with_a_path_that_never_ends(first_words: bytes) -> None:
    with weakened(Silences.learn, "chance < FAIR_CHANCE", "False"):  # it had a fair chance, without our waiting for it
        got = what_acme_gets_after_mallory(first_words)

    assert isinstance(got, Reply)
    assert got.body == b"hi"


@requirement("attack:B19")
@requirement("invariant:I18")
@pytest.mark.parametrize("first_words", [b"", b"HTTP/1.1 200", STREAM], ids=["nothing", "half a line", "a stream"])
def test_control_a_memory_of_who_was_reached_silences_it_for_everybody(first_words: bytes) -> None:
    kept = 'not isinstance(answer, NotSent) or (answer.reason == "timed_out" and chance < FAIR_CHANCE)'
    with weakened(Silences.learn, kept, 'not hasattr(answer, "reason")'):
        assert what_acme_gets_after_mallory(first_words) == NotSent("timed_out")


@requirement("attack:B19")
def test_a_redirect_to_a_silent_origin_is_no_way_to_knock_there_again() -> None:
    with listening() as listener:
        dead = f"http://{LOOPBACK}:{listener.getsockname()[1]}/"
    knocks: list[int] = []

    def connect(address: str, port: int, within: float) -> socket.socket:
        knocks.append(port)
        return connect_to(address, port, within)

    with Server(saying(answer(302, b"", ("location", dead)))) as server:
        egress = GuardedEgress(loopback=True, connect=connect, now=FakeClock().now)
        answers = [egress.send(get(f"http://{LOOPBACK}:{server.port}/{n}", hops=3)) for n in range(3)]

    assert answers == [NoAnswer("not_connected")] * 3
    assert knocks.count(server.port) == 3
    assert len(knocks) == 4


# B8, B5: the last lock, over a real socket


@requirement("attack:B8")
@requirement("invariant:I13")
def test_control_without_the_check_of_the_addresses_a_server_on_this_machine_hears_the_request(tmp_path: Path) -> None:
    """The runtime's own API listens on loopback: this is what a name that stands for 127.0.0.1 would reach."""
    issuer, names = authority(tmp_path), Names()
    names.stands_for(NAME, [LOOPBACK])
    with Server(saying(answer(200, b"internal")), issuer.server(NAME)) as server:
        egress = GuardedEgress(
            resolve=names,
            connect=lambda address, port, within: connect_to(address, server.port, within),
            tls=lambda: verified_tls(issuer.file),
        )
        with weakened(Dialler._addresses, "check_addresses(addresses, destination)", "pass"):
            reached = egress.send(Outgoing("POST", URL))

    assert isinstance(reached, Reply)
    assert reached.body == b"internal"
