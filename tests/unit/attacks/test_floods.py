"""Whoever begins, probes, installs and cuts a thousand times: 429, no traffic, and the others are served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from strongroom.aws import identity
from strongroom.domain import keys
from strongroom.domain.authorization import LIFETIME
from strongroom.domain.quota import CUTS, MOST_PENDING, Pending, PerMinute
from strongroom.flows import administering, quota
from tests.requirements import requirement
from tests.unit import changing
from tests.unit.attacks.doors import ROUTE_NAMES, Stage
from tests.unit.races.steps import Step, Stepped
from tests.unit.renewals import rows
from tests.weakened import weakened
from tests.world import MCP_URL, Answered, World

OF_ONE_DISCOVERY = 3
"""Requests: the MCP server, its metadata, and those of its provider."""


def begins(world: World, installation: str, user: str = "bob") -> int:
    return world.as_user(user, "POST", f"/v1/teams/acme/installations/{installation}/authorize", {}).status


def probes(world: World, user: str = "alice") -> int:
    return world.as_user(user, "POST", "/v1/teams/acme/probe", {"url": MCP_URL}).status


def installs(world: World, number: int, user: str = "alice", **body: Any) -> Answered:
    wanted = {"name": f"Files {number}", "url": MCP_URL, **body}
    return world.as_user(user, "POST", "/v1/teams/acme/installations", wanted)


def calm() -> World:
    """With two admins, and a client at the provider; a minute has just begun."""
    world = World()
    world.put_member("acme", "carol", "team_admin")
    world.begin("carol", world.install())
    world.clock.set(world.clock.now() // 60 * 60 + 60)
    world.egress.sent.clear()
    return world


def the_one(world: World) -> str:
    (row,) = rows(world, "installation")
    return str(row["installation"])


def pending_of(world: World, user: str) -> int:
    return len([row for row in rows(world, "authorization") if row["user"] == user])


@contextmanager
def without_quotas() -> Iterator[None]:
    """Nothing that is counted refuses any more."""
    with ExitStack() as out:
        out.enter_context(weakened(PerMinute.counted, 'either(Lacks("used"), Below("used", self.most))', "None"))
        out.enter_context(weakened(PerMinute.is_full, "row is not None and", "False and"))
        out.enter_context(weakened(Pending.wait, "len(running) < MOST_PENDING", "True"))
        yield


@requirement("attack:A24")
def test_a_thousand_authorizations_of_one_person_are_twenty_pending_and_no_server_hears_of_the_others() -> None:
    world = calm()
    statuses = []
    for _ in range(4):
        statuses += [begins(world, the_one(world)) for _ in range(250)]
        world.clock.advance(60)
    assert (statuses.count(201), statuses.count(429)) == (MOST_PENDING, 1000 - MOST_PENDING)
    assert pending_of(world, "bob") == MOST_PENDING
    assert len(world.egress.sent) == MOST_PENDING * OF_ONE_DISCOVERY


@requirement("attack:A24")
def test_others_of_the_team_connect_while_one_floods() -> None:
    world = calm()
    for _ in range(100):
        begins(world, the_one(world))
    world.connect("alice", the_one(world))
    assert world.status("alice", the_one(world))["status"] == "connected"


@requirement("attack:A24")
def test_who_has_flooded_connects_as_soon_as_the_old_ones_are_over() -> None:
    world = calm()
    for _ in range(3):
        for _ in range(20):
            begins(world, the_one(world))
        world.clock.advance(60)
    assert begins(world, the_one(world)) == 429
    world.clock.advance(LIFETIME)
    world.connect("bob", the_one(world))


@requirement("attack:A24")
def test_control_without_quotas_all_of_them_are_pending_and_each_is_traffic() -> None:
    world = calm()
    with without_quotas():
        assert {begins(world, the_one(world)) for _ in range(100)} == {201}
    assert pending_of(world, "bob") == 100
    assert len(world.egress.sent) == 100 * OF_ONE_DISCOVERY


@requirement("attack:A24")
def test_a_thousand_installs_in_a_minute_are_twenty() -> None:
    world = calm()
    answers = [installs(world, number, requires_oauth=True) for number in range(1000)]
    statuses = [answer.status for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (20, 980)
    assert {answer.json["retry_after"] for answer in answers if answer.status == 429} == {60}
    assert len(rows(world, "installation")) == 21
    assert world.egress.sent == []


@requirement("attack:A24")
def test_a_thousand_installs_that_ask_are_ten_discoveries() -> None:
    world = calm()
    statuses = [installs(world, number).status for number in range(1000)]
    assert (statuses.count(201), statuses.count(429)) == (10, 990)
    assert len(world.egress.sent) == 10 * OF_ONE_DISCOVERY
    assert installs(world, 1000, "carol").status == 201


@requirement("attack:A24")
def test_control_without_quotas_every_install_is_there() -> None:
    world = calm()
    with without_quotas():
        assert {installs(world, number).status for number in range(100)} == {201}
    assert len(rows(world, "installation")) == 101
    assert len(world.egress.sent) == 100 * OF_ONE_DISCOVERY


@requirement("attack:A24")
def test_a_flood_of_probes_reaches_a_server_ten_times_and_another_admin_still_probes() -> None:
    world = calm()
    statuses = [probes(world) for _ in range(1000)]
    assert (statuses.count(200), statuses.count(429)) == (10, 990)
    assert len(world.egress.sent) == 10 * OF_ONE_DISCOVERY
    assert probes(world, "carol") == 200


@requirement("attack:A24")
def test_control_without_quotas_every_probe_reaches_the_server() -> None:
    world = calm()
    with without_quotas():
        assert {probes(world) for _ in range(100)} == {200}
    assert len(world.egress.sent) == 100 * OF_ONE_DISCOVERY


@requirement("attack:A24")
def test_a_flood_writes_nothing_that_grows_with_it() -> None:
    world = calm()
    for _ in range(100):
        begins(world, the_one(world))
    rows_then, commits_then = len(world.table.snapshot()), len(world.table.committed)
    for _ in range(100):
        begins(world, the_one(world))
    assert (len(world.table.snapshot()), len(world.table.committed)) == (rows_then, commits_then)


# Cuts: each leaves a chore that reads every connection of its installation

CUTTING: dict[str, Callable[[World, str, str], Answered]] = {
    "change": lambda world, installation, user: changing.change(world, installation, user, sharing="shared"),
    "uninstall": changing.uninstall,
    "revoke for everybody": changing.revoke_all,
}


def cuts_of(world: World) -> int:
    return len([row for row in rows(world, "chore") if row["work"] == "cut"])


def cut_as_often_as_may_be() -> World:
    world = calm()
    for number in range(CUTS.most):
        answer = changing.revoke_all(world, the_one(world), ("alice", "carol")[number % 2])
        assert answer.status == 200, answer.text
    return world


@requirement("attack:A24")
def test_a_thousand_cuts_in_a_minute_are_thirty() -> None:
    world = calm()
    answers = [changing.revoke_all(world, the_one(world), ("alice", "carol")[number % 2]) for number in range(1000)]
    statuses = [answer.status for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (30, 970)
    assert cuts_of(world) == 30
    assert world.egress.sent == []


@requirement("attack:A24")
@pytest.mark.parametrize("user", ["alice", "carol"])
@pytest.mark.parametrize("cut", CUTTING.values(), ids=CUTTING)
def test_one_cut_too_many_changes_nothing_and_is_done_in_the_next_minute(
    cut: Callable[[World, str, str], Answered], user: str
) -> None:
    world = cut_as_often_as_may_be()
    world.clock.advance(20)
    before = world.table.snapshot()
    refused = cut(world, the_one(world), user)
    assert (refused.status, refused.json["error"]) == (429, "too_many_requests")
    assert (refused.json["retry_after"], refused.headers["retry-after"]) == (40, "40")
    assert world.table.snapshot() == before
    world.clock.advance(40)
    assert cut(world, the_one(world), user).status == 200


@requirement("attack:A24")
def test_what_ends_no_connection_is_not_counted_and_goes_on() -> None:
    world = calm()
    for number in range(2 * CUTS.most):
        assert changing.change(world, the_one(world), name=f"Renamed {number}").status == 200
        assert changing.change(world, the_one(world), enabled=bool(number % 2)).status == 200
    assert changing.revoke_all(world, the_one(world)).status == 200
    for _ in range(CUTS.most):
        changing.revoke_all(world, the_one(world))
    assert changing.change(world, the_one(world), name="Still", enabled=False).status == 200


@requirement("attack:A24")
def test_a_cut_that_is_refused_for_another_reason_is_not_counted() -> None:
    world = calm()
    world.install(name="Taken")
    (one, _) = sorted(rows(world, "installation"), key=lambda row: row["name"] == "Taken")
    for _ in range(2 * CUTS.most):
        taken = changing.change(world, str(one["installation"]), name="Taken", sharing="shared")
        assert taken.json["error"] == "name_taken"
    assert changing.revoke_all(world, str(one["installation"])).status == 200


@requirement("attack:A24")
def test_another_team_cuts_while_one_floods() -> None:
    world = cut_as_often_as_may_be()
    world.put_member("globex", "mallory", "team_admin")
    theirs = world.install("mallory", "globex")
    assert changing.revoke_all(world, theirs, "mallory", "globex").status == 200


@requirement("attack:A24")
def test_control_without_quotas_every_cut_leaves_its_work() -> None:
    world = calm()
    with without_quotas():
        assert {changing.revoke_all(world, the_one(world)).status for _ in range(100)} == {200}
    assert cuts_of(world) == 100


@requirement("attack:A24")
@pytest.mark.parametrize("cut", CUTTING.values(), ids=CUTTING)
def test_control_without_the_count_in_the_write_the_next_cut_is_done_too(
    cut: Callable[[World, str, str], Answered],
) -> None:
    world = cut_as_often_as_may_be()
    with weakened(administering.committed, "if cuts else ()", "if False else ()"):
        assert cut(world, the_one(world), "alice").status == 200
    assert cuts_of(world) == CUTS.most + 1


# A hundred at once


def full_but_one(world: World, user: str) -> None:
    """Nineteen of this person are pending."""
    now = int(world.clock.now())
    key = keys.quota("acme", user, "authorizations")
    ends = {f"ends_{number}": now + LIFETIME for number in range(MOST_PENDING - 1)}
    world.table.place({"PK": key.pk, "SK": key.sk, "kind": "quota", "revision": 19, "ttl": now + LIFETIME, **ends})


@requirement("attack:A25")
def test_of_a_hundred_authorizations_at_once_no_more_are_pending_than_may_be() -> None:
    world = calm()
    full_but_one(world, "bob")
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: begins(world, the_one(world)), range(100)))
    assert statuses.count(201) == pending_of(world, "bob") == 1
    assert set(statuses) <= {201, 429, 503}


class Rush(Stepped):
    """One is about to take the last place, and another one comes at one of its steps."""

    def __init__(self) -> None:
        super().__init__()
        self.place = self.install()
        self.begin("carol", self.place)
        full_but_one(self, "bob")

    def with_another_at(self, number: int, when: str) -> tuple[int, list[int]]:
        """How many steps it took, and what both were answered."""
        statuses: list[int] = []

        def comes(step: Step) -> None:
            if (step.number, step.when) == (number, when):
                statuses.append(self.elsewhere(lambda: begins(self, self.place)))

        with self.steps.of(comes) as running:
            statuses.append(begins(self, self.place))
        return running.number, statuses


STEPS, _ = Rush().with_another_at(0, "before")


@requirement("attack:A25")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_at_whatever_step_another_one_comes_the_last_place_is_given_once(number: int, when: str) -> None:
    rush = Rush()
    _, statuses = rush.with_another_at(number, when)
    assert sorted(statuses) == [201, 429]
    assert pending_of(rush, "bob") == 1


@requirement("attack:A25")
def test_control_without_the_revision_the_last_place_is_given_twice() -> None:
    taken = set()
    with weakened(Pending.begun, 'Is("revision", self.revision) if self.revision else Lacks("revision")', "None"):
        for number in range(1, STEPS + 1):
            rush = Rush()
            rush.with_another_at(number, "before")
            taken.add(pending_of(rush, "bob"))
    assert 2 in taken


@requirement("attack:A25")
def test_control_without_the_second_look_nobody_would_notice_who_came_between() -> None:
    """The quota is read when the authorization is stored, and not only before servers are asked."""
    world = calm()
    full_but_one(world, "bob")
    with weakened(quota.pending, "if wait is not None", "if False"):
        assert [begins(world, the_one(world)) for _ in range(5)] == [201] * 5
    assert pending_of(world, "bob") == 5


# Cookies

COOKIES = ["session=mallory", "strongroom=mallory", "__Host-user=mallory"]


class Jar(dict[str, Any]):
    """A part of an event that notes who looks for a cookie in it."""

    def __init__(self, parts: dict[str, Any], looked: list[str]) -> None:
        super().__init__(parts)
        self._looked = looked

    def _note(self, name: object) -> None:
        if str(name).lower() in ("cookie", "cookies"):
            self._looked.append(str(name))

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)


def sent_with_cookies(stage: Stage, name: str) -> tuple[Answered, list[str]]:
    looked: list[str] = []
    event = stage.event(name)
    headers = Jar({**event["headers"], "cookie": "; ".join(COOKIES)}, looked)
    return stage.send(name, Jar({**event, "cookies": COOKIES, "headers": headers}, looked)), looked


@requirement("attack:A25")
@pytest.mark.parametrize("name", ROUTE_NAMES)
def test_no_route_looks_for_a_cookie_or_sets_one_and_the_answer_is_that_without(name: str) -> None:
    calm = Stage()
    without = calm.send(name, calm.event(name))
    answer, looked = sent_with_cookies(Stage(), name)
    assert (looked, answer) == ([], without)
    assert answer.status < 400, answer.text
    assert "set-cookie" not in {header.lower() for header in answer.headers}


@requirement("attack:A25")
def test_control_a_route_that_believed_a_cookie_would_be_seen() -> None:
    stage = Stage()
    with weakened(identity.person, 'checked_user(claims.get("sub"))', 'event["cookies"][0].partition("=")[2]'):
        answer, looked = sent_with_cookies(stage, "list")
    assert (looked, answer.status) == (["cookies"], 404)
