"""A transaction of the stand-in for DynamoDB happens as a whole or not at all, and copies the rows that it changes alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table

from local import aws_savepoints, aws_stand_in
from strongroom.adapters import clients
from tests.contract.stand_in import create_table

ROWS = 30
NAMED = {"#text": "text"}
UPDATE: dict[str, Any] = {
    "UpdateExpression": "SET #text = :new",
    "ExpressionAttributeNames": NAMED,
    "ExpressionAttributeValues": {":new": {"S": "new"}},
}


@dataclass
class Rows:
    """A table of moto's, in this process."""

    client: Any
    table: str

    def all(self) -> list[Any]:
        return sorted(self.client.scan(TableName=self.table)["Items"], key=lambda row: int(row["SK"]["S"]))

    def put(self, number: int) -> None:
        self.client.put_item(TableName=self.table, Item={**key(number), "text": {"S": "as it was"}})

    def update(self, there: dict[str, Any]) -> None:
        self.client.update_item(TableName=self.table, Key=there, **UPDATE)

    def text(self, number: int) -> str:
        return str(self.client.get_item(TableName=self.table, Key=key(number))["Item"]["text"]["S"])

    def transact(self, *, last_holds: bool) -> None:
        """Write one of each kind; the last holds on a condition that is met or not."""
        change, remove, held = ({"TableName": self.table, "Key": key(number)} for number in (1, 2, 3))
        condition = "attribute_exists(#text)" if last_holds else "attribute_not_exists(#text)"
        writes = [
            {"Put": {"TableName": self.table, "Item": {**key(ROWS), "text": {"S": "new"}}}},
            {"Update": {**change, **UPDATE}},
            {"Delete": remove},
            {"ConditionCheck": {**held, "ConditionExpression": condition, "ExpressionAttributeNames": NAMED}},
        ]
        self.client.transact_write_items(TransactItems=writes)


def key(number: int) -> dict[str, Any]:
    return {"PK": {"S": f"P{number % 3}"}, "SK": {"S": str(number)}}


@pytest.fixture
def rows() -> Iterator[Rows]:
    with mock_aws():
        client = clients.dynamodb(clients.open_session())
        there = Rows(client, create_table(client))
        for number in range(ROWS):
            there.put(number)
        yield there


@pytest.fixture
def taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test installs is gone after it."""
    monkeypatch.setattr(Table, "__deepcopy__", None, raising=False)
    monkeypatch.setattr(DynamoDBBackend, "update_item", DynamoDBBackend.update_item)


@pytest.fixture
def sharing(taken_back: None) -> None:
    aws_savepoints.install()


class Server:
    """Notes, when it is to serve, whether transactions share rows by then."""

    shared: ClassVar[list[bool]] = []

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def serve_forever(self) -> None:
        self.shared.append(Table.__deepcopy__ is aws_savepoints._sharing_rows)  # type: ignore[attr-defined] # moto's has none


@pytest.mark.usefixtures("taken_back")
def test_the_stand_in_serves_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_stand_in, "make_server", Server)
    monkeypatch.setenv("MOTO_PORT", "")

    aws_stand_in.main(["--port", "1"])

    assert Server.shared == [True]


@pytest.mark.usefixtures("sharing")
def test_a_transaction_that_fails_at_its_last_write_leaves_every_row_as_it_was(rows: Rows) -> None:
    before = rows.all()

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        rows.transact(last_holds=False)

    assert rows.all() == before


@pytest.mark.usefixtures("sharing")
def test_without_a_copy_of_the_updated_row_it_would_stay_changed(rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_savepoints, "_renew", lambda *_: None)

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        rows.transact(last_holds=False)

    assert rows.text(1) == "new"


@pytest.mark.usefixtures("sharing")
def test_a_transaction_that_succeeds_leaves_what_it_wrote(rows: Rows) -> None:
    before = rows.all()

    rows.transact(last_holds=True)

    after = rows.all()
    assert [(row["SK"]["S"], row["text"]["S"]) for row in after if row not in before] == [("1", "new"), ("30", "new")]
    assert {row["SK"]["S"] for row in before} - {row["SK"]["S"] for row in after} == {"2"}


@pytest.mark.parametrize("shares", [True, False])
def test_a_transaction_copies_no_row_that_it_does_not_write(
    rows: Rows, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, shares: bool
) -> None:
    if shares:
        request.getfixturevalue("sharing")
    copied: list[str] = []
    as_moto_does = Item.__deepcopy__

    def counted(row: Item, memo: dict[int, Any]) -> Item:
        copied.append(str(row.range_key))
        return as_moto_does(row, memo)

    monkeypatch.setattr(Item, "__deepcopy__", counted)

    rows.transact(last_holds=True)

    assert (len(copied) < 5) is shares
    assert (len(copied) > ROWS) is not shares


@pytest.mark.usefixtures("sharing")
def test_an_update_alone_does_what_it_did(rows: Rows) -> None:
    for number in (1, ROWS):
        rows.update(key(number))

    assert [rows.text(number) for number in (1, ROWS)] == ["new", "new"]
    with pytest.raises(ClientError, match="ValidationException"):
        rows.update({"PK": {"S": "P1"}})
