"""Beginning where one does not belong, or without the role for it."""

from __future__ import annotations

import pytest

from strongroom.flows import begin as beginning
from strongroom.flows import reads
from tests.requirements import requirement
from tests.unit.attacks.endings import disable, uninstall
from tests.weakened import weakened
from tests.world import Answered, World


def begins(world: World, user: str, team: str, installation: str) -> Answered:
    return world.as_user(user, "POST", f"/v1/teams/{team}/installations/{installation}/authorize", {})


# A23: beginning

FOREIGN = {
    "somebody of another team": ("mallory", "acme", "{acme}"),
    "another team's installation under one's own team": ("mallory", "rivals", "{acme}"),
    "one's own installation under another team": ("mallory", "acme", "{rivals}"),
    "nobody's member": ("nobody", "acme", "{acme}"),
    "a member in another spelling": ("Alice", "acme", "{acme}"),
    "a team that does not exist": ("alice", "nowhere", "{acme}"),
    "an installation that does not exist": ("alice", "acme", "aaaaaaaaaaaaaaaaaaaa"),
    "an installation that was uninstalled": ("alice", "acme", "{gone}"),
    "an id of another form": ("alice", "acme", "I%23x"),
    "a team of another form": ("alice", "ACME", "{acme}"),
    "one who has left": ("carol", "acme", "{acme}"),
}


def two_teams() -> tuple[World, dict[str, str]]:
    world = World()
    ids = {"acme": world.install(), "rivals": world.install("mallory", "rivals"), "gone": world.install(name="Gone")}
    uninstall(world, ids["gone"])
    world.put_member("acme", "carol", None)
    return world, ids


@requirement("attack:A23")
@requirement("invariant:I18")
@pytest.mark.parametrize("case", FOREIGN.values(), ids=FOREIGN.keys())
def test_beginning_where_one_does_not_belong_is_like_beginning_at_nothing(case: tuple[str, str, str]) -> None:
    world, ids = two_teams()
    before = world.table.snapshot()
    nothing = begins(world, "nobody", "nowhere", "aaaaaaaaaaaaaaaaaaaa")

    user, team, installation = case
    refused = begins(world, user, team, installation.format(**ids))

    assert (refused.status, refused.text, refused.headers) == (404, nothing.text, nothing.headers)
    assert world.egress.sent == []
    assert world.keys.requests == []
    assert world.table.snapshot() == before


@requirement("attack:A23")
def test_a_shared_connection_is_not_a_team_users_to_begin() -> None:
    world = World()
    installation = world.install(sharing="shared")
    before = world.table.snapshot()
    refused = begins(world, "bob", "acme", installation)
    assert (refused.status, refused.json["error"]) == (403, "admin_required")
    assert world.egress.sent == []
    assert world.table.snapshot() == before


@requirement("attack:A23")
def test_a_disabled_installation_is_not_begun() -> None:
    world = World()
    installation = world.install()
    disable(world, installation)
    refused = begins(world, "bob", "acme", installation)
    assert (refused.status, refused.json["error"]) == (409, "installation_disabled")
    assert world.egress.sent == []


@requirement("attack:A23")
def test_control_without_the_check_of_role_or_membership_anybody_begins() -> None:
    world = World()
    shared, mine = world.install(sharing="shared"), world.install(name="Mine")
    with weakened(beginning.begin, ".may_change_connection()", ""):
        assert begins(world, "bob", "acme", shared).status == 201
    with weakened(reads.five_reads, "keys.member(team, user),", 'keys.member("rivals", user),'):
        assert begins(world, "mallory", "acme", mine).status == 201
    assert world.egress.sent != []
