"""What is kept when answers come in another order than they were asked for, and of a version that was rejected."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import pytest

from strongroom_satellite import AuthorizationRequired, Strongroom
from strongroom_satellite.shelf import Shelf
from tests.requirements import requirement
from tests.unit.satellites import (
    ALICE,
    EPOCH,
    LONGEST,
    Scripted,
    TwoHands,
    callers,
    gateway,
    look_ups,
    must_act,
    released,
    reports,
)
from tests.weakened import weakened

MANY = 50

# -- Overtaken ---------------------------------------------------------------------------------------------------------


def overtaken() -> tuple[str | None, str | None]:
    """A look-up is held up, and one that was asked for later is answered first. Who gets what then?"""
    held, go = threading.Event(), threading.Event()

    def script(ask: Any) -> Any:
        if ask.min_validity is not None:
            return released("v.2")
        held.set()
        assert go.wait(LONGEST)
        return released("v.1")

    clock = TwoHands()
    with gateway(Scripted(script), clock) as satellite, callers() as threads:
        late = threads.submit(satellite.look_up, ALICE)
        assert held.wait(LONGEST)
        clock.advance(1)
        satellite.look_up(ALICE, min_validity=600)
        go.set()
        return late.result(LONGEST).version, satellite.look_up(ALICE).version


@requirement("attack:S5")
def test_an_older_answer_does_not_replace_one_that_was_asked_for_later() -> None:
    assert overtaken() == ("v.2", "v.2"), "and whoever waited for it gets the newer one too"


@requirement("attack:S5")
def test_control_without_the_order_of_questions_the_last_answer_wins() -> None:
    with weakened(Shelf._is_late, "one.asked.steady < present.asked.steady", "False"):
        assert overtaken() == ("v.1", "v.1")


# -- Rejected ----------------------------------------------------------------------------------------------------------


class Stubborn:
    """A Strongroom that gives `v.1` to every look-up, and to a report the word that a person has to act."""

    def __init__(self) -> None:
        self.clock, self.held, self.go = TwoHands(), threading.Event(), threading.Event()
        self.transport = Scripted(self._said)

    def _said(self, ask: Any) -> Any:
        if ask in reports(self.transport):
            return must_act("rejected")
        if ask.min_validity is not None:
            self.held.set()
            assert self.go.wait(LONGEST)
        return released("v.1", expires_at=EPOCH + 300)

    def reject(self, satellite: Strongroom) -> None:
        with suppress(AuthorizationRequired):
            satellite.rejected(ALICE, "v.1", 401)

    def look_ups_afterwards(self, count: int) -> int:
        """How many requests it takes to look up so often after a rejection."""
        with gateway(self.transport, self.clock) as satellite:
            satellite.look_up(ALICE)
            self.clock.advance(1)
            self.reject(satellite)
            self.clock.advance(1)
            before = len(look_ups(self.transport))
            assert {satellite.look_up(ALICE).version for _ in range(count)} == {"v.1"}
            return len(look_ups(self.transport)) - before

    def kept_of_a_late_answer(self) -> bool:
        """Whether an answer is kept that was asked for before its version was rejected, and came afterwards."""
        with gateway(self.transport, self.clock) as satellite, callers() as threads:
            late = threads.submit(satellite.look_up, ALICE, min_validity=600)
            assert self.held.wait(LONGEST)
            self.clock.advance(1)
            self.reject(satellite)
            self.go.set()
            late.result(LONGEST)
            return satellite._shelf.find(ALICE) is not None


def test_a_rejected_version_that_strongroom_gives_again_is_kept_like_any_other() -> None:
    """It may be good again, and another is not to be had."""
    assert Stubborn().look_ups_afterwards(MANY) == 1


def test_control_a_shelf_that_does_not_look_when_it_was_asked_for_asks_each_time() -> None:
    with weakened(Shelf._is_late, " and one.asked.steady < rejected[1].steady", ""):
        assert Stubborn().look_ups_afterwards(MANY) == MANY


@requirement("attack:S5")
def test_a_rejected_version_that_was_asked_for_before_is_not_kept() -> None:
    assert not Stubborn().kept_of_a_late_answer()


@requirement("attack:S5")
@pytest.mark.parametrize("defence", ["one.asked.steady < rejected[1].steady", "rejected is not None"])
def test_control_without_a_note_of_what_was_rejected_it_is(defence: str) -> None:
    with weakened(Shelf._is_late, defence, "False"):
        assert Stubborn().kept_of_a_late_answer()
