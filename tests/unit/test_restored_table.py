"""The table was restored: what it holds may be older than what the provider gave last, or revoked since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain.policy import DAY, HOUR
from strongroom.domain.sealed_tokens import SealedTokens
from strongroom.domain.table import Item, Key
from tests.requirements import requirement
from tests.unit.connections import NOW, TOKENS
from tests.unit.renewals import Scene, before_answering, connected, replies, rows
from tests.weakened import weakened
from tests.world import Answered, World

Backup = dict[Key, Item]


def backed_up(**provider: Any) -> tuple[Scene, Backup]:
    """A connection, and the table as it was then."""
    world = World()
    for name, value in provider.items():
        setattr(world.provider, name, value)
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(60)
    return Scene(world, installation), world.table.snapshot()


def restore(scene: Scene, backup: Backup, told: bool = True) -> None:
    """Put the table back, and tell the functions when that was; or forget to tell them."""
    world = scene.world
    world.clock.advance(60)
    world.table.restore(backup)
    if told:
        world.policy = replace(world.policy, restored_at=int(world.clock.now()))
    world.ports = world.new_environment()
    world.clock.advance(5)


def rotated_and_restored(**provider: Any) -> Scene:
    """The provider has given newer tokens than the restored table holds."""
    scene, backup = backed_up(**provider)
    scene.renew()
    restore(scene, backup)
    scene.world.provider.token_requests.clear()
    return scene


def asks(scene: Scene) -> Answered:
    return scene.world.look_up("bob", scene.installation)


def seen(scene: Scene) -> tuple[str, str | None, str]:
    status = scene.world.status("bob", scene.installation)
    return status["status"], status["reason"], status["next"]


# -- one careful renewal


@requirement("fault:F31")
def test_a_grant_that_lives_on_is_renewed_once_and_then_believed() -> None:
    scene = rotated_and_restored(rotates=False)
    before = str(scene.connection.version)
    answer = asks(scene)
    assert (answer.status, len(scene.refreshes())) == (200, 1)
    assert answer.json["version"] != before
    assert [asks(scene).status for _ in range(5)] == [200] * 5
    assert (len(scene.refreshes()), seen(scene)) == (1, ("connected", None, "none"))


@requirement("fault:F31")
def test_a_spent_refresh_token_is_tried_once_and_the_person_hears_why() -> None:
    scene = rotated_and_restored()
    assert seen(scene) == ("connected", None, "none")
    answers = [asks(scene) for _ in range(5)]
    assert [(answer.status, answer.json["reason"]) for answer in answers] == [(409, "restored")] * 5
    assert (len(scene.refreshes()), seen(scene)) == (1, ("auth_required", "restored", "reconnect"))


@requirement("fault:F31")
def test_until_the_renewal_has_succeeded_nothing_is_handed_out() -> None:
    scene = rotated_and_restored(rotates=False)
    scene.provider_does(replies(503), replies(429))
    assert asks(scene).status == 503
    scene.world.clock.advance(60)
    assert asks(scene).status == 503
    scene.world.clock.advance(120)
    assert asks(scene).status == 200


@requirement("fault:F31")
def test_control_who_does_not_tell_of_the_restore_hands_out_what_is_there() -> None:
    scene, backup = backed_up()
    scene.renew()
    restore(scene, backup, told=False)
    assert asks(scene).status == 200
    assert len(scene.refreshes()) == 1


@requirement("fault:F31")
def test_a_revoked_connection_that_is_back_serves_nobody_if_the_provider_had_been_told() -> None:
    scene, backup = backed_up()
    scene.world.revoke("bob", scene.installation)
    scene.world.deliver()
    restore(scene, backup)
    assert asks(scene).json["reason"] == "restored"
    assert len(scene.refreshes()) == 1


@requirement("fault:F31")
def test_control_without_suspicion_a_revoked_token_would_be_handed_out_again() -> None:
    scene, backup = backed_up()
    scene.world.revoke("bob", scene.installation)
    scene.world.deliver()
    restore(scene, backup)
    with weakened(SealedTokens.are_suspect, "self.obtained_at < restored_at <= now", "False"):
        assert asks(scene).status == 200


@requirement("fault:F31")
def test_whoever_else_asks_meanwhile_waits_and_sends_nothing() -> None:
    scene = rotated_and_restored(rotates=False)
    others: list[Answered] = []
    scene.provider_does(before_answering(scene.world, lambda: others.append(asks(scene))))
    assert asks(scene).status == 200
    assert [answer.status for answer in others] == [503]
    assert len(scene.refreshes()) == 1


# -- what is not suspect, or not any more


def test_what_was_connected_after_the_restore_is_believed() -> None:
    scene, backup = backed_up()
    restore(scene, backup)
    scene.world.connect("carol", scene.installation)
    assert scene.world.look_up("carol", scene.installation).status == 200
    assert scene.refreshes() == []


def test_a_reconnect_ends_it() -> None:
    scene = rotated_and_restored()
    assert asks(scene).json["reason"] == "restored"
    scene.world.connect("bob", scene.installation)
    assert (scene.works(), seen(scene)) == (True, ("connected", None, "none"))


def test_the_sweep_takes_up_what_is_due_and_nothing_sooner() -> None:
    scene = rotated_and_restored(rotates=False)
    scene.world.tick()
    assert scene.refreshes() == []
    scene.world.clock.advance(HOUR)
    scene.world.tick()
    assert len(scene.refreshes()) == 1
    assert asks(scene).status == 200
    assert len(scene.refreshes()) == 1


def test_a_refusal_that_the_sweep_gets_says_restored_too() -> None:
    scene = rotated_and_restored()
    scene.world.clock.advance(HOUR)
    scene.world.tick()
    assert (len(scene.refreshes()), seen(scene)) == (1, ("auth_required", "restored", "reconnect"))


def test_without_a_refresh_token_the_person_has_to_connect_again() -> None:
    scene, backup = backed_up(gives_refresh=False)
    restore(scene, backup)
    assert (asks(scene).json["reason"], seen(scene)) == ("restored", ("auth_required", "restored", "reconnect"))
    assert scene.refreshes() == []


def test_a_report_forces_no_second_renewal() -> None:
    scene = rotated_and_restored(rotates=False)
    answer = scene.world.reject("bob", scene.installation, str(scene.connection.version))
    assert (answer.status, len(scene.refreshes())) == (200, 1)


def test_a_revoke_takes_effect_on_what_is_suspect() -> None:
    scene = rotated_and_restored()
    assert scene.world.revoke("bob", scene.installation).status == 200
    assert seen(scene) == ("auth_required", "revoked", "reconnect")
    assert [row["state"] for row in rows(scene.world, "chore")] == ["open"]


def test_a_moment_that_is_still_to_come_means_nothing_and_cannot_make_every_look_up_renew() -> None:
    scene = connected()
    world = scene.world
    world.policy = replace(world.policy, restored_at=int(world.clock.now()) + DAY)
    world.ports = world.new_environment()
    assert [asks(scene).status for _ in range(5)] == [200] * 5
    assert scene.refreshes() == []


@pytest.mark.parametrize(
    ("restored_at", "now", "suspect"),
    [
        (0, NOW + 5, False),
        (NOW, NOW + 5, False),
        (NOW + 1, NOW + 5, True),
        (NOW + 5, NOW + 5, True),
        (NOW + 6, NOW + 5, False),
    ],
)
def test_suspect_is_what_was_obtained_before_the_restore(restored_at: int, now: int, suspect: bool) -> None:
    assert TOKENS.are_suspect(restored_at, now) is suspect
