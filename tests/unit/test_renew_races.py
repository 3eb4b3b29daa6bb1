"""Renewing, and who comes in between: one request, whoever asks; no grant is lost, and none comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.renewal_outcome import Adopted, Failed, Outcome, Refused, Renewed, Waiting
from strongroom.flows.work import renew_one
from tests.fakes.faults import meanwhile
from tests.requirements import requirement
from tests.unit.renewals import (
    Behaviour,
    Killed,
    after_rotating,
    before_answering,
    dies,
    forgives,
    nearly_over,
    replies,
    rows,
    says,
    silence,
)
from tests.weakened import weakened

# -- two workers


def test_of_two_workers_at_once_one_asks_and_the_other_waits() -> None:
    scene = nearly_over()
    second: list[Outcome] = []
    other = scene.world.new_environment()
    scene.provider_does(before_answering(scene.world, lambda: second.append(scene.renew(other))))
    assert isinstance(scene.renew(), Renewed)
    assert [type(outcome) for outcome in second] == [Waiting]
    assert len(scene.refreshes()) == 1
    assert scene.works()


def test_of_two_workers_that_read_the_same_one_asks_and_the_other_adopts() -> None:
    scene = nearly_over()
    other = scene.world.new_environment()
    scene.world.table.before["commit"] = meanwhile(lambda: scene.renew(other))
    assert scene.renew() == Adopted()
    assert len(scene.refreshes()) == 1
    assert scene.works()


def test_of_two_workers_that_read_the_same_the_later_waits_while_the_first_is_asking() -> None:
    scene = nearly_over()
    other = scene.world.new_environment()
    scene.provider_does(dies)

    def first() -> None:
        with pytest.raises(Killed):
            scene.renew(other)

    scene.world.table.before["commit"] = meanwhile(first)
    outcome = scene.renew()
    assert outcome == Waiting(int(scene.world.clock.now()) + 30)
    assert len(scene.refreshes()) == 1


@requirement("fault:F1")
@requirement("invariant:I3")
def test_many_workers_on_threads_with_the_same_message_make_one_request() -> None:
    scene = nearly_over()
    key, version = scene.connection.key, str(scene.connection.version)
    start = threading.Barrier(8)

    def work() -> None:
        ports = scene.world.new_environment()
        start.wait()
        renew_one(ports, key, version, 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(scene.refreshes()) == 1
    assert scene.works()


STALE: list[tuple[Behaviour, type[Outcome]]] = [(silence, Waiting), (replies(429, retry_after="600"), Failed)]


@pytest.mark.parametrize(("first", "expected"), STALE)
def test_who_read_before_a_failed_attempt_of_another_does_not_ask_right_after_it(
    first: Behaviour, expected: type[Outcome]
) -> None:
    scene = nearly_over()
    other = scene.world.new_environment()
    scene.provider_does(first)
    scene.world.table.before["commit"] = meanwhile(lambda: scene.renew(other))
    assert isinstance(scene.renew(), expected)
    assert len(scene.refreshes()) == 1


# -- a revoke or a reconnect in between


@requirement("attack:E2")
@pytest.mark.parametrize("moment", [before_answering, after_rotating])
def test_what_is_revoked_during_the_request_stays_revoked_and_the_new_pair_is_revoked_upstream(
    moment: Callable[..., Behaviour],
) -> None:
    scene = nearly_over()
    world = scene.world
    scene.provider_does(moment(world, lambda: world.revoke("bob", scene.installation)))
    assert scene.renew() == Adopted()
    assert world.status("bob", scene.installation)["reason"] == "revoked"
    assert world.look_up("bob", scene.installation).json["reason"] == "revoked"

    (grant,) = world.provider.grants
    newest = [grant.refresh, grant.access]
    world.tick()
    assert set(newest) <= set(world.provider.revoked)
    assert {chore["state"] for chore in rows(world, "chore")} == {"ended"}
    assert world.status("bob", scene.installation)["reason"] == "revoked"


@requirement("attack:E2")
@requirement("invariant:I2")
def test_control_a_result_that_is_written_blindly_brings_a_revoked_connection_back() -> None:
    from strongroom.domain.rescue import RenewalResult

    scene = nearly_over()
    world = scene.world
    scene.provider_does(before_answering(world, lambda: world.revoke("bob", scene.installation)))
    with weakened(RenewalResult.write, "version.unchanged()", "None"):
        scene.renew()
    assert scene.row["access"]


@requirement("attack:E5")
@requirement("invariant:I14")
def test_a_reconnect_during_the_request_keeps_its_own_tokens() -> None:
    scene = nearly_over()
    world = scene.world
    scene.provider_does(after_rotating(world, lambda: world.connect("bob", scene.installation)))
    assert scene.renew() == Adopted()
    _, new = world.provider.grants
    assert world.look_up("bob", scene.installation).json["access_token"] == new.access
    assert sorted(str(chore["why"]) for chore in rows(world, "chore")) == ["replaced", "superseded_by_another_grant"]
    world.tick()
    assert new.alive
    assert {chore["state"] for chore in rows(world, "chore")} == {"parked"}
    assert scene.works()


def test_a_result_that_lost_to_another_renewal_of_the_same_grant_is_never_revoked() -> None:
    scene = nearly_over()
    world = scene.world

    def outlive_the_lease() -> None:
        world.clock.advance(31)
        scene.provider_does(forgives(world))
        assert isinstance(scene.renew(world.new_environment()), Renewed)

    scene.provider_does(after_rotating(world, outlive_the_lease))
    assert scene.renew() == Adopted()
    world.tick()
    assert rows(world, "chore") == []
    assert world.provider.revoked == []
    assert scene.works()


# -- success counts on the version, failure on the lease


def test_a_success_is_stored_although_the_lease_is_somebody_elses_by_then() -> None:
    scene = nearly_over()
    world = scene.world

    def another_takes_the_lease_and_is_asking() -> None:
        world.clock.advance(31)
        scene.provider_does(dies)
        with pytest.raises(Killed):
            scene.renew(world.new_environment())

    scene.provider_does(after_rotating(world, another_takes_the_lease_and_is_asking))
    assert isinstance(scene.renew(), Renewed)
    assert "lease" not in scene.row
    assert scene.works()


@requirement("fault:F13")
def test_a_success_counts_more_than_the_refusal_that_somebody_else_got_for_the_token_it_had_spent() -> None:
    scene = nearly_over()
    world = scene.world

    def another_asks_with_the_spent_token_and_is_refused() -> None:
        world.clock.advance(31)
        scene.provider_does(says("invalid_grant"))
        assert scene.renew(world.new_environment()) == Refused()
        assert world.status("bob", scene.installation)["reason"] == "lost_response"

    scene.provider_does(after_rotating(world, another_asks_with_the_spent_token_and_is_refused))
    assert isinstance(scene.renew(), Renewed)
    assert world.status("bob", scene.installation)["status"] == "connected"
    assert scene.works()


@requirement("fault:F13")
def test_a_late_refusal_for_an_older_version_changes_nothing() -> None:
    scene = nearly_over()
    world = scene.world

    def another_renews(request: Outgoing) -> Answer:
        world.clock.advance(31)
        scene.provider_does(world.provider.honest)
        assert isinstance(scene.renew(world.new_environment()), Renewed)
        return says("invalid_grant")(request)

    scene.provider_does(another_renews)
    assert scene.renew() == Adopted()
    assert scene.connection.reason is None
    assert scene.works()


def test_a_failure_without_the_lease_is_not_written() -> None:
    scene = nearly_over()
    world = scene.world

    def another_is_asking(request: Outgoing) -> Answer:
        world.clock.advance(31)
        scene.provider_does(dies)
        with pytest.raises(Killed):
            scene.renew(world.new_environment())
        return replies(429, retry_after="600")(request)

    scene.provider_does(another_is_asking)
    assert isinstance(scene.renew(), Failed)
    assert scene.connection.renewal.failures == 0
    assert scene.connection.renewal.lease is not None
