"""Bob leaves, comes back and connects again. Then what was on its way since before arrives, up to two weeks late."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from strongroom.domain import lookup
from strongroom.domain.connection import Version
from strongroom.domain.rescue import RenewalResult
from strongroom.flows import authority, reject, work
from tests.requirements import requirement
from tests.unit.attacks.scenes import authorization, rows
from tests.unit.cutting import revocations
from tests.unit.races.deliveries import give, sweep
from tests.unit.renewals import Scene, connected, heals, queue, refuses_tokens
from tests.weakened import weakened
from tests.world import Consented

DAY = 86_400


@dataclass(kw_only=True)
class Returned(Scene):
    """What was on its way when bob left, and the connection that he has made since."""

    old: Mapping[str, list[str]]
    old_version: Version
    consented: Consented

    def deliver(self, name: str) -> None:
        """Let the queue deliver what it was given before bob left; as late as a queue keeps it."""
        assert self.old[name] != [], name
        give(self.world, name, self.old[name])

    def report(self, **body: Any) -> None:
        self.world.reject(self.user, self.installation, str(self.old_version), **body)

    def complete(self) -> None:
        self.world.complete(self.user, self.consented)

    def to_be_revoked(self) -> set[str]:
        """The grants whose revocation is still to be made."""
        return {str(row["grant"]) for row in revocations(self.world) if row["state"] == "open"}


def came_back(days: float = 0) -> Returned:
    """Bob connects; a renewal is queued, a result is rescued, a consent is half done, tokens are revoked; he leaves, is put
    back, connects again, and so many days go by."""
    scene = connected()
    world = scene.world
    world.clock.advance(3300)
    sweep(world)
    refuses_tokens(world)
    scene.renew()
    heals(world)
    consented = world.consent(world.begin("bob", scene.installation), "bob")
    old = {name: [message.body for message in queue(world, name).sent] for name in ("sweep", "renewal", "rescue")}
    old_version = scene.connection.version

    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    world.clock.advance(1)
    world.connect("bob", scene.installation)
    sweep(world)
    chores = [message.body for message in queue(world, "chore").sent]
    give(world, "chore", chores)
    world.clock.advance(days * DAY)
    if days:
        world.look_up("bob", scene.installation)
    everything = {**old, "chore": chores}
    return Returned(world, scene.installation, old=everything, old_version=old_version, consented=consented)


ARRIVALS: dict[str, Callable[[Returned], None]] = {
    "the message of the shard": lambda scene: scene.deliver("sweep"),
    "the message of a renewal": lambda scene: scene.deliver("renewal"),
    "the rescued result of a renewal": lambda scene: scene.deliver("rescue"),
    "the chore of the grant that was replaced": lambda scene: scene.deliver("chore"),
    "a report of 401": lambda scene: scene.report(status=401),
    "a report of 403": lambda scene: scene.report(status=403),
    "a challenge for more scopes": lambda scene: scene.report(
        status=403, challenge='Bearer error="insufficient_scope", scope="files admin"'
    ),
    "the completion of the consent": Returned.complete,
}
EACH = pytest.mark.parametrize("arrive", ARRIVALS.values(), ids=ARRIVALS.keys())


@requirement("attack:A33")
@EACH
@pytest.mark.parametrize("days", [0, 0.01, 13.9])
def test_what_arrives_late_changes_nothing_of_the_new_connection(
    arrive: Callable[[Returned], None], days: float
) -> None:
    scene = came_back(days)
    before, refreshed = scene.row, len(scene.refreshes())
    assert scene.connection.version.grant != scene.old_version.grant
    arrive(scene)
    assert scene.row == before
    assert scene.to_be_revoked() <= {scene.old_version.grant}
    assert len(scene.refreshes()) == refreshed
    assert scene.works()


@requirement("attack:A33")
def test_all_of_it_at_once_and_twice_changes_nothing_either() -> None:
    scene = came_back()
    before = scene.row
    for arrive in (*ARRIVALS.values(), *reversed(ARRIVALS.values())):
        arrive(scene)
    assert scene.row == before
    assert scene.works()


@requirement("attack:A33")
def test_the_membership_is_another_one_although_it_looks_the_same() -> None:
    scene = came_back()
    epochs = {row["epoch"] for row in rows(scene.world, "authorization")}
    assert len(epochs) == 2
    assert scene.connection.standing.epoch in epochs


@requirement("attack:A33")
def test_the_tokens_of_the_old_grant_are_dead_and_those_of_the_new_one_alive() -> None:
    scene = came_back()
    scene.deliver("rescue")
    scene.world.clock.advance(60)
    scene.world.tick()
    assert scene.works()


# Controls: each wall taken out lets one of them through


@requirement("attack:A33")
def test_control_without_the_version_a_late_message_spends_the_new_refresh_token() -> None:
    scene = came_back()
    refreshed = len(scene.refreshes())
    with weakened(work.renew_one, "str(connection.version) != version", "False"):
        scene.deliver("renewal")
    assert len(scene.refreshes()) == refreshed + 1


@requirement("attack:A33")
def test_control_without_the_version_a_late_result_overwrites_the_new_tokens() -> None:
    scene = came_back()
    with weakened(RenewalResult.write, "self.connection.key, version.unchanged(),", "self.connection.key, None,"):
        scene.deliver("rescue")
    assert not scene.works()
    assert scene.world.look_up("bob", scene.installation).json["error"] == "integrity_error"


@requirement("attack:A33")
def test_control_without_the_checks_of_authority_a_late_completion_takes_the_place_of_the_new_grant() -> None:
    scene = came_back()
    with (
        weakened(authority.lacks_authority, 'shared = authorization.sharing == "shared"', "return None"),
        weakened(authority.authority_checks, 'Is("epoch", authorization.member_epoch)', 'Is("state", "active")'),
    ):
        scene.complete()
    assert authorization(scene.world, scene.consented.id)["state"] == "completed"
    assert not scene.works()


@requirement("attack:A33")
def test_control_without_the_version_a_late_report_forces_a_renewal_of_the_new_connection() -> None:
    scene = came_back()
    refreshed = len(scene.refreshes())
    with weakened(lookup.decide, "wish.not_version == str(connection.version)", "wish.not_version is not None"):
        scene.report(status=401)
    assert len(scene.refreshes()) > refreshed


@requirement("attack:A33")
def test_control_without_the_grant_a_late_challenge_asks_for_a_step_up_of_the_new_connection() -> None:
    scene = came_back()
    with weakened(reject.report, "is_of_an_older_grant(rejection.version, connection)", "False"):
        ARRIVALS["a challenge for more scopes"](scene)
    assert "admin" in str(scene.row["challenged_scopes"])
