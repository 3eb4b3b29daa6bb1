"""What hosts read of a team: who is in it, and its records. IAM is one lock, the host's row the other."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain import timeline as story
from strongroom.domain.listing import PAGE, Position
from strongroom.domain.team import Caller
from strongroom.flows import membership
from tests.hosts import operators_host_row
from tests.requirements import requirement
from tests.unit.attacks.scenes import records, rows
from tests.watched import judged
from tests.weakened import weakened
from tests.world import ACCOUNT, GATEWAY, HOST, STRANGER, Answered, World

OTHER_HOST = Caller(ACCOUNT, "AROAOTHERHOST0000001")


def asked(world: World, what: str = "members", query: str = "", team: str = "acme", by: Caller = HOST) -> Answered:
    answer = world.as_role(by, "GET", f"/v1/host/teams/{team}/{what}", query=query)
    judged(f"GET /v1/host/teams/{{team}}/{what}", answer)
    return answer


def page(world: World, what: str = "members", query: str = "", team: str = "acme") -> Any:
    answer = asked(world, what, query, team)
    assert answer.status == 200, answer.text
    return answer.json


def everybody(world: World, team: str = "acme") -> list[list[str]]:
    pages, query = [], ""
    while True:
        read = page(world, query=query, team=team)
        pages.append([one["user"] for one in read["members"]])
        if read["next"] is None:
            return pages
        query = f"next={read['next']}"


def joined(world: World, users: list[str], **more: Any) -> None:
    bob = world.table.row(keys.member("acme", "bob"))
    assert bob is not None
    for user in users:
        key = keys.member("acme", user)
        world.table.place({**bob, **more, "PK": key.pk, "user": user, "g1sk": f"U#{key.pk}"})


# -- members


def test_a_host_reads_who_is_in_the_team_in_which_role_since_when() -> None:
    world = World()
    began = int(world.clock.now())
    world.clock.advance(100)
    world.put_member("acme", "bob", "team_admin")
    world.put_member("acme", "carol-1", "team_user")
    world.put_member("acme", "carol", None)
    told = {one["user"]: (one["role"], one["since"]) for one in page(world)["members"]}
    assert told == {
        "alice": ("team_admin", began),
        "bob": ("team_admin", began),
        "carol-1": ("team_user", began + 100),
    }


@pytest.mark.parametrize("many", [0, PAGE - 4, PAGE - 3, PAGE - 2, 2 * PAGE - 3, 130])
def test_pages_hold_each_member_once(many: int) -> None:
    world = World()
    joined(world, [f"user-{number:03d}" for number in range(many)])
    pages = everybody(world)
    told = [user for one in pages for user in one]
    assert len(told) == len({*told}) == many + 3
    assert max(map(len, pages)) <= PAGE


def test_who_has_left_fills_no_page_and_hides_nobody() -> None:
    world = World()
    joined(world, [f"gone-{number:04d}" for number in range(450)], state="left")
    joined(world, ["zoe"])
    assert [user for one in everybody(world) for user in one] == ["alice", "bob", "carol", "zoe"]
    world.table.requests.clear()
    page(world)
    assert world.table.requests["Query"] <= membership.PAGES_LOOKED_AT + 1


def test_names_with_separators_are_members_like_others() -> None:
    world = World()
    odd = ["a#b", "a%23b", "a|b", "a@b.example", " ", "~" * 255, "%" * 255]
    joined(world, odd)
    assert {user for one in everybody(world) for user in one} == {"alice", "bob", "carol", *odd}
    world.table.place(*[{**row, "state": "left"} for row in rows(world, "member") if row["user"] == "%" * 255])
    assert [user for one in everybody(world) for user in one].count("~" * 255) == 1


def test_a_position_says_nothing_of_whose_team_it_is() -> None:
    world = World()
    after = Position("bob").text
    assert [one["user"] for one in page(world, query=f"next={after}")["members"]] == ["carol"]
    assert [one["user"] for one in page(world, query=f"next={after}", team="rivals")["members"]] == ["mallory"]


FOREIGN = [f"next={Position(text).text}" for text in ("ü", "x" * 256, "a\n")]


@pytest.mark.parametrize("query", [*["next", "next=", "next=YQ&next=YQ", "next=YQ==", "user=bob", "limit=1"], *FOREIGN])
def test_a_query_of_another_form_is_refused(query: str) -> None:
    assert asked(World(), query=query).json["error"] == "invalid_request"


# -- two locks


@pytest.mark.parametrize("what", ["members", "records"])
@pytest.mark.parametrize("by", [GATEWAY, STRANGER], ids=["satellite", "nobody"])
def test_a_role_that_is_no_host_of_the_team_reads_nothing(what: str, by: Caller) -> None:
    assert asked(World(), what, by=by).status == 404


@pytest.mark.parametrize("what", ["members", "records"])
def test_a_host_of_other_teams_reads_nothing_of_this_one(what: str) -> None:
    world = World()
    world.table.place(operators_host_row(OTHER_HOST, ["rivals", "acme-*"]))
    assert asked(world, what, by=OTHER_HOST).status == 404
    assert asked(world, what, team="rivals", by=OTHER_HOST).status == 200


@pytest.mark.parametrize("what", ["members", "records"])
def test_control_without_the_row_any_role_that_iam_lets_through_would_read(what: str) -> None:
    world = World()
    with weakened(membership.admit_host, "not speaks_for(found.get(caller), team) or", ""):
        assert asked(world, what, by=STRANGER).status == 200


@pytest.mark.parametrize("what", ["members", "records"])
def test_no_person_reads_as_a_host_not_even_an_admin(what: str) -> None:
    answer = World().as_user("alice", "GET", f"/v1/host/teams/acme/{what}")
    assert (answer.status, answer.json["error"]) == (401, "unauthenticated")


@pytest.mark.parametrize("what", ["members", "records"])
def test_a_team_that_never_was_is_not_found(what: str) -> None:
    assert asked(World(), what, team="nobody").status == 404


# -- records, and a team that is gone


def deleted(world: World) -> None:
    row = world.table.row(keys.team("acme"))
    assert row is not None
    world.table.place({**row, "state": "deleted", "deleted_at": int(world.clock.now())})


def test_a_host_reads_the_records_that_an_admin_reads() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    as_admin = world.as_user("alice", "GET", "/v1/teams/acme/records").json
    assert page(world, "records") == as_admin
    assert {one["by"] for one in as_admin["records"]} == {str(HOST), "alice", "bob"}


def test_the_records_of_a_host_are_paged_like_those_of_an_admin() -> None:
    world = World()
    for number in range(PAGE + 5):
        world.clock.advance(1)
        world.put_member("acme", f"user-{number}", "team_user")
    first = page(world, "records")
    rest = page(world, "records", f"next={first['next']}")
    told = [one["user"] for one in (*first["records"], *rest["records"]) if one["event"] == "member_put"]
    assert len(told) == len({*told})
    assert asked(world, "records", "next=yesterday").status == 400


def test_of_a_deleted_team_the_records_are_left_and_no_members() -> None:
    world = World()
    deleted(world)
    assert asked(world).status == 404
    assert len(page(world, "records")["records"]) > 3
    assert world.as_user("alice", "GET", "/v1/teams/acme/records").status == 404


# -- who has left


def test_who_left_and_when_is_read_of_all_at_once() -> None:
    world = World()
    world.clock.advance(50)
    world.put_member("acme", "bob", None)
    left_at = int(world.clock.now())
    world.table.requests.clear()
    assert membership.left_among(world.ports, "acme", ["alice", "bob", "nobody", "bob"]) == {
        "bob": left_at,
        "nobody": 0,
    }
    assert world.table.requests == {"BatchGetItem": 1}


# -- secrecy


def read_by_hosts(world: World) -> str:
    return asked(world).text + asked(world, "records").text


def tokens_of(world: World) -> list[str]:
    return [secret for grant in world.provider.grants for secret in (grant.access, grant.refresh)]


def with_a_leak() -> World:
    """A record that holds bob's token in one of its members."""
    world = World()
    world.connect("bob", world.install())
    [row] = records(world, "connected")
    world.table.place({**row, "note": tokens_of(world)[0]})
    return world


@requirement("attack:D8")
def test_no_host_reads_a_token_an_account_or_a_secret() -> None:
    world = with_a_leak()
    world.provider.names_accounts = True
    installation = world.install(name="Another")
    world.connect("alice", installation, account="account-of-alice")
    assert world.status("alice", installation)["account"] == "account-of-alice@files.example"
    world.revoke("alice", installation)
    assert len(tokens_of(world)) >= 4
    assert not [word for word in (*tokens_of(world), "account-of-") if word in read_by_hosts(world)]


@requirement("attack:D8")
def test_control_if_everything_of_a_record_were_shown_a_host_would_read_the_token() -> None:
    world = with_a_leak()
    with weakened(story._facts, "for name in FACTS", "for name in item"):
        answer = world.as_role(HOST, "GET", "/v1/host/teams/acme/records")
    assert tokens_of(world)[0] in answer.text
