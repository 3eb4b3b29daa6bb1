"""One region of AWS under a scene: the real adapters on real botocore clients, and faults on the wire between the two.

DynamoDB is played by moto, KMS and SQS by the fakes, which keep the test's time. What a test looks at afterwards
(`scene.row`, `world.table`) goes past the faults.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.retries import standard
from moto.core.botocore_stubber import BotocoreStubber

from strongroom.adapters import clients
from strongroom.adapters.cipher import AesGcm
from strongroom.adapters.dynamo import DynamoTable
from strongroom.adapters.dynamo_values import item_from_wire, item_to_wire
from strongroom.adapters.kms import Kms, KmsClient
from strongroom.adapters.sqs import SqsQueue
from strongroom.domain.errors import IntegrityError, KeysUnavailable, QueueUnavailable
from strongroom.domain.table import Commit, Item, Key, Page, Query, Write
from strongroom.flows.vault import Vault
from strongroom.ports import Message, Ports, Queues
from tests.contract.faults.aws_faults import Call, Fault, Wanted
from tests.contract.stand_in import create_table
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.fakes.table import FakeTable
from tests.fakes.wire import Reply, done, error, fake_session, response
from tests.unit.renewals import Scene
from tests.world import World

Client = TypeVar("Client")

KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000001"
URL = "https://sqs.us-east-1.amazonaws.com/123456789012/"
TOKEN_SECONDS = 600
"""How long DynamoDB remembers a transaction's token."""
RECEIVES = {"sweep": 3, "renewal": 5, "rescue": 1000, "chore": 5}
"""Deliveries before a message is put aside, as in the template."""


@dataclass(slots=True)
class _Hung:
    fault: Fault
    wanted: Wanted
    times: int
    skip: int


class Rows(FakeTable):
    """The table as the test sees it: the rows of DynamoDB, past all faults."""

    def __init__(self, clock: FakeClock, table: DynamoTable, client: Any, name: str) -> None:
        super().__init__(clock)
        self._dynamo, self._client, self._name = table, client, name

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        return self._dynamo.read(keys)

    def query(self, query: Query) -> Page:
        return self._dynamo.query(query)

    def commit(self, writes: Sequence[Write], mark: str) -> Commit:
        return self._dynamo.commit(writes, mark)

    def snapshot(self) -> dict[Key, Item]:
        items = [item_from_wire(item) for item in self._client.scan(TableName=self._name)["Items"]]
        return {Key(str(item["PK"]), str(item["SK"])): item for item in items}

    def row(self, key: Key) -> Item | None:
        return self.read([key]).get(key)

    def place(self, *items: Item) -> None:
        for start in range(0, len(items), 25):
            puts = [{"PutRequest": {"Item": item_to_wire(item)}} for item in items[start : start + 25]]
            self._client.batch_write_item(RequestItems={self._name: puts})


class Aws:
    """The region that a world is moved to. `calls` lists what its clients sent, faults included."""

    def __init__(self, world: World) -> None:
        self.world, self.calls = world, list[Call]()
        self._hung: list[_Hung] = []
        self._tokens: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._lock = threading.RLock()
        self._moto = BotocoreStubber()
        self._moto.enabled = True
        observer: Any = clients.dynamodb(fake_session())
        observer.meta.events.register_first("before-send", self._moto)
        self._table = create_table(observer)
        rows = world.table.snapshot().values()
        direct = DynamoTable(observer, self._table, world.clock, world.chance)
        world.table = Rows(world.clock, direct, observer, self._table)
        world.table.place(*rows)
        world.queues = Queues(*(FakeQueue(world.clock, most_receives=RECEIVES[name]) for name in RECEIVES))
        self._dynamo = self._played(clients.dynamodb(fake_session()))
        self._kms = self._played(clients.kms(fake_session()))
        self._sqs = self._played(clients.sqs(fake_session()))
        world.ports = self.new_environment()

    def new_environment(self) -> Ports:
        """The ports of a function that has just started, with nothing but AWS behind them."""
        world = self.world
        table = DynamoTable(self._dynamo, self._table, world.clock, world.chance)
        vault = Vault(table, Kms(cast(KmsClient, self._kms), KEY_ARN), AesGcm(), world.clock, world.chance, "test")
        queues = Queues(*(SqsQueue(self._sqs, URL + name) for name in RECEIVES))
        return replace(world.new_environment(), table=table, vault=vault, queues=queues)

    def restart(self) -> None:
        """Let the function start anew: nothing cached."""
        self.world.ports = self.new_environment()

    def hang(self, fault: Fault, wanted: Wanted, times: int = 100_000, skip: int = 0) -> None:
        """Let the wanted requests meet a fault: so many of them, after so many that pass."""
        self._hung.append(_Hung(fault, wanted, times, skip))

    def heal(self) -> None:
        self._hung.clear()

    def leave(self) -> None:
        """Move the world with all its rows back into memory, where time passes faster; functions start anew."""
        self.heal()
        rows = self.world.table.snapshot().values()
        self.world.table = FakeTable(self.world.clock)
        self.world.table.place(*rows)
        self.world.ports = self.world.new_environment()

    def _played(self, client: Client) -> Client:
        """Let this region answer a client."""
        events: Any = cast(Any, client).meta.events
        events.register_first("before-send", self._send)
        _retry_by(self.world.clock, client)
        return client

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        call = _call(request)
        with self._lock:
            self.calls.append(call)
            fault = self._fault(call)
        reply = fault(self.world.clock, call, lambda: self._do(call, request))
        return response(request.url, reply)

    def _fault(self, call: Call) -> Fault:
        for hung in self._hung:
            if hung.times and hung.wanted(call):
                if hung.skip == 0:
                    hung.times -= 1
                    return hung.fault
                hung.skip -= 1
        return lambda clock, call, work: work()

    def _do(self, call: Call, request: AWSPreparedRequest) -> Reply:
        with self._lock:
            match call.service:
                case "sqs":
                    return _queue(self.world, call)
                case "kms":
                    return _keys(self.world, call)
                case _:
                    return self._dynamodb(call, request)

    def _dynamodb(self, call: Call, request: AWSPreparedRequest) -> Reply:
        """Let moto answer, and remember a transaction's token, which moto does not."""
        token, now = str(call.body.get("ClientRequestToken", "")), self.world.clock.now()
        until, known = self._tokens.get(token, (0.0, call.body))
        if now < until:
            return done() if known == call.body else error("IdempotentParameterMismatchException")
        status, _, body = cast(Any, self._moto.process_request(request))
        if token and status == 200:
            self._tokens[token] = (now + TOKEN_SECONDS, call.body)
        return Reply(status, json.loads(body))


def _retry_by(clock: FakeClock, client: Any) -> None:
    """Let botocore judge what its client repeats, as ever, and wait by the test's clock."""
    service, attempts = client.meta.service_model.service_id.hyphenize(), client.meta.config.retries
    event, known_as = f"needs-retry.{service}", f"retry-config-{service}"
    client.meta.events.unregister(event, unique_id=known_as)
    judge = standard.register_retry_handler(client, attempts["total_max_attempts"])
    client.meta.events.unregister(event, unique_id=known_as)

    def needs_retry(**asked: Any) -> float | None:
        if judge.needs_retry(**asked) is None:
            return None
        clock.advance(1)
        return 0

    client.meta.events.register(event, needs_retry)


def _call(request: AWSPreparedRequest) -> Call:
    target = request.headers["X-Amz-Target"]
    service, _, operation = (target if isinstance(target, str) else target.decode()).rpartition(".")
    kinds = {"DynamoDB_20120810": "dynamodb", "TrentService": "kms", "AmazonSQS": "sqs"}
    return Call(kinds[service], operation, json.loads(cast(bytes, request.body)))


def _queue(world: World, call: Call) -> Reply:
    queue: FakeQueue = getattr(world.queues, call.queue)
    if call.operation == "ChangeMessageVisibility":
        try:
            queue.postpone(call.body["ReceiptHandle"], call.body["VisibilityTimeout"])
        except QueueUnavailable:
            return error("ReceiptHandleIsInvalid")
        return done()
    entries = call.body["Entries"]
    queue.send([Message(one["MessageBody"], one.get("MessageGroupId"), one["DelaySeconds"]) for one in entries])
    return done(Successful=[{"Id": one["Id"]} for one in entries], Failed=[])


def _keys(world: World, call: Call) -> Reply:
    context = call.body["EncryptionContext"]
    try:
        if call.operation == "GenerateDataKey":
            key, blob = world.keys.generate(context)
            return done(KeyId=KEY_ARN, Plaintext=_base64(key), CiphertextBlob=_base64(blob))
        return done(KeyId=KEY_ARN, Plaintext=_base64(world.keys.decrypt(_bytes(call.body["CiphertextBlob"]), context)))
    except IntegrityError:
        return error("InvalidCiphertextException")
    except KeysUnavailable:
        return error("DisabledException")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def alive(world: World) -> list[str]:
    """The refresh tokens that the provider honours."""
    return [grant.refresh for grant in world.provider.grants if grant.alive]


def on_aws(scene: Scene) -> Aws:
    """Move a scene's world to a region, with functions that have just started."""
    return Aws(scene.world)


def recovers(aws: Aws, rounds: int = 3) -> None:
    """Nothing fails any more; queues deliver what was hidden, and the schedule fires, for a quarter of an hour."""
    aws.leave()
    aws.world.clock.advance(31)
    aws.world.deliver()
    for _ in range(rounds):
        aws.world.clock.advance(301)
        aws.world.tick()


def lives(scene: Scene) -> bool:
    """Whether the grant has come through: it gives tokens, nobody has to act, and no refresh token was used twice."""
    sent = scene.refreshes()
    return scene.works() and scene.connection.reason is None and len(set(sent)) == len(sent)
