"""Bob leaves, comes back and connects again; then all that was under way arrives, up to two weeks late.

`attacks/test_old_messages.py` has the messages of a shard, a renewal and a chore, the reports, and a completion. Here are
the results and answers that nobody had heard of when he left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from strongroom.domain import lookup
from strongroom.domain.connection import Version
from strongroom.flows import authority, work
from strongroom.flows.messages import chore_message
from tests.requirements import requirement
from tests.unit.attacks.scenes import account_behind
from tests.unit.cutting import revocations
from tests.unit.races.deliveries import bodies, give
from tests.unit.races.moments import alive, come_to_rest, not_revoked, on_rescue
from tests.unit.races.steps import Deed, Stepped
from tests.unit.renewals import Scene, rotates_in_silence, rows
from tests.weakened import weakened

DAY = 86_400
LATE = pytest.mark.parametrize("days", [0, 0.01, 13.9])
REPLACED = {"replaced", "superseded_by_another_grant", "no_longer_member"}


@dataclass(kw_only=True)
class BackAgain(Scene):
    """`late` is what is still to arrive; `before` the connection's version before he left."""

    late: Deed
    before: Version

    def arrive(self) -> None:
        self.late()

    def refreshed(self) -> int:
        return len(self.refreshes())


def rescued_consent(world: Stepped, installation: str) -> Deed:
    """He had consented once more; the tokens are on the rescue queue."""
    mine = world.consent(world.begin("bob", installation), "bob-before")
    on_rescue(world, lambda: world.complete("bob", mine))
    (text,) = bodies(world, "rescue")
    return lambda: give(world, "rescue", [text])


def answer_of_the_provider(world: Stepped, installation: str) -> Deed:
    """He had consented; the browser has not brought the answer yet."""
    back = world.provider.consent(world.begin("bob", installation).url, "bob-before")
    return lambda: world.browse(back)


def second_look(world: Stepped, installation: str) -> Deed:
    """A look-up had renewed, and the answer was lost: the message for the second look is delayed."""
    world.clock.advance(3590)
    world.provider.answer_next.append(rotates_in_silence(world))
    world.look_up("bob", installation)
    (text,) = bodies(world, "renewal")
    return lambda: give(world, "renewal", [text])


def refused_version(world: Stepped, installation: str) -> Deed:
    """A satellite does not want the version that it had then."""
    version = world.look_up("bob", installation).json["version"]
    return lambda: world.look_up("bob", installation, not_version=version)


def result_of_a_renewal(world: Stepped, installation: str) -> Deed:
    """A renewal had new tokens, and its write is still to come."""
    world.clock.advance(3500)
    on_rescue(world, Scene(world, installation).renew)
    (text,) = bodies(world, "rescue")
    return lambda: give(world, "rescue", [text])


def chore_of_the_consent_before(world: Stepped, installation: str) -> Deed:
    """He had reconnected, so that the first grant has a chore."""
    world.connect("bob", installation, account="bob-before")
    (row,) = rows(world, "chore")
    text = chore_message(str(row["chore"])).body
    return lambda: give(world, "chore", [text])


Late = Callable[[Stepped, str], Deed]
THINGS: dict[str, Late] = {
    "the rescued result of a consent": rescued_consent,
    "the provider's answer": answer_of_the_provider,
    "the second look": second_look,
    "a version that is not wanted": refused_version,
    "the rescued result of a renewal": result_of_a_renewal,
    "the chore of a grant": chore_of_the_consent_before,
}
EACH = pytest.mark.parametrize("thing", THINGS.values(), ids=THINGS.keys())


def came_back(thing: Late, days: float = 0) -> BackAgain:
    world = Stepped(shards=1)
    installation = world.install()
    world.connect("bob", installation)
    late = thing(world, installation)
    before = Scene(world, installation).connection.version
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.clock.advance(1)
    world.provider.answer_next.clear()
    world.connect("bob", installation, account="bob-now")
    world.clock.advance(days * DAY)
    world.look_up("bob", installation)
    return BackAgain(world, installation, late=late, before=before)


@requirement("attack:A33")
@requirement("attack:E3")
@requirement("invariant:I21")
@LATE
@EACH
def test_what_arrives_late_changes_nothing_of_the_new_connection(thing: Late, days: float) -> None:
    scene = came_back(thing, days)
    row, refreshed = scene.row, scene.refreshed()
    for _ in range(2):
        scene.arrive()
    assert (scene.row, scene.refreshed()) == (row, refreshed)
    assert scene.connection.version.grant != scene.before.grant
    assert account_behind(scene.world, "bob", scene.installation) == "bob-now"
    assert scene.works()


@requirement("attack:A33")
@requirement("invariant:I14")
@requirement("invariant:I15")
@EACH
def test_when_all_is_done_only_the_new_grant_is_left_and_after_a_revoke_none(thing: Late) -> None:
    scene = came_back(thing)
    for _ in range(2):
        scene.arrive()
        come_to_rest(scene.world)
    assert scene.works()
    assert {str(row["why"]) for row in revocations(scene.world)} <= REPLACED
    scene.world.revoke("bob", scene.installation)
    come_to_rest(scene.world)
    assert alive(scene.world) == []
    assert not_revoked(scene.world) == set() or thing is second_look, "of a lost answer nobody has the tokens"


# Controls: each wall taken out lets one of them through


@requirement("attack:A33")
def test_control_without_the_epoch_a_rescued_consent_of_before_takes_the_place_of_the_new_one() -> None:
    scene = came_back(rescued_consent)
    with (
        weakened(authority.lacks_authority, 'shared = authorization.sharing == "shared"', "return None"),
        weakened(authority.authority_checks, 'Is("epoch", authorization.member_epoch)', 'Is("state", "active")'),
    ):
        scene.arrive()
    assert account_behind(scene.world, "bob", scene.installation) is None
    assert not scene.works()


@requirement("attack:A33")
def test_control_without_the_version_the_second_look_spends_the_new_refresh_token() -> None:
    scene = came_back(second_look)
    refreshed = scene.refreshed()
    with weakened(work.renew_one, "str(connection.version) != version", "False"):
        scene.arrive()
    assert scene.refreshed() == refreshed + 1


@requirement("attack:A33")
def test_control_if_every_version_were_unwanted_the_old_one_would_force_a_renewal() -> None:
    scene = came_back(refused_version)
    refreshed = scene.refreshed()
    with weakened(lookup.decide, "wish.not_version == str(connection.version)", "wish.not_version is not None"):
        scene.arrive()
    assert scene.refreshed() == refreshed + 1
