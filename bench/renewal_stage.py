"""People who are connected at providers on loopback, and a worker with its real adapters that renews them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import IO, Any, cast

from botocore.credentials import Credentials

from bench import ROOT
from functions.refresh import renew as worker
from strongroom.adapters import clients
from strongroom.adapters.catalog_files import CatalogFiles
from strongroom.adapters.cipher import AesGcm
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.dynamo_values import item_to_wire
from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.machine import SystemChance, SystemClock
from strongroom.adapters.table_time import SharedClock, TableTime
from strongroom.aws.journal import Journal
from strongroom.domain import keys
from strongroom.domain.connection import Connection, Version
from strongroom.domain.destinations import Rules
from strongroom.domain.http import Outgoing
from strongroom.domain.table import Key
from strongroom.flows.messages import renewal_message
from strongroom.flows.vault import Vault
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.fakes.queue import Delivery
from tests.settings import SETTINGS
from tests.world import Context, World, queue_event

Told = Counter[str]


class Outside:
    """The other process: orders go in, and what it has counted since the last one comes out."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders, self._answers = orders, answers
        self.ports: list[int] = json.loads(answers.readline())["ports"]

    def tell(self, **order: Any) -> Told:
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        return Counter(json.loads(self._answers.readline()))


@contextmanager
def outside() -> Iterator[Outside]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "layers/common/python")])
    with subprocess.Popen(
        [sys.executable, "-m", "bench.outside"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the other process has no pipes")
        try:
            yield Outside(process.stdin, process.stdout)
        finally:
            process.stdin.close()
            _ended(process)


def _ended(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


@dataclass
class Crowd:
    """Connected people, the version of each one's tokens, and one request of each provider that refreshes some."""

    world: World
    users: dict[str, Key] = field(default_factory=dict)
    versions: dict[Key, Version] = field(default_factory=dict)
    requests: list[Outgoing] = field(default_factory=list)
    written: StringIO = field(default_factory=StringIO)
    client: Any = None

    def event(self, *users: str) -> dict[str, Any]:
        """What the queue hands over when these people are due; all of them, if none is named."""
        due = [self.users[user] for user in users or self.users]
        messages = [renewal_message(key, self.versions[key], "a group") for key in due]
        return queue_event("renewal", [Delivery(one.body, None, f"r{at}", 1) for at, one in enumerate(messages)])

    def work(self, event: Any) -> None:
        answered = worker.lambda_handler(event, Context(), self.world.wired)
        if answered["batchItemFailures"]:
            raise RuntimeError("a renewal does not work")

    def follow(self) -> int:
        """Read in the log whose tokens were renewed, and give their number."""
        lines = [json.loads(line) for line in self.written.getvalue().splitlines()]
        self.written.seek(0)
        self.written.truncate()
        renewed = [self.users[line["user"]] for line in lines if line.get("outcome") == "renewed"]
        self.versions |= {key: self.versions[key].next() for key in renewed}
        return len(renewed)

    def asked_for_one(self) -> list[tuple[str, dict[str, Any]]]:
        """Renew one person's tokens, and give the operations that DynamoDB was asked for, with their parameters."""
        asked: list[tuple[str, dict[str, Any]]] = []

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            asked.append((model.name, params))

        self.client.meta.events.register_first("provide-client-params.dynamodb", note)
        self.work(self.event(next(iter(self.users))))
        self.client.meta.events.unregister("provide-client-params.dynamodb", note)
        self.follow()
        return asked

    def look(self) -> None:
        """Read everybody's version in the rows in memory."""
        for key in self.users.values():
            row = self.world.table.row(key)
            if row is None:
                raise RuntimeError("somebody has no connection")
            self.versions[key] = Connection.from_item(row).version


def crowd(other: Outside, providers: int, size: int) -> Crowd:
    """Let people connect at so many providers, each person at one of them, and put the worker's real parts in place.

    All of it happens in memory first, one renewal at each provider included: what that sent is what the bare way sends.
    """
    world = World(loopback=True)
    world.clock.set(SystemClock().now())
    world.egress.rules = Rules(loopback=True)
    found = Crowd(world)
    tokens: list[str] = []
    for number, port in enumerate(other.ports[1 : providers + 1]):
        users = [f"u{at}" for at in range(number, size, providers)]
        provider = FakeProvider(world.clock, f"http://127.0.0.1:{port}")
        _connect(found, provider, f"https://files{number}.example/mcp", users)
        tokens += [grant.refresh for grant in provider.grants]
    rows = [item_to_wire(row) for row in world.table.snapshot().values()]
    other.tell(rows=json.loads(json.dumps(rows, default=_base64)), tokens=tokens)
    _use_real_parts(found, other.ports[0])
    return found


def _connect(found: Crowd, provider: FakeProvider, url: str, users: list[str]) -> None:
    world = found.world
    world.provider = provider
    provider.serve(world.egress)
    serve_mcp(world.egress, url, provider.issuer)
    installed = world.as_user("alice", "POST", "/v1/teams/acme/installations", {"name": url, "url": url})
    installation = str(installed.json["installation"])
    for user in users:
        world.put_member("acme", user, "team_user")
        world.connect(user, installation)
        found.users[user] = keys.connection("acme", user, installation)
    found.look()
    found.work(found.event(users[0]))
    found.look()
    found.requests.append(world.egress.sent[-1])


def _use_real_parts(found: Crowd, port: int) -> None:
    clock, chance, world = SharedClock(SystemClock()), SystemChance(), found.world
    journal = Journal("renew", "test", clock, found.written)
    found.client = client(port)
    table = DynamoTable(found.client, SETTINGS["STRONGROOM_TABLE"], clock, chance, TableTime(clock, journal))
    world.ports = replace(
        world.ports,
        table=table,
        vault=Vault(table, world.keys, AesGcm(), clock, chance, "test"),
        egress=GuardedEgress(own_hosts=world.policy.destinations().own, loopback=True),
        catalog=CatalogFiles(),
        clock=clock,
        chance=chance,
        journal=journal,
    )


def client(port: int) -> Any:
    """A client that finds DynamoDB on loopback, as botocore is told on a developer's machine."""
    name = "AWS_ENDPOINT_URL_DYNAMODB"
    os.environ[name] = f"http://127.0.0.1:{port}"
    try:
        return clients.dynamodb(clients.open_session(lambda: Credentials("AKIDEXAMPLE", "not-a-secret")))
    finally:
        del os.environ[name]


def _base64(value: object) -> str:
    return base64.b64encode(cast(bytes, value)).decode()
