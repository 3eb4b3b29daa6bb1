"""Something happens at some step of an admin's change: a consent, a look-up, or the change of another admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from strongroom.domain import change as rules
from strongroom.domain import keys
from strongroom.flows import change as changing
from strongroom.flows import entering
from tests.requirements import requirement
from tests.unit.attacks.endings import (
    Ending,
    change_what_it_is,
    disable,
    revoke_for_all,
    switch_the_mode,
    switch_there_and_back,
    uninstall,
)
from tests.unit.changing import change
from tests.unit.races.moments import (
    WAYS,
    Prepared,
    Race,
    alive,
    at_each_step,
    come_to_rest,
    connected,
    happens,
    not_revoked,
    tokens_are_stored,
)
from tests.unit.races.steps import Stepped
from tests.unit.renewals import rows
from tests.weakened import weakened

A_FEW = 2
ONE = "https://one.example/mcp"
CUTS = [change_what_it_is, switch_the_mode, switch_there_and_back, revoke_for_all, uninstall]


# -- what people have under way


def finished_while(ending: Ending) -> Race:
    """The person finishes at some step of the admin's change."""
    world = Stepped(shards=1)
    installation = world.install()
    mine = world.consent(world.begin("bob", installation), "bob")
    return world, lambda: world.complete("bob", mine), lambda: ending(world, installation)


@requirement("attack:E4")
@requirement("invariant:I9")
@pytest.mark.parametrize("ending", CUTS)
def test_what_is_finished_at_any_step_of_a_cut_is_for_nobody_and_ends_at_the_provider(ending: Ending) -> None:
    def check(world: Stepped) -> None:
        assert world.look_up("bob", world.installed[0]).status in (404, 409)
        come_to_rest(world)
        assert world.look_up("bob", world.installed[0]).status in (404, 409)
        assert not tokens_are_stored(world)
        assert (alive(world), not_revoked(world)) == ([], set())

    assert at_each_step(lambda: finished_while(ending), check) >= A_FEW


@requirement("attack:E4")
def test_what_is_finished_at_any_step_of_disabling_is_given_out_to_nobody_until_it_is_enabled() -> None:
    def check(world: Stepped) -> None:
        (installation,) = world.installed
        assert world.look_up("bob", installation).json["error"] == "installation_disabled"
        change(world, installation, enabled=True)
        assert (world.look_up("bob", installation).status == 200) == tokens_are_stored(world)

    assert at_each_step(lambda: finished_while(disable), check) >= A_FEW


def renewed_while(ending: Ending, renewing: Prepared) -> Race:
    world, scene = connected()
    return world, renewing(scene), lambda: ending(world, scene.installation)


@requirement("attack:E4")
@requirement("invariant:I14")
@pytest.mark.parametrize("renewing", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("ending", CUTS)
def test_what_is_renewed_at_any_step_of_a_cut_ends_with_it(ending: Ending, renewing: Prepared) -> None:
    def check(world: Stepped) -> None:
        come_to_rest(world)
        assert not tokens_are_stored(world)
        assert (alive(world), not_revoked(world)) == ([], set())

    assert at_each_step(lambda: renewed_while(ending, renewing), check) >= A_FEW


# -- a look-up while the mode is switched


def looked_up_while_switching() -> tuple[Stepped, Callable[[], None], Callable[[], None]]:
    """Alice and bob are connected, each for themselves; alice's token is nearly over too."""
    world, scene = connected()
    world.connect("alice", scene.installation)

    def look() -> None:
        answer = world.look_up("bob", scene.installation)
        if answer.status == 200:
            assert world.provider.account_of(answer.json["access_token"]) == "bob"

    return world, lambda: switch_the_mode(world, scene.installation), look


@requirement("attack:E4")
def test_a_look_up_at_any_moment_of_a_switch_of_the_mode_gives_ones_own_token_or_none() -> None:
    def check(world: Stepped) -> None:
        for user in ("alice", "bob"):
            assert world.look_up(user, world.installed[0]).status == 409

    assert at_each_step(looked_up_while_switching, check) >= A_FEW


# -- two admins


def names(world: Stepped) -> set[str]:
    """The names of what is installed; each stands in one row of its own, and nothing else does."""
    installed = {str(row["name"]): str(row["installation"]) for row in rows(world, "installation")}
    kept = {str(row["SK"]): str(row["installation"]) for row in rows(world, "name")}
    assert kept == {entering.name_key("acme", name).sk: installation for name, installation in installed.items()}
    return {*installed}


def renamed_while(other: Callable[[Stepped, str], None]) -> Race:
    world = Stepped(shards=1)
    first = world.install(name="First")
    world.install(name="Second")
    return world, lambda: other(world, first), lambda: change(world, first, name="Third")


def rename_too(world: Stepped, installation: str) -> None:
    change(world, installation, name="Fourth")


def take_the_new_name(world: Stepped, installation: str) -> None:
    change(world, world.installed[1], name="third")


def take_the_old_name(world: Stepped, installation: str) -> None:
    change(world, world.installed[1], name="first")


def install_under_the_new_name(world: Stepped, installation: str) -> None:
    body = {"name": "THIRD", "url": "https://files.example/mcp", "requires_oauth": True}
    world.as_user("alice", "POST", "/v1/teams/acme/installations", body)


Other: TypeAlias = Callable[[Stepped, str], None]
RENAMES: dict[Other, tuple[set[str], ...]] = {
    rename_too: ({"Third", "Second"}, {"Fourth", "Second"}),
    take_the_new_name: ({"Third", "Second"}, {"First", "third"}),
    take_the_old_name: ({"Third", "Second"}, {"Third", "first"}),
    install_under_the_new_name: ({"Third", "Second"}, {"First", "Second", "THIRD"}),
    uninstall: ({"Second"},),
}


@pytest.mark.parametrize("other", RENAMES, ids=lambda other: other.__name__)
def test_whatever_happens_to_names_at_any_step_of_a_renaming_each_belongs_to_one_installation(other: Other) -> None:
    def check(world: Stepped) -> None:
        assert names(world) in RENAMES[other]

    assert at_each_step(lambda: renamed_while(other), check) >= A_FEW


def one_name_twice(world: Stepped) -> bool:
    return len({str(row["name"]).casefold() for row in rows(world, "installation")}) < len(rows(world, "installation"))


def test_control_without_the_condition_of_the_name_two_installations_have_one_name() -> None:
    with weakened(changing._renaming, "require=Missing()", "require=None"):
        assert happens(lambda: renamed_while(take_the_new_name), one_name_twice)


def changed_by_two() -> Race:
    world = Stepped(shards=1)
    installation = world.install()
    return (
        world,
        lambda: change(world, installation, url=ONE),
        lambda: change(world, installation, match='"0"', scopes=["files"]),
    )


def test_who_says_what_was_seen_overwrites_nothing_at_any_step() -> None:
    def check(world: Stepped) -> None:
        row = world.table.row(keys.installation("acme", world.installed[0]))
        assert row is not None
        assert row["url"] == ONE
        assert (row.get("scopes"), row["revision"]) in ((None, 1), (["files"], 2))

    assert at_each_step(changed_by_two, check) >= A_FEW


def built_upon_what_was_not_seen() -> bool:
    world, deed, operation = changed_by_two()
    assert world.while_at(1, deed, operation)
    row = world.table.row(keys.installation("acme", world.installed[0]))
    assert row is not None
    return row["url"] == ONE and row.get("scopes") == ["files"]


def test_control_without_the_comparison_of_tags_a_change_is_built_upon_what_was_not_seen() -> None:
    assert not built_upon_what_was_not_seen()
    with weakened(rules.check_match, "if_match is not None and", "False and"):
        assert built_upon_what_was_not_seen()
