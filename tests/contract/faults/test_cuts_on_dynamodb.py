"""What was cut is cleared away with the real adapters, on DynamoDB as moto plays it."""

from __future__ import annotations

import pytest

from strongroom.domain import keys
from strongroom.domain.policy import DAY
from strongroom.domain.rows import number
from tests.contract.faults.aws_world import Aws
from tests.requirements import requirement
from tests.unit import entered
from tests.unit.cutting import alive, is_cleared, let_pass, of_acme, rebind, the_cut, told, tombstone
from tests.unit.renewals import rows
from tests.world import World

USERS = ("alice", "bob", "carol")
OF_ALICE = ["alice", "alice"]
"""Her own grant is left with the provider, since the account that serves all is hers, at the same client."""


def in_a_region() -> tuple[World, str]:
    """Three people are connected, and an account serves them all, in a table of DynamoDB."""
    world = World()
    installation = world.install()
    for user in USERS:
        world.connect(user, installation)
    shared = world.install(name="Shared Files", sharing="shared")
    world.connect("alice", shared, confirm_shared=True)
    entered.installed(world, entered.whole_provider(), name="By Hand")
    Aws(world)
    return world, installation


@pytest.fixture
def region() -> tuple[World, str]:
    return in_a_region()


@requirement("attack:E3")
def test_a_member_who_leaves(region: tuple[World, str]) -> None:
    world, installation = region
    assert world.put_member("acme", "bob", None).status == 200
    assert world.put_member("acme", "alice", None).status == 200
    let_pass(world, 4)
    assert sorted(alive(world)) == [*OF_ALICE, "carol"]
    assert world.table.row(keys.connection("acme", "bob", installation)) is None
    (shared,) = [row for row in rows(world, "connection") if row["SK"] != f"C#{installation}"]
    assert shared["authorizer_left_at"]
    assert len(told(world, "authorizer_left")) == 1
    assert world.look_up("carol", str(shared["installation"])).status == 200


@requirement("attack:E4")
@pytest.mark.parametrize("why", ["installation_changed", "revoked"])
def test_an_installation_that_is_changed(region: tuple[World, str], why: str) -> None:
    world, installation = region
    rebind(world, installation, why)
    let_pass(world, 4)
    assert alive(world) == OF_ALICE
    assert the_cut(world)["state"] == "ended"
    assert {world.status(user, installation)["reason"] for user in USERS} == {why}


@requirement("fault:F30")
def test_a_team_that_is_deleted(region: tuple[World, str]) -> None:
    world, _ = region
    assert world.delete_team("acme").status == 200
    let_pass(world, 6)
    assert is_cleared(world)
    assert of_acme(world) == {"team": 1}
    assert not tombstone(world).keys() & {"keys_connection", "keys_installation"}


def test_an_installation_that_is_removed_lets_the_client_lapse_that_was_entered_for_it(
    region: tuple[World, str],
) -> None:
    world, _ = region
    (by_hand,) = [str(row["installation"]) for row in rows(world, "installation") if row["name"] == "By Hand"]
    assert world.as_user("alice", "DELETE", f"/v1/teams/acme/installations/{by_hand}").status == 200
    let_pass(world, 4)
    (client,) = [row for row in rows(world, "provider_client") if row["provider_key"] == entered.key_of()]
    assert number(client, "ttl") > world.clock.now() + 14 * DAY
