"""A membership or an installation ends at some step of an authorization or of a renewal: what comes of it is for nobody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.domain import status
from strongroom.flows import authority, change
from tests.requirements import requirement
from tests.unit.attacks.endings import (
    ADMISSION,
    BINDING,
    BOUND,
    ENDINGS,
    Ending,
    change_what_it_is,
    delete_the_team,
    disable,
    disable_and_enable,
    enable,
    leave,
    leave_and_come_back,
    revoke,
    revoke_for_all,
    switch_the_mode,
    switch_there_and_back,
    uninstall,
)
from tests.unit.attacks.scenes import account_behind
from tests.unit.races.finishing import consented, rescued
from tests.unit.races.moments import (
    WAYS,
    Prepared,
    Race,
    alive,
    at_each_step,
    by_a_look_up,
    by_the_schedule,
    come_to_rest,
    connected,
    happens,
    not_revoked,
    tokens_are_stored,
)
from tests.unit.races.steps import Stepped
from tests.unit.renewals import Scene
from tests.weakened import weakened

FOR_GOOD = [ending for ending, _ in ENDINGS if ending is not disable_and_enable]
EACH_WAY = pytest.mark.parametrize("renewing", WAYS.values(), ids=WAYS.keys())
A_FEW = 3


# -- E3, E4: while an authorization is in flight


def assert_for_nobody(world: Stepped) -> None:
    """Tokens that were stored before the end came lie in a row that serves nobody; all others are revoked."""
    for key in world.installed:
        assert world.look_up("bob", key).status in (404, 409)
    come_to_rest(world)
    assert tokens_are_stored(world) or (alive(world), not_revoked(world)) == ([], set())


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I2")
@requirement("invariant:I9")
@pytest.mark.parametrize("ending", FOR_GOOD)
@pytest.mark.parametrize("finishing", [consented, rescued])
def test_what_ends_at_any_step_of_an_authorization_makes_it_one_for_nobody(
    finishing: Callable[[Ending], Race], ending: Ending
) -> None:
    assert at_each_step(lambda: finishing(ending), assert_for_nobody) >= A_FEW


def assert_a_new_beginning(world: Stepped) -> None:
    (installation,) = world.installed
    for _ in range(2):
        assert world.look_up("bob", installation).json["reason"] == "never_connected"
        come_to_rest(world)
    world.connect("bob", installation, account="bob-at-home")
    come_to_rest(world)
    assert account_behind(world, "bob", installation) == "bob-at-home"
    revoke(world, installation)
    come_to_rest(world)
    assert (alive(world), not_revoked(world)) == ([], set())


@requirement("attack:E3")
@requirement("invariant:I21")
@pytest.mark.parametrize("finishing", [consented, rescued])
def test_who_left_and_came_back_at_any_step_begins_anew_and_no_token_of_before_is_forgotten(
    finishing: Callable[[Ending], Race],
) -> None:
    assert at_each_step(lambda: finishing(leave_and_come_back), assert_a_new_beginning) >= A_FEW


def serves(world: Stepped) -> bool:
    return any(account_behind(world, "bob", installation) for installation in world.installed)


@requirement("attack:E3")
@requirement("invariant:I21")
def test_control_without_the_epoch_a_row_of_before_serves_who_came_back() -> None:
    with weakened(status.person_must_act, "connection.standing.epoch != expected.epoch", "False"):
        assert happens(lambda: consented(leave_and_come_back), serves)


def stored_although_it_ended_first(race: Race) -> bool:
    world, deed, operation = race
    assert world.while_at(1, deed, operation)
    return tokens_are_stored(world)


@requirement("attack:E3")
@requirement("invariant:I9")
@pytest.mark.parametrize("finishing", [consented, rescued])
def test_control_without_the_epoch_at_the_write_tokens_are_stored_for_one_who_left(
    finishing: Callable[[Ending], Race],
) -> None:
    epochs = "reads.member.epoch != authorization.member_epoch"
    condition = ', Is("epoch", authorization.member_epoch)]'
    assert not stored_although_it_ended_first(finishing(leave_and_come_back))
    with weakened(authority.lacks_authority, epochs, "False"), weakened(authority.authority_checks, condition, "]"):
        assert stored_although_it_ended_first(finishing(leave_and_come_back))


@requirement("attack:E4")
@requirement("invariant:I9")
@pytest.mark.parametrize("finishing", [consented, rescued])
def test_control_without_the_binding_at_the_write_tokens_are_stored_for_another_installation(
    finishing: Callable[[Ending], Race],
) -> None:
    assert not stored_although_it_ended_first(finishing(change_what_it_is))
    with (
        weakened(authority.lacks_authority, BINDING + ADMISSION, ""),
        weakened(authority.authority_checks, BOUND, "()"),
    ):
        assert stored_although_it_ended_first(finishing(change_what_it_is))


@requirement("attack:E4")
@requirement("invariant:I9")
@pytest.mark.parametrize("finishing", [consented, rescued])
def test_disabling_and_enabling_at_any_step_leaves_what_was_stored_before_and_nothing_else(
    finishing: Callable[[Ending], Race],
) -> None:
    def check(world: Stepped) -> None:
        stored = tokens_are_stored(world)
        assert serves(world) == stored
        come_to_rest(world)
        assert serves(world) == stored
        assert stored or (alive(world), not_revoked(world)) == ([], set())

    assert at_each_step(lambda: finishing(disable_and_enable), check) >= A_FEW
    assert not stored_although_it_ended_first(finishing(disable_and_enable))


@requirement("attack:E4")
@requirement("invariant:I9")
@pytest.mark.parametrize("finishing", [consented, rescued])
def test_control_without_the_admission_what_was_disabled_in_between_connects(
    finishing: Callable[[Ending], Race],
) -> None:
    with (
        weakened(authority.lacks_authority, ADMISSION, ""),
        weakened(authority.authority_checks, ', Is("admission", authorization.admission)', ","),
    ):
        assert stored_although_it_ended_first(finishing(disable_and_enable))


# -- E4: while a renewal is under way


def renewing_until(ending: Ending, renewing: Prepared) -> Race:
    world, scene = connected()
    return world, lambda: ending(world, scene.installation), renewing(scene)


OF_AN_INSTALLATION = [change_what_it_is, switch_the_mode, switch_there_and_back, revoke_for_all, uninstall]
OF_A_CONNECTION = [*OF_AN_INSTALLATION, disable, delete_the_team, leave, leave_and_come_back]


@requirement("attack:E4")
@requirement("invariant:I2")
@pytest.mark.parametrize("ending", OF_A_CONNECTION)
@pytest.mark.parametrize("renewing", [by_the_schedule, by_a_look_up])
def test_what_ends_at_any_step_of_a_renewal_makes_it_one_for_nobody(renewing: Prepared, ending: Ending) -> None:
    def check(world: Stepped) -> None:
        assert world.look_up("bob", world.installed[0]).status in (404, 409)
        come_to_rest(world)
        assert world.look_up("bob", world.installed[0]).status in (404, 409)

    assert at_each_step(lambda: renewing_until(ending, renewing), check) > 0


@requirement("attack:E4")
@requirement("invariant:I14")
@EACH_WAY
@pytest.mark.parametrize("ending", OF_AN_INSTALLATION)
def test_the_newest_tokens_of_a_renewal_that_overlaps_the_end_are_ended_at_the_provider(
    ending: Ending, renewing: Prepared
) -> None:
    def check(world: Stepped) -> None:
        come_to_rest(world)
        assert not tokens_are_stored(world)
        assert (alive(world), not_revoked(world)) == ([], set())

    assert at_each_step(lambda: renewing_until(ending, renewing), check) > 0


@requirement("attack:E4")
def test_control_without_the_chore_of_the_cut_the_newest_tokens_live_on() -> None:
    with weakened(change._writes, "if what.rebinds", "if not what.rebinds"):
        world, deed, operation = renewing_until(change_what_it_is, by_the_schedule)
        assert world.while_at(1, deed, operation)
    come_to_rest(world)
    assert alive(world) == ["bob"]


@requirement("attack:E4")
@requirement("invariant:I14")
@EACH_WAY
def test_a_revoke_finds_the_newest_tokens_in_the_row_that_nobody_can_read(renewing: Prepared) -> None:
    def check(world: Stepped) -> None:
        revoke(world, world.installed[0])
        come_to_rest(world)
        assert (alive(world), not_revoked(world)) == ([], set())

    assert at_each_step(lambda: renewing_until(change_what_it_is, renewing), check) > 0


@requirement("attack:E4")
@requirement("invariant:I5")
@EACH_WAY
def test_an_installation_that_was_disabled_at_any_step_goes_on_when_it_is_enabled_again(renewing: Prepared) -> None:
    def check(world: Stepped) -> None:
        enable(world, world.installed[0])
        assert Scene(world, world.installed[0]).works()

    assert at_each_step(lambda: renewing_until(disable, renewing), check) > 0


@requirement("attack:E4")
@EACH_WAY
def test_control_without_the_binding_a_renewal_serves_what_the_installation_is_by_now(renewing: Prepared) -> None:
    with weakened(status.person_must_act, "connection.standing.binding != expected.binding", "False"):
        assert happens(lambda: renewing_until(change_what_it_is, renewing), serves)
