"""An admin moves the endpoints under a client that another admin has entered, to be sent its secret.

Mallory has become an admin of acme; she knows the draft, since whoever probed has seen it, and not the secret that is tried
beside a rotated one. evil.example, and what is hers at the provider's own host, answer whoever shows a secret with
`invalid_client`, and wait for the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.table import Item
from strongroom.flows import entering
from tests.fakes.faults import meanwhile
from tests.requirements import requirement
from tests.unit import entered
from tests.unit.changing import change
from tests.unit.renewals import says
from tests.unit.rotations import NEW, OLD, rotate, shown_in, takes
from tests.weakened import weakened
from tests.world import Answered, World

EVIL = "https://evil.example"
HER_TENANT = f"{entered.PROVIDER}/mallory"
HERS = "a-secret-that-mallory-made-up"
ONLY_THE_CLIENT = "not _is_same_client(stored, kept) or _places(accepted) != _places(present)"

WAYS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "token endpoint": (entered.whole_provider(), {**entered.ENDPOINTS, "token": f"{EVIL}/token"}),
    "revocation endpoint": (entered.whole_provider(), {**entered.ENDPOINTS, "revocation": f"{HER_TENANT}/revoke"}),
    "endpoints that were discovered": (entered.provider(), {**entered.ENDPOINTS, "token": f"{EVIL}/token"}),
}
EACH_WAY = pytest.mark.parametrize("way", WAYS)


def before(way: str) -> tuple[World, str]:
    """Alice has entered provider and client."""
    world = World()
    installation = entered.installed(world, WAYS[way][0])
    world.put_member("acme", "mallory", "team_admin")
    for url in (f"{EVIL}/token", f"{HER_TENANT}/revoke"):
        world.egress.on("POST", url, says("invalid_client", 401))
    return world, installation


def moves(world: World, installation: str, way: str, secret: str) -> Answered:
    """Mallory sends the installation's own draft, with the client as it is and endpoints at evil.example; that they belong
    to the provider she vouches for."""
    client = {**entered.CLIENT, "client_secret": secret}
    moved = entered.provider(client=client, endpoints=WAYS[way][1], iss=True)
    return change(world, installation, "mallory", provider=moved)


def after_her_rotation(world: World, installation: str, way: str) -> Answered:
    """She makes the present secret one that she knows; the one before it is tried yet."""
    assert rotate(world, installation, HERS, "mallory").status == 200
    return moves(world, installation, way, HERS)


def while_alice_rotates(world: World, installation: str, way: str) -> Answered:
    """She knows the old secret, and is between her look at it and her write when alice enters another one."""
    rotated: list[int] = []

    def alice() -> None:
        rotated.append(rotate(world, installation).status)

    world.table.before["commit"] = meanwhile(alice)
    answer = moves(world, installation, way, OLD)
    world.table.before.clear()
    if not rotated:
        alice()
    assert rotated == [200]
    return answer


STORIES: dict[str, tuple[Callable[[World, str, str], Answered], str]] = {
    "after her own rotation": (after_her_rotation, OLD),
    "while alice rotates": (while_alice_rotates, NEW),
}
EACH_STORY = pytest.mark.parametrize("story", STORIES)


def a_day(world: World, installation: str) -> None:
    """People connect, and revoke what they have; the provider takes both secrets of alice."""
    takes(world, OLD, NEW)
    begun = world.begin("bob", installation)
    world.complete("bob", world.consent(begun, "bob"))
    world.revoke("bob", installation)
    for _ in range(3):
        world.clock.advance(120)
        world.tick()


def seen_by_evil(world: World) -> set[str]:
    return {shown_in(request) for request in world.egress.sent if request.url.startswith((EVIL, HER_TENANT))}


def row_of(world: World, installation: str) -> Item | None:
    return world.table.row(keys.installation("acme", installation))


@requirement("attack:A27")
@EACH_WAY
@EACH_STORY
def test_a_draft_leads_to_no_other_place_and_nobody_else_sees_a_secret(story: str, way: str) -> None:
    world, installation = before(way)
    present = row_of(world, installation)
    refused = STORIES[story][0](world, installation, way)
    assert (refused.status, refused.json["error"]) == (409, "draft_used")
    assert row_of(world, installation) == present
    a_day(world, installation)
    assert [grant.alive for grant in world.provider.grants] == [False]
    assert seen_by_evil(world) == set()
    assert not any(place in entered.everything_sent(world) for place in (EVIL, HER_TENANT))


@requirement("attack:A27")
@EACH_WAY
@EACH_STORY
def test_control_without_the_comparison_of_places_the_secret_is_sent_to_evil(story: str, way: str) -> None:
    world, installation = before(way)
    goes, secret = STORIES[story]
    with weakened(entering.checked_again, ONLY_THE_CLIENT, "not _is_same_client(stored, kept)"):
        assert goes(world, installation, way).status == 200
    a_day(world, installation)
    assert secret in seen_by_evil(world)


@requirement("attack:A27")
@EACH_WAY
def test_to_the_same_places_the_draft_comes_again_and_a_parameter_is_corrected(way: str) -> None:
    world, installation = before(way)
    answer = change(world, installation, provider={**WAYS[way][0], "parameters": {"audience": "files"}})
    assert (answer.status, answer.json["provider"]["parameters"]) == (200, {"audience": "files"})


@requirement("attack:A27")
@EACH_WAY
def test_with_a_client_of_another_draft_the_places_may_change_and_hold_no_secret_of_before(way: str) -> None:
    world, installation = before(way)
    client = {**entered.CLIENT, "client_secret": HERS}
    moved = entered.provider(draft="another" + "b" * 13, client=client, endpoints=WAYS[way][1], iss=True)
    assert change(world, installation, "mallory", provider=moved).status == 200
    takes(world, HERS)
    world.complete("bob", world.consent(world.begin("bob", installation), "bob"))
    world.revoke("bob", installation)
    world.tick()
    assert seen_by_evil(world) == {HERS}
