"""One person begins, another consents: the main attack on whoever keeps tokens for many people.

Mallory attacks from a team of her own, carol from within bob's team.
"""

from __future__ import annotations

import pytest

from strongroom.aws import identity
from strongroom.domain import authorization, keys
from strongroom.domain.authorization import Authorization
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    account_behind,
    exchanges,
    given_to_the_browser,
    records,
    rows,
    state_of,
    trap,
)
from tests.weakened import weakened
from tests.world import Begun, Consented, World

NO_SECRET_NEEDED = ("right_secret = issued and hmac", "right_secret = True or hmac")
NO_USER_NEEDED = (
    "right_user = hmac.compare_digest(authorization.user.encode(), user.encode())",
    "right_user = True",
)


# A5: nothing happens by the consent alone


@requirement("attack:A5")
def test_a_victims_consent_alone_redeems_nothing_and_shows_the_attacker_nothing() -> None:
    caught = trap()
    assert exchanges(caught.world) == []
    assert caught.prey is None

    seen = caught.world.as_user("mallory", "GET", f"/v1/authorizations/{caught.begun.id}")
    assert seen.json["state"] == "returned"
    assert caught.with_bob.secret not in seen.text
    assert caught.with_bob.secret not in str(caught.world.table.snapshot())


@requirement("attack:A5")
def test_control_if_the_consent_alone_sufficed_the_attacker_would_have_the_victims_account() -> None:
    caught = trap()
    with weakened(authorization.judge_completion, *NO_SECRET_NEEDED):
        caught.world.complete("mallory", Consented(caught.begun.id, "nothing"))
    assert caught.prey == "bob"


# A6: the victim's own web client completes


@requirement("attack:A6")
def test_a_victim_who_completes_an_attackers_authorization_destroys_it() -> None:
    caught = trap()
    world = caught.world
    done = world.complete("bob", caught.with_bob)
    unknown = world.complete("bob", Consented("u" * 43, "x"))

    assert (done.status, done.text) == (unknown.status, unknown.text) == (404, unknown.text)
    assert state_of(world, caught.begun.id) == "failed"
    assert [(told["by"], told["why"]) for told in records(world, "authorization_destroyed")] == [("bob", "wrong_user")]
    assert [entry.event for entry in world.journal.alarms()] == ["authorization_destroyed"]
    assert world.complete("mallory", caught.with_bob).status == 400, "not even with the secret"
    assert exchanges(world) == []
    assert caught.prey is None
    assert rows(world, "connection") == []


@requirement("attack:A6")
def test_control_without_the_check_of_the_person_the_victim_hands_over_the_account() -> None:
    caught = trap()
    with weakened(authorization.judge_completion, *NO_USER_NEEDED):
        caught.world.complete("bob", caught.with_bob)
    assert caught.prey == "bob"


# A7: links


@requirement("attack:A7")
def test_the_link_of_a_look_up_names_nobody_and_making_it_starts_nothing() -> None:
    world = World()
    installation = world.install()
    before, sent = world.table.snapshot(), len(world.egress.sent)
    link = world.look_up("carol", installation).json["link"]
    assert link == f"https://web.example/connections?team=acme&installation={installation}"
    assert world.table.snapshot() == before
    assert len(world.egress.sent) == sent


def bob_follows_carols_link(link: str) -> tuple[World, str]:
    """Bob's web client begins and completes with bob's JWT; it hands on whatever the link says."""
    world = World()
    installation = world.install()
    base = f"/v1/teams/acme/installations/{installation}/authorize"
    answer = world.as_user("bob", "POST", base, {}, query=link, headers={"x-user": "carol"})
    begun = Begun(answer.json["authorization_id"], answer.json["authorization_url"], installation)
    mine = world.consent(begun, "bob")
    path = f"/v1/authorizations/{mine.id}/complete"
    world.as_user("bob", "POST", path, {"secret": mine.secret}, query=link, headers={"x-user": "carol"})
    return world, installation


@requirement("attack:A7")
def test_what_a_victim_starts_from_an_attackers_link_belongs_to_the_victim() -> None:
    world, installation = bob_follows_carols_link("user=carol&sub=carol")
    assert account_behind(world, "bob", installation) == "bob"
    assert account_behind(world, "carol", installation) is None


@requirement("attack:A7")
@pytest.mark.parametrize("field", ["user", "sub", "team", "owner"])
def test_a_body_cannot_say_for_whom_to_begin(field: str) -> None:
    world = World()
    path = f"/v1/teams/acme/installations/{world.install()}/authorize"
    answer = world.as_user("bob", "POST", path, {field: "carol"})
    assert (answer.status, answer.json["error"]) == (400, "unknown_field")
    assert world.egress.sent == []


@requirement("attack:A7")
def test_control_if_a_link_could_name_the_person_the_attacker_would_have_the_account() -> None:
    chosen = '__import__("urllib.parse").parse.parse_qs(event["rawQueryString"]).get("user", [claims.get("sub")])[0]'
    with weakened(identity.person, 'checked_user(claims.get("sub"))', f"checked_user({chosen})"):
        world, installation = bob_follows_carols_link("user=carol")
    assert account_behind(world, "carol", installation) == "bob"


# A8: the reverse


def carols_answer_in_bobs_browser() -> tuple[World, str, Begun, Consented]:
    """Carol stops at her own valid callback URL and gets bob's browser to open it."""
    world = World()
    installation = world.install()
    begun = world.begin("carol", installation)
    in_bobs_browser = given_to_the_browser(world.browse(world.provider.consent(begun.url, "carol")))
    return world, installation, begun, in_bobs_browser


@requirement("attack:A8")
@pytest.mark.parametrize("connected", [False, True])
def test_an_attackers_own_answer_in_a_victims_browser_leaves_the_victim_alone(connected: bool) -> None:
    world, installation, begun, in_bobs_browser = carols_answer_in_bobs_browser()
    if connected:
        world.connect("bob", installation)
    before = world.table.row(keys.connection("acme", "bob", installation))

    assert world.complete("bob", in_bobs_browser).status == 404

    assert world.table.row(keys.connection("acme", "bob", installation)) == before
    assert account_behind(world, "bob", installation) == ("bob" if connected else None)
    assert state_of(world, begun.id) == "failed"


@requirement("attack:A8")
def test_control_if_an_authorization_belonged_to_the_browser_bob_would_use_carols_account() -> None:
    with weakened(Authorization.place, ", *self._for_whom", ""):
        world, installation, _, in_bobs_browser = carols_answer_in_bobs_browser()
    epoch = str(world.table.snapshot()[keys.member("acme", "bob")]["epoch"])
    whose = """user=str(item["user"]),
        team=str(item["team"]),
        installation=str(item["installation"]),
        standing=Standing(str(item["epoch"]),"""
    bobs = f"""user="bob",
        team=str(item["team"]),
        installation=str(item["installation"]),
        standing=Standing("{epoch}","""
    unbound = weakened(Authorization.place, ", *self._for_whom", "")
    row = world.table.snapshot()[keys.authorization(in_bobs_browser.id)]
    world.table.place({**row, "member_epoch": epoch})
    with unbound, weakened(Authorization.from_item.__func__, whose, bobs):  # type: ignore[attr-defined]
        assert world.complete("bob", in_bobs_browser).status == 200
    assert account_behind(world, "bob", installation) == "carol"
