"""The explorer: the protocol holds in what it plays here, it finds protocols guilty that are known to be wrong, and its
shortcuts leave nothing out. The whole round is `dev.py explore`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest

from explore.casts import Ground
from explore.course import Nursery
from explore.crashes import OPERATIONS, sweep, table
from explore.invariants import Invariants
from explore.mixes import Guilty, Mixes, explored
from explore.plan import ACTORS, CUTS, PARTS, tasks
from explore.search import Found, Search
from explore.state import NOTHING_WRONG, ONE_CRASH, Bounds
from strongroom.domain import connection, renewal, schedule
from strongroom.domain.rescue import RenewalResult
from strongroom.flows import lease, settle
from strongroom.flows.clearing import Clearing
from tests.requirements import requirement
from tests.weakened import weakened

Weakness = tuple[Callable[..., Any], str, str]
UNDER_THE_LEASE = (
    "type(version.unchanged())((*version.unchanged().conditions,"
    ' type(version.unchanged().conditions[0])("intents", self.connection.renewal.intents + 1)))'
)
WRONG: dict[str, tuple[tuple[str, ...], Bounds, tuple[Weakness, ...], str]] = {
    "a blind write": (
        ("renew", "revoke"),
        NOTHING_WRONG,
        ((RenewalResult.write, "version.unchanged()", "None"),),
        "I2: tokens under a grant that was revoked",
    ),
    "a number without the grant id": (
        ("renew", "complete"),
        NOTHING_WRONG,
        ((connection.Version.unchanged, 'Is("grant", self.grant), ', ""),),
        "I4: what is stored was sealed for something else",
    ),
    "a commit only under the lease": (
        ("renew", "renew", "rescue"),
        Bounds(crashes=1, outages=1),
        ((RenewalResult.write, "version.unchanged()", UNDER_THE_LEASE),),
        "I5: no answer was lost, and yet a person must act",
    ),
    "a lease shorter than the call": (
        ("renew", "look_up"),
        Bounds(crashes=0, slow=1),
        (
            (renewal.take_lease, "int(now) + LEASE", "int(now) + 1"),
            (renewal._untried, "int(now) - CLOCKS_APART", "int(now)"),
            (renewal.assess, "state.lease_until + CLOCKS_APART", "state.lease_until"),
            (lease.is_word_missing, "connection.renewal.lease is not None", "False"),
            (
                schedule.second_look_after,
                "SECOND_LOOK_BY_THE_WARY if reuse_detected and not open_still else SECOND_LOOK_AFTER",
                "1",
            ),
        ),
        "I3, I5: the provider saw a spent refresh token although no answer was lost",
    ),
    "a spent token that is repeated before the rescue had its turn": (
        ("renew", "renew", "rescue"),
        Bounds(crashes=0, outages=1),
        ((lease.is_word_missing, "connection.renewal.lease is not None", "False"),),
        "I3, I5: the provider saw a spent refresh token although no answer was lost",
    ),
    "a lease that stops nobody": (
        ("renew", "renew"),
        NOTHING_WRONG,
        ((renewal._untried, "(connection.version.unchanged(), free, *as_read)", "(connection.version.unchanged(),)"),),
        "I3, I5: the provider saw a spent refresh token although no answer was lost",
    ),
    "rows that are cleared away without a look at their version": (
        ("leave", "clear", "renew"),
        NOTHING_WRONG,
        ((Clearing.remove, "connection.version.unchanged()", "None"),),
        "I5, I14: the provider honours tokens that are neither stored nor revoked",
    ),
    "tokens that fit nothing any more and are forgotten": (
        ("renew", "complete"),
        NOTHING_WRONG,
        (
            (
                settle.settle_renewal,
                '_discard(ports, result.after(), "superseded_by_another_grant", result.mark)',
                "pass",
            ),
        ),
        "I5, I14: the provider honours tokens that are neither stored nor revoked",
    ),
}


@cache
def ground(kind: str = "strict") -> Ground:
    return Ground.due(kind)


@cache
def known(kind: str) -> tuple[Nursery, Invariants]:
    return Nursery(ground(kind)), Invariants(ground(kind))


def searched(*cast: str, bounds: Bounds = ONE_CRASH, reduce: bool = True, enough: int = 20) -> Found:
    return Search(Nursery(ground()), cast, Invariants(ground()), bounds, reduce, enough).run()


def rules_broken(found: Found) -> set[str]:
    return {rule for violation in found.violations for rule in violation.rules}


@requirement("invariant:I1")
@requirement("invariant:I2")
@requirement("invariant:I4")
@requirement("invariant:I5")
@requirement("invariant:I6")
@requirement("invariant:I7")
@requirement("invariant:I9")
@requirement("invariant:I14")
@requirement("invariant:I15")
@requirement("invariant:I16")
@requirement("invariant:I17")
@requirement("invariant:I21")
@requirement("invariant:I22")
@pytest.mark.parametrize("kind", ["strict", "grace", "static"])
@pytest.mark.parametrize(
    "cast",
    [("renew", "look_up"), ("renew", "revoke"), ("look_up", "complete"), ("complete", "leave"), ("renew", "leave")],
    ids=" and ".join,
)
def test_every_order_of_two_with_a_crash_anywhere_keeps_the_invariants(cast: tuple[str, ...], kind: str) -> None:
    nursery, judge = known(kind)

    found = Search(nursery, cast, judge, ONE_CRASH).run()

    assert found.whole
    assert found.violations == []
    assert len(found.ends) > 5


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I2")
@requirement("invariant:I14")
@pytest.mark.parametrize("other", ["renew", "look_up", "complete"])
@pytest.mark.parametrize("cut", CUTS)
def test_every_order_of_a_cut_its_clearing_and_one_more_with_a_crash_anywhere_keeps_them_too(
    cut: str, other: str
) -> None:
    nursery, judge = known("strict")

    found = Search(nursery, (cut, "clear", other), judge, ONE_CRASH).run()

    assert found.whole
    assert found.violations == []
    assert len(found.ends) > 5


@requirement("fault:F5")
def test_one_silent_table_loses_no_grant_while_two_renew_and_one_consumes_the_rescue_queue() -> None:
    found = searched("renew", "renew", "rescue", bounds=Bounds(crashes=0, outages=1))

    assert found.violations == []
    assert len(found.ends) > 5


@pytest.mark.parametrize("wrong", WRONG)
def test_a_protocol_that_is_known_to_be_wrong_is_found_guilty(wrong: str) -> None:
    cast, bounds, weaknesses, rule = WRONG[wrong]

    with ExitStack() as stack:
        for weakness in weaknesses:
            stack.enter_context(weakened(*weakness))
        found = searched(*cast, bounds=bounds, enough=3)

    assert rule in rules_broken(found)


def test_a_violation_comes_with_the_shortest_schedule_that_leads_there() -> None:
    with weakened(RenewalResult.write, "version.unchanged()", "None"):
        found = searched("renew", "revoke", bounds=NOTHING_WRONG)

    lengths = [len(violation.schedule) for violation in found.violations]
    assert found.violations[0].schedule[-1] == "renew 1: commit connection"
    assert lengths == sorted(lengths)


def test_two_runs_of_the_same_search_find_the_same() -> None:
    once, again = searched("renew", "revoke"), searched("renew", "revoke")

    assert (once.steps, once.states, once.runs, once.ends) == (again.steps, again.states, again.runs, again.ends)


@pytest.mark.parametrize("cast", [("renew", "revoke"), ("complete", "leave"), ("renew", "renew")], ids=" and ".join)
def test_steps_taken_alone_leave_out_no_end(cast: tuple[str, ...]) -> None:
    every_step, reduced = searched(*cast, reduce=False), searched(*cast)

    assert every_step.states > reduced.states
    assert every_step.ends == reduced.ends


def test_what_may_go_wrong_is_bounded_as_asked() -> None:
    nobody_dies = searched("renew", "revoke", bounds=NOTHING_WRONG)
    one_dies = searched("renew", "revoke", bounds=ONE_CRASH)

    assert nobody_dies.ends < one_dies.ends
    assert not any("None" in repr(end) for end in nobody_dies.ends)


def test_the_plan_holds_every_pair_and_every_triple_of_the_five_at_every_kind_of_provider() -> None:
    casts = {(task.part, task.kind, task.cast) for task in tasks()}

    assert {part for part, _, _ in casts} == set(PARTS)
    assert sum(part == "pairs" for part, _, _ in casts) == 3 * 15
    assert sum(part == "triples" for part, _, _ in casts) == 3 * 35
    assert {kind for part, kind, cast in casts if part == "five" and cast == ACTORS} == {"strict", "grace", "static"}


@requirement("invariant:I6")
@requirement("fault:F3")
@requirement("fault:F4")
@pytest.mark.parametrize("kind", ["strict", "grace", "static"])
def test_a_crash_before_or_after_any_call_of_any_operation_costs_a_grant_only_where_an_answer_died_with_it(
    kind: str,
) -> None:
    crashes = list(sweep(Ground.due(kind, bob_revoked=True)))

    lost = [crash for crash in crashes if crash.in_the_end.endswith("lost_response")]
    assert {crash.operation for crash in crashes} == set(OPERATIONS)
    assert [crash for crash in crashes if crash.broken] == []
    assert all(crash.lost for crash in lost)
    assert bool(lost) == (kind == "strict")


def test_the_crash_sweep_prints_a_line_for_each_crash() -> None:
    crashes = list(sweep(Ground.due("strict", bob_revoked=True)))

    lines = list(table({"strict": crashes}))

    assert len(lines) == 1 + len(crashes)
    assert any("lost_response" in line for line in lines)


@requirement("invariant:I22")
def test_larger_mixes_with_several_faults_keep_the_invariants() -> None:
    explored(20, from_seed=1, mixes=Mixes.of())


def test_a_larger_mix_finds_a_blind_write_guilty_and_tells_the_schedule() -> None:
    with weakened(RenewalResult.write, "version.unchanged()", "None"), pytest.raises(Guilty) as guilty:
        explored(200, from_seed=1, mixes=Mixes.of(), shrink=False)

    assert "commit connection" in str(guilty.value)
