"""The list of the conformance suite's scenarios, as the suite's own frozen requirements have it."""

from collections import Counter
from pathlib import Path

import pytest

from local.conformance_scenarios import SCENARIOS, Scenario
from strongroom.domain.identifiers import checked_team

ROOT = Path(__file__).resolve().parents[2]


def test_every_scored_scenario_is_listed_once() -> None:
    assert Counter(one.revision for one in SCENARIOS) == {"2025-11-25": 14, "2026-07-28": 25, "2025-03-26": 2}
    assert len({(one.name, one.revision) for one in SCENARIOS}) == len(SCENARIOS)


def test_each_plays_in_a_team_of_its_own() -> None:
    assert len({checked_team(one.team) for one in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one.ending.code], ids=lambda one: one.team)
def test_a_refusal_is_known_by_a_code_that_the_documents_name(scenario: Scenario) -> None:
    assert f"`{scenario.ending.code}`" in (ROOT / "docs" / "errors.md").read_text()
