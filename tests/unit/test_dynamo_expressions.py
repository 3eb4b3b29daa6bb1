"""Conditions as text: the parentheses that are needed and no others, since DynamoDB refuses redundant ones."""

from __future__ import annotations

import pytest

from strongroom.adapters.dynamo_expressions import Placeholders, condition_text, unmarked_text
from strongroom.domain.table import Below, Condition, Exists, Is, Lacks, Missing, either, every

FREE = either(Lacks("lease"), Below("lease", 5))


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Exists(), "attribute_exists(#n0)"),
        (Missing(), "attribute_not_exists(#n0)"),
        (every(Is("n", 1)), "#n0 = :v0"),
        (every(either(every(Is("n", 1)))), "#n0 = :v0"),
        (every(Is("n", 1), Is("n", 2)), "#n0 = :v0 AND #n0 = :v1"),
        (FREE, "attribute_not_exists(#n0) OR #n0 < :v0"),
        (every(FREE), "attribute_not_exists(#n0) OR #n0 < :v0"),
        (every(Is("n", 1), FREE), "#n0 = :v0 AND (attribute_not_exists(#n1) OR #n1 < :v1)"),
        (every(Is("n", 1), every(FREE)), "#n0 = :v0 AND (attribute_not_exists(#n1) OR #n1 < :v1)"),
        (either(every(Is("n", 1), Is("m", 2)), Exists()), "(#n0 = :v0 AND #n1 = :v1) OR attribute_exists(#n2)"),
    ],
)
def test_a_condition_is_written_with_the_parentheses_it_needs(condition: Condition, text: str) -> None:
    assert condition_text(condition, Placeholders()) == text


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (None, "attribute_not_exists(#n0) OR #n0 <> :v0"),
        (Is("n", 1), "#n1 = :v1 AND (attribute_not_exists(#n0) OR #n0 <> :v0)"),
        (every(FREE), "(attribute_not_exists(#n1) OR #n1 < :v1) AND (attribute_not_exists(#n0) OR #n0 <> :v0)"),
    ],
)
def test_a_single_write_is_refused_where_its_mark_already_is(condition: Condition | None, text: str) -> None:
    assert unmarked_text(condition, "mark", Placeholders()) == text


def test_a_name_is_named_once_however_often_it_is_used() -> None:
    words = Placeholders()

    condition_text(every(Is("state", "on"), Is("state", "off")), words)

    assert words.parameters() == {
        "ExpressionAttributeNames": {"#n0": "state"},
        "ExpressionAttributeValues": {":v0": {"S": "on"}, ":v1": {"S": "off"}},
    }
