"""Something is cut at some step of an authorization, a renewal or a look-up; and all of these at some step of the clearing.

In the end nothing of it is stored, every token is revoked at its provider by a chore, and what began afterwards lives.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.flows import clearing
from strongroom.flows.chores import do_chore
from tests.requirements import requirement
from tests.unit import cutting
from tests.unit.attacks.endings import leave, leave_and_come_back
from tests.unit.attacks.scenes import account_behind
from tests.unit.races.finishing import Ending, consented, rescued
from tests.unit.races.moments import (
    WAYS,
    Prepared,
    Race,
    alive,
    at_each_step,
    connected,
    happens,
    not_revoked,
    on_rescue,
    taken,
)
from tests.unit.races.steps import Deed, Stepped
from tests.unit.renewals import Scene, rows
from tests.weakened import weakened
from tests.world import World

EACH_WAY = pytest.mark.parametrize("renewing", WAYS.values(), ids=WAYS.keys())
A_FEW = 3


def change(world: World, installation: str) -> None:
    cutting.rebind(world, installation)


def revoke_all(world: World, installation: str) -> None:
    cutting.rebind(world, installation, "revoked")


def switch_mode(world: World, installation: str) -> None:
    cutting.rebind(world, installation, sharing="shared")


def uninstall(world: World, installation: str) -> None:
    cutting.uninstall(world, installation)


def delete_the_team(world: World, installation: str) -> None:
    assert world.delete_team("acme").status == 200


ENDINGS: list[Ending] = [leave, change, revoke_all, switch_mode, uninstall, delete_the_team]
EACH_ENDING = pytest.mark.parametrize("ending", ENDINGS, ids=[ending.__name__ for ending in ENDINGS])


def come_to_rest(world: World) -> None:
    cutting.let_pass(world, 8)
    world.clock.advance(300)
    world.tick()


def assert_nothing_is_left(world: Stepped) -> None:
    """Nobody gets anything, nothing is stored, and the provider has heard of every token."""
    for installation in world.installed:
        assert world.look_up("bob", installation).status in (404, 409)
    come_to_rest(world)
    for installation in world.installed:
        assert world.look_up("bob", installation).status in (404, 409)
    assert not any(row.get("access") for row in rows(world, "connection"))
    assert (alive(world), not_revoked(world)) == ([], set())
    assert {row["state"] for row in rows(world, "chore")} <= {"ended"}


# -- while an authorization is finished


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I9")
@EACH_ENDING
@pytest.mark.parametrize("finishing", [consented, rescued])
def test_what_is_cut_at_any_step_of_an_authorization_keeps_nothing_of_it(
    finishing: Callable[[Ending], Race], ending: Ending
) -> None:
    assert at_each_step(lambda: finishing(ending), assert_nothing_is_left) >= A_FEW


# -- while a renewal runs


def renewing_until(ending: Ending, renewing: Prepared) -> Race:
    world, scene = connected()
    return world, lambda: ending(world, scene.installation), renewing(scene)


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I14")
@EACH_ENDING
@EACH_WAY
def test_what_is_cut_at_any_step_of_a_renewal_ends_with_its_newest_tokens_revoked(
    renewing: Prepared, ending: Ending
) -> None:
    assert at_each_step(lambda: renewing_until(ending, renewing), assert_nothing_is_left) > 0


@requirement("attack:E3")
@requirement("invariant:I21")
@EACH_WAY
def test_who_is_back_at_once_has_nothing_of_a_renewal_that_ran_meanwhile(renewing: Prepared) -> None:
    def check(world: Stepped) -> None:
        assert_nothing_is_left(world)
        (installation,) = world.installed
        world.connect("bob", installation, account="bob-anew")
        come_to_rest(world)
        assert account_behind(world, "bob", installation) == "bob-anew"

    assert at_each_step(lambda: renewing_until(leave_and_come_back, renewing), check) > 0


# -- while a look-up runs


@requirement("attack:E4")
@requirement("invariant:I2")
@pytest.mark.parametrize("ending", [switch_mode, change, revoke_all], ids=lambda ending: ending.__name__)
@pytest.mark.parametrize("left", [30, 2000], ids=["renewing", "fresh"])
def test_a_mode_switch_during_a_look_up_is_felt_by_the_next_and_by_one_that_has_still_to_read(
    ending: Ending, left: int
) -> None:
    answers: list[int] = []

    def race() -> Race:
        world, scene = connected(left=left)

        def look_up() -> None:
            answers.append(world.look_up("bob", scene.installation).status)

        return world, lambda: ending(world, scene.installation), look_up

    assert at_each_step(race, assert_nothing_is_left) > 0
    assert answers[0] == 409


# -- while the rows are cleared away


def clearing_of(ending: Ending, deed: Callable[[Stepped, Scene], Deed]) -> Race:
    """The cut is made, something that was under way is prepared, and then comes the pass."""
    world, scene = connected()
    meanwhile = deed(world, scene)
    ending(world, scene.installation)
    cutting.drained(world)
    return world, meanwhile, lambda: one_pass(world)


def one_pass(world: World) -> object:
    return do_chore(world.ports, str(cutting.the_cut(world)["chore"]))


def a_rescued_renewal(world: Stepped, scene: Scene) -> Deed:
    on_rescue(world, scene.renew)
    return taken(world, "rescue")


def a_second_worker(world: Stepped, scene: Scene) -> Deed:
    return lambda: one_pass(world)


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I14")
@EACH_ENDING
@pytest.mark.parametrize("deed", [a_rescued_renewal, a_second_worker])
def test_what_comes_in_at_any_step_of_a_pass_is_not_lost(ending: Ending, deed: Callable[..., Deed]) -> None:
    assert at_each_step(lambda: clearing_of(ending, deed), assert_nothing_is_left) >= A_FEW


def loses_the_newest(world: Stepped) -> bool:
    come_to_rest(world)
    return not_revoked(world) != set()


@requirement("invariant:I14")
@pytest.mark.parametrize("ending", [leave, uninstall], ids=lambda ending: ending.__name__)
def test_control_without_the_version_a_pass_takes_away_tokens_that_it_has_not_seen(ending: Ending) -> None:
    with weakened(clearing.Clearing.remove, "connection.version.unchanged()", "None"):
        assert happens(lambda: clearing_of(ending, a_rescued_renewal), loses_the_newest)


def connects_anew(world: Stepped, scene: Scene) -> Deed:
    def deed() -> None:
        world.put_member("acme", "bob", "team_user")
        world.connect("bob", scene.installation, account="bob-anew")

    return deed


@requirement("attack:E3")
@requirement("attack:E4")
@pytest.mark.parametrize("ending", [leave, change, revoke_all], ids=lambda ending: ending.__name__)
def test_who_connects_anew_at_any_step_of_a_pass_keeps_that_and_loses_all_of_before(ending: Ending) -> None:
    def check(world: Stepped) -> None:
        come_to_rest(world)
        (installation,) = world.installed
        assert account_behind(world, "bob", installation) == "bob-anew"
        world.revoke("bob", installation)
        come_to_rest(world)
        assert (alive(world), not_revoked(world)) == ([], set())

    assert at_each_step(lambda: clearing_of(ending, connects_anew), check) >= A_FEW
