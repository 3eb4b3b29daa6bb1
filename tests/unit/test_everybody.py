"""What a host reads of an installation: how everybody of the team stands there, by name. Never a token, never an account."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys, status
from strongroom.domain.listing import Position
from strongroom.domain.table import Item
from strongroom.domain.team import Caller, Member
from strongroom.flows import everybody as flow
from strongroom.flows import membership
from tests.hosts import operators_host_row
from tests.requirements import requirement
from tests.unit.test_lists import Metered
from tests.watched import judged
from tests.weakened import weakened
from tests.world import ACCOUNT, GATEWAY, HOST, RIVAL_GATEWAY, STRANGER, Answered, World

ROUTE = "GET /v1/host/teams/{team}/installations/{installation}/connections"
OTHER_HOST = Caller(ACCOUNT, "AROAOTHERHOST0000001")
NEVER_MINTED = "a" * 20


def asked(world: World, installation: str, query: str = "", team: str = "acme", by: Caller = HOST) -> Answered:
    path = f"/v1/host/teams/{team}/installations/{installation}/connections"
    answer = world.as_role(by, "GET", path, query=query)
    judged(ROUTE, answer)
    return answer


def page(world: World, installation: str, query: str = "") -> Any:
    answer = asked(world, installation, query)
    assert answer.status == 200, answer.text
    return answer.json


def standing(world: World, installation: str) -> dict[str, Any]:
    """How each member stands, by name, of all pages."""
    told, query = [], ""
    while True:
        read = page(world, installation, query)
        told += read["connections"]
        if read["next"] is None:
            break
        query = f"next={read['next']}"
    assert len({one["user"] for one in told}) == len(told)
    return {one["user"]: one["connection"] for one in told}


def names_of(found: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {user: (one["status"], one["reason"]) for user, one in found.items()}


def connection_row(world: World, user: str, installation: str) -> Item:
    row = world.table.row(keys.connection("acme", user, installation))
    assert row is not None
    return row


def crowd(world: World, installation: str, many: int, **more: Any) -> None:
    """So many members beside bob, each with a connection like his."""
    member, bobs = world.table.row(keys.member("acme", "bob")), connection_row(world, "bob", installation)
    assert member is not None
    for number in range(many):
        user, key = f"user-{number:04d}", keys.member("acme", f"user-{number:04d}")
        world.table.place({**member, **more, "PK": key.pk, "user": user, "g1sk": f"U#{key.pk}"})
        world.table.place({**bobs, "PK": key.pk, "authorized_by": user, "g1sk": f"{installation}#{key.pk}"})


def connected() -> tuple[World, str]:
    world = World()
    installation = world.install()
    world.connect("bob", installation, account="account-of-bob")
    return world, installation


# -- how everybody stands


def test_every_member_is_named_with_the_status_that_this_member_sees() -> None:
    world, installation = connected()
    world.connect("alice", installation)
    world.revoke("alice", installation)
    found = standing(world, installation)
    assert names_of(found) == {
        "alice": ("auth_required", "revoked"),
        "bob": ("connected", None),
        "carol": ("auth_required", "never_connected"),
    }
    assert found == {user: world.status(user, installation) for user in ("alice", "bob", "carol")}


def test_at_a_shared_installation_every_member_has_the_connection_of_the_team() -> None:
    world = World()
    installation = world.install(sharing="shared")
    assert {one["status"] for one in standing(world, installation).values()} == {"not_connected"}
    world.connect("alice", installation, confirm_shared=True)
    found = standing(world, installation)
    assert names_of(found) == dict.fromkeys(("alice", "bob", "carol"), ("connected", None))
    assert found == {user: world.status(user, installation) for user in ("alice", "bob", "carol")}


def test_who_authorized_for_the_team_and_has_left_is_told_with_every_member() -> None:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    world.put_member("acme", "alice", None)
    told = [one["authorized_by"] for one in standing(world, installation).values()]
    assert told == [{"user": "alice", "left_at": int(world.clock.now())}] * 2


def test_own_connections_of_before_do_not_count_once_it_is_shared() -> None:
    world, installation = connected()
    world.as_user("alice", "PATCH", f"/v1/teams/acme/installations/{installation}", {"sharing": "shared"})
    assert {one["status"] for one in standing(world, installation).values()} == {"not_connected"}


def test_where_no_oauth_is_needed_nobody_has_a_connection_to_show() -> None:
    world = World()
    installation = world.install(requires_oauth=False)
    assert standing(world, installation) == {"alice": None, "bob": None, "carol": None}


def test_a_disabled_installation_is_shown_with_nothing_to_do_about_it() -> None:
    world, installation = connected()
    world.as_user("alice", "PATCH", f"/v1/teams/acme/installations/{installation}", {"enabled": False})
    found = standing(world, installation)
    assert found["bob"]["status"] == "connected"
    assert {one["next"] for one in found.values()} == {"none"}


def test_who_lost_a_client_is_told_as_to_the_member() -> None:
    world, installation = connected()
    destination = connection_row(world, "bob", installation)
    [client] = [row for row in world.table.snapshot().values() if row["kind"] == "provider_client"]
    world.table.place({**client, "state": "retired", "retired_at": int(world.clock.now())})
    assert destination["kind"] == "connection"
    assert standing(world, installation)["bob"]["reason"] == "client_replaced"


# -- pages


@pytest.mark.parametrize("many", [flow.PAGE - 4, flow.PAGE - 3, flow.PAGE - 2, 2 * flow.PAGE, 230])
def test_pages_hold_each_member_once(many: int) -> None:
    world, installation = connected()
    crowd(world, installation, many)
    found = standing(world, installation)
    assert len(found) == many + 3
    assert [user for user, one in found.items() if one["status"] != "connected"] == ["alice", "carol"]
    assert len(page(world, installation)["connections"]) == min(flow.PAGE, many + 3)


def test_members_come_in_the_order_of_the_list_of_members() -> None:
    world, installation = connected()
    for user in ("a|b", "Zoe", "a@b.example", "%"):
        world.put_member("acme", user, "team_user")
    roll = world.as_role(HOST, "GET", "/v1/host/teams/acme/members").json["members"]
    assert [*standing(world, installation)] == [one["user"] for one in roll]


def test_who_has_left_fills_no_page_and_is_not_named() -> None:
    world, installation = connected()
    crowd(world, installation, 450, state="left")
    assert [*standing(world, installation)] == ["alice", "bob", "carol"]


FOREIGN = [f"next={Position(text).text}" for text in ("ü", "x" * 256, "a\n")]


@pytest.mark.parametrize("query", [*["next", "next=", "next=YQ&next=YQ", "next=YQ==", "user=bob", "limit=1"], *FOREIGN])
def test_a_query_of_another_form_is_refused(query: str) -> None:
    world, installation = connected()
    assert asked(world, installation, query).json["error"] == "invalid_request"


# -- costs


def bill(many: int) -> tuple[dict[str, int], float]:
    """What the first page costs in a team of so many more."""
    world, installation = connected()
    crowd(world, installation, many)
    table = Metered(world.clock)
    table.restore(world.table.snapshot())
    world.table = table
    world.ports = world.new_environment()
    page(world, installation)
    return dict(table.requests), table.units


def test_a_page_costs_the_same_in_a_team_of_two_hundred_and_of_six_hundred() -> None:
    few, many = bill(200), bill(600)
    assert few == many
    assert few[0] == {"BatchGetItem": 5, "Query": 1}


def test_control_a_page_that_read_every_member_would_cost_more() -> None:
    named = "[keys.member(team, user) for user in _named_after(table, team, None, 10_000)[0]]"
    begins = "looked_at, more = 0, True"
    with weakened(membership.members_after, begins, f"{begins}; read_in_order(table, {named})"):
        assert bill(600)[1] > bill(200)[1]


# -- two locks


@requirement("attack:D2")
@pytest.mark.parametrize("by", [GATEWAY, RIVAL_GATEWAY, STRANGER, OTHER_HOST], ids=lambda role: str(role.role_id))
def test_a_role_that_is_no_host_of_the_team_reads_nothing(by: Caller) -> None:
    world, installation = connected()
    world.table.place(operators_host_row(OTHER_HOST, ["rivals", "acme-*"]))
    told = {
        asked(world, where, team=team, by=by).text
        for team in ("acme", "acme2")
        for where in (installation, NEVER_MINTED)
    }
    assert len(told) == 1
    assert asked(world, installation, by=by).status == 404


@requirement("attack:D2")
def test_control_without_the_row_any_role_that_iam_lets_through_would_read() -> None:
    world, installation = connected()
    with weakened(membership.admit_host, "not speaks_for(found.get(caller), team) or", ""):
        assert "bob" in asked(world, installation, by=STRANGER).text


@requirement("attack:D8")
@pytest.mark.parametrize("user", ["alice", "bob", "mallory"])
def test_no_person_reads_as_a_host_not_even_an_admin(user: str) -> None:
    world, installation = connected()
    answer = world.as_user(user, "GET", f"/v1/host/teams/acme/installations/{installation}/connections")
    assert (answer.status, answer.json["error"]) == (401, "unauthenticated")


def test_a_satellites_route_takes_no_host_and_a_hosts_route_no_satellite() -> None:
    world, installation = connected()
    assert world.look_up("bob", installation, by=HOST).status == 404
    assert asked(world, installation, by=GATEWAY).status == 404


@requirement("attack:D11")
def test_an_installation_of_another_team_is_not_found_like_one_that_never_was() -> None:
    world, _ = connected()
    foreign = world.install("mallory", "rivals", "Plans")
    told = {asked(world, where).text for where in (foreign, NEVER_MINTED, "..", "A" * 20)}
    assert len(told) == 1
    assert asked(world, foreign).status == 404
    assert asked(world, foreign, team="rivals").status == 200


@requirement("attack:D11")
def test_control_if_the_team_of_the_path_were_not_in_the_key_the_foreign_one_would_be_found() -> None:
    world, _ = connected()
    foreign = world.install("mallory", "rivals", "Plans")
    with weakened(
        flow._installed, "keys.installation(team, installation)", 'keys.installation("rivals", installation)'
    ):
        assert asked(world, foreign).status == 200


def test_what_was_uninstalled_and_a_team_that_was_deleted_are_not_found() -> None:
    world, installation = connected()
    other = world.install(name="Other")
    world.as_user("alice", "DELETE", f"/v1/teams/acme/installations/{installation}")
    assert (asked(world, installation).status, asked(world, other).status) == (404, 200)
    world.delete_team("acme")
    assert asked(world, other).status == 404


def test_a_position_says_nothing_of_whose_team_it_is() -> None:
    world, installation = connected()
    after = f"next={Position('mallory').text}"
    assert page(world, installation, after)["connections"] == []
    assert [one["user"] for one in page(world, installation, f"next={Position('bob').text}")["connections"]] == [
        "carol"
    ]


# -- members, and not those that the index or a row still names


@requirement("attack:D5")
def test_who_left_is_not_named_although_index_and_connection_are_still_there() -> None:
    world, installation = connected()
    world.put_member("acme", "bob", None)
    assert connection_row(world, "bob", installation)
    assert [*standing(world, installation)] == ["alice", "carol"]


@requirement("attack:D5")
def test_control_if_the_state_did_not_count_who_has_left_would_be_named() -> None:
    world, installation = connected()
    row = world.table.row(keys.member("acme", "bob"))
    assert row is not None
    world.table.place({**row, "state": "left"})
    assert "bob" not in standing(world, installation)
    with weakened(Member.from_item.__func__, 'item["state"] != "active"', "False"):  # type: ignore[attr-defined]
        assert standing(world, installation)["bob"]["status"] == "connected"


@requirement("attack:D5")
def test_who_left_and_came_back_has_never_connected() -> None:
    world, installation = connected()
    for role in (None, "team_user"):
        world.put_member("acme", "bob", role)
    assert standing(world, installation)["bob"]["reason"] == "never_connected"
    with weakened(status.person_must_act, "connection.standing.epoch != expected.epoch", "False"):
        assert standing(world, installation)["bob"]["status"] == "connected"


# -- secrecy


@requirement("attack:D8")
def test_a_host_reads_no_token_no_account_and_nothing_that_is_injected() -> None:
    world, installation = with_accounts()
    assert world.status("bob", installation)["account"] == "account-of-bob@files.example"
    shown = asked(world, installation).text
    tokens = [secret for grant in world.provider.grants for secret in (grant.access, grant.refresh)]
    assert len(tokens) >= 4
    assert not [
        word for word in (*tokens, "account-of-", "the-injected-value", "access_token", "Bearer") if word in shown
    ]


def with_accounts() -> tuple[World, str]:
    """alice has revoked, bob is connected, and their provider tells who they are."""
    world = World()
    world.provider.names_accounts = True
    installation = world.install(inject={"headers": {"X-Api-Key": "the-injected-value"}})
    for user in ("alice", "bob"):
        world.connect(user, installation, account=f"account-of-{user}")
    world.revoke("alice", installation)
    return world, installation


@requirement("attack:D8")
def test_control_without_the_rule_a_host_reads_bobs_account() -> None:
    world, installation = with_accounts()
    with weakened(status.Status.for_callers, "account=None", "account=self.account"):
        assert "account-of-bob@files.example" in asked(world, installation).text


def test_reading_writes_nothing_asks_nobody_and_opens_nothing() -> None:
    world, installation = connected()
    world.ports = world.new_environment()
    before, sent, opened = world.table.snapshot(), len(world.egress.sent), len(world.keys.requests)
    standing(world, installation)
    assert (world.table.snapshot(), len(world.egress.sent), len(world.keys.requests)) == (before, sent, opened)
