"""Sixty-four renewals at once in one worker, against sixty-four threads that only call the provider.

Ours: a batch of the renewal queue through the worker's handler. Threads, the cap per provider, the table's adapter,
botocore, signing, cipher, guarded client, catalog, clock and log lines (kept in memory) are the real ones; keys are at hand,
as in a warm environment. DynamoDB and the providers are in another process (`outside`), on loopback and without TLS.

Bare: a thread for each, too, which only makes the connection, sends the same request by the same HTTP engine, and reads
the answer. And the bare loop with the same requests to DynamoDB around it, by a botocore client as it comes: what no renewal
with a lease and a commit can do without. Every way sends a rotating refresh token each time, and the provider refuses one
that it has seen before.

TLS would add the same to both ways at the provider; what, is measured by itself.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, urlencode

import httpcore2
from botocore import xform_name
from botocore.config import Config
from botocore.session import Session

from bench.outside import PROVIDERS
from bench.ratios import Compared, compared
from bench.renewal_stage import Crowd, Outside, Told, crowd, outside
from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_connection import verified_tls
from strongroom.domain.http import Outgoing
from tests.fakes.egress_servers import PUBLIC, Names, Server, Switchboard, authority, saying

Asked: TypeAlias = tuple[str, dict[str, Any]]

AT_ONCE = 64
WARM_UP = 2
PATIENCE = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), 10.0)}


@dataclass(frozen=True, slots=True)
class Cost:
    """What a batch took: CPU seconds of this process, seconds on the wall, and how many were done."""

    cpu: float
    wall: float
    done: int

    @property
    def cpu_each(self) -> float:
        return self.cpu / self.done

    @property
    def wall_each(self) -> float:
        return self.wall / self.done


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU and time on the wall for one renewal of a batch: ours (first) and bare (second), and ours against the bare loop
    with requests to DynamoDB.

    `done`: renewals in all of our batches; `left`: those for which their provider had no slot in time, so that they wait for
    the next tick; `told`: what the other side has counted for ours.
    """

    cpu: Compared
    wall: Compared
    cpu_beside_dynamodb: Compared
    wall_beside_dynamodb: Compared
    done: int
    left: int
    told: Told

    @property
    def per_second(self) -> tuple[float, float]:
        return 1 / self.wall.first, 1 / self.wall.second

    def each(self, what: str) -> float:
        """How many of these there were for each renewal."""
        return self.told[what] / self.done


def measure(providers: int = PROVIDERS, delay: float = 0.0, rounds: int = 9, size: int = AT_ONCE) -> Measured:
    """Go all ways in turn, and who begins changes with every round. The connections are spread over so many providers,
    which take `delay` seconds for each answer."""
    with outside() as other:
        people, told = crowd(other, providers, size), Told()
        bare, beside = _loops(people, other, size)
        other.tell(delay=delay)
        ways = [lambda: _renewed(people, other, told), bare.run, beside.run]
        for way in ways * WARM_UP:
            way()
        told.clear()
        found = [_round(ways, first=number % len(ways)) for number in range(rounds)]
    if told["refused"]:
        raise RuntimeError("a refresh token was sent twice")
    ours, bares, besides = zip(*found, strict=True)
    done = sum(one.done for one in ours)
    return Measured(
        compared([(one.cpu_each, other.cpu_each) for one, other in zip(ours, bares, strict=True)]),
        compared([(one.wall_each, other.wall_each) for one, other in zip(ours, bares, strict=True)]),
        compared([(one.cpu_each, other.cpu_each) for one, other in zip(ours, besides, strict=True)]),
        compared([(one.wall_each, other.wall_each) for one, other in zip(ours, besides, strict=True)]),
        done,
        rounds * size - done,
        told,
    )


def _round(ways: list[Callable[[], Cost]], first: int) -> tuple[Cost, ...]:
    order = [(first + step) % len(ways) for step in range(len(ways))]
    taken = {at: ways[at]() for at in order}
    return tuple(taken[at] for at in range(len(ways)))


def _renewed(people: Crowd, other: Outside, told: Told) -> Cost:
    event = people.event()
    other.tell()
    cpu, wall = _taken(lambda: people.work(event))
    told.update(other.tell())
    return Cost(cpu, wall, people.follow())


def _taken(act: Callable[[], object]) -> tuple[float, float]:
    began = time.process_time(), time.perf_counter()
    act()
    return time.process_time() - began[0], time.perf_counter() - began[1]


def _loops(people: Crowd, other: Outside, size: int) -> tuple[Loop, Loop]:
    """The bare loop, and the one with requests to DynamoDB: they write into the copy of a row."""
    copy = {"PK": {"S": "a copy"}, "SK": {"S": "of a row"}}
    other.tell(rows=[copy])
    asked = [(name, {**body, "Key": copy} if "Key" in body else body) for name, body in people.asked_for_one()]
    client = Session().create_client(
        "dynamodb",
        endpoint_url=people.client.meta.endpoint_url,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="not-a-secret",  # noqa: S106
        config=Config(max_pool_connections=size),
    )
    around = Around(client, asked[:-1], asked[-1:])
    requests = [people.requests[at % len(people.requests)] for at in range(size)]
    return Loop(requests, other, "bare"), Loop(requests, other, "beside", around)


@dataclass(frozen=True, slots=True)
class Around:
    """Requests to DynamoDB before and after the one to the provider."""

    client: Any = None
    before: Sequence[Asked] = ()
    after: Sequence[Asked] = ()

    def ask(self, requests: Sequence[Asked]) -> None:
        for operation, parameters in requests:
            getattr(self.client, xform_name(operation))(**parameters)


class Loop:
    """Threads that each send the request of one grant, with the token that the last answer brought."""

    def __init__(self, requests: list[Outgoing], other: Outside, name: str, around: Around = Around()) -> None:
        self._tokens = [f"{name}-{at}" for at in range(len(requests))]
        self._requests = [_Bare(request) for request in requests]
        self._around = around
        other.tell(tokens=self._tokens)

    def run(self) -> Cost:
        cpu, wall = _taken(self._all)
        return Cost(cpu, wall, len(self._tokens))

    def _all(self) -> None:
        with ThreadPoolExecutor(max_workers=len(self._tokens)) as pool:
            self._tokens = list(pool.map(self._one, self._requests, self._tokens))

    def _one(self, request: _Bare, token: str) -> str:
        self._around.ask(self._around.before)
        fresh = request.refresh(token)
        self._around.ask(self._around.after)
        return fresh


class _Bare:
    """One request, made ready but for its refresh token."""

    def __init__(self, request: Outgoing) -> None:
        self._url = httpcore2.URL(request.url)
        self._form = dict(parse_qsl(request.body.reveal())) if request.body else {}
        headers = [(name, value.reveal()) for name, value in request.headers.items()]
        host = f"{self._url.host.decode()}:{self._url.port}"
        self._headers = [("host", host), ("user-agent", "bare"), ("connection", "close"), *headers]

    def refresh(self, token: str) -> str:
        """Spend a refresh token; give the next one."""
        body = urlencode({**self._form, "refresh_token": token}).encode()
        headers = [*self._headers, ("content-length", str(len(body)))]
        with httpcore2.HTTPConnection(self._url.origin) as line:
            answer = line.request("POST", self._url, headers=headers, content=body, extensions=PATIENCE)
        return str(json.loads(answer.content)["refresh_token"])


def handshake(rounds: int = 60) -> Compared:
    """CPU of making the guarded client's connection with TLS (first) and without (second).

    Of the one thread that makes it: the server is another one. A certificate of P-256 under an authority of its own.
    """
    with tempfile.TemporaryDirectory() as folder:
        signs = authority(Path(folder))
        with Server(saying(), signs.server("provider.example")) as secure, Server(saying()) as plain:
            names = Names()
            names.stands_for("provider.example", [PUBLIC])
            guarded = GuardedEgress(
                resolve=names, connect=Switchboard(secure.port), tls=lambda: verified_tls(signs.file), loopback=True
            )
            ways = (
                lambda: _dialled(guarded, "https://provider.example/token"),
                lambda: _dialled(GuardedEgress(loopback=True), f"http://127.0.0.1:{plain.port}/token"),
            )
            return compared([(ways[0](), ways[1]()) for _ in range(rounds + 1)][1:])


def _dialled(egress: GuardedEgress, url: str) -> float:
    began = time.thread_time()
    with egress.dial(url, 10):
        return time.thread_time() - began
