"""The table on DynamoDB.

How often a write is done when its answer gets lost and it is sent again, here or by the caller with the same mark:

- **one `Put` or `Change`** leaves the mark in the row and is refused where the mark already is; finding our own mark is
  success. So it is done once, and told so, as long as nobody else wrote the row in between. If somebody did, the repeat
  is judged anew: with a condition on the row's version it is refused, although it had been done; without a condition
  it is done again. A write that must not be done twice carries such a condition.
- **several writes, a `Check` alone, and a `Remove` with a condition** are a transaction with the mark as its token:
  once within ten minutes, whatever others do. (A removed row keeps no mark, so a plain repeat could not tell our own
  success from a row that was never there. It costs twice the write units; such removals are rare.)
- **one `Remove` without a condition** is a plain deletion: repeating it deletes again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from strongroom.adapters.dynamo_expressions import (
    INDEX_NAMES,
    MARK,
    Placeholders,
    condition_text,
    partition_text,
    unmarked_text,
    update_text,
)
from strongroom.adapters.dynamo_patience import Patience, Unprocessed, code_of, reasons_of
from strongroom.adapters.dynamo_values import Wire, item_from_wire, item_to_wire, key_from_wire, key_to_wire, to_wire
from strongroom.adapters.table_time import Answered, TableTime
from strongroom.domain.table import (
    Change,
    Check,
    Commit,
    Committed,
    Cursor,
    Item,
    Key,
    Page,
    Put,
    Query,
    Refused,
    Remove,
    Write,
)
from strongroom.ports import Chance, Clock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

MOST_KEYS = 100
MOST_WRITES = 100

Parameters = dict[str, Any]


class DynamoTable:
    """The port `Table` over a low-level client whose own retries are off (`clients.dynamodb`)."""

    def __init__(
        self, client: DynamoDBClient, name: str, clock: Clock, chance: Chance, time: TableTime | None = None
    ) -> None:
        """`time` hears when each answer was made, and puts `clock` right; None: nobody does."""
        self._client = client
        self._name = name
        self._patience = Patience(clock, chance)
        self._time = time
        self._send = time.ask if time else _unheard

    def read(self, keys: Sequence[Key]) -> Mapping[Key, Item]:
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Item] = {}
        for start in range(0, len(wanted), MOST_KEYS):
            self._read_batch(wanted[start : start + MOST_KEYS], found)
        if self._time:
            self._time.require_settled()
        return found

    def query(self, query: Query) -> Page:
        parameters = self._query_parameters(query)
        answer = self._patience.ask(lambda: self._send(self._client.query, **parameters))
        after = answer.get("LastEvaluatedKey")
        return Page([item_from_wire(item) for item in answer["Items"]], _cursor(after) if after else None)

    def commit(self, writes: Sequence[Write], mark: str) -> Commit:
        _check_commit(writes, mark)
        if is_plain(writes):
            return self._patience.ask(lambda: self._write(writes[0], mark))
        return self._patience.ask(lambda: self._transact(writes, mark))

    def _read_batch(self, keys: list[Key], found: dict[Key, Item]) -> None:
        pending: list[Wire] = [key_to_wire(key) for key in keys]

        def request() -> None:
            nonlocal pending
            wanted = {self._name: {"Keys": pending, "ConsistentRead": True}}
            answer = self._send(self._client.batch_get_item, RequestItems=wanted)
            for item in answer["Responses"].get(self._name, []):
                found[key_from_wire(item)] = item_from_wire(item)
            pending = _unprocessed(answer["UnprocessedKeys"], self._name)
            if pending:
                raise Unprocessed

        self._patience.ask(request)

    def _query_parameters(self, query: Query) -> Parameters:
        words = Placeholders()
        parameters: Parameters = {
            "TableName": self._name,
            "KeyConditionExpression": partition_text(query, words),
            "ScanIndexForward": not query.descending,
            "Limit": query.limit,
            **words.parameters(),
        }
        # DynamoDB reads no index consistently, which is why nothing is ever authorized from one.
        parameters |= {"ConsistentRead": True} if query.index == "table" else {"IndexName": INDEX_NAMES[query.index]}
        if query.after is not None:
            parameters["ExclusiveStartKey"] = {name: to_wire(value) for name, value in query.after.items()}
        return parameters

    def _write(self, write: Write, mark: str) -> Commit:
        parameters = self._write_parameters(write, mark)
        try:
            match write:
                case Put():
                    self._send(self._client.put_item, **parameters)
                case Change():
                    self._send(self._client.update_item, **parameters)
                case _:
                    self._send(self._client.delete_item, **parameters)
        except ClientError as error:
            if code_of(error) != "ConditionalCheckFailedException":
                raise
            return _judge(error, mark)
        return Committed()

    def _transact(self, writes: Sequence[Write], mark: str) -> Commit:
        items = [{_verb(write): self._write_parameters(write, None)} for write in writes]
        try:
            self._send(self._client.transact_write_items, TransactItems=items, ClientRequestToken=mark)
        except ClientError as error:
            failed = _failed(error)
            # A condition that does not hold is an answer, even if another row was in conflict at that moment.
            if not failed:
                raise
            return Refused(failed)
        return Committed()

    def _write_parameters(self, write: Write, mark: str | None) -> Parameters:
        """Build one write, in the form that the single requests and the transaction share."""
        words = Placeholders()
        parameters: Parameters = {"TableName": self._name}
        match write:
            case Put(item):
                parameters["Item"] = item_to_wire(item if mark is None else {**item, MARK: mark})
            case Change(key):
                parameters["Key"] = key_to_wire(key)
                parameters["UpdateExpression"] = update_text(write, mark, words)
            case Remove(key) | Check(key):
                parameters["Key"] = key_to_wire(key)
        if condition := _condition(write, mark, words):
            parameters["ConditionExpression"] = condition
            parameters["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
        return parameters | words.parameters()


def _unheard(call: Callable[..., Answered], **parameters: Any) -> Answered:
    return call(**parameters)


def is_plain(writes: Sequence[Write]) -> bool:
    """Say whether this is one write that needs no transaction to be repeatable."""
    match writes:
        case [Put() | Change() | Remove(require=None)]:
            return True
        case _:
            return False


def _check_commit(writes: Sequence[Write], mark: str) -> None:
    if not 1 <= len(mark) <= 36:
        raise ValueError("a mark has 1 to 36 characters")
    if not 1 <= len(writes) <= MOST_WRITES:
        raise ValueError(f"a commit has 1 to {MOST_WRITES} writes")
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("a transaction touches each row once")


def _condition(write: Write, mark: str | None, words: Placeholders) -> str | None:
    if mark is not None and not isinstance(write, Remove):
        return unmarked_text(write.require, mark, words)
    return None if write.require is None else condition_text(write.require, words)


def _verb(write: Write) -> str:
    match write:
        case Put():
            return "Put"
        case Change():
            return "Update"
        case Remove():
            return "Delete"
        case Check():
            return "ConditionCheck"


def _unprocessed(left: Mapping[str, Any], table: str) -> list[Wire]:
    return left[table]["Keys"] if table in left else []


def _judge(error: ClientError, mark: str) -> Commit:
    found = _found(error.response)
    if found is not None and found.get(MARK) == mark:
        return Committed()
    return Refused({0: found})


def _failed(error: ClientError) -> dict[int, Item | None]:
    reasons = enumerate(reasons_of(error))
    return {at: _found(reason) for at, reason in reasons if reason.get("Code") == "ConditionalCheckFailed"}


def _found(answer: Mapping[str, Any]) -> Item | None:
    item = answer.get("Item")
    return item_from_wire(item) if item else None


def _cursor(wire: Mapping[str, Any]) -> Cursor:
    values = item_from_wire(wire)
    return {name: value for name, value in values.items() if isinstance(value, str | int)}
