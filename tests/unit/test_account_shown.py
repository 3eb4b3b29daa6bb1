"""Where the account of a connection is shown, for how long, and everywhere that it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import connection as rows_of
from strongroom.domain import keys, rescue
from strongroom.domain.catalog import Catalog, CatalogEntry, Reading
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.rescue import CompletionResult, RenewalResult
from strongroom.domain.table import Item
from tests.requirements import requirement
from tests.unit.attacks.scenes import rows
from tests.unit.renewals import heals, queue, refuses_tokens
from tests.weakened import weakened
from tests.world import GATEWAY, HOST, World

BOB = "account-of-bob@files.example"
HERE = "/v1/teams/acme/installations"


def connected(**installation: Any) -> tuple[World, str]:
    world = World()
    world.provider.names_accounts = True
    made = world.install(**installation)
    world.connect("bob", made, account="account-of-bob")
    return world, made


def shared_by_alice() -> tuple[World, str]:
    world = World()
    world.provider.names_accounts = True
    made = world.install(sharing="shared")
    world.connect("alice", made, account="account-of-alice", confirm_shared=True)
    return world, made


def row_of(world: World, installation: str) -> Item:
    row = world.table.row(keys.connection("acme", "bob", installation))
    assert row is not None
    return row


def adds(world: World, **members: object) -> Callable[[Outgoing], Answer]:
    """Let the provider put something beside the tokens."""

    def answer(request: Outgoing) -> Answer:
        honest = world.provider.honest(request)
        assert isinstance(honest, Reply)
        return replace(honest, body=json.dumps(json.loads(honest.body) | members).encode())

    return answer


# -- shown


def test_people_see_the_account_of_their_own_connection_wherever_they_see_its_status() -> None:
    world = World()
    world.provider.names_accounts = True
    installation = world.install()
    done = world.complete("bob", world.consent(world.begin("bob", installation), "account-of-bob"))
    [listed] = world.as_user("bob", "GET", HERE).json["installations"]
    assert done.json["connection"]["account"] == BOB
    assert listed["connection"]["account"] == world.status("bob", installation)["account"] == BOB
    assert world.status("alice", installation)["account"] is None


def test_everybody_who_uses_a_shared_connection_sees_whose_account_it_is() -> None:
    world, installation = shared_by_alice()
    shown = {world.status(user, installation)["account"] for user in ("alice", "bob", "carol")}
    assert shown == {"account-of-alice@files.example"}


def test_where_the_provider_does_not_tell_there_is_none() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    assert (world.status("bob", installation)["status"], world.status("bob", installation)["account"]) == (
        "connected",
        None,
    )
    assert "account" not in row_of(world, installation)


def test_a_member_that_the_catalog_names_is_read() -> None:
    world = World()
    reading = Reading(account=("team", "name"))
    listed = CatalogEntry("Files", issuers=(world.provider.issuer,), origins=(world.provider.issuer,), reading=reading)
    world.catalog = Catalog((listed,))
    world.ports = world.new_environment()
    installation = world.install()

    world.provider.answer_next.append(adds(world, team={"name": "Acme"}))
    world.connect("bob", installation)
    assert world.status("bob", installation)["account"] == "Acme"


def test_a_hostile_id_token_costs_nobody_a_connection() -> None:
    world = World()
    installation = world.install()
    for token in ("e30.bm8.", "x" * 60_000, 7, ["["], None, "e30." + "A" * 15_000 + "."):
        world.provider.answer_next.append(adds(world, id_token=token))
        world.connect("bob", installation)
        shown = world.status("bob", installation)
        assert (shown["status"], shown["account"]) == ("connected", None)


# -- for how long


def test_renewals_keep_it_whatever_their_answers_say() -> None:
    world, installation = connected()
    world.provider.grants[0].account = "account-of-somebody-else"
    for _ in range(3):
        world.clock.advance(3100)
        world.tick()
    assert row_of(world, installation)["n"] == 4
    assert world.status("bob", installation)["account"] == BOB


def test_it_comes_with_a_grant_and_the_next_grant_brings_its_own_or_none() -> None:
    world, installation = connected()
    world.connect("bob", installation, account="another-account")
    assert world.status("bob", installation)["account"] == "another-account@files.example"
    world.provider.names_accounts = False
    world.connect("bob", installation, account="account-of-bob")
    assert world.status("bob", installation)["account"] is None
    assert "account" not in row_of(world, installation)


def test_it_goes_with_a_revocation_and_no_chore_keeps_it() -> None:
    world, installation = connected()
    answer = world.revoke("bob", installation)
    assert answer.json["connection"]["account"] is None
    assert "account-of-" not in str(world.table.snapshot())


def test_control_if_the_row_kept_it_a_revocation_would_leave_it_behind() -> None:
    world, installation = connected()
    with weakened(rows_of.Connection.with_nothing_to_give, ", account=None", ""):
        world.revoke("bob", installation)
    assert row_of(world, installation)["account"] == BOB


@pytest.mark.parametrize("cut", ["everybody revoked", "moved", "left", "uninstalled", "team deleted"])
def test_a_cut_hides_it_at_once_and_its_chore_forgets_it(cut: str) -> None:
    world, installation = connected()
    match cut:
        case "everybody revoked":
            world.as_user("alice", "DELETE", f"{HERE}/{installation}/connections")
        case "moved":
            world.as_user("alice", "PATCH", f"{HERE}/{installation}", {"url": "https://files.example/other"})
        case "left":
            world.put_member("acme", "bob", None)
            world.put_member("acme", "bob", "team_user")
        case "uninstalled":
            world.as_user("alice", "DELETE", f"{HERE}/{installation}")
        case "team deleted":
            world.delete_team("acme")
    if cut not in ("uninstalled", "team deleted"):
        assert world.status("bob", installation)["account"] is None
    for _ in range(4):
        world.tick()
        world.clock.advance(300)
    assert "account-of-" not in str(world.table.snapshot())


def test_a_refused_grant_shows_whom_to_connect_again_as_long_as_its_tokens_are_held() -> None:
    world, installation = connected()
    world.provider.withdraw("account-of-bob")
    world.clock.advance(3700)
    assert world.look_up("bob", installation).status == 409
    shown = world.status("bob", installation)
    assert (shown["reason"], shown["account"], shown["renewable"]) == ("refused", BOB, None)


# -- what the table would not take


def test_what_came_by_the_rescue_queue_has_it_too() -> None:
    world = World()
    world.provider.names_accounts = True
    installation = world.install()
    mine = world.consent(world.begin("bob", installation), "account-of-bob")
    refuses_tokens(world)
    assert world.complete("bob", mine).status == 503
    heals(world)
    assert isinstance(rescue.decode(queue(world, "rescue").sent[-1].body), CompletionResult)
    world.deliver()
    assert world.status("bob", installation)["account"] == BOB
    assert "account-of-" not in str(world.journal.entries)


def test_a_rescued_renewal_leaves_it_in_the_row_and_does_not_carry_it() -> None:
    world, installation = connected()
    refuses_tokens(world)
    world.clock.advance(3570)
    world.look_up("bob", installation)
    heals(world)
    [message] = [sent.body for sent in queue(world, "rescue").sent]
    assert isinstance(rescue.decode(message), RenewalResult)
    assert "account-of-" not in message
    world.deliver()
    assert row_of(world, installation)["n"] == 2
    assert world.status("bob", installation)["account"] == BOB


# -- nowhere else


def whole_day() -> tuple[World, list[str]]:
    """Connect, look up, renew, report, list, connect again. Gives all that satellites were told."""
    world, installation = connected()
    told = [world.look_up("bob", installation)]
    world.clock.advance(3100)
    world.tick()
    told.append(world.look_up("bob", installation))
    told.append(world.reject("bob", installation, told[-1].json["version"]))
    path = "/v1/satellite/teams/acme/installations"
    told.append(world.as_role(GATEWAY, "POST", path, {"user": "bob"}))
    world.connect("bob", installation, account="account-of-bob")
    assert BOB in str(world.table.snapshot())
    assert [answer.status for answer in told] == [200] * len(told)
    return world, [answer.text for answer in told]


@requirement("attack:D8")
def test_no_satellite_is_told_of_it() -> None:
    _, told = whole_day()
    assert not [text for text in told if "account-of-" in text]


def test_it_reaches_no_log_line_no_record_and_no_queue() -> None:
    world, _ = whole_day()
    lines = str(world.journal.entries)
    sent = [message.body for name in ("sweep", "renewal", "rescue", "chore") for message in queue(world, name).sent]
    assert {"token_released", "renewal"} <= {entry.event for entry in world.journal.entries}
    assert sent
    assert "account-of-" not in lines + str(sent) + str(rows(world, "record")) + str(rows(world, "chore"))


def test_neither_timeline_nor_records_nor_numbers_tell_of_it() -> None:
    world, installation = connected()
    answers = [
        world.as_user("bob", "GET", f"{HERE}/{installation}/timeline"),
        world.as_user("alice", "GET", f"{HERE}/{installation}/connections"),
        world.as_user("alice", "GET", "/v1/teams/acme/records"),
        world.as_role(HOST, "GET", "/v1/host/teams/acme/records"),
        world.as_role(HOST, "GET", f"/v1/host/teams/acme/installations/{installation}/connections"),
    ]
    assert [answer.status for answer in answers] == [200] * len(answers)
    assert not [answer.text for answer in answers if "account-of-" in answer.text]


def test_no_admin_sees_the_account_of_somebody_elses_own_connection() -> None:
    world, installation = connected()
    shown = world.as_user("alice", "GET", HERE).text + world.as_user("alice", "GET", f"{HERE}/{installation}").text
    assert "account-of-" not in shown
