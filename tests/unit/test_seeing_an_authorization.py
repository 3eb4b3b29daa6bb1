"""What the person who began an authorization is told of it, while things change around it."""

from __future__ import annotations

import pytest

from strongroom.flows import complete
from tests.requirements import requirement
from tests.unit.attacks.endings import (
    ENDINGS,
    Ending,
    change_what_it_is,
    delete_the_team,
    disable,
    leave,
    leave_and_come_back,
    uninstall,
)
from tests.unit.attacks.scenes import authorization, bob_consents
from tests.unit.changing import changed
from tests.weakened import weakened
from tests.world import Answered, World

WHO_HAS_LEFT = (leave, delete_the_team)
WHO_IS_STILL_THERE = [ending for ending, _ in ENDINGS if ending not in WHO_HAS_LEFT]


def seen(world: World, identifier: str, by: str = "bob") -> Answered:
    return world.as_user(by, "GET", f"/v1/authorizations/{identifier}")


@requirement("attack:E4")
@pytest.mark.parametrize("ending", WHO_IS_STILL_THERE)
@pytest.mark.parametrize("returned", [False, True])
def test_what_cannot_be_completed_any_more_has_failed_and_reading_it_changes_nothing(
    ending: Ending, returned: bool
) -> None:
    world = World()
    installation = world.install()
    begun = world.begin("bob", installation)
    if returned:
        world.consent(begun, "bob")
    assert seen(world, begun.id).json["state"] == ("returned" if returned else "pending")
    ending(world, installation)
    before = world.table.snapshot()
    assert seen(world, begun.id).json["state"] == "failed"
    assert world.table.snapshot() == before


@requirement("attack:E3")
@pytest.mark.parametrize("ending", WHO_HAS_LEFT)
def test_whoever_is_no_member_any_more_finds_nothing(ending: Ending) -> None:
    world, installation, mine = bob_consents()
    ending(world, installation)
    nothing = seen(world, "A" * 43)
    answer = seen(world, mine.id)
    assert (answer.status, answer.text) == (404, nothing.text)


@requirement("attack:E3")
def test_control_without_the_look_at_the_membership_who_has_left_goes_on_watching() -> None:
    world, installation, mine = bob_consents()
    leave(world, installation)
    with weakened(complete.see, "reads.team is None or not reads.team.active or reads.member is None", "False"):
        assert seen(world, mine.id).status == 200


@pytest.mark.parametrize("ending", [change_what_it_is, disable, uninstall, leave_and_come_back])
def test_what_is_completed_stays_so_whatever_happens_then(ending: Ending) -> None:
    world, installation, mine = bob_consents()
    assert world.complete("bob", mine).status == 200
    ending(world, installation)
    assert seen(world, mine.id).json["state"] == "completed"


def test_what_is_over_is_no_failure() -> None:
    world, installation, mine = bob_consents()
    world.clock.advance(601)
    changed(world, installation, enabled=False)
    assert seen(world, mine.id).json["state"] == "expired"
    assert authorization(world, mine.id)["state"] == "returned"


def test_a_new_name_ends_nothing() -> None:
    world, installation, mine = bob_consents()
    changed(world, installation, name="Other Files")
    assert seen(world, mine.id).json["state"] == "returned"
    assert world.complete("bob", mine).status == 200


def test_nobody_else_finds_it_and_an_admin_neither() -> None:
    world, _, mine = bob_consents()
    assert {seen(world, mine.id, by).status for by in ("alice", "carol", "mallory")} == {404}
