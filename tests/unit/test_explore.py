"""The explorer: it finds protocols guilty that are known to be wrong, and leaves nothing out that makes a difference."""

from __future__ import annotations

from functools import cache

import pytest

from explore.search import Found, Search
from explore.worlds import Ground
from strongroom.domain import renewal
from strongroom.domain.rescue import RenewalResult
from strongroom.flows import settle
from tests.weakened import weakened


@cache
def ground() -> Ground:
    return Ground.due()


def explored(*cast: str, crashes: int = 1, reduce: bool = True) -> Found:
    return Search(ground(), cast, crashes=crashes, hurries=0, reduce=reduce, most_runs=2000).run()


def rules_broken(found: Found) -> set[str]:
    return {rule for violation in found.violations for rule in violation.rules}


@pytest.mark.parametrize("cast", [("renew", "renew"), ("renew", "revoke")])
def test_every_order_of_two_with_a_crash_anywhere_keeps_the_invariants(cast: tuple[str, str]) -> None:
    found = explored(*cast)

    assert found.whole
    assert found.violations == []
    assert len(found.ends) > 10


def test_two_runs_of_the_same_search_find_the_same() -> None:
    once, again = explored("renew", "revoke", crashes=0), explored("renew", "revoke", crashes=0)

    assert (once.runs, once.states, once.ends) == (again.runs, again.states, again.ends)


def test_the_reduction_leaves_out_no_end() -> None:
    every_step, reduced = explored("renew", crashes=1, reduce=False), explored("renew", crashes=1)

    assert every_step.states > 2 * reduced.states
    assert every_step.ends == reduced.ends


def test_a_blind_write_is_found_guilty() -> None:
    with weakened(RenewalResult.write, "version.unchanged()", "None"):
        found = explored("renew", "revoke", crashes=0)

    assert "I2: tokens under a grant that was revoked" in rules_broken(found)


def test_a_lease_that_stops_nobody_is_found_guilty() -> None:
    with weakened(
        renewal._untried, "(connection.version.unchanged(), free, *as_read)", "(connection.version.unchanged(),)"
    ):
        found = explored("renew", "renew", crashes=0)

    assert any(rule.startswith("I3") for rule in rules_broken(found))


def test_tokens_that_fit_nothing_and_are_forgotten_are_found() -> None:
    discard = '_discard(ports, result.after(), "superseded_by_another_grant", result.mark)'
    with weakened(settle.settle_renewal, discard, "pass"):
        found = explored("renew", "revoke", crashes=0)

    assert "I5, I14: the provider honours tokens that are neither stored nor revoked" in rules_broken(found)
