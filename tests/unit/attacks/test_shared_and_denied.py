"""Two special ends: an account for the whole team, and a no."""

from __future__ import annotations

import pytest

from strongroom.domain import keys
from strongroom.flows import answer, authority
from tests.requirements import requirement
from tests.unit.attacks.endings import EACH_ENDING, Ending, revoke
from tests.unit.attacks.scenes import (
    account_behind,
    before_the_connection_is_written,
    exchanges,
    rows,
    state_of,
    while_the_code_is_redeemed,
)
from tests.weakened import weakened
from tests.world import Answered, Consented, World

# Shared mode


def alice_consents_for_all() -> tuple[World, str, Consented]:
    world = World()
    installation = world.install(sharing="shared")
    return world, installation, world.consent(world.begin("alice", installation), "alice")


@pytest.mark.parametrize("body", [{}, {"confirm_shared": False}])
def test_a_shared_account_needs_the_admins_word_that_the_team_will_use_it(body: dict[str, bool]) -> None:
    world, installation, mine = alice_consents_for_all()
    before = world.table.snapshot()
    asked = world.complete("alice", mine, **body)
    assert (asked.status, asked.json["error"]) == (409, "confirmation_required")
    assert world.table.snapshot() == before
    assert exchanges(world) == []

    assert world.complete("alice", mine, confirm_shared=True).status == 200
    assert account_behind(world, "bob", installation) == "alice"


@pytest.mark.parametrize("word", ["true", 1, "yes", None, []])
def test_only_a_plain_yes_is_a_confirmation(word: object) -> None:
    world, _, mine = alice_consents_for_all()
    assert world.complete("alice", mine, confirm_shared=word).status == 400
    assert exchanges(world) == []


def demote(world: World) -> None:
    assert world.put_member("acme", "alice", "team_user").status == 200


@requirement("invariant:I8")
def test_an_admin_who_is_none_any_more_cannot_finish_for_the_team() -> None:
    world, _, mine = alice_consents_for_all()
    demote(world)
    refused = world.complete("alice", mine, confirm_shared=True)
    assert (refused.status, refused.json["error"]) == (400, "no_longer_admin")
    assert exchanges(world) == []


@requirement("invariant:I8")
@pytest.mark.parametrize("moment", ["exchange", "write"])
def test_an_admin_who_loses_the_role_meanwhile_connects_nothing(moment: str) -> None:
    world, installation, mine = alice_consents_for_all()
    when = while_the_code_is_redeemed if moment == "exchange" else before_the_connection_is_written
    when(world, lambda: demote(world))
    refused = world.complete("alice", mine, confirm_shared=True)
    assert (refused.status, refused.json["error"]) == (400, "no_longer_admin")
    assert account_behind(world, "alice", installation) is None
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False]


@requirement("invariant:I8")
def test_control_without_the_role_in_the_conditions_the_team_uses_the_account() -> None:
    world, installation, mine = alice_consents_for_all()
    before_the_connection_is_written(world, lambda: demote(world))
    with weakened(authority.authority_checks, 'member.append(Is("role", "team_admin"))', "pass"):
        world.complete("alice", mine, confirm_shared=True)
    assert account_behind(world, "bob", installation) == "alice"


# Denials


def deny(world: World, user: str, installation: str) -> Answered:
    begun = world.begin(user, installation)
    return world.browse(world.provider.consent(begun.url, user, error="access_denied"))


def test_a_denied_reconnect_leaves_the_connection_as_it_is() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    key = keys.connection("acme", "bob", installation)
    before = world.table.row(key)
    assert "outcome=denied" in deny(world, "bob", installation).headers["location"]
    assert world.table.row(key) == before
    assert account_behind(world, "bob", installation) == "bob"


def test_a_denial_is_written_where_there_is_no_grant_and_a_revoke_before_it_still_counts() -> None:
    world = World()
    installation = world.install()
    old = world.begin("bob", installation)
    revoke(world, installation)
    world.clock.advance(5)
    deny(world, "bob", installation)
    assert world.status("bob", installation)["reason"] == "denied"
    assert world.complete("bob", world.consent(old, "bob")).json["error"] == "revoked_meanwhile"


@EACH_ENDING
def test_a_denial_without_authority_is_written_nowhere(ending: Ending, why: str) -> None:
    world = World()
    installation = world.install()
    begun = world.begin("bob", installation)
    ending(world, installation)
    before = rows(world, "connection")
    world.browse(world.provider.consent(begun.url, "bob", error="access_denied"))
    assert rows(world, "connection") == before
    assert state_of(world, begun.id) == "denied"


def test_a_connection_that_comes_while_a_denial_is_written_stays() -> None:
    world = World()
    installation = world.install()
    begun = world.begin("bob", installation)
    mine = world.consent(world.begin("bob", installation), "bob")
    before_the_connection_is_written(world, lambda: world.complete("bob", mine))
    answered = world.browse(world.provider.consent(begun.url, "bob", error="access_denied"))
    assert "outcome=denied" in answered.headers["location"]
    assert account_behind(world, "bob", installation) == "bob"


def test_control_without_the_look_at_the_tokens_a_denied_reconnect_cuts_the_connection() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    with weakened(answer._denial, "(present is not None and present.tokens is not None)", "False"):
        deny(world, "bob", installation)
    assert account_behind(world, "bob", installation) is None
