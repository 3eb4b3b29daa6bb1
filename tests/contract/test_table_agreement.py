"""The fake and the adapter agree: on whatever is written, and when an answer gets lost on its way."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.adapters import clients
from strongroom.adapters.dynamo import DynamoTable
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.table import (
    Below,
    Change,
    Check,
    Committed,
    Condition,
    Either,
    Every,
    Exists,
    Is,
    Key,
    Lacks,
    Missing,
    Put,
    Query,
    Remove,
    Write,
)
from strongroom.ports import Table
from tests.contract.stand_in import create_table
from tests.contract.tables import KEY, found, row, store
from tests.fakes.clock import FakeChance, FakeClock
from tests.fakes.faults import fails
from tests.fakes.table import FakeTable

KEYS = [Key("P", sk) for sk in ("a", "b", "c")]

keys = st.sampled_from(KEYS)
small = st.integers(0, 2)
simple: st.SearchStrategy[Condition] = st.one_of(
    st.sampled_from([Exists(), Missing()]),
    st.builds(Is, st.sampled_from(["a", "b"]), small),
    st.builds(Lacks, st.sampled_from(["a", "b"])),
    st.builds(Below, st.sampled_from(["a", "b"]), small),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    simple,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda many: Every(tuple(many)))
        | st.lists(inner, min_size=1, max_size=3).map(lambda many: Either(tuple(many)))
    ),
    max_leaves=4,
)
required = st.none() | conditions
indexed = st.fixed_dictionaries({}, optional={"a": small, "b": small, "due_at": small}).map(
    lambda attributes: {**attributes, **({"due_shard": "D#0"} if "due_at" in attributes else {})}
)
changes = st.sampled_from(
    [
        {"put": {"a": 1}},
        {"put": {"due_shard": "D#0", "due_at": 1}},
        {"drop": ("a", "due_at")},
        {"add": {"b": 1}},
        {"put": {"a": 2}, "drop": ("due_shard", "b")},
    ]
)
writes: st.SearchStrategy[Write] = st.one_of(
    st.builds(lambda key, item, require: Put({**row(key), **item}, require), keys, indexed, required),
    st.builds(lambda key, require, change: Change(key, require, **change), keys, required, changes),
    st.builds(Remove, keys, required),
    st.builds(Check, keys, conditions),
)
commits = st.lists(writes, min_size=1, max_size=3, unique_by=lambda write: write.key)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(commits, max_size=8))
def test_the_fake_and_the_adapter_answer_alike_whatever_is_written(dynamodb: Any, history: list[list[Write]]) -> None:
    fake, real = FakeTable(), DynamoTable(dynamodb, create_table(dynamodb), FakeClock(), FakeChance())

    for number, commit in enumerate(history):
        assert fake.commit(commit, f"mark-{number}") == real.commit(commit, f"mark-{number}")

    assert fake.read(KEYS) == real.read(KEYS)
    for query in (Query("table", "P"), Query("table", "P", descending=True)):
        assert fake.query(query).items == real.query(query).items
    assert by_key(fake.query(Query("due", "D#0", at_most=1))) == by_key(real.query(Query("due", "D#0", at_most=1)))


def by_key(page: Any) -> list[Any]:
    return sorted(page.items, key=lambda item: str(item["SK"]))


# Lost answers


@pytest.fixture(params=["fake", "dynamodb"])
def deaf(request: pytest.FixtureRequest) -> tuple[Table, Table]:
    """Give a table that does each write and loses the first answer, and the same table seen by somebody else."""
    if request.param == "fake":
        fake = FakeTable()
        fake.after["commit"] = fails(StoreUnavailable())
        return Persistent(fake), fake
    whole = request.getfixturevalue("dynamodb")
    name = create_table(whole)
    broken = clients.dynamodb(clients.open_session())
    answers_lost = fails(ReadTimeoutError(endpoint_url="https://dynamodb"))
    # After moto has done the write.
    broken.meta.events.register_last("before-send", lambda request, **_: answers_lost(request))
    return (
        DynamoTable(broken, name, FakeClock(), FakeChance()),
        DynamoTable(whole, name, FakeClock(), FakeChance()),
    )


class Persistent:
    """Repeat a commit whose outcome is not known, with its mark, as a flow does."""

    def __init__(self, table: FakeTable) -> None:
        self._table = table
        self.read, self.query = table.read, table.query

    def commit(self, writes: Any, mark: str) -> Any:
        try:
            return self._table.commit(writes, mark)
        except StoreUnavailable:
            return self._table.commit(writes, mark)


@pytest.mark.parametrize(
    ("write", "left"),
    [
        (Put(row(n=1), Missing()), row(n=1)),
        (Put(row(n=1), None), row(n=1)),
        (Change(KEY, Missing(), put={"n": 1}), row(n=1)),
        (Change(KEY, None, add={"n": 1}), row(n=1)),
        (Remove(KEY, None), None),
    ],
)
def test_a_write_whose_answer_got_lost_is_done_once_and_told_so(
    deaf: tuple[Table, Table], write: Write, left: Any
) -> None:
    table, same = deaf

    assert table.commit([write], "mark") == Committed()
    assert found(same) == left


def test_without_a_mark_in_the_condition_a_lost_answer_would_count_twice() -> None:
    """The control: a repeat under another mark is another intent."""
    table = FakeTable()
    store(table, row(n=0))
    table.after["commit"] = fails(StoreUnavailable())

    with pytest.raises(StoreUnavailable):
        table.commit([Change(KEY, None, add={"n": 1})], "one")
    table.commit([Change(KEY, None, add={"n": 1})], "another")

    assert found(table) == row(n=2)
