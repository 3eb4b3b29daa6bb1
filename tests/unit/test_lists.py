"""The list of installations: by name, page by page, filtered, at the same cost however large the team is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import keys
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.installation import Installation
from strongroom.domain.listing import PAGE, SHOWN, Position, checked_limit, checked_position, checked_shown
from strongroom.domain.table import Item, Key, Page, Query, Remove, Value
from strongroom.flows import installed
from tests.fakes.table import FakeTable
from tests.openapi import document, problems
from tests.unit.attacks.scenes import rows
from tests.watched import judged
from tests.weakened import weakened
from tests.world import ISSUER, Answered, World

HERE = "/v1/teams/acme/installations"


def asked(world: World, query: str = "", user: str = "bob", team: str = "acme") -> Answered:
    return world.as_user(user, "GET", f"/v1/teams/{team}/installations", query=query)


def page(world: World, query: str = "", user: str = "bob", team: str = "acme") -> Any:
    answer = asked(world, query, user, team)
    assert answer.status == 200, answer.text
    return answer.json


def names(read: Any) -> list[str]:
    return [one["name"] for one in read["installations"]]


def installed_as(world: World, *called: str, team: str = "acme", **more: Any) -> None:
    """Put rows there as if an admin had installed so many servers."""
    for number, name in enumerate(called):
        one = {"sharing": "per_user", "requires_oauth": True, **more}
        new = Installation(
            f"{number:020d}".translate(str.maketrans("0189", "abcd")),
            team,
            name,
            "https://files.example/mcp",
            binding="binding",
            enabled=True,
            **one,
        )
        world.table.place(new.to_item(int(world.clock.now()), "alice"))


def every_page(world: World, query: str = "", user: str = "bob") -> list[list[str]]:
    pages, after = [], ""
    while True:
        read = page(world, "&".join(filter(None, (query, after))), user)
        pages.append(names(read))
        if read["next"] is None:
            return pages
        after = f"next={read['next']}"


# -- pages


@pytest.mark.parametrize("many", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 130])
def test_pages_hold_each_installation_once_by_name(many: int) -> None:
    world = World()
    called = [f"Server {number:03d}" for number in range(many)]
    installed_as(world, *reversed(called))
    pages = every_page(world)
    assert [name for one in pages for name in one] == called
    assert [len(one) for one in pages] == ([PAGE] * (many // PAGE) + [many % PAGE] * (many % PAGE > 0) or [0])


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_a_page_holds_as_many_as_were_asked_for(limit: int) -> None:
    world = World()
    installed_as(world, *(f"Server {number:03d}" for number in range(10)))
    pages = every_page(world, f"limit={limit}")
    assert {len(one) for one in pages[:-1]} <= {limit}
    assert sum(map(len, pages)) == 10


def test_names_are_in_one_order_whatever_their_case_and_script() -> None:
    world = World()
    called = ["alpha", "Beta", "gamma", "Ärger", "ß", "日本"]
    installed_as(world, *called)
    [found] = every_page(world)
    assert found == sorted(called, key=str.casefold)
    assert [name for one in every_page(world, "limit=1") for name in one] == found


def test_what_comes_or_goes_between_two_pages_moves_nothing_else() -> None:
    world = World()
    installed_as(world, "a", "c", "e", "g")
    first = page(world, "limit=2")
    assert names(first) == ["a", "c"]
    for row in rows(world, "installation"):
        if row["name"] == "c":
            world.table.commit([_removal(row)], "gone")
    world.table.place(
        {**next(iter(rows(world, "installation"))), "SK": "I#" + "z" * 20, "name": "B", "installation": "z" * 20}
    )
    assert names(page(world, f"limit=2&next={first['next']}")) == ["e", "g"]


def _removal(row: Item) -> Remove:
    return Remove(Key(str(row["PK"]), str(row["SK"])), None)


# -- filters


def in_every_way() -> tuple[World, Mapping[str, str]]:
    """Bob sees one installation in each way that there is."""
    world = World()
    made = {name: world.install(name=name) for name in ("connected", "expired", "auth_required")}
    made["not_connected"] = world.install(name="not_connected", sharing="shared")
    installed_as(world, "no_oauth", requires_oauth=False)
    for name in ("connected", "expired"):
        world.connect("bob", made[name])
    row = world.table.row(keys.connection("acme", "bob", made["expired"]))
    assert row is not None
    trouble: dict[str, Value] = {"failures": 2, "failing_since": int(world.clock.now()), "last_error": "unreachable"}
    world.table.place({**row, **trouble, "expires_at": int(world.clock.now())})
    return world, made


def test_each_is_found_under_the_status_that_it_has_for_whoever_asks() -> None:
    world, _ = in_every_way()
    assert {shown: names(page(world, f"status={shown}")) for shown in SHOWN} == {shown: [shown] for shown in SHOWN}
    assert names(page(world, "status=auth_required", "carol")) == ["auth_required", "connected", "expired"]
    assert sorted(names(page(world))) == sorted(SHOWN)


def test_pages_of_a_filter_hold_what_it_lets_through_and_nothing_else() -> None:
    world = World()
    installed_as(world, *(f"Server {number:02d}" for number in range(20)))
    for row in rows(world, "installation"):
        if int(str(row["name"])[-2:]) % 3:
            world.table.place({**row, "requires_oauth": False})
    pages = every_page(world, "status=auth_required&limit=3")
    assert pages == [["Server 00", "Server 03", "Server 06"], ["Server 09", "Server 12", "Server 15"], ["Server 18"]]


def test_what_needs_no_oauth_has_no_connection_to_show() -> None:
    world, _ = in_every_way()
    [one] = page(world, "status=no_oauth")["installations"]
    assert one["connection"] is None
    seen = world.as_user("bob", "GET", f"{HERE}/{one['installation']}")
    assert seen.json["connection"] is None
    story = world.as_user("bob", "GET", f"{HERE}/{one['installation']}/timeline").json
    assert (story["now"], story["trouble"]) == (None, None)


def test_what_nobody_knows_of_yet_has_a_status_as_if_it_needed_oauth() -> None:
    world = World()
    installed_as(world, "unknown", requires_oauth=None)
    assert names(page(world, "status=auth_required")) == ["unknown"]


def test_a_disabled_installation_is_listed_with_its_status() -> None:
    world, made = in_every_way()
    row = world.table.row(keys.installation("acme", made["connected"]))
    assert row is not None
    world.table.place({**row, "enabled": False})
    [one] = page(world, "status=connected")["installations"]
    assert (one["enabled"], one["connection"]["status"], one["connection"]["next"]) == (False, "connected", "none")


# -- what is refused


ODD = (
    "status status= status=Connected status=connected&status=expired status=all status=connected%00",
    "limit= limit=0 limit=101 limit=-1 limit=01 limit=1.0 limit=%D9%A1 limit=1&limit=2 limit=1e1",
    "next= next=a next=%00 next=YQ&next=YQ next=YQ== next=YR next=_w",
    "user=carol team=rivals member=carol limit=1&sort=name %ff=1 status=%ff & =",
)


@pytest.mark.parametrize("query", [*" ".join(ODD).split(), "next=" + "YQ" * 2000])
def test_a_query_of_another_form_is_refused(query: str) -> None:
    answer = asked(World(), query)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert judged("GET /v1/teams/{team}/installations", answer) == "invalid_request"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=240))
def test_a_position_is_read_back_as_it_was_written(name: str) -> None:
    position = Position(name)
    assert checked_position(position.text) == position
    assert quote(position.text) == position.text
    assert problems(document()["components"]["schemas"]["ListPosition"], position.text) == []


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")))
def test_what_no_page_gave_is_refused_or_is_a_place_in_the_list(text: str) -> None:
    try:
        assert checked_position(text).text == text
    except InvalidRequest:
        return


@given(st.text(max_size=4))
def test_a_limit_is_a_number_as_one_writes_it(text: str) -> None:
    good = {str(number) for number in range(1, 101)}
    try:
        assert str(checked_limit(text)) == text
        assert text in good
    except InvalidRequest:
        assert text not in good


@given(st.text(max_size=20))
def test_a_status_is_one_of_those_that_are_shown(text: str) -> None:
    with pytest.raises(InvalidRequest):
        checked_shown(text + "!")


# -- whose list it is


def test_a_position_says_nothing_of_whose_list_it_is() -> None:
    world = World()
    installed_as(world, "a", "b", "c")
    installed_as(world, "b", "c", "d", team="rivals")
    after = page(world, "limit=1")["next"]
    assert names(page(world, f"next={after}")) == ["b", "c"]
    assert names(page(world, f"next={after}", "mallory", "rivals")) == ["b", "c", "d"]
    assert asked(world, f"next={after}", "mallory").status == 404


def test_a_page_is_read_with_the_rights_of_its_own_moment() -> None:
    world = World()
    installed_as(world, "a", "b")
    after = page(world, "limit=1")["next"]
    world.put_member("acme", "bob", None)
    assert asked(world, f"next={after}").status == 404


# -- costs


class Metered(FakeTable):
    """Counts what DynamoDB would charge for reading: units of 4 KB, a consistent one whole."""

    units = 0.0

    def read(self, wanted: Sequence[Key]) -> Mapping[Key, Item]:
        found = super().read(wanted)
        self.units += sum(ceil(_size(found.get(key)) / 4096) for key in wanted)
        return found

    def query(self, query: Query) -> Page:
        answered = super().query(query)
        self.units += ceil(sum(map(_size, answered.items)) / 4096) / (1 if query.index == "table" else 2)
        return answered


def _size(row: Item | None) -> int:
    return len(json.dumps(dict(row), default=str)) if row else 1


def a_team_of(many: int) -> tuple[World, Metered]:
    """Everybody is connected at one installation, and alice has connected another for the team."""
    world = World()
    own, shared = world.install(name="own"), world.install(name="shared", sharing="shared")
    world.connect("alice", shared, confirm_shared=True)
    world.connect("bob", own)
    bobs = world.table.row(keys.connection("acme", "bob", own))
    member = world.table.row(keys.member("acme", "bob"))
    assert bobs is not None
    assert member is not None
    for number in range(many):
        user, key = f"user-{number}", keys.member("acme", f"user-{number}")
        world.table.place({**member, "PK": key.pk, "user": user, "g1sk": f"U#{key.pk}"})
        world.table.place({**bobs, "PK": key.pk, "authorized_by": user, "g1sk": f"{own}#{key.pk}"})
    table = Metered(world.clock)
    table.restore(world.table.snapshot())
    world.table = table
    world.ports = world.new_environment()
    return world, table


def bill(many: int) -> tuple[dict[str, int], float, Any]:
    world, table = a_team_of(many)
    read = page(world)
    return dict(table.requests), table.units, read


def test_a_list_costs_the_same_in_a_team_of_three_and_of_three_hundred() -> None:
    few, many = bill(0), bill(297)
    assert few == many
    assert few[0] == {"BatchGetItem": 3, "Query": 2}


def test_control_a_list_that_read_every_member_would_cost_more() -> None:
    every_member = 'all_rows(ports.table, keys.team(team).pk, "U#", "g1")'
    whole = bill(297)
    with weakened(installed.listing_of, "own = all_rows(", f"{every_member}; own = all_rows("):
        assert bill(297)[1] > whole[1]


# -- who authorized for the team


def shared_by_alice() -> tuple[World, str]:
    world = World()
    world.put_member("acme", "carol", "team_admin")
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    return world, installation


def authorized_by(world: World, installation: str, user: str = "bob") -> list[Any]:
    """What list, detail and timeline say."""
    [one] = page(world, user=user)["installations"]
    story = world.as_user(user, "GET", f"{HERE}/{installation}/timeline").json
    return [
        one["connection"]["authorized_by"],
        world.status(user, installation)["authorized_by"],
        story["now"]["authorized_by"],
    ]


@pytest.mark.parametrize("user", ["alice", "bob", "carol"])
def test_every_member_sees_who_authorized_what_the_team_shares(user: str) -> None:
    world, installation = shared_by_alice()
    assert authorized_by(world, installation, user) == [{"user": "alice", "left_at": None}] * 3


def test_that_person_has_left_before_any_chore_has_run() -> None:
    world, installation = shared_by_alice()
    world.clock.advance(60)
    left_at = int(world.clock.now())
    world.put_member("acme", "alice", None)
    assert authorized_by(world, installation) == [{"user": "alice", "left_at": left_at}] * 3
    assert world.look_up("bob", installation).status == 200


def test_who_left_and_came_back_has_left_all_the_same_if_the_row_says_so() -> None:
    world, installation = shared_by_alice()
    key = keys.shared_connection("acme", installation)
    row = world.table.row(key)
    assert row is not None
    world.table.place({**row, "authorizer_left_at": 1_700_000_000})
    assert authorized_by(world, installation) == [{"user": "alice", "left_at": 1_700_000_000}] * 3


def test_a_reconnect_by_another_admin_names_that_one() -> None:
    world, installation = shared_by_alice()
    row = world.table.row(keys.shared_connection("acme", installation))
    assert row is not None
    world.table.place({**row, "authorizer_left_at": 1_700_000_000})
    world.clock.advance(60)
    world.connect("carol", installation, confirm_shared=True)
    assert authorized_by(world, installation) == [{"user": "carol", "left_at": None}] * 3
    after = world.table.row(keys.shared_connection("acme", installation))
    assert after is not None
    assert "authorizer_left_at" not in after


def test_a_connection_of_ones_own_names_nobody() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    assert authorized_by(world, installation) == [None] * 3


# -- success and error


def test_a_person_sees_the_last_success_and_the_last_error_of_the_own_connection() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    got_at = int(world.clock.now())
    row = world.table.row(keys.connection("acme", "bob", installation))
    assert row is not None
    world.table.place({**row, "failures": 2, "failing_since": got_at + 5, "last_error": "client_rejected"})
    world.clock.advance(10)
    seen = world.status("bob", installation)
    sentence = "The provider does not accept Strongroom's client, which an admin or the operator has to mend."
    assert seen["last_success_at"] == got_at
    assert seen["last_error"] == {"code": "client_rejected", "text": sentence, "at": got_at + 5}
    assert world.status("alice", installation)["last_error"] is None


# -- the role


def role(world: World, user: str) -> object:
    return page(world, user=user)["role"]


def test_the_list_tells_everybody_the_role_that_they_have_just_now() -> None:
    world = World()
    assert [role(world, user) for user in ("alice", "bob")] == ["team_admin", "team_user"]
    world.put_member("acme", "bob", "team_admin")
    world.put_member("acme", "alice", "team_user")
    assert [role(world, user) for user in ("alice", "bob")] == ["team_user", "team_admin"]


def test_no_claim_of_a_token_changes_the_role_that_is_told() -> None:
    world = World()
    claims = {"iss": ISSUER, "sub": "bob", "scope": "strongroom", "aud": "strongroom-api"}
    claims |= {"role": "team_admin", "roles": "[team_admin]", "team": "acme", "cognito:groups": "[team_admin]"}
    answer = world.call("GET", HERE, None, {"jwt": {"claims": claims, "scopes": None}})
    assert (answer.status, answer.json["role"]) == (200, "team_user")


def test_every_page_tells_the_role_and_a_stranger_hears_of_none() -> None:
    world = World()
    installed_as(world, "a", "b", "c")
    first = page(world, "limit=2")
    assert first["role"] == page(world, f"limit=2&next={first['next']}")["role"] == "team_user"
    assert asked(world, user="mallory").status == 404
    assert "role" not in asked(world, user="mallory").json


def test_the_role_costs_no_request_beside_those_of_the_list() -> None:
    world = World()
    installed_as(world, "a", "b")
    world.table.requests.clear()
    assert role(world, "bob") == "team_user"
    assert dict(world.table.requests) == {"BatchGetItem": 1, "Query": 2}
