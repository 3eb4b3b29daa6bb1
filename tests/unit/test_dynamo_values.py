"""Values survive the wire, and what would not survive is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.adapters.dynamo_values import from_wire, item_from_wire, item_to_wire, to_wire
from strongroom.domain.table import Value
from tests.fakes.rows import copied

numbers = st.integers(-(10**38) + 1, 10**38 - 1)
leaves = st.none() | st.booleans() | numbers | st.text() | st.binary()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


def same(one: Value, other: Value) -> bool:
    """Compare with types: in Python, True equals 1."""
    return repr(one) == repr(other)


@given(values)
def test_a_value_comes_back_from_the_wire(value: Value) -> None:
    assert same(from_wire(to_wire(value)), value)


@given(st.dictionaries(st.text(min_size=1), values))
def test_an_item_comes_back_from_the_wire(item: dict[str, Value]) -> None:
    assert same(item_from_wire(item_to_wire(item)), item)


@given(values)
def test_the_fake_table_copies_as_the_wire_does(value: Value) -> None:
    assert same(copied(value), from_wire(to_wire(value)))


@pytest.mark.parametrize("value", [1.0, float("nan"), {1}, frozenset(), object(), bytearray(b"x"), memoryview(b"x")])
def test_other_kinds_of_values_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        to_wire(value)


@pytest.mark.parametrize("number", [10**38, -(10**38)])
def test_numbers_that_would_be_rounded_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="38 digits"):
        to_wire(number)


@pytest.mark.parametrize("wire", [{"N": "1.5"}, {"N": "1e3"}, {"SS": ["a"]}, {"NS": ["1"]}, {"new kind": "x"}])
def test_what_we_never_write_is_not_read(wire: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        from_wire(wire)
