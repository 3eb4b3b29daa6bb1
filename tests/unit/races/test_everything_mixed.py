"""People, satellites, schedule, queues, faults and deaths in any order: the invariants hold after each step, and everything
that can serve serves in the end.

A failure prints the shortest schedule that leads to it, as a program. The schedules are always the same; with
MIXED_RUNS=1000 in the environment there are so many new ones, and `--hypothesis-seed` says which.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from strongroom.domain import status
from strongroom.domain.rescue import RenewalResult
from strongroom.flows import settle
from tests.requirements import requirement
from tests.unit.races import rest
from tests.unit.races.everything import WORKED, Everything
from tests.unit.races.ground import USERS
from tests.unit.races.troubles import IN_BETWEEN, TROUBLES, Meanwhile, Trouble
from tests.weakened import weakened

DAY = 86_400
RUNS = int(os.environ.get("MIXED_RUNS", "0"))
KINDS = st.sampled_from(["strict", "grace", "static"])
PEOPLE = st.sampled_from(USERS)
PLACES = st.sampled_from([0, 0, 1])
SOME = st.integers(0, 9)
TIMES = st.sampled_from([1, 5, 31, 61, 125, 310, 3000, 3600, 6 * 3600, DAY, 3 * DAY, 14 * DAY])
Troubles = tuple[Trouble, ...]


class Mixture(RuleBasedStateMachine):
    world: Everything

    @initialize(kind=KINDS)
    def found(self, kind: Any) -> None:
        """Bob and carol are connected, and alice for the team."""
        self.world = Everything(kind)
        for user, place in (("bob", 0), ("carol", 0), ("alice", 1)):
            self.connect(user, place)

    @rule(user=PEOPLE, place=PLACES)
    def connect(self, user: str, place: int) -> None:
        self.world.keep_time()
        self.world.connect_anew(user, self.world.places[place])

    @rule(user=PEOPLE, place=PLACES)
    def consent(self, user: str, place: int) -> None:
        self.world.keep_time()
        self.world.consent_to(user, self.world.places[place])

    @rule(which=SOME, by=st.sampled_from([None, None, None, 0, 1]), troubles=TROUBLES)
    def complete(self, which: int, by: int | None, troubles: Troubles) -> None:
        self.world.keep_time()
        self.world.finish_one(-1 - which, by, troubles)

    @rule(user=PEOPLE, place=PLACES, at=st.integers(7, 12), troubles=TROUBLES)
    def reconnect_late(self, user: str, place: int, at: int, troubles: Troubles) -> None:
        """With a look-up at a step near the end, which renews what is to be replaced."""
        where = self.world.places[place]
        self.world.grow_old(user, where, 30)
        consent = self.world.consent_to(user, where)
        if consent is not None:
            self.world.finish(consent, user, (Meanwhile(at, "look up", None, 0), *troubles))

    @rule(user=PEOPLE, place=PLACES)
    def deny(self, user: str, place: int) -> None:
        self.world.deny(user, self.world.places[place])

    @rule(user=PEOPLE, place=PLACES, not_version=st.booleans(), troubles=TROUBLES)
    def look_up(self, user: str, place: int, not_version: bool, troubles: Troubles) -> None:
        self.world.keep_time()
        self.world.look(user, self.world.places[place], troubles, not_version=not_version)

    @rule(user=PEOPLE, place=PLACES, left=st.sampled_from([-1, 5, 30]), troubles=TROUBLES | IN_BETWEEN)
    def look_up_late(self, user: str, place: int, left: int, troubles: Troubles) -> None:
        """When the token has so many seconds left."""
        self.world.grow_old(user, self.world.places[place], left)
        self.world.look(user, self.world.places[place], troubles)

    @rule(user=PEOPLE, place=PLACES, at=SOME, troubles=TROUBLES | IN_BETWEEN)
    def renew_late(self, user: str, place: int, at: int, troubles: Troubles) -> None:
        """By the schedule, when it is due."""
        self.world.grow_old(user, self.world.places[place], 300)
        self.world.fire()
        self.world.work("renewal", at, troubles)

    @rule(user=PEOPLE, place=PLACES, code=st.sampled_from([401, 403]), troubles=TROUBLES)
    def report(self, user: str, place: int, code: int, troubles: Troubles) -> None:
        self.world.keep_time()
        self.world.report(user, self.world.places[place], code, troubles)

    @rule(user=PEOPLE, place=PLACES, troubles=TROUBLES)
    def revoke(self, user: str, place: int, troubles: Troubles) -> None:
        self.world.keep_time()
        self.world.take_back(user, self.world.places[place], troubles)

    @rule(user=PEOPLE, troubles=TROUBLES)
    def leave(self, user: str, troubles: Troubles) -> None:
        self.world.leave(user, troubles)

    @rule(user=PEOPLE, troubles=TROUBLES)
    def come_back(self, user: str, troubles: Troubles) -> None:
        self.world.come_back(user, troubles)

    @rule(user=PEOPLE)
    def rejoin(self, user: str) -> None:
        self.world.leave(user)
        self.world.come_back(user)

    @rule(which=SOME)
    def withdraw(self, which: int) -> None:
        self.world.withdraw(which)

    @rule()
    def change(self) -> None:
        self.world.change()

    @rule(enabled=st.sampled_from([False, True, True]))
    def enable(self, enabled: bool) -> None:
        self.world.enable(enabled)

    @rule(troubles=TROUBLES)
    def tick(self, troubles: Troubles) -> None:
        self.world.keep_time()
        self.world.fire(troubles)

    @rule(name=st.sampled_from(WORKED), at=SOME, times=st.sampled_from([1, 1, 2]), troubles=TROUBLES)
    def work(self, name: str, at: int, times: int, troubles: Troubles) -> None:
        self.world.keep_time()
        self.world.work(name, at, troubles, times)

    @rule(seconds=TIMES)
    def wait(self, seconds: int) -> None:
        self.world.pass_time(seconds)

    @invariant()
    def nothing_is_broken(self) -> None:
        if hasattr(self, "world"):
            rest.check(self.world)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            rest.come_to_rest(self.world)
            rest.check_the_end(self.world)
            rest.check_that_all_of_it_again_changes_nothing(self.world)


SHORT = settings(
    derandomize=True,
    database=None,
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(SHORT, derandomize=False, print_blob=True, max_examples=RUNS or 1, stateful_step_count=50)
SEARCHING = settings(SHORT, max_examples=400, phases=[Phase.generate], report_multiple_bugs=False)


@requirement("invariant:I1")
@requirement("invariant:I2")
@requirement("invariant:I4")
@requirement("invariant:I5")
@requirement("invariant:I7")
@requirement("invariant:I9")
@requirement("invariant:I14")
@requirement("invariant:I15")
@requirement("invariant:I16")
@requirement("invariant:I21")
@requirement("invariant:I22")
def test_whatever_the_order_nothing_is_broken_and_nothing_is_lost() -> None:
    run_state_machine_as_test(Mixture, settings=LONG if RUNS else SHORT)


# The machine has teeth: what is known to be wrong is found


WRONG: dict[str, tuple[Callable[..., Any], str, str, str]] = {
    "a blind write": (RenewalResult.write, "version.unchanged()", "None", "I4"),
    "no epoch": (status.person_must_act, "connection.standing.epoch != expected.epoch", "False", "I2, I21"),
    "no binding": (status.person_must_act, "connection.standing.binding != expected.binding", "False", "I2, I21"),
    "no rescue queue": (settle._rescue, "ports.queues.rescue.send([Message(result.encode())])", "raise OSError", "I14"),
}


@requirement("invariant:I4")
@requirement("invariant:I14")
@requirement("invariant:I21")
@pytest.mark.parametrize(("function", "defence", "without", "named"), WRONG.values(), ids=WRONG.keys())
def test_control_the_machine_finds(function: Callable[..., Any], defence: str, without: str, named: str) -> None:
    with weakened(function, defence, without), pytest.raises(AssertionError, match=named):
        run_state_machine_as_test(Mixture, settings=SEARCHING)
