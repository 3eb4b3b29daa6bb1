"""Who began completes what a victim consented to: with every secret but the one that the victim's browser was given."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import pytest

from strongroom.domain import authorization
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    Trap,
    exchanges,
    records,
    state_of,
    trap,
)
from tests.unit.attacks.scenes import authorization as row_of
from tests.weakened import weakened
from tests.world import Consented, World

NO_SECRET_NEEDED = ("right_secret = issued and hmac", "right_secret = True or hmac")
NO_USER_NEEDED = (
    "right_user = hmac.compare_digest(authorization.user.encode(), user.encode())",
    "right_user = True",
)


# A26: the attacker completes what the victim consented to


def a_guess(caught: Trap) -> str:
    return "g" * 43


def the_shortest_guess(caught: Trap) -> str:
    return "-"


def the_id(caught: Trap) -> str:
    return caught.begun.id


def the_state(caught: Trap) -> str:
    return dict(parse_qsl(urlsplit(caught.begun.url).query))["state"]


def the_stored_hash(caught: Trap) -> str:
    return str(row_of(caught.world, caught.begun.id)["secret_hash"])


def a_secret_of_her_own(caught: Trap) -> str:
    mine = caught.world.begin("mallory", caught.installation, "rivals")
    return caught.world.consent(mine, "mallory").secret


def a_stale_secret(caught: Trap) -> str:
    mine = caught.world.consent(caught.world.begin("mallory", caught.installation, "rivals"), "mallory")
    assert caught.world.complete("mallory", mine).status == 200
    return mine.secret


def the_secret_with_one_letter_changed(caught: Trap) -> str:
    secret = caught.with_bob.secret
    return secret[:-1] + ("A" if secret[-1] != "A" else "B")


SECRETS = [
    a_guess, the_shortest_guess, the_id, the_state, the_stored_hash, a_secret_of_her_own, a_stale_secret,
    the_secret_with_one_letter_changed,
]  # fmt: skip


@requirement("attack:A26")
@pytest.mark.parametrize("secret", SECRETS, ids=lambda made: made.__name__)
def test_who_began_cannot_complete_without_the_consenting_browsers_secret(secret: Callable[[Trap], str]) -> None:
    caught = trap()
    tried, before = Consented(caught.begun.id, secret(caught)), len(exchanges(caught.world))

    refused = caught.world.complete("mallory", tried)

    assert (refused.status, refused.json["error"]) == (400, "authorization_refused")
    assert state_of(caught.world, caught.begun.id) == "failed"
    told = records(caught.world, "authorization_destroyed")
    assert [(one["by"], one["why"]) for one in told] == [("mallory", "wrong_secret")]
    assert [entry.event for entry in caught.world.journal.alarms()] == ["authorization_destroyed"]
    assert caught.world.complete("mallory", caught.with_bob).status == 400, "one try, not even the right one after it"
    assert len(exchanges(caught.world)) == before
    assert caught.prey != "bob"


@requirement("attack:A26")
@pytest.mark.parametrize("secret", [None, "", 7, "a" * 129, "é", "a b", ["x"]])
def test_what_is_no_secret_at_all_is_refused_before_anything_is_looked_at(secret: object) -> None:
    caught = trap()
    before = caught.world.table.snapshot()
    path = f"/v1/authorizations/{caught.begun.id}/complete"
    for body in ({"secret": secret}, {}):
        assert caught.world.as_user("mallory", "POST", path, body).status == 400
    assert caught.world.table.snapshot() == before


@requirement("attack:A26")
def test_a_destroyed_authorization_keeps_nothing_that_could_be_redeemed() -> None:
    caught = trap()
    caught.world.complete("mallory", Consented(caught.begun.id, "wrong"))
    assert {"code", "verifier", "secret_hash"}.isdisjoint(row_of(caught.world, caught.begun.id))


@requirement("attack:A26")
def test_control_without_the_secret_the_attacker_gets_the_victims_account() -> None:
    caught = trap()
    with weakened(authorization.judge_completion, *NO_SECRET_NEEDED):
        assert caught.world.complete("mallory", Consented(caught.begun.id, "g" * 43)).status == 200
    assert caught.prey == "bob"


@requirement("attack:A26")
def test_control_if_one_half_destroyed_nothing_the_attacker_could_guess_on() -> None:
    caught = trap()
    with weakened(authorization._judge_returned, "if right_user or right_secret:", "if False:"):
        for guess in ("a", "b", "c"):
            caught.world.complete("mallory", Consented(caught.begun.id, guess))
    assert state_of(caught.world, caught.begun.id) == "returned"


# Neither half, too early, and again


@requirement("attack:A6")
@requirement("invariant:I18")
def test_a_stranger_without_the_secret_learns_nothing_and_changes_nothing() -> None:
    caught = trap()
    world, before = caught.world, caught.world.table.snapshot()
    unknown = world.complete("bob", Consented("u" * 43, "wrong"))
    told = world.complete("bob", Consented(caught.begun.id, "wrong"))
    assert (told.status, told.text, told.headers) == (404, unknown.text, unknown.headers)

    shown = world.as_user("bob", "GET", f"/v1/authorizations/{caught.begun.id}")
    unknown = world.as_user("bob", "GET", f"/v1/authorizations/{'u' * 43}")
    assert (shown.status, shown.text, shown.headers) == (404, unknown.text, unknown.headers)
    assert world.table.snapshot() == before


@requirement("attack:A6")
@requirement("invariant:I18")
def test_control_without_the_check_of_the_person_a_stranger_sees_it() -> None:
    caught = trap()
    with weakened(authorization.judge_completion, *NO_USER_NEEDED):
        caught.world.complete("bob", Consented(caught.begun.id, "wrong"))
    assert state_of(caught.world, caught.begun.id) == "failed"


@requirement("attack:A26")
@pytest.mark.parametrize("secret", ["wrong", "u" * 43])
def test_while_it_is_pending_nobody_can_complete_or_destroy_it(secret: str) -> None:
    world = World()
    begun = world.begin("bob", world.install())
    before = world.table.snapshot()

    early = world.complete("bob", Consented(begun.id, secret))
    stranger = world.complete("carol", Consented(begun.id, secret))

    assert (early.status, early.json["error"]) == (409, "still_pending")
    assert stranger.status == 404
    assert world.table.snapshot() == before
    assert world.complete("bob", world.consent(begun, "bob")).status == 200


@requirement("attack:A26")
def test_after_it_is_completed_only_the_right_person_with_the_right_secret_hears_of_it() -> None:
    world = World()
    installation = world.install()
    mine = world.consent(world.begin("bob", installation), "bob")
    done = world.complete("bob", mine)
    before = world.table.snapshot()

    again = world.complete("bob", mine)
    assert (again.status, again.json) == (200, done.json)
    assert world.complete("bob", Consented(mine.id, "wrong")).status == 404
    assert world.complete("carol", mine).status == 404
    assert world.table.snapshot() == before
    assert len(exchanges(world)) == 1
