"""What the table's adapter sends to DynamoDB, and what it makes of answers that no stand-in gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from strongroom.adapters import clients
from strongroom.adapters.dynamo import DynamoTable
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import (
    Below,
    Change,
    Check,
    Commit,
    Committed,
    Exists,
    Is,
    Item,
    Key,
    Lacks,
    Missing,
    Put,
    Query,
    Refused,
    Remove,
    Write,
    either,
    every,
)
from tests.fakes.clock import FakeChance, FakeClock
from tests.fakes.wire import Reply, ScriptedWire, done, error, fake_session
from tests.requirements import requirement

KEY = Key("T#acme", "I#1")
OTHER = Key("T#acme", "I#2")
WIRE_KEY = {"PK": {"S": "T#acme"}, "SK": {"S": "I#1"}}
FOUND = {**WIRE_KEY, "n": {"N": "7"}}

SINGLE: list[Write] = [
    Put({"PK": "T#acme", "SK": "I#1", "n": 1}, Missing()),
    Change(KEY, Is("n", 1), put={"n": 2}),
    Remove(KEY, None),
]
EVERY_KIND: list[Write] = [
    Put({"PK": "T#acme", "SK": "I#1", "name": "a"}, Missing()),
    Change(OTHER, every(Is("status", "on"), Below("until", 5)), put={"data": 1}, drop=("ttl",), add={"count": 1}),
    Remove(Key("T#acme", "I#3"), Is("state", "x")),
    Check(Key("T#acme", "A"), either(Lacks("lease"), Exists())),
]


class Stage:
    """A table whose DynamoDB follows a script."""

    def __init__(self, *script: Reply | Exception) -> None:
        self.clock = FakeClock()
        client = clients.dynamodb(fake_session())
        self.wire = ScriptedWire(client, *script)
        self.table = DynamoTable(client, "strongroom", self.clock, FakeChance())

    def commit(self, *writes: Write) -> Commit:
        return self.table.commit(writes, "the-mark")

    @property
    def operations(self) -> list[str]:
        return [sent.operation for sent in self.wire.sent]

    def only(self) -> dict[str, Any]:
        (sent,) = self.wire.sent
        return dict(sent.body)


def batch(*items: dict[str, Any], left: list[dict[str, Any]] | None = None) -> Reply:
    unprocessed = {"strongroom": {"Keys": left, "ConsistentRead": True}} if left else {}
    return done(Responses={"strongroom": list(items)}, UnprocessedKeys=unprocessed)


def cancelled(*codes: str, item: dict[str, Any] | None = None) -> Reply:
    reasons = [{"Code": code, **({"Item": item} if item and code.startswith("Cond") else {})} for code in codes]
    return error("TransactionCanceledException", CancellationReasons=reasons)


def lost() -> list[Exception]:
    url = "https://dynamodb.us-east-1.amazonaws.com"
    kinds: list[Callable[..., Exception]] = [
        *(ReadTimeoutError, ConnectTimeoutError, ConnectionClosedError, EndpointConnectionError)
    ]
    return [kind(endpoint_url=url) for kind in kinds]


# Reading


def test_a_look_up_of_five_rows_is_one_consistent_request() -> None:
    stage = Stage(batch(FOUND))

    rows = stage.table.read([KEY, *(Key("T#acme#U#bob", str(number)) for number in range(4))])

    assert rows == {KEY: {"PK": "T#acme", "SK": "I#1", "n": 7}}
    request = stage.only()["RequestItems"]["strongroom"]
    assert (len(request["Keys"]), request["ConsistentRead"]) == (5, True)


def test_the_table_is_queried_consistently() -> None:
    stage = Stage(done(Items=[]))

    stage.table.query(Query("table", "T#acme", prefix="I#", limit=7, after={"PK": "T#acme", "SK": "I#0"}))

    assert stage.only() == {
        "TableName": "strongroom",
        "ConsistentRead": True,
        "KeyConditionExpression": "#n0 = :v0 AND begins_with(#n1, :v1)",
        "ExpressionAttributeNames": {"#n0": "PK", "#n1": "SK"},
        "ExpressionAttributeValues": {":v0": {"S": "T#acme"}, ":v1": {"S": "I#"}},
        "ExclusiveStartKey": {"PK": {"S": "T#acme"}, "SK": {"S": "I#0"}},
        "ScanIndexForward": True,
        "Limit": 7,
    }


@pytest.mark.parametrize(("index", "name"), [("due", "due"), ("g1", "lists")])
def test_an_index_is_never_asked_for_a_consistent_read(index: Any, name: str) -> None:
    stage = Stage(done(Items=[]))

    stage.table.query(Query(index, "D#0", descending=True))

    request = stage.only()
    assert (request["IndexName"], request["ScanIndexForward"], "ConsistentRead" in request) == (name, False, False)


def test_only_the_keys_that_were_not_processed_are_asked_for_again() -> None:
    other = {"PK": {"S": OTHER.pk}, "SK": {"S": OTHER.sk}}
    stage = Stage(batch(FOUND, left=[other]), batch(other))

    rows = stage.table.read([KEY, OTHER])

    assert set(rows) == {KEY, OTHER}
    assert [sent.body["RequestItems"]["strongroom"]["Keys"] for sent in stage.wire.sent] == [[WIRE_KEY, other], [other]]
    assert all(sent.body["RequestItems"]["strongroom"]["ConsistentRead"] for sent in stage.wire.sent)


def test_keys_that_stay_unprocessed_are_an_outage_and_never_missing() -> None:
    stage = Stage(*(batch(left=[WIRE_KEY]) for _ in range(9)))

    with pytest.raises(StoreUnavailable):
        stage.table.read([KEY])

    assert len(stage.operations) == 5


# Writing


@pytest.mark.parametrize(
    ("write", "operation"), list(zip(SINGLE, ["PutItem", "UpdateItem", "DeleteItem"], strict=True))
)
def test_one_write_is_one_plain_request(write: Write, operation: str) -> None:
    stage = Stage(done())

    assert stage.commit(write) == Committed()
    assert stage.operations == [operation]


def test_a_put_requires_what_it_says_and_that_it_was_not_done_before() -> None:
    stage = Stage(done())

    stage.commit(SINGLE[0])

    assert stage.only() == {
        "TableName": "strongroom",
        "Item": {**WIRE_KEY, "n": {"N": "1"}, "mark": {"S": "the-mark"}},
        "ConditionExpression": "attribute_not_exists(#n1) AND (attribute_not_exists(#n0) OR #n0 <> :v0)",
        "ExpressionAttributeNames": {"#n0": "mark", "#n1": "PK"},
        "ExpressionAttributeValues": {":v0": {"S": "the-mark"}},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_a_change_sets_removes_and_adds_in_one_expression() -> None:
    stage = Stage(done())

    stage.commit(Change(KEY, None, put={"status": "on"}, drop=("ttl",), add={"count": 2}))

    request = stage.only()
    assert request["UpdateExpression"] == "SET #n0 = :v0, #n1 = :v1 REMOVE #n2 ADD #n3 :v2"
    assert request["ExpressionAttributeNames"] == {"#n0": "status", "#n1": "mark", "#n2": "ttl", "#n3": "count"}
    assert request["ConditionExpression"] == "attribute_not_exists(#n1) OR #n1 <> :v3"


def test_truth_and_numbers_are_sent_as_different_types() -> None:
    stage = Stage(done(), done())

    for value in (True, 1):
        stage.commit(Check(KEY, Is("n", value)))

    checks = [sent.body["TransactItems"][0]["ConditionCheck"] for sent in stage.wire.sent]
    assert [check["ExpressionAttributeValues"] for check in checks] == [{":v0": {"BOOL": True}}, {":v0": {"N": "1"}}]


def test_several_writes_are_one_transaction_with_the_mark_as_its_token() -> None:
    stage = Stage(done())

    assert stage.commit(*EVERY_KIND) == Committed()

    request = stage.only()
    assert stage.operations == ["TransactWriteItems"]
    assert request["ClientRequestToken"] == "the-mark"
    assert [next(iter(item)) for item in request["TransactItems"]] == ["Put", "Update", "Delete", "ConditionCheck"]
    for item in request["TransactItems"]:
        (write,) = item.values()
        assert (write["TableName"], write["ReturnValuesOnConditionCheckFailure"]) == ("strongroom", "ALL_OLD")


@pytest.mark.parametrize("write", [Remove(KEY, Exists()), Check(KEY, Exists())])
def test_what_leaves_no_mark_in_a_row_is_a_transaction_even_alone(write: Write) -> None:
    stage = Stage(done())

    stage.commit(write)

    assert (stage.operations, stage.only()["ClientRequestToken"]) == (["TransactWriteItems"], "the-mark")


def test_no_name_or_value_of_ours_ever_stands_in_an_expression() -> None:
    stage = Stage(done(), *(done() for _ in SINGLE), *(done(Items=[]) for _ in range(3)))
    stage.commit(*EVERY_KIND)
    for write in SINGLE:
        stage.commit(write)
    for query in [Query("table", "T#acme", prefix="I#"), Query("due", "D#0", at_most=5), Query("g1", "x", prefix="y")]:
        stage.table.query(query)

    words = {word for sent in stage.wire.sent for text in expressions(sent.body) for word in split(text)}

    functions = {"attribute_exists", "attribute_not_exists", "begins_with"}
    assert {word for word in words if word[0] not in "#:"} == functions | {"AND", "OR", "SET", "REMOVE", "ADD"}


def expressions(body: Any) -> list[str]:
    if isinstance(body, list):
        return [text for inner in body for text in expressions(inner)]
    if not isinstance(body, dict):
        return []
    own = [value for name, value in body.items() if name.endswith("Expression")]
    return own + [text for value in body.values() for text in expressions(value)]


def split(text: str) -> list[str]:
    for sign in "(),=<>":
        text = text.replace(sign, " ")
    return text.split()


# Conditions that do not hold


def test_a_row_in_the_way_comes_with_the_refusal() -> None:
    stage = Stage(error("ConditionalCheckFailedException", Item=FOUND))

    assert stage.commit(SINGLE[0]) == Refused({0: {"PK": "T#acme", "SK": "I#1", "n": 7}})
    assert len(stage.operations) == 1


@requirement("fault:F7")
def test_our_own_mark_in_the_row_is_our_own_success() -> None:
    stage = Stage(error("ConditionalCheckFailedException", Item={**FOUND, "mark": {"S": "the-mark"}}))

    assert stage.commit(SINGLE[1]) == Committed()


def test_the_writes_of_a_transaction_that_failed_are_named_by_position() -> None:
    stage = Stage(cancelled("None", "ConditionalCheckFailed", "None", "ConditionalCheckFailed", item=FOUND))

    result = stage.commit(*EVERY_KIND)

    row: Item = {"PK": "T#acme", "SK": "I#1", "n": 7}
    assert result == Refused({1: row, 3: row})
    assert len(stage.operations) == 1


@requirement("fault:F8")
def test_a_condition_that_fails_beside_a_conflict_is_a_refusal() -> None:
    stage = Stage(cancelled("TransactionConflict", "ConditionalCheckFailed", "None", "None"))

    assert stage.commit(*EVERY_KIND) == Refused({1: None})
    assert stage.clock.waits == []


# Faults that may pass

BUSY = [
    error("ProvisionedThroughputExceededException"),
    error("ThrottlingException"),
    error("RequestLimitExceeded"),
    error("TransactionConflictException"),
    error("InternalServerError", 500),
    error("ServiceUnavailable", 503),
    Reply(502, {}),
    *lost(),
]


def label(value: object) -> str:
    return str(value.body.get("__type", value.status)) if isinstance(value, Reply) else type(value).__name__


@pytest.mark.parametrize("write", SINGLE, ids=["put", "change", "remove"])
@pytest.mark.parametrize("fault", BUSY, ids=label)
def test_a_write_is_repeated_unchanged_after_a_fault_that_may_pass(fault: Reply | Exception, write: Write) -> None:
    stage = Stage(fault, fault, done())

    assert stage.commit(write) == Committed()
    first, *others = [json.dumps(sent.body) for sent in stage.wire.sent]
    assert others == [first, first]
    assert len(stage.clock.waits) == 2


@requirement("fault:F8")
@pytest.mark.parametrize(
    "fault",
    [
        *BUSY,
        error("TransactionInProgressException"),
        cancelled("None", "TransactionConflict", "None", "None"),
        cancelled("ThrottlingError", "ProvisionedThroughputExceeded", "TransactionConflict", "None"),
    ],
    ids=label,
)
def test_a_transaction_is_repeated_with_the_same_token(fault: Reply | Exception) -> None:
    stage = Stage(fault, done())

    assert stage.commit(*EVERY_KIND) == Committed()
    first, again = [json.dumps(sent.body) for sent in stage.wire.sent]
    assert first == again


@pytest.mark.parametrize("fault", BUSY, ids=label)
def test_reading_is_repeated_too(fault: Reply | Exception) -> None:
    stage = Stage(fault, batch(FOUND), fault, done(Items=[FOUND]))

    assert set(stage.table.read([KEY])) == {KEY}
    assert len(stage.table.query(Query("table", "T#acme")).items) == 1


@requirement("fault:F9")
@pytest.mark.parametrize("fault", BUSY, ids=label)
def test_a_fault_that_does_not_pass_is_an_outage_after_five_attempts(fault: Reply | Exception) -> None:
    stage = Stage(*[fault] * 9)

    with pytest.raises(StoreUnavailable):
        stage.commit(SINGLE[0])

    assert len(stage.operations) == 5


def test_waits_grow_and_are_drawn_by_chance() -> None:
    stage = Stage(*[error("ThrottlingException")] * 5)

    with pytest.raises(StoreUnavailable):
        stage.commit(SINGLE[0])

    bounds = [0.05, 0.1, 0.2, 0.4]
    assert all(0 <= wait < bound for wait, bound in zip(stage.clock.waits, bounds, strict=True))
    assert len(set(stage.clock.waits)) == 4


def test_no_attempt_begins_after_four_seconds() -> None:
    clock = FakeClock()
    client = clients.dynamodb(fake_session())
    wire = ScriptedWire(client, *[error("ThrottlingException")] * 9)
    client.meta.events.register("before-send", lambda **_: clock.advance(2.1))
    table = DynamoTable(client, "strongroom", clock, FakeChance())

    with pytest.raises(StoreUnavailable):
        table.commit([SINGLE[0]], "the-mark")

    assert len(wire.sent) == 2


def test_a_write_whose_answer_got_lost_is_recognised_when_it_is_repeated() -> None:
    stage = Stage(lost()[0], error("ConditionalCheckFailedException", Item={**FOUND, "mark": {"S": "the-mark"}}))

    assert stage.commit(SINGLE[0]) == Committed()


# Faults that no repetition heals


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException", "UnrecognizedClientException"])
def test_a_table_that_cannot_be_used_is_an_outage_at_once(code: str) -> None:
    stage = Stage(error(code))

    with pytest.raises(StoreUnavailable):
        stage.commit(SINGLE[0])

    assert (len(stage.operations), stage.clock.waits) == (1, [])


@pytest.mark.parametrize(
    "fault",
    [
        error("ValidationException"),
        error("IdempotentParameterMismatchException"),
        error("SerializationException"),
        cancelled("None", "ValidationError", "None", "None"),
    ],
    ids=label,
)
def test_a_request_that_makes_no_sense_is_a_mistake_of_ours(fault: Reply) -> None:
    stage = Stage(fault)

    with pytest.raises(ValueError, match="does not accept"):
        stage.commit(*EVERY_KIND)

    assert len(stage.operations) == 1


def test_no_error_carries_what_aws_or_the_row_said() -> None:
    stage = Stage(error("AccessDeniedException", Item={"token": {"S": "precious"}}))

    with pytest.raises(StoreUnavailable) as caught:
        stage.commit(SINGLE[0])

    assert str(caught.value) == "the table cannot be used: AccessDeniedException"
