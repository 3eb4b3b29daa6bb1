"""CPU of a warm look-up, against the bare request that it cannot do without.

Ours: the event of the HTTP API through the token function's handler, to the response. The table's adapter, botocore,
signing, cipher, clock and journal (to nowhere) are the real ones; keys are at hand, as in a warm environment.

Bare: the same BatchGetItem of the same five keys by a botocore client, answered by the same bytes, and one AES-GCM
decryption of a token of the same length.

No socket is opened: sending costs both the same, so leaving it out makes our share look larger than it is.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any, TextIO

from botocore.config import Config
from botocore.credentials import Credentials
from botocore.session import Session
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.ratios import Act, Compared, alternated
from bench.wire import Body, Wire
from strongroom.adapters import clients
from strongroom.adapters.cipher import AesGcm
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.dynamo_values import item_to_wire, key_to_wire
from strongroom.adapters.machine import SystemChance, SystemClock
from strongroom.adapters.table_time import SharedClock, TableTime
from strongroom.aws.journal import Journal
from strongroom.domain import keys
from strongroom.domain.table import Item, Key
from strongroom.flows.vault import Vault
from tests.settings import SETTINGS
from tests.world import GATEWAY, Context, World, iam, routed

TABLE = SETTINGS["STRONGROOM_TABLE"]
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Calls:
    """Python functions called in one go, by the package that they belong to. The same on every run and every machine
    with the same versions of Python and of the libraries."""

    by_package: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_package.values())

    def of(self, *packages: str) -> int:
        return sum(self.by_package.get(package, 0) for package in packages)


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU and calls of a look-up (first) and of the bare request (second); requests of one look-up."""

    cpu: Compared
    ours: Calls
    bare: Calls
    dynamodb_requests: int
    key_service_requests: int
    provider_requests: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Both ways, ready to be gone again and again."""

    world: World
    wire: Wire
    ours: Act
    bare: Act


def measure(rounds: int = 60, times: int = 40) -> Measured:
    """Compare the two ways, `times` calls of each in each of so many rounds."""
    with stage() as ready:
        for act in (ready.ours, ready.bare) * WARM_UP:
            act()
        before = _requests(ready)
        ready.ours()
        dynamodb, key_service, provider = (now - then for now, then in zip(_requests(ready), before, strict=True))
        ours, bare = calls_of(ready.ours), calls_of(ready.bare)
        cpu = alternated(ready.ours, ready.bare, rounds, times)
    return Measured(cpu, ours, bare, dynamodb, key_service, provider)


def _requests(ready: Stage) -> tuple[int, int, int]:
    return ready.wire.requests, len(ready.world.keys.requests), len(ready.world.egress.sent)


def calls_of(act: Act) -> Calls:
    """Count the Python functions that run in one go; functions written in C are not counted."""
    seen: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            seen[str(frame.f_globals.get("__name__", "")).partition(".")[0]] += 1

    sys.setprofile(watch)
    try:
        act()
    finally:
        sys.setprofile(None)
    return Calls(seen)


@contextmanager
def stage() -> Iterator[Stage]:
    """Let bob connect in a small world, then put the real adapters between its handlers and its rows."""
    world = World()
    world.clock.set(SystemClock().now())
    installation = world.install()
    world.connect("bob", installation)
    rows = world.table.snapshot()
    client = clients.dynamodb(clients.open_session(_credentials))
    wire = Wire(client, partial(_answer, rows), replay=True)
    with open(os.devnull, "w") as nowhere:
        _use_real_parts(world, client, nowhere)
        yield Stage(world, wire, _look_up(world, installation), _bare(rows, installation))


def _credentials() -> Credentials:
    return Credentials("AKIDEXAMPLE", "not-a-secret", "not-a-token")


def _use_real_parts(world: World, client: Any, nowhere: TextIO) -> None:
    clock, chance = SharedClock(SystemClock()), SystemChance()
    journal = Journal("token", "test", clock, nowhere)
    table = DynamoTable(client, TABLE, clock, chance, TableTime(clock, journal))
    vault = Vault(table, world.keys, AesGcm(), clock, chance, "test")
    world.ports = replace(world.ports, table=table, vault=vault, clock=clock, chance=chance, journal=journal)


def _look_up(world: World, installation: str) -> Act:
    path = f"/v1/satellite/teams/acme/installations/{installation}/token"
    handler, event = routed("POST", path, {"user": "bob"}, {"iam": iam(GATEWAY)})
    act = partial(handler, event, Context(), world.wired)
    answered = act()
    if answered["statusCode"] != 200:
        raise RuntimeError(f"the look-up does not work: {answered['statusCode']}")
    return act


def _bare(rows: Mapping[Key, Item], installation: str) -> Act:
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "not-a-secret", "not-a-token")
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    client: Any = session.create_client("dynamodb", config=config)
    Wire(client, partial(_answer, rows), replay=True)
    wanted = [key_to_wire(key) for key in five_keys(installation)]
    cipher, nonce = AESGCM(bytes(32)), bytes(12)
    sealed = cipher.encrypt(nonce, bytes(len("Bearer ") + 64), None)

    def act() -> None:
        client.batch_get_item(RequestItems={TABLE: {"Keys": wanted, "ConsistentRead": True}})
        cipher.decrypt(nonce, sealed, None)

    return act


def five_keys(installation: str) -> tuple[Key, ...]:
    """What a look-up of bob's token reads."""
    return (
        keys.team("acme"),
        keys.member("acme", "bob"),
        keys.installation("acme", installation),
        keys.connection("acme", "bob", installation),
        keys.shared_connection("acme", installation),
    )


def _answer(rows: Mapping[Key, Item], operation: str, asked: Body) -> Body:
    """Answer a BatchGetItem from the rows; what is not there is left out."""
    if operation != "BatchGetItem":
        raise RuntimeError(f"a warm look-up makes no {operation}")
    wanted = [Key(key["PK"]["S"], key["SK"]["S"]) for key in asked["RequestItems"][TABLE]["Keys"]]
    found: list[Any] = [item_to_wire(rows[key]) for key in wanted if key in rows]
    return {"Responses": {TABLE: found}, "UnprocessedKeys": {}}
