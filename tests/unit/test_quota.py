"""Quotas: what is counted, what is refused, and what is never asked then."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from strongroom.domain import keys, quota
from strongroom.domain.authorization import LIFETIME
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.quota import DISCOVERIES, MOST_PENDING, Pending
from tests.fakes.faults import meanwhile
from tests.unit.entered import installed, whole_provider, without_discovery
from tests.unit.renewals import rows
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, Begun, World

WITHOUT_ASKING: dict[str, Any] = {"scopes": ["files"]}
"""With endpoints and scopes entered by hand, beginning asks nobody: the quota of discoveries has no part in it."""


def begins(world: World, installation: str, user: str = "bob") -> Answered:
    return world.as_user(user, "POST", f"/v1/teams/acme/installations/{installation}/authorize", {})


def probes(world: World, user: str = "alice", team: str = "acme") -> Answered:
    return world.as_user(user, "POST", f"/v1/teams/{team}/probe", {"url": MCP_URL})


def quiet_world() -> tuple[World, str]:
    world = without_discovery()
    world.ports.vault.sealing_ring("authorization", None)
    return world, installed(world, whole_provider(), **WITHOUT_ASKING)


def while_storing(deed: Callable[[], object]) -> Callable[[Any], None]:
    """Do something once, when an authorization that was begun is about to be stored."""
    left = [deed]

    def hook(writes: Any) -> None:
        if left and any(write.key.pk.startswith("A#") for write in writes):
            left.pop()()

    return hook


def at_the_full_minute(world: World) -> World:
    """So that a test does not run into the next minute."""
    world.clock.set(world.clock.now() // 60 * 60)
    return world


def pending_of(world: World, user: str = "bob") -> dict[str, int]:
    row = world.table.row(keys.quota("acme", user, "authorizations"))
    return dict(Pending.from_item("acme", user, row).ends)


# Pending authorizations


def test_a_member_has_20_pending_authorizations_and_not_one_more() -> None:
    world, installation = quiet_world()
    assert [begins(world, installation).status for _ in range(MOST_PENDING)] == [201] * 20
    refused = begins(world, installation)
    assert (refused.status, refused.json["error"]) == (429, "too_many_requests")
    assert refused.json["retry_after"] == int(refused.headers["retry-after"]) == LIFETIME
    assert len(rows(world, "authorization")) == 20


def test_the_seconds_to_wait_are_those_until_the_oldest_ends() -> None:
    world, installation = quiet_world()
    for _ in range(MOST_PENDING):
        begins(world, installation)
        world.clock.advance(10)
    wait = begins(world, installation).json["retry_after"]
    world.clock.advance(wait - 1)
    assert begins(world, installation).status == 429
    world.clock.advance(1)
    assert begins(world, installation).status == 201
    assert begins(world, installation).status == 429


def test_what_is_over_makes_room_by_itself() -> None:
    world, installation = quiet_world()
    for _ in range(MOST_PENDING):
        begins(world, installation)
    world.clock.advance(LIFETIME)
    assert begins(world, installation).status == 201
    assert len(pending_of(world)) == 1


def test_everybody_has_a_number_of_their_own() -> None:
    world, installation = quiet_world()
    for _ in range(MOST_PENDING):
        begins(world, installation)
    assert begins(world, installation, "carol").status == 201


def complete(world: World, begun: Begun) -> None:
    assert world.complete("bob", world.consent(begun, "bob")).status == 200


def deny(world: World, begun: Begun) -> None:
    assert world.browse(world.provider.consent(begun.url, "bob", error="access_denied")).status == 303


@pytest.mark.parametrize("end", [complete, deny])
def test_one_that_ends_makes_room_at_once(end: Callable[[World, Begun], None]) -> None:
    world, installation = quiet_world()
    begun = [world.begin("bob", installation) for _ in range(MOST_PENDING)]
    end(world, begun[7])
    assert set(pending_of(world)) == {one.id for one in begun} - {begun[7].id}
    assert [begins(world, installation).status for _ in range(2)] == [201, 429]


@pytest.mark.parametrize("end", [complete, deny])
def test_a_table_that_does_not_take_the_release_keeps_nobody_from_ending(end: Callable[[World, Begun], None]) -> None:
    world, installation = quiet_world()
    begun = world.begin("bob", installation)

    def only_releases(writes: Any) -> None:
        if any(write.key.sk.startswith("Q#") for write in writes):
            raise StoreUnavailable("busy")

    world.table.before["commit"] = only_releases
    end(world, begun)
    assert "quota_not_released" in world.journal.events()
    assert set(pending_of(world)) == {begun.id}


def test_one_whose_row_is_gone_is_released_without_making_a_new_one() -> None:
    world, installation = quiet_world()
    begun = world.begin("bob", installation)
    key = keys.quota("acme", "bob", "authorizations")
    world.table.restore({other: row for other, row in world.table.snapshot().items() if other != key})
    complete(world, begun)
    assert world.table.row(key) is None
    assert begins(world, installation).status == 201


def test_an_authorization_that_was_not_stored_counts_nowhere() -> None:
    world, installation = quiet_world()

    def refuses(_: Any) -> None:
        raise StoreUnavailable("busy")

    world.table.before["commit"] = refuses
    assert begins(world, installation).status == 503
    assert pending_of(world) == {}


def test_of_two_begun_at_once_both_are_counted() -> None:
    world, installation = quiet_world()
    world.table.before["commit"] = while_storing(lambda: begins(world, installation))
    assert begins(world, installation).status == 201
    assert len(pending_of(world)) == len(rows(world, "authorization")) == 2


def last_place_for_two() -> tuple[World, str, list[int]]:
    """Nineteen are pending; a second request takes the last place while the first is about to."""
    world, installation = quiet_world()
    for _ in range(MOST_PENDING - 1):
        begins(world, installation)
    statuses: list[int] = []
    world.table.before["commit"] = while_storing(lambda: statuses.append(begins(world, installation).status))
    return world, installation, statuses


def test_of_two_that_want_the_last_place_at_once_one_gets_it() -> None:
    world, installation, statuses = last_place_for_two()
    statuses.append(begins(world, installation).status)
    assert sorted(statuses) == [201, 429]
    assert len(rows(world, "authorization")) == MOST_PENDING


def test_control_without_the_revision_both_would_get_it() -> None:
    world, installation, statuses = last_place_for_two()
    with weakened(Pending.begun, 'Is("revision", self.revision) if self.revision else Lacks("revision")', "None"):
        statuses.append(begins(world, installation).status)
    assert (statuses, len(rows(world, "authorization"))) == ([201, 201], MOST_PENDING + 1)


def test_forty_at_once_do_not_make_more_than_20() -> None:
    world, installation = quiet_world()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: begins(world, installation).status, range(40)))
    assert answers.count(201) == len(rows(world, "authorization")) == MOST_PENDING
    assert set(answers) <= {201, 429, 503}


# Discoveries


ASKING: dict[str, Callable[[World, str, int], Answered]] = {
    "probe": lambda world, _, number: probes(world),
    "install": lambda world, _, number: world.as_user(
        "alice", "POST", "/v1/teams/acme/installations", {"name": f"Files {number}", "url": MCP_URL}
    ),
    "authorize": lambda world, installation, _: begins(world, installation, "alice"),
}


@pytest.mark.parametrize("ask", ASKING.values(), ids=ASKING.keys())
def test_a_member_asks_ten_servers_a_minute_whatever_for(ask: Callable[[World, str, int], Answered]) -> None:
    world = at_the_full_minute(World())
    installation = world.install()
    world.clock.advance(20)
    assert [ask(world, installation, number).status // 100 for number in range(10)] == [2] * 10
    asked, kept = len(world.egress.sent), rows(world, "installation")
    refused = ask(world, installation, 10)
    assert (refused.status, refused.json["error"], refused.headers["retry-after"]) == (429, "too_many_requests", "40")
    assert (len(world.egress.sent), rows(world, "installation")) == (asked, kept)
    world.clock.advance(40)
    assert ask(world, installation, 11).status // 100 == 2


def test_all_that_asks_counts_together() -> None:
    world = at_the_full_minute(World())
    installation = world.install()
    statuses = [ask(world, installation, number).status for number in range(4) for ask in ASKING.values()]
    assert [status // 100 for status in statuses] == [2] * 10 + [4] * 2


def test_a_team_asks_sixty_servers_a_minute() -> None:
    world = at_the_full_minute(World())
    admins = [f"admin-{number}" for number in range(7)]
    for admin in admins:
        world.put_member("acme", admin, "team_admin")
    statuses = [probes(world, admin).status for admin in admins for _ in range(9)]
    assert statuses == [200] * 60 + [429] * 3
    assert probes(world, "mallory", "rivals").status == 200


def test_what_the_team_is_refused_does_not_count_for_the_member() -> None:
    world = at_the_full_minute(World())
    place = quota.DISCOVERIES_OF_TEAM.key("acme", None, world.clock.now())
    world.table.place({"PK": place.pk, "SK": place.sk, "kind": "quota", "used": 60})
    assert probes(world).status == 429
    assert world.table.row(DISCOVERIES.key("acme", "alice", world.clock.now())) is None


def test_a_url_that_is_refused_anyway_counts_nowhere() -> None:
    world = at_the_full_minute(World())
    for _ in range(20):
        assert world.as_user("alice", "POST", "/v1/teams/acme/probe", {"url": "https://127.0.0.1/"}).status == 422
    assert probes(world).status == 200


def test_who_may_not_ask_takes_nothing_away_from_those_who_may() -> None:
    world = at_the_full_minute(World())
    before = world.table.snapshot()
    assert {probes(world, user).status for user in ("bob", "mallory") for _ in range(20)} == {403, 404}
    assert world.table.snapshot() == before


def test_beginning_that_asks_nobody_is_no_discovery() -> None:
    world, installation = quiet_world()
    for _ in range(12):
        assert begins(world, installation).status == 201
    assert world.egress.sent == []


# Installs


def installs(world: World, number: int, user: str = "alice", **body: Any) -> Answered:
    wanted = {"name": f"Files {number}", "url": MCP_URL, "requires_oauth": True, **body}
    return world.as_user(user, "POST", "/v1/teams/acme/installations", wanted)


def test_a_team_installs_20_servers_a_minute_whoever_of_it() -> None:
    world = at_the_full_minute(World())
    world.put_member("acme", "carol", "team_admin")
    assert {installs(world, number, ("alice", "carol")[number % 2]).status for number in range(20)} == {201}
    refused = installs(world, 20, "carol", requires_oauth=None)
    assert (refused.status, refused.json["error"], refused.headers["retry-after"]) == (429, "too_many_requests", "60")
    assert world.egress.sent == []
    world.clock.advance(60)
    assert installs(world, 20).status == 201


def test_of_two_that_want_the_last_install_at_once_one_gets_it() -> None:
    world = at_the_full_minute(World())
    for number in range(19):
        installs(world, number)
    world.table.before["commit"] = meanwhile(lambda: installs(world, 19))
    assert installs(world, 20).status == 429
    assert len(rows(world, "installation")) == 20


def test_an_install_that_is_refused_counts_nowhere() -> None:
    world = at_the_full_minute(World())
    world.install(name="Files 0")
    assert {installs(world, 0).json["error"] for _ in range(30)} == {"name_taken"}
    assert installs(world, 1).status == 201


# Rows


def test_what_counts_is_removed_by_ttl_after_its_time() -> None:
    world = at_the_full_minute(World())
    world.connect("bob", world.install())
    for row in rows(world, "quota"):
        assert world.clock.now() < int(str(row["ttl"])) <= world.clock.now() + LIFETIME + 2 * 3600


def test_no_count_names_a_secret_or_a_server() -> None:
    world, installation = quiet_world()
    begun = world.begin("bob", installation)
    row = world.table.row(keys.quota("acme", "bob", "authorizations"))
    assert row is not None
    assert set(row) - {"PK", "SK", "mark"} == {"kind", "revision", "ttl", f"ends_{begun.id}"}
