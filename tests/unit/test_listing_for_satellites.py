"""What a satellite reads of one user: what is installed and how that user stands, as the user's own list shows it."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys, team
from strongroom.domain.listing import PAGE, Position
from strongroom.domain.status import Status
from strongroom.domain.team import Caller, Member
from strongroom.flows import on_behalf
from tests.requirements import requirement
from tests.unit import entered
from tests.unit.attacks.scenes import rows
from tests.unit.test_lists import installed_as
from tests.watched import judged
from tests.weakened import weakened
from tests.world import GATEWAY, HOST, RIVAL_GATEWAY, STRANGER, Answered, World

ROUTE = "POST /v1/satellite/teams/{team}/installations"


def asked(world: World, user: str = "bob", by: Caller = GATEWAY, of: str = "acme", **body: Any) -> Answered:
    answer = world.as_role(by, "POST", f"/v1/satellite/teams/{of}/installations", {"user": user, **body})
    judged(ROUTE, answer)
    return answer


def listed(world: World, user: str = "bob", **body: Any) -> Any:
    answer = asked(world, user, **body)
    assert answer.status == 200, answer.text
    return answer.json


def own_list(world: World, user: str, query: str = "") -> Any:
    """The user's own list, without what is for people alone: the user's role, and accounts."""
    own = world.as_user(user, "GET", "/v1/teams/acme/installations", query=query).json
    del own["role"]
    for one in own["installations"]:
        one["connection"] = {**one["connection"], "account": None} if one["connection"] is not None else None
    return own


def in_several_ways() -> World:
    """bob connected, bob revoked, shared and connected, shared and not, without OAuth, and a client entered by hand."""
    world = World()
    world.provider.names_accounts = True
    connected, revoked = world.install(name="Connected"), world.install(name="Revoked")
    shared = world.install(name="Shared", sharing="shared")
    world.install(name="Shared later", sharing="shared")
    world.install(name="Open", requires_oauth=False, inject={"headers": {"X-Api-Key": "the-injected-value"}})
    entered.installed(world, entered.provider(), name="Entered")
    for installation in (connected, revoked):
        world.connect("bob", installation, account="account-of-bob")
    world.connect("alice", shared, account="account-of-alice", confirm_shared=True)
    world.revoke("bob", revoked)
    return world


def tokens_of(world: World) -> list[str]:
    return [secret for grant in world.provider.grants for secret in (grant.access, grant.refresh)]


# -- the user's own list


@pytest.mark.parametrize("user", ["bob", "carol"])
def test_a_satellite_reads_what_the_user_reads(user: str) -> None:
    world = in_several_ways()
    assert listed(world, user) == own_list(world, user)
    assert len(listed(world, user)["installations"]) == 6


@pytest.mark.parametrize("status", ["connected", "auth_required", "not_connected", "expired", "no_oauth"])
def test_a_satellite_asks_for_one_status_as_the_user_does(status: str) -> None:
    world = in_several_ways()
    assert listed(world, status=status) == own_list(world, "bob", f"status={status}")


@pytest.mark.parametrize("limit", [1, 4, 100])
def test_pages_follow_each_other_as_the_users_do(limit: int) -> None:
    world = World()
    installed_as(world, *(f"Server {number:03d}" for number in range(10)))
    after, told = None, []
    while True:
        read = listed(world, limit=limit, next=after)
        query = f"limit={limit}" + (f"&next={after}" if after else "")
        assert read == own_list(world, "bob", query)
        told += [one["name"] for one in read["installations"]]
        after = read["next"]
        if after is None:
            break
    assert told == [f"Server {number:03d}" for number in range(10)]


def test_a_page_holds_fifty_unless_it_is_said_otherwise() -> None:
    world = World()
    installed_as(world, *(f"Server {number:03d}" for number in range(PAGE + 1)))
    assert len(listed(world)["installations"]) == PAGE


def test_of_an_admin_a_satellite_reads_nothing_that_only_admins_see() -> None:
    world = in_several_ways()
    as_admin, as_satellite = own_list(world, "alice"), listed(world, "alice")
    for one in as_admin["installations"]:
        if one["provider"] is not None:
            del one["provider"]["client_secret"], one["provider"]["callback_url"]
    assert as_satellite == as_admin
    assert "callback_url" not in str(as_satellite)


def test_the_users_role_decides_what_can_be_done_about_a_shared_connection() -> None:
    world = World()
    world.install(sharing="shared")
    stands = {user: listed(world, user)["installations"][0]["connection"]["next"] for user in ("alice", "bob")}
    assert stands == {"alice": "connect", "bob": "none"}


def test_reading_a_list_writes_nothing_asks_nobody_and_opens_nothing() -> None:
    world = in_several_ways()
    world.ports = world.new_environment()
    before, sent, asked_for = world.table.snapshot(), len(world.egress.sent), len(world.keys.requests)
    listed(world)
    assert (world.table.snapshot(), len(world.egress.sent), len(world.keys.requests)) == (before, sent, asked_for)


def test_a_list_costs_a_satellite_the_same_in_a_team_of_three_and_of_three_hundred() -> None:
    bills = []
    for many in (0, 297):
        world = in_several_ways()
        [bob] = [row for row in rows(world, "member") if row["user"] == "bob"]
        for number in range(many):
            key = keys.member("acme", f"user-{number}")
            world.table.place({**bob, "PK": key.pk, "user": f"user-{number}", "g1sk": f"U#{key.pk}"})
        world.table.requests.clear()
        listed(world)
        bills.append(dict(world.table.requests))
    assert bills[0] == bills[1] == {"BatchGetItem": 3, "Query": 2}


# -- what is refused


@pytest.mark.parametrize("after", ["YQ==", "YR", "_w", "a", "", "x y"])
def test_a_position_that_no_page_gave_is_refused(after: str) -> None:
    assert asked(World(), next=after).json["error"] == "invalid_request"


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 101}, {"limit": "5"}, {"status": "all"}, {"user": ""}])
def test_a_body_of_another_form_is_refused(body: dict[str, Any]) -> None:
    assert asked(World(), **{"user": "bob", **body}).json["error"] == "invalid_request"


def test_a_query_means_nothing_here() -> None:
    world = World()
    installed_as(world, "a", "b")
    answer = world.as_role(GATEWAY, "POST", "/v1/satellite/teams/acme/installations", {"user": "bob"}, query="limit=1")
    assert len(answer.json["installations"]) == 2


# -- two locks


def removed(world: World, user: str) -> None:
    """Take somebody out, and leave the attributes in the row that a member's has."""
    row = world.table.row(keys.member("acme", user))
    assert row is not None
    world.table.place({**row, "state": "left"})


@requirement("attack:D1")
@requirement("attack:D11")
def test_a_satellite_elsewhere_learns_neither_of_the_team_nor_of_its_members() -> None:
    world = in_several_ways()
    places = (("acme", "bob"), ("acme", "nobody"), ("acme-2", "bob"), ("ACME", "bob"), ("rivals", "bob"))
    told = {asked(world, user, RIVAL_GATEWAY, of).text for of, user in places}
    assert len(told) == 1
    assert asked(world, "bob", RIVAL_GATEWAY).status == 404
    assert asked(world, "mallory", RIVAL_GATEWAY, "rivals").status == 200


@requirement("attack:D1")
def test_control_without_the_list_of_satellites_the_rivals_read_bobs_list() -> None:
    world = in_several_ways()
    with weakened(team.admit_satellite, "str(caller) in team.satellites", "True"):
        assert len(asked(world, "bob", RIVAL_GATEWAY).json["installations"]) == 6


@requirement("attack:D2")
def test_a_role_that_nobody_registered_is_told_so_and_written_down() -> None:
    world = in_several_ways()
    answer = asked(world, "bob", STRANGER)
    assert (answer.status, answer.json["error"]) == (403, "unknown_caller")
    [line] = [entry.fields for entry in world.journal.entries if entry.event == "caller_turned_away"]
    assert line == {"request_id": "request-1", "caller": str(STRANGER), "team": "acme", "user": "bob"}


@requirement("attack:D2")
def test_control_without_the_second_lock_anybody_whom_iam_lets_through_reads_it() -> None:
    world = in_several_ways()
    with weakened(on_behalf.listing_for, "admit_satellite_of(ports, known, satellite, team=team, user=user)", "pass"):
        for role in (STRANGER, RIVAL_GATEWAY, HOST):
            assert asked(world, "bob", role).status == 200


def test_a_host_is_no_satellite() -> None:
    assert asked(in_several_ways(), "bob", HOST).status == 404


@requirement("attack:D8")
def test_no_person_reads_it_not_even_an_admin() -> None:
    answer = in_several_ways().as_user("alice", "POST", "/v1/satellite/teams/acme/installations", {"user": "bob"})
    assert (answer.status, answer.json["error"]) == (401, "unauthenticated")


def test_a_satellite_that_was_taken_off_the_list_reads_nothing_from_then_on() -> None:
    world = in_several_ways()
    world.put_satellite("acme", GATEWAY, allowed=False)
    assert asked(world).status == 404


def test_of_a_deleted_team_nothing_is_read() -> None:
    world = in_several_ways()
    world.delete_team("acme")
    assert asked(world).status == 404


@requirement("attack:D5")
@pytest.mark.parametrize("user", ["mallory", "nobody", "carol"])
def test_of_whoever_is_no_member_there_is_no_list(user: str) -> None:
    world = in_several_ways()
    after = Position("connected").text
    removed(world, "carol")
    assert asked(world, user).status == 404
    assert asked(world, user, next=after).text == asked(world, user).text


@requirement("attack:D5")
def test_control_if_the_state_did_not_count_who_has_left_would_have_a_list() -> None:
    world = in_several_ways()
    removed(world, "carol")
    with weakened(Member.from_item.__func__, 'item["state"] != "active"', "False"):  # type: ignore[attr-defined]
        assert asked(world, "carol").status == 200


@requirement("attack:D5")
def test_who_left_and_came_back_has_never_connected() -> None:
    world = in_several_ways()
    for role in (None, "team_user"):
        world.put_member("acme", "bob", role)
    [one] = [one for one in listed(world)["installations"] if one["name"] == "Connected"]
    assert one["connection"]["reason"] == "never_connected"


# -- secrecy


@requirement("attack:D8")
def test_no_list_holds_a_token_an_account_or_what_is_injected() -> None:
    world = in_several_ways()
    shown = "".join(asked(world, user).text for user in ("alice", "bob", "carol"))
    assert len(tokens_of(world)) >= 6
    secrets = (*tokens_of(world), "account-of-", "the-injected-value", "access_token", entered.SECRET)
    assert not [word for word in secrets if word in shown]
    assert "X-Api-Key" in shown
    [connected] = [row for row in rows(world, "connection") if row.get("account") == "account-of-bob@files.example"]
    assert world.status("bob", str(connected["installation"]))["account"] == "account-of-bob@files.example"


@requirement("attack:D8")
def test_control_without_the_rule_a_satellite_reads_the_accounts() -> None:
    world = in_several_ways()
    with weakened(Status.for_callers, "account=None", "account=self.account"):
        shown = asked(world, "bob").text
    assert "account-of-bob@" in shown
    assert "account-of-alice@" in shown


def test_nobody_elses_status_is_in_a_list() -> None:
    world = in_several_ways()
    alone = {one["name"]: one["connection"] for one in listed(world, "carol")["installations"]}
    assert (alone["Connected"]["reason"], alone["Revoked"]["reason"]) == ("never_connected", "never_connected")
