"""Who may still finish: a membership, role or binding that ended meanwhile, a revoke, a newer consent."""

from __future__ import annotations

import pytest

from strongroom.domain.chore import RevocationChore
from strongroom.domain.table import Item
from strongroom.flows import authority, chores, settle
from tests.requirements import requirement
from tests.unit.attacks.endings import EACH_ENDING, Ending, leave, leave_and_come_back, revoke
from tests.unit.attacks.scenes import (
    account_behind,
    authorization,
    before_the_connection_is_written,
    bob_consents,
    exchanges,
    records,
    rows,
    state_of,
    while_the_code_is_redeemed,
)
from tests.weakened import weakened
from tests.world import Consented, World


def tokens_of_bob(world: World) -> bool:
    """Whether any connection of bob's holds tokens."""
    return any(row.get("access") for row in rows(world, "connection"))


def revocations(world: World) -> list[Item]:
    """The chores that take tokens to their provider; what was cut besides has a chore of its own."""
    return [chore for chore in rows(world, "chore") if chore["work"] == "revoke"]


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I9")
@requirement("invariant:I8")
@EACH_ENDING
def test_without_authority_the_code_is_not_even_redeemed(ending: Ending, why: str) -> None:
    world, installation, mine = bob_consents()
    ending(world, installation)
    refused = world.complete("bob", mine)
    assert (refused.status, refused.json["error"]) == (400, why)
    assert (state_of(world, mine.id), authorization(world, mine.id)["error"]) == ("failed", why)
    assert [(told["by"], told["why"]) for told in records(world, "completion_refused")] == [("bob", why)]
    assert exchanges(world) == []
    assert not tokens_of_bob(world)


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I9")
@requirement("invariant:I8")
@EACH_ENDING
def test_authority_that_ends_during_the_exchange_stores_nothing_and_the_new_tokens_are_revoked(
    ending: Ending, why: str
) -> None:
    world, installation, mine = bob_consents()
    while_the_code_is_redeemed(world, lambda: ending(world, installation))
    assert_discarded(world, mine, why)


@requirement("attack:E3")
@requirement("attack:E4")
@requirement("invariant:I9")
@requirement("invariant:I8")
@EACH_ENDING
def test_authority_that_ends_a_moment_before_the_write_stores_nothing_either(ending: Ending, why: str) -> None:
    world, installation, mine = bob_consents()
    before_the_connection_is_written(world, lambda: ending(world, installation))
    assert_discarded(world, mine, why)


def assert_discarded(world: World, mine: Consented, why: str) -> None:
    refused = world.complete("bob", mine)
    assert (refused.status, refused.json["error"]) == (400, why)
    assert (state_of(world, mine.id), authorization(world, mine.id)["error"]) == ("failed", why)
    assert [told["why"] for told in records(world, "completion_refused")] == [why]
    assert not tokens_of_bob(world)
    assert [chore["why"] for chore in revocations(world)] == [why]

    (grant,) = world.provider.grants
    refresh, access = grant.refresh, grant.access
    world.tick()
    assert world.provider.revoked == [refresh, access]
    assert [(chore["state"], chore["outcome"]) for chore in revocations(world)] == [("ended", "revoked")]


@requirement("attack:E3")
@requirement("invariant:I9")
@requirement("invariant:I8")
def test_control_without_the_conditions_of_the_write_one_who_has_left_is_connected() -> None:
    world, installation, mine = bob_consents()
    before_the_connection_is_written(world, lambda: leave(world, installation))
    with weakened(settle._completion_writes, "*authority_checks(authorization),", ""):
        world.complete("bob", mine)
    assert tokens_of_bob(world)


@requirement("invariant:I8")
def test_control_without_the_comparison_of_epochs_an_earlier_membership_connects() -> None:
    world, installation, mine = bob_consents()
    leave_and_come_back(world, installation)
    epochs = "reads.member.epoch != authorization.member_epoch"
    condition = ', Is("epoch", authorization.member_epoch)]'
    with weakened(authority.lacks_authority, epochs, "False"), weakened(authority.authority_checks, condition, "]"):
        world.complete("bob", mine)
    assert tokens_of_bob(world)


@requirement("invariant:I8")
def test_control_without_the_comparison_with_the_last_revoke_it_comes_back() -> None:
    world, installation, mine = bob_consents()
    world.clock.advance(5)
    revoke(world, installation)
    with weakened(
        authority.lacks_authority, 'authorization.revocation != (present.revocation if present else "")', "False"
    ):
        assert world.complete("bob", mine).status == 200
    assert account_behind(world, "bob", installation) == "bob"


@requirement("invariant:I8")
def test_control_without_the_chore_the_tokens_that_nobody_wants_live_on() -> None:
    world, installation, mine = bob_consents()
    while_the_code_is_redeemed(world, lambda: leave(world, installation))
    with weakened(
        settle._refuse, "_discard(ports, result.connection, why, result.connection.version.grant, told, *end)", "pass"
    ):
        world.complete("bob", mine)
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [True]


# Begun before, finished after: what a revoke and a newer consent put an end to


@pytest.mark.parametrize("apart", [0, 1, 599])
def test_what_was_begun_before_a_revoke_never_brings_the_connection_back(apart: int) -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    begun = world.begin("bob", installation)
    world.clock.advance(apart)
    revoke(world, installation)
    assert world.complete("bob", world.consent(begun, "bob")).json["error"] == "revoked_meanwhile"
    assert account_behind(world, "bob", installation) is None
    assert world.status("bob", installation)["reason"] == "revoked"


def test_what_is_begun_after_a_revoke_connects_again() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    revoke(world, installation)
    world.clock.advance(1)
    world.connect("bob", installation)
    assert account_behind(world, "bob", installation) == "bob"


def test_an_older_authorization_does_not_replace_the_account_of_a_newer_one() -> None:
    world = World()
    installation = world.install()
    older = world.begin("bob", installation)
    world.clock.advance(60)
    world.connect("bob", installation, account="bob-at-work")
    late = world.complete("bob", world.consent(older, "bob-at-home"))
    assert (late.status, late.json["error"]) == (400, "newer_grant")
    assert account_behind(world, "bob", installation) == "bob-at-work"


def test_a_chore_that_would_end_what_somebody_still_uses_is_not_done() -> None:
    world = World()
    installation = world.install()
    older = world.begin("bob", installation)
    world.clock.advance(1)
    mine = world.consent(older, "bob")
    while_the_code_is_redeemed(world, lambda: world.connect("bob", installation))
    assert world.complete("bob", mine).json["error"] == "newer_grant"
    world.tick()
    (chore,) = rows(world, "chore")
    assert RevocationChore.from_item(chore) is None
    assert chore["state"] == "parked"
    assert account_behind(world, "bob", installation) == "bob"


def one_who_reconnects_and_leaves_meanwhile() -> tuple[World, str | None]:
    """Give also what became of the new tokens, before anything is cleared away."""
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(1)
    mine = world.consent(world.begin("bob", installation), "bob")
    while_the_code_is_redeemed(world, lambda: leave(world, installation))
    assert world.complete("bob", mine).json["error"] == "no_longer_member"
    (chore,) = revocations(world)
    return world, chores.do_chore(world.ports, str(chore["chore"]))


def test_an_earlier_connection_that_serves_nobody_any_more_keeps_no_token_alive() -> None:
    world, outcome = one_who_reconnects_and_leaves_meanwhile()
    assert outcome == "revoked"
    assert world.provider.grants[-1].alive is False


def test_control_if_a_dead_connection_counted_the_new_tokens_would_live_on() -> None:
    with weakened(chores._others, "if _stands(ports, connection, user)", ""):
        world, outcome = one_who_reconnects_and_leaves_meanwhile()
    assert outcome != "revoked"
    assert world.provider.grants[-1].alive is True
