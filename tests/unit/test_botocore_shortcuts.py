"""Where our session does less than botocore's own, the result is the same."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.session import Session

from bench.wire import Wire
from strongroom.adapters import clients
from strongroom.adapters.dynamo_values import item_from_wire
from tests.fakes.wire import ScriptedWire, error, fake_session

ROW: dict[str, Any] = {
    "PK": {"S": "T#acme"},
    "n": {"N": "7"},
    "on": {"BOOL": False},
    "nothing": {"NULL": True},
    "sealed": {"B": "AAECgIH/"},
    "list": {"L": [{"B": "AA=="}, {"S": ""}]},
    "map": {"M": {"inner": {"M": {"wrapped": {"B": "/w=="}}}}},
}
ITEM = {
    "PK": "T#acme",
    "n": 7,
    "on": False,
    "nothing": None,
    "sealed": b"\x00\x01\x02\x80\x81\xff",
    "list": [b"\x00", ""],
    "map": {"inner": {"wrapped": b"\xff"}},
}


def row_as_read_by(session: Session) -> Any:
    client: Any = session.create_client("dynamodb")
    Wire(client, lambda *_: {"Item": ROW})
    return client.get_item(TableName="strongroom", Key={"PK": {"S": "T#acme"}})["Item"]


def plain_session() -> Session:
    session = Session()
    session.set_credentials("AKIDFAKE", "fake")
    return session


def test_a_row_reads_the_same_through_our_session_and_through_botocores_own() -> None:
    assert item_from_wire(row_as_read_by(fake_session())) == ITEM
    assert item_from_wire(row_as_read_by(plain_session())) == ITEM


def test_our_session_leaves_values_as_they_were_sent() -> None:
    assert row_as_read_by(fake_session()) == ROW
    assert row_as_read_by(plain_session()) != ROW


def test_the_row_that_a_refused_write_met_is_read_too() -> None:
    client: Any = clients.dynamodb(fake_session())
    ScriptedWire(client, error("ConditionalCheckFailedException", Item=ROW))

    with pytest.raises(ClientError) as refused:
        client.delete_item(TableName="strongroom", Key={"PK": {"S": "T#acme"}})

    answer: Any = refused.value.response
    assert item_from_wire(answer["Item"]) == ITEM
