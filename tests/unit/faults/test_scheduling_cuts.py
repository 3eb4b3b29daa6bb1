"""What ends while something is under way: by a revoke, a leave, an uninstallation, the end of a team."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.domain import lookup
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.rescue import RenewalResult
from strongroom.flows import authority, look_up, reads, work
from tests.fakes.provider_faults import FAULTS, switch_on
from tests.requirements import requirement
from tests.unit.attacks.endings import change_what_it_is, delete_the_team, leave, uninstall
from tests.unit.cutting import drained
from tests.unit.faults.watching import KINDS, TICK, due
from tests.unit.renewals import Behaviour, Killed, Scene, after_rotating, before_answering, connected, rows
from tests.weakened import weakened
from tests.world import World

EACH_KIND = pytest.mark.parametrize("kind", KINDS)
MOMENTS = [before_answering, after_rotating]
EACH_MOMENT = pytest.mark.parametrize("moment", MOMENTS, ids=["before the work", "after the work"])
WHO = pytest.mark.parametrize("who", ["schedule", "look_up"])
Moment = Callable[..., Behaviour]
A_WHILE = 1_500


def unreadable(scene: Scene) -> bool:
    return scene.world.look_up(scene.user, scene.installation).status in (404, 409)


# -- a revoke and a renewal


@requirement("fault:F27")
@requirement("invariant:I2")
@requirement("invariant:I14")
@EACH_KIND
@EACH_MOMENT
@WHO
def test_a_revoke_during_a_renewal_ends_it_and_the_newest_tokens_are_dead(kind: str, moment: Moment, who: str) -> None:
    scene = due(kind)
    scene.provider_does(moment(scene.world, lambda: scene.world.revoke("bob", scene.installation)))
    scene.begins(who)
    scene.let_pass(A_WHILE)

    assert scene.reason == "revoked"
    assert unreadable(scene)
    assert not scene.is_honoured
    assert {chore["state"] for chore in rows(scene.world, "chore")} == {"ended"}


@requirement("fault:F27")
@requirement("invariant:I2")
@EACH_KIND
@pytest.mark.parametrize("fault", ["timeout before", "timeout after", "503 before", "429, seconds"])
def test_a_revoke_between_a_lost_answer_and_its_second_look_leaves_nothing_to_look_for(kind: str, fault: str) -> None:
    scene = due(kind)
    switch_on(scene.world.provider, FAULTS[fault])
    scene.begins("schedule")
    asked = len(scene.refreshes())
    scene.world.revoke("bob", scene.installation)
    scene.let_pass(A_WHILE)

    assert len(scene.refreshes()) == asked == 1
    assert scene.reason == "revoked"
    assert not scene.is_honoured


@requirement("fault:F27")
def test_control_a_blind_write_brings_back_what_was_revoked() -> None:
    scene = due("strict")
    scene.provider_does(before_answering(scene.world, lambda: scene.world.revoke("bob", scene.installation)))
    with weakened(RenewalResult.write, "version.unchanged()", "None"):
        scene.begins("schedule")

    assert "access" in scene.row


# -- a leave and a callback


def leaves(world: World) -> None:
    assert world.put_member("acme", "bob", None).status == 200


STEPS = ["begun", "consented", "exchanging", "stored"]


@requirement("fault:F28")
@requirement("invariant:I9")
@pytest.mark.parametrize("step", STEPS)
def test_who_leaves_at_any_step_of_an_authorization_ends_with_nothing_that_can_be_read(step: str) -> None:
    world = World()
    installation = world.install()
    walk(world, installation, step)

    assert world.look_up("bob", installation).status == 404
    world.put_member("acme", "bob", "team_user")
    assert world.look_up("bob", installation).status == 409
    world.tick()
    assert step == "stored" or not any(grant.alive for grant in world.provider.grants)


def walk(world: World, installation: str, leaving_at: str) -> None:
    """Go the whole way, and leave at one step of it."""
    begun = world.begin("bob", installation)
    if leaving_at == "begun":
        leaves(world)
    consented = world.consent(begun, "bob")
    if leaving_at == "consented":
        leaves(world)
    if leaving_at == "exchanging":
        world.provider.answer_next.append(before_answering(world, lambda: leaves(world)))
    finished = world.complete("bob", consented)
    assert finished.status == 200 or leaving_at != "stored"
    if leaving_at == "stored":
        leaves(world)


@requirement("fault:F28")
def test_control_without_the_members_row_in_the_write_tokens_are_stored_for_one_who_left() -> None:
    world = World()
    installation = world.install()
    looks = "if reads.team is None or not reads.team.active or reads.member is None:"
    with (
        weakened(authority.lacks_authority, looks, "return None\n    if False:"),
        weakened(authority.authority_checks, "Check(keys.member(team, user), every(*member)),", ""),
    ):
        walk(world, installation, "exchanging")

    assert [row for row in rows(world, "connection") if "access" in row]


# -- an uninstallation, a new binding, and a renewal


@requirement("fault:F29")
@requirement("invariant:I2")
@EACH_KIND
@EACH_MOMENT
@WHO
@pytest.mark.parametrize("ending", [uninstall, change_what_it_is, leave, delete_the_team])
def test_what_is_cut_during_a_renewal_gives_nobody_a_token_and_is_not_renewed_again(
    kind: str, moment: Moment, who: str, ending: Callable[[World, str], None]
) -> None:
    scene = due(kind)
    scene.provider_does(moment(scene.world, lambda: ending(scene.world, scene.installation)))
    scene.begins(who)
    scene.let_pass(2 * 3600)

    assert unreadable(scene)
    assert len(scene.refreshes()) == 1


@requirement("fault:F29")
def test_control_who_does_not_compare_the_standing_gives_a_token_for_what_the_installation_was() -> None:
    scene = due("strict")
    changes = [lambda: change_what_it_is(scene.world, scene.installation), lambda: drained(scene.world)]
    scene.provider_does(before_answering(scene.world, *changes))
    scene.begins("schedule")
    with weakened(
        lookup.decide, "reason = person_must_act(connection, expected, int(now), restored_at)", "reason = None"
    ):
        assert scene.world.look_up("bob", scene.installation).status == 200


@requirement("fault:F29")
def test_control_who_does_not_read_anew_goes_on_renewing_what_is_cut() -> None:
    scene = due("strict")
    change_what_it_is(scene.world, scene.installation)
    looks = 'person_must_act(connection, expected, now) not in (None, "rejected")'
    with weakened(work._stands_against, looks, "False"):
        scene.begins("schedule")

    assert len(scene.refreshes()) == 1


# -- a team's tombstone


@requirement("fault:F30")
@requirement("invariant:I2")
def test_a_teams_tombstone_ends_every_look_up_and_every_renewal_at_once() -> None:
    scene = connected()
    world = scene.world
    world.connect("carol", scene.installation)
    delete_the_team(world, scene.installation)

    assert {world.look_up(user, scene.installation).status for user in ("bob", "carol")} == {404}
    world.clock.advance(3600)
    for _ in range(12):
        world.clock.advance(TICK)
        world.tick()
    assert scene.refreshes() == []


@requirement("fault:F30")
@requirement("invariant:I14")
@pytest.mark.parametrize("crashes", [1, 2])
def test_revocations_of_a_team_that_is_gone_are_finished_although_their_worker_dies_half_way(crashes: int) -> None:
    world = World()
    places = [world.install(name=f"Files {number}") for number in range(3)]
    for place in places:
        world.connect("bob", place)
        assert world.revoke("bob", place).status == 200
    delete_the_team(world, places[0])
    for _ in range(crashes):
        dies_at_a_chore(world)
        with pytest.raises(Killed):
            world.deliver()
        world.clock.advance(TICK)
    world.clock.advance(3600)
    world.tick()

    assert {chore["state"] for chore in rows(world, "chore")} == {"ended"}
    assert not any(grant.alive for grant in world.provider.grants)


def dies_at_a_chore(world: World) -> None:
    """The next worker that tells the provider dies."""
    url = "https://provider.example/revoke"
    honest = world.egress.routes["POST", url]

    def behave(request: Outgoing) -> Answer:
        world.egress.on("POST", url, honest)
        raise Killed

    world.egress.on("POST", url, behave)


@requirement("fault:F30")
def test_control_who_does_not_look_at_the_tombstone_answers_for_a_team_that_is_gone() -> None:
    scene = connected()
    delete_the_team(scene.world, scene.installation)
    with (
        weakened(reads.Reads.admitted, "not self.team.active or ", ""),
        weakened(look_up.admit_satellite_of, "team.active and ", ""),
    ):
        assert scene.world.look_up("bob", scene.installation).status == 200
