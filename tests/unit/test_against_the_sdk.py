"""Our pure functions against those of the MCP SDK: equal, but for differences that have a name and a reason.

The tables of differences stand beside the questions, in `tests/unit/sdk/`.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.client.auth import PKCEParameters

from strongroom.domain.authorization_request import code_challenge
from strongroom.domain.secret import Secret
from tests.requirements import requirement
from tests.unit.sdk import addresses, answers, challenges, judgements, metadata
from tests.unit.sdk.comparison import Comparison

ALL: tuple[Comparison[Any], ...] = (
    challenges.SCOPE,
    challenges.PLACE,
    challenges.VALUE,
    addresses.RESOURCE,
    addresses.SERVER,
    addresses.OLD,
    addresses.FITS,
    addresses.SAME,
    judgements.DOCUMENT,
    judgements.RESPONSE,
    judgements.SCOPES,
    judgements.UNION,
    metadata.RESOURCE_DOCUMENT,
    metadata.SERVER_DOCUMENT,
    answers.REGISTRATION,
    answers.TOKEN,
    answers.CLIENT_BODY,
    answers.CLIENT_HEADER,
)
EACH = pytest.mark.parametrize("comparison", ALL, ids=[comparison.question for comparison in ALL])
NAMED = [pytest.param(one, difference, id=difference.id) for one in ALL for difference in one.differences]


@EACH
def test_what_falls_under_no_named_difference_is_answered_alike(comparison: Comparison[Any]) -> None:
    unnamed = [asked for asked in comparison.corpus if not comparison.agrees(asked) and not comparison.named(asked)]
    assert unnamed == []


@EACH
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_made_by_chance_is_answered_alike_but_for_the_named_differences(
    comparison: Comparison[Any], data: st.DataObject
) -> None:
    asked = data.draw(comparison.made)
    assert comparison.agrees(asked) or comparison.named(asked) != [], (comparison.ours(asked), comparison.theirs(asked))


@pytest.mark.parametrize(("comparison", "difference"), NAMED)
def test_each_named_difference_occurs_for_no_other_reason(comparison: Comparison[Any], difference: Any) -> None:
    alone = [asked for asked in comparison.corpus if comparison.named(asked) == [difference.id]]
    assert any(not comparison.agrees(asked) for asked in alone)


@EACH
def test_a_good_part_of_the_corpus_falls_under_no_difference(comparison: Comparison[Any]) -> None:
    assert len([asked for asked in comparison.corpus if not comparison.named(asked)]) >= 4


def test_each_difference_has_a_name_of_its_own_a_sentence_and_a_source() -> None:
    differences = [difference for comparison in ALL for difference in comparison.differences]
    assert len({difference.id for difference in differences}) == len(differences)
    for difference in differences:
        assert re.fullmatch(r"\S[^\n]+\.", difference.sentence), difference.id
        assert re.search(r"§|MCP 20\d\d-\d\d-\d\d", difference.source), difference.id


@requirement("mcp:A1")
def test_the_challenge_of_a_verifier_is_the_same() -> None:
    made = PKCEParameters.generate()
    assert code_challenge(Secret(made.code_verifier)) == made.code_challenge
