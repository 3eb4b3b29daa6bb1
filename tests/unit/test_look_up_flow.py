"""A look-up and the renewals around it: what it waits for, what it hands out meanwhile, and what it never hands out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.http import NoAnswer, Outgoing
from strongroom.domain.renewal_outcome import Renewed
from strongroom.flows import look_up
from tests.fakes.faults import fails, in_turn, meanwhile
from tests.requirements import requirement
from tests.unit.renewals import (
    Killed,
    Scene,
    after_rotating,
    before_answering,
    connected,
    dies,
    nearly_over,
    queue,
    replies,
    says,
    silence,
    when,
)
from tests.weakened import weakened
from tests.world import GATEWAY, RIVAL_GATEWAY, STRANGER, Answered, World


def asks(scene: Scene, **body: Any) -> Answered:
    return scene.world.look_up(scene.user, scene.installation, **body)


# -- nothing to renew


def test_a_good_token_costs_one_read_and_asks_nobody() -> None:
    scene = connected()
    asks(scene)
    world = scene.world
    asked, sent = len(world.keys.requests), len(world.egress.sent)
    world.table.requests.clear()
    assert asks(scene).status == 200
    assert world.table.requests == {"BatchGetItem": 1}
    assert (len(world.keys.requests), len(world.egress.sent)) == (asked, sent)


def test_the_answer_tells_what_the_satellite_needs_and_no_refresh_token() -> None:
    scene = connected()
    answer = asks(scene).json
    (grant,) = scene.world.provider.grants
    now = int(scene.world.clock.now())
    assert answer == {
        "access_token": grant.access,
        "token_type": "Bearer",
        "expires_at": now + 3600,
        "expiry": "known",
        "scopes": ["files"],
        "version": str(scene.connection.version),
        "cache_until": now + 60,
        "url": "https://files.example/mcp",
        "headers": {"Authorization": f"Bearer {grant.access}"},
        "env": {},
    }
    assert grant.refresh not in str(answer)


def test_a_use_is_written_once_in_six_hours() -> None:
    scene = connected()
    writes = scene.world.table.requests["UpdateItem"]
    asks(scene, min_validity=0)
    assert scene.world.table.requests["UpdateItem"] == writes
    scene.world.clock.advance(6 * 3600)
    scene.renew()
    writes = scene.world.table.requests["UpdateItem"]
    for _ in range(3):
        asks(scene)
    assert scene.world.table.requests["UpdateItem"] == writes + 1
    assert scene.connection.last_used_at == int(scene.world.clock.now())


def test_a_use_that_cannot_be_written_is_no_reason_to_give_nothing() -> None:
    scene = connected()
    scene.world.clock.advance(6 * 3600)
    scene.renew()
    scene.world.table.before["commit"] = fails(StoreUnavailable("busy"))
    assert asks(scene).status == 200


# -- on demand


@pytest.mark.parametrize(("left", "wanted", "renewed"), [(61, None, 0), (59, None, 1), (599, 600, 1), (5, 0, 0)])
def test_a_token_is_renewed_when_less_than_the_wanted_validity_is_left(
    left: int, wanted: int | None, renewed: int
) -> None:
    scene = nearly_over(left=left)
    body = {} if wanted is None else {"min_validity": wanted}
    assert asks(scene, **body).status == 200
    assert len(scene.refreshes()) == renewed


def test_a_token_that_ended_on_its_way_is_not_handed_out_and_the_provider_is_not_asked_again() -> None:
    scene = nearly_over(left=0)
    scene.world.provider.lifetime = 1
    scene.provider_does(after_rotating(scene.world, lambda: scene.world.clock.advance(3)))
    answers = [asks(scene) for _ in range(3)]
    assert [(answer.status, answer.headers.get("retry-after")) for answer in answers] == [(503, "7")] * 3
    assert len(scene.refreshes()) == 1


@requirement("fault:F11")
@pytest.mark.parametrize("left", [30, 10])
def test_a_token_good_for_ten_seconds_is_handed_out_when_it_cannot_be_renewed(left: int) -> None:
    for behaviour in (replies(503), replies(429), says("invalid_client", 401), says("temporarily_unavailable")):
        scene = nearly_over(left=left)
        scene.provider_does(behaviour)
        answer = asks(scene)
        assert answer.status == 200
        assert answer.json["cache_until"] == answer.json["expires_at"]


def test_less_than_ten_seconds_are_not_handed_out() -> None:
    scene = nearly_over(left=9)
    scene.provider_does(replies(503, retry_after="40"))
    answer = asks(scene)
    assert (answer.status, answer.json["error"], answer.headers["retry-after"]) == (503, "unavailable", "40")


def test_a_token_that_ran_out_while_the_provider_was_asked_is_not_handed_out() -> None:
    scene = nearly_over(left=15)
    world = scene.world

    def slow_silence(request: Outgoing) -> NoAnswer:
        world.clock.advance(10)
        return NoAnswer("timed_out")

    scene.provider_does(slow_silence)
    assert asks(scene).status == 503


def test_a_token_good_for_ten_seconds_is_handed_out_while_somebody_else_renews() -> None:
    scene = nearly_over(left=30)
    answers: list[Answered] = []
    scene.provider_does(before_answering(scene.world, lambda: answers.append(asks(scene))))
    scene.renew()
    assert [answer.status for answer in answers] == [200]
    assert scene.world.clock.waits == []


@pytest.mark.parametrize("fault", ["lease", "client"])
def test_a_token_good_for_ten_seconds_is_handed_out_when_a_part_of_ours_does_not_answer(fault: str) -> None:
    scene = nearly_over(left=30)
    busy = fails(StoreUnavailable("busy"))
    if fault == "lease":
        scene.world.table.before["commit"] = busy
    else:
        scene.world.table.before["read"] = when(lambda wanted: any(key.pk.startswith("P#") for key in wanted), busy)
    assert asks(scene).status == 200
    assert scene.refreshes() == []


# -- while somebody else renews


def held_by_another(scene: Scene) -> None:
    """Somebody has the lease and is asking."""
    scene.provider_does(dies)
    with pytest.raises(Killed):
        scene.renew(scene.world.new_environment())


def test_with_nothing_left_a_look_up_waits_for_the_other_and_hands_out_what_that_one_got() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    held_by_another(scene)

    def the_other_finishes() -> None:
        world.table.before.clear()
        world.table.place({name: value for name, value in scene.row.items() if name not in RENEWALS})
        assert isinstance(scene.renew(world.new_environment()), Renewed)

    world.table.before["read"] = in_turn([None] * 4 + [meanwhile(the_other_finishes)])
    started = world.clock.now()
    answer = asks(scene)
    assert answer.status == 200
    assert 0 < world.clock.now() - started < 12
    assert scene.works()
    assert len(scene.refreshes()) == 2


RENEWALS = ("lease", "lease_until", "intent_at", "intents")


def test_after_twelve_seconds_a_look_up_tells_when_to_come_again() -> None:
    scene = nearly_over(left=0)
    held_by_another(scene)
    started = scene.world.clock.now()
    answer = asks(scene)
    assert (answer.status, answer.json["error"]) == (503, "unavailable")
    assert 12 <= scene.world.clock.now() - started <= 14
    assert 1 <= int(answer.headers["retry-after"]) <= 30


def test_a_look_up_that_waits_sees_a_revoke() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    held_by_another(scene)
    revoked = meanwhile(lambda: world.revoke("bob", scene.installation))
    world.table.before["read"] = in_turn([None] * 3 + [revoked])
    assert asks(scene).json["reason"] == "revoked"


def test_a_look_up_that_lost_the_race_hands_out_what_the_winner_got() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    world.table.before["commit"] = meanwhile(lambda: scene.renew(world.new_environment()))
    assert asks(scene).status == 200
    assert len(scene.refreshes()) == 1
    assert scene.works()


def test_a_look_up_whose_renewal_is_refused_says_so_at_once() -> None:
    scene = nearly_over(left=30)
    scene.provider_does(says("invalid_grant"))
    answer = asks(scene)
    assert (answer.status, answer.json["reason"]) == (409, "refused")


@pytest.mark.parametrize(
    ("ending", "status", "code"),
    [
        (lambda world, installation: world.put_member("acme", "bob", None), 404, "not_found"),
        (lambda world, installation: disable(world), 409, "installation_disabled"),
        (lambda world, installation: world.put_satellite("acme", GATEWAY, False), 404, "not_found"),
    ],
)
@requirement("attack:D5")
def test_who_loses_the_right_during_a_renewal_gets_nothing_of_it(
    ending: Callable[[World, str], None], status: int, code: str
) -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(after_rotating(world, lambda: ending(world, scene.installation)))
    answer = asks(scene)
    assert (answer.status, answer.json["error"]) == (status, code)


@requirement("attack:D5")
def test_control_without_the_second_read_one_who_left_during_a_renewal_gets_the_token() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(after_rotating(world, lambda: world.put_member("acme", "bob", None)))
    again = "admitted = admit(ports, ask)"
    held = "admitted = __import__('dataclasses').replace(admitted, connection=outcome.connection)"
    with weakened(look_up.look_up, again, held):
        assert asks(scene).status == 200


def disable(world: World) -> None:
    row = next(row for row in world.table.snapshot().values() if row.get("kind") == "installation")
    world.table.place({**row, "enabled": False})


# -- a version that failed


def test_the_version_that_failed_is_renewed_once_however_many_ask() -> None:
    scene = connected()
    failed = str(scene.connection.version)
    first, second = asks(scene, not_version=failed), asks(scene, not_version=failed)
    assert first.json["version"] == second.json["version"] != failed
    assert len(scene.refreshes()) == 1


def test_the_version_that_failed_is_not_handed_out_again_when_it_cannot_be_renewed() -> None:
    scene = connected()
    scene.provider_does(replies(503))
    assert asks(scene, not_version=str(scene.connection.version)).status == 503


def test_a_version_of_long_ago_forces_nothing() -> None:
    scene = connected()
    failed = str(scene.connection.version)
    scene.renew()
    assert asks(scene, not_version=failed).json["version"] == str(scene.connection.version)
    assert len(scene.refreshes()) == 1


# -- nothing to give


def test_a_person_who_has_to_act_gets_a_link_into_the_web_client() -> None:
    scene = connected()
    answer = scene.world.look_up("carol", scene.installation)
    assert (answer.status, answer.json["error"], answer.json["reason"]) == (
        409,
        "authorization_required",
        "never_connected",
    )
    assert answer.json["link"].startswith("https://web.example/connections?team=acme&installation=")


def test_without_a_refresh_token_the_person_has_to_act_when_the_token_is_over() -> None:
    world = World()
    world.provider.gives_refresh = False
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(3590)
    assert world.look_up("bob", installation).status == 200
    world.clock.advance(10)
    assert world.look_up("bob", installation).json["reason"] == "expired_without_refresh"
    assert world.status("bob", installation)["reason"] == "expired_without_refresh"


def test_a_token_of_unknown_end_is_handed_out_until_it_is_reported() -> None:
    world = World()
    world.provider.lifetime = None
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(10 * 86_400)
    answer = world.look_up("bob", installation)
    assert (answer.status, answer.json["expires_at"]) == (200, None)
    assert answer.json["cache_until"] == int(world.clock.now()) + 60


def test_a_satellite_of_another_team_hears_what_a_missing_team_says() -> None:
    scene = connected()
    assert asks(scene, by=RIVAL_GATEWAY).status == 404
    assert asks(scene, by=STRANGER).status == 403
    assert scene.world.look_up("bob", scene.installation, by=RIVAL_GATEWAY, team="nowhere").status == 404


# -- shared by the team


def shared() -> Scene:
    world = World()
    installation = world.install(sharing="shared")
    world.connect("alice", installation, confirm_shared=True)
    return Scene(world, installation, "bob")


def test_a_shared_account_serves_every_member_and_is_renewed_for_all() -> None:
    scene = shared()
    tokens = {scene.world.look_up(user, scene.installation).json["access_token"] for user in ("alice", "bob", "carol")}
    assert len(tokens) == 1
    scene.world.clock.advance(3590)
    assert asks(scene).status == 200
    assert len(scene.refreshes()) == 1
    assert scene.works()


def test_before_an_admin_has_connected_a_member_gets_no_link_and_an_admin_does() -> None:
    world = World()
    installation = world.install(sharing="shared")
    assert world.status("bob", installation)["status"] == "not_connected"
    member = world.look_up("bob", installation).json
    assert member["reason"] == "admin_must_connect"
    assert "link" not in member
    admin = world.look_up("alice", installation).json
    assert (admin["reason"], admin["link"][:31]) == ("never_connected", "https://web.example/connections")


def test_a_shared_account_needs_the_admins_word_that_the_team_will_use_it() -> None:
    world = World()
    installation = world.install(sharing="shared")
    mine = world.consent(world.begin("alice", installation), "alice")
    answer = world.complete("alice", mine)
    assert (answer.status, answer.json["error"]) == (409, "confirmation_required")
    assert world.provider.grants == []
    assert world.complete("alice", mine, confirm_shared=True).status == 200
    assert world.look_up("carol", installation).status == 200


def test_a_shared_account_outlives_the_membership_of_who_connected_it() -> None:
    scene = shared()
    scene.world.put_member("acme", "alice", None)
    assert asks(scene).status == 200
    scene.world.clock.advance(3590)
    scene.world.tick()
    assert scene.works()


def test_silence_on_demand_with_nothing_left_tells_when_the_second_look_is() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(silence)
    answer = asks(scene)
    assert (answer.status, answer.headers["retry-after"]) == (503, "30")
    assert len(queue(scene.world, "renewal").sent) == 1
