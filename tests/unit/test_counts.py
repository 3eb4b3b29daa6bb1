"""How an installation stands with everybody, in numbers: for admins alone, and nobody is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain import counts as rules
from strongroom.domain import keys
from strongroom.domain.connection import Connection
from strongroom.domain.counts import Counts, count, count_shared, count_without_oauth
from strongroom.domain.http import Reply
from strongroom.domain.status import FAULTS, LastError, Status
from strongroom.domain.table import Item, Key, Value
from strongroom.domain.timeline_words import REASONS
from strongroom.flows import counts as flow
from strongroom.flows.reads import five_reads
from tests.fakes.table import FakeTable
from tests.requirements import requirement
from tests.unit.attacks.scenes import rows
from tests.watched import judged
from tests.weakened import weakened
from tests.world import GATEWAY, HOST, Answered, World

ROUTE = "GET /v1/teams/{team}/installations/{installation}/connections"


def asked(world: World, installation: str, user: str = "alice", team: str = "acme") -> Answered:
    answer = world.as_user(user, "GET", f"/v1/teams/{team}/installations/{installation}/connections")
    judged(ROUTE, answer)
    return answer


def counted(world: World, installation: str) -> Any:
    answer = asked(world, installation)
    assert answer.status == 200, answer.text
    found = answer.json
    if found["complete"]:
        assert found["members"] == found["connected"] + sum(found["not_connected"].values())
    return found


def row_of(world: World, user: str, installation: str) -> Item:
    row = world.table.row(keys.connection("acme", user, installation))
    assert row is not None
    return row


def crowd(world: World, installation: str, users: Sequence[str], *, connected: bool = True) -> None:
    """Members beside bob, with connections like his."""
    member, bobs = world.table.row(keys.member("acme", "bob")), row_of(world, "bob", installation)
    assert member is not None
    for user in users:
        key = keys.member("acme", user)
        world.table.place({**member, "PK": key.pk, "user": user, "g1sk": f"U#{key.pk}"})
        if connected:
            world.table.place({**bobs, "PK": key.pk, "authorized_by": user, "g1sk": f"{installation}#{key.pk}"})


# -- what is counted


def test_members_without_a_row_have_never_connected() -> None:
    world = World()
    installation = world.install()
    nothing = {"members": 3, "connected": 0, "not_connected": {"never_connected": 3}, "complete": True}
    assert counted(world, installation) == {**nothing, "last_success_at": None, "last_error": None}


def test_who_is_connected_and_why_others_are_not_is_counted_by_reason() -> None:
    world = World()
    installation = world.install()
    for user in ("alice", "bob"):
        world.connect(user, installation)
    world.revoke("bob", installation)
    world.put_member("acme", "carol-1", "team_user")
    found = counted(world, installation)
    assert (found["members"], found["connected"]) == (4, 1)
    assert found["not_connected"] == {"never_connected": 2, "revoked": 1}


def test_the_latest_success_and_the_latest_error_of_anybody_are_told() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(100)
    world.connect("carol", installation)
    latest = int(world.clock.now())
    for user, at, error in (("bob", latest - 5, "unreachable"), ("carol", latest - 9, "rate_limited")):
        trouble: dict[str, Value] = {"failures": 1, "failing_since": at, "last_error": error}
        world.table.place({**row_of(world, user, installation), **trouble})
    found = counted(world, installation)
    assert found["last_success_at"] == latest
    assert (found["last_error"]["code"], found["last_error"]["at"]) == ("unreachable", latest - 5)
    assert found["last_error"]["text"] == "The provider has not answered usefully."


# -- a consent that came to nothing


def consents_in_vain(world: World, installation: str, user: str, said: str = "invalid_client") -> None:
    """Consent to what the provider then gives no token for."""
    consented = world.consent(world.begin(user, installation), user)
    world.provider.answer_next.append(lambda _: Reply(400, {}, b'{"error": "%s"}' % said.encode()))
    assert world.complete(user, consented, confirm_shared=True).status == 502


@pytest.mark.parametrize("sharing", ["per_user", "shared"])
@pytest.mark.parametrize(
    ("said", "code", "text"),
    [
        ("invalid_client", "client_rejected", "The provider does not accept Strongroom's client"),
        ("invalid_grant", "exchange_failed", "Somebody consented, but then the provider gave no token."),
    ],
)
def test_a_consent_for_which_the_provider_gave_no_token_is_the_last_error(
    said: str, code: str, text: str, sharing: str
) -> None:
    world = World()
    installation = world.install(sharing=sharing)
    consents_in_vain(world, installation, "alice", said)
    error = counted(world, installation)["last_error"]
    assert (error["code"], error["at"]) == (code, int(world.clock.now()))
    assert error["text"].startswith(text)


def test_a_consent_in_vain_is_forgotten_once_anybody_connects() -> None:
    world = World()
    installation = world.install()
    consents_in_vain(world, installation, "bob")
    world.clock.advance(1)
    world.connect("carol", installation)
    assert counted(world, installation)["last_error"] is None
    world.clock.advance(1)
    consents_in_vain(world, installation, "bob")
    assert counted(world, installation)["last_error"]["code"] == "client_rejected"


def test_a_consent_in_vain_is_told_for_a_week() -> None:
    world = World()
    installation = world.install()
    consents_in_vain(world, installation, "bob")
    world.clock.advance(7 * 86_400 - 1)
    assert counted(world, installation)["last_error"] is not None
    world.clock.advance(1)
    assert counted(world, installation)["last_error"] is None


def test_a_consent_in_vain_at_one_installation_says_nothing_of_another() -> None:
    world = World()
    one, other = world.install(), world.install(name="Other")
    consents_in_vain(world, one, "bob")
    assert counted(world, other)["last_error"] is None


def test_a_consent_in_vain_hides_nothing_that_goes_on_failing() -> None:
    early, late = LastError("unreachable", 1), LastError("client_rejected", 2)
    assert rules.with_failed_consent(Counts(3, last_error=early), late).last_error == early
    assert rules.with_failed_consent(Counts(3, last_error=late), early).last_error == late


# -- who counts


def test_who_has_left_is_not_counted_and_who_came_back_has_never_connected() -> None:
    world = World()
    installation = world.install()
    for user in ("bob", "carol"):
        world.connect(user, installation)
    world.put_member("acme", "carol", None)
    assert counted(world, installation)["members"] == 2
    world.put_member("acme", "bob", None)
    world.put_member("acme", "bob", "team_user")
    found = counted(world, installation)
    assert (found["members"], found["connected"], found["not_connected"]) == (2, 0, {"never_connected": 2})


def test_a_changed_binding_disconnects_everybody_who_had_connected() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    row = world.table.row(keys.installation("acme", installation))
    assert row is not None
    world.table.place({**row, "binding": "another", "rebound": "revoked", "bound_at": int(world.clock.now())})
    assert counted(world, installation)["not_connected"] == {"never_connected": 2, "revoked": 1}


def test_other_installations_and_teams_do_not_count() -> None:
    world = World()
    one, other = world.install(), world.install(name="Other")
    world.connect("bob", other)
    rivals = world.install("mallory", "rivals")
    world.connect("mallory", rivals, "rivals")
    assert counted(world, one)["connected"] == 0


@pytest.mark.parametrize("connected", [False, True])
def test_a_shared_connection_counts_for_everybody_or_nobody(connected: bool) -> None:
    world = World()
    installation = world.install(sharing="shared")
    if connected:
        world.connect("alice", installation, confirm_shared=True)
    found = counted(world, installation)
    assert found["connected"] == (3 if connected else 0)
    assert found["not_connected"] == ({} if connected else {"never_connected": 3})
    assert (found["last_success_at"] is not None) == connected


def test_a_server_without_oauth_has_nobody_to_connect() -> None:
    world = World()
    installation = world.install()
    row = world.table.row(keys.installation("acme", installation))
    assert row is not None
    world.table.place({**row, "requires_oauth": False})
    assert counted(world, installation)["not_connected"] == {"no_oauth": 3}


def test_the_index_may_be_late_and_the_rows_decide() -> None:
    """It names somebody who has left, and does not name yet who has just come and connected."""
    world = World()
    installation = world.install()
    for user in ("bob", "carol"):
        world.connect(user, installation)
    late = world.ports
    stale = [row for row in rows(world, "member") if row["team"] == "acme" and row["user"] != "carol"]
    world.put_member("acme", "bob", None)

    class Late(FakeTable):
        def query(self, query: Any) -> Any:
            page = super().query(query)
            named = [row for row in stale if query.partition == "T#acme"] if query.index == "g1" else []
            return replace(page, items=named or page.items)

    table = Late(world.clock)
    table.restore(world.table.snapshot())
    found = flow.counted(replace(late, table=table), "alice", "acme", installation)
    assert (found.members, found.connected, dict(found.not_connected)) == (2, 1, {"never_connected": 1})


# -- bounds


def test_what_is_looked_at_has_a_bound() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    crowd(world, installation, [f"user-{number:04d}" for number in range(1100)])
    world.table.requests.clear()
    found = counted(world, installation)
    assert (found["complete"], found["members"], found["connected"]) == (False, 1103, rules.MOST_CONNECTIONS)
    assert found["not_connected"] == {}
    assert world.table.requests["BatchGetItem"] <= 3 + 2 * rules.MOST_CONNECTIONS // 100
    assert world.table.requests["Query"] == 2


def test_a_thousand_members_without_a_connection_cost_one_query() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    crowd(world, installation, [f"user-{number:04d}" for number in range(1100)], connected=False)
    world.table.requests.clear()
    found = counted(world, installation)
    assert (found["complete"], found["members"], found["connected"]) == (True, 1103, 1)
    assert world.table.requests["BatchGetItem"] <= 5


def test_control_without_the_bound_every_connection_would_be_read() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    crowd(world, installation, [f"user-{number:04d}" for number in range(1100)])
    with weakened(flow._connections, "MOST_CONNECTIONS", "10_000"):
        assert counted(world, installation)["connected"] == 1101


# -- who may ask, and what is not in it


def test_only_an_admin_of_the_team_is_told() -> None:
    world = World()
    installation = world.install()
    assert asked(world, installation, "bob").json["error"] == "admin_required"
    assert asked(world, installation, "mallory").status == 404
    assert asked(world, "a" * 20).status == 404
    for role in (GATEWAY, HOST):
        path = f"/v1/teams/acme/installations/{installation}/connections"
        assert world.as_role(role, "GET", path).status == 401


def test_control_without_the_check_a_user_would_be_told() -> None:
    world = World()
    installation = world.install()
    with weakened(flow.counted, "not admitted.member.is_admin", "False"):
        assert asked(world, installation, "bob").status == 200


@requirement("attack:D8")
def test_nobody_is_named_and_no_account_and_no_token() -> None:
    world = World()
    installation = world.install()
    for user in ("alice", "bob", "carol"):
        world.connect(user, installation, account=f"{user}-at-the-provider")
    world.revoke("carol", installation)
    text = asked(world, installation).text
    tokens = [secret for grant in world.provider.grants for secret in (grant.access, grant.refresh)]
    assert not [word for word in ("alice", "bob", "carol", *tokens) if word in text]


# -- the rules


def status(reason: str | None, error: LastError | None = None, success: int | None = None) -> Status:
    return Status(
        "connected" if reason is None else "auth_required", reason, 1, "none", last_success_at=success, last_error=error
    )


errors = st.none() | st.builds(LastError, st.sampled_from(sorted(FAULTS)), st.integers(1, 100))
statuses = st.builds(status, st.none() | st.sampled_from(sorted(REASONS)), errors, st.none() | st.integers(1, 100))


@given(st.lists(statuses, max_size=20), st.integers(0, 20))
def test_everybody_is_in_one_of_the_numbers(known: list[Status], others: int) -> None:
    found = count(known, len(known) + others, complete=True)
    assert found.connected + sum(found.not_connected.values()) == found.members
    assert min(found.not_connected.values(), default=1) >= 1


@given(st.lists(statuses, max_size=20), st.integers(0, 20))
def test_who_was_not_looked_at_is_not_counted_as_never_connected(known: list[Status], others: int) -> None:
    found = count(known, len(known) + others, complete=False)
    assert found.connected + sum(found.not_connected.values()) == len(known)


@given(statuses, st.integers(0, 50))
def test_a_shared_status_is_everybodys(one: Status, members: int) -> None:
    found = count_shared(one, members, complete=True)
    assert found.connected + sum(found.not_connected.values()) == members


def test_an_empty_team_has_empty_numbers() -> None:
    assert count([], 0, complete=True) == count_without_oauth(0, complete=True) == Counts(0)


def test_the_rows_that_the_index_names_are_those_that_a_connection_writes() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    admitted = five_reads(world.table, "acme", "bob", installation).admitted()
    named, complete = flow._connections(world.table, admitted.installation)
    assert (named, complete) == ([Key("T#acme#U#bob", f"C#{installation}")], True)
    assert Connection.from_item(row_of(world, "bob", installation)).key in named
