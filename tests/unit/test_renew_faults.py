"""Renewing when an answer gets lost, a worker dies or the table is silent: no grant is lost."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import EgressRefused, StoreUnavailable
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.renewal import CALL
from strongroom.domain.renewal_outcome import Adopted, Failed, Outcome, Refused, Renewed, Unclear, Waiting
from tests.fakes.faults import fails, in_turn
from tests.requirements import requirement
from tests.unit.renewals import (
    Behaviour,
    Killed,
    before_answering,
    connected,
    dies,
    dies_after_rotating,
    forgives,
    holds_tokens,
    nearly_over,
    queue,
    raises,
    refuses_tokens,
    replies,
    rotates_in_silence,
    rows,
    says,
    silence,
    when,
)

# -- no answer


def test_a_lost_answer_is_looked_at_once_more_after_thirty_seconds() -> None:
    scene = nearly_over(left=0)
    asked_at = int(scene.world.clock.now())
    scene.provider_does(silence)
    assert scene.renew() == Unclear(asked_at + 30, again=True)
    scene.world.clock.advance(29)
    assert scene.renew() == Waiting(asked_at + 30)
    assert len(scene.refreshes()) == 1
    scene.world.clock.advance(1)
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()


def test_a_provider_with_a_grace_window_gives_at_the_second_look_what_it_gave_at_the_first() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(rotates_in_silence(scene.world), forgives(scene.world))
    scene.renew()
    scene.world.clock.advance(30)
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()


@requirement("fault:F13")
def test_a_strict_provider_that_rotated_in_silence_means_a_lost_response() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(rotates_in_silence(scene.world))
    scene.renew()
    scene.world.clock.advance(30)
    assert scene.renew() == Refused()
    assert scene.world.status("bob", scene.installation)["reason"] == "lost_response"


def test_after_a_second_look_without_an_answer_the_pauses_grow_and_it_is_never_given_up() -> None:
    scene = nearly_over(left=0)
    outcomes = []
    for _ in range(7):
        scene.provider_does(silence)
        outcome = scene.renew()
        assert isinstance(outcome, Unclear)
        outcomes.append((outcome.again, outcome.until - int(scene.world.clock.now())))
        scene.world.clock.set(outcome.until)
    assert [again for again, _ in outcomes] == [True] + [False] * 6
    pauses = [pause for _, pause in outcomes]
    assert pauses[0] == 30
    assert pauses == sorted(pauses)
    assert 300 < pauses[-1] <= 900
    assert scene.world.status("bob", scene.installation)["status"] == "expired"
    assert isinstance(scene.renew(), Renewed)


def test_a_fault_that_may_have_come_after_the_work_is_remembered_when_the_provider_refuses() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(replies(502), says("invalid_grant"))
    scene.renew()
    scene.world.clock.advance(31)
    assert scene.renew() == Refused()
    assert scene.connection.reason == "lost_response"


def test_a_fault_with_a_definite_answer_does_not_make_a_refusal_a_lost_response() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(replies(429, retry_after="1"), says("invalid_grant"))
    scene.renew()
    scene.world.clock.advance(2)
    assert scene.renew() == Refused()
    assert scene.connection.reason == "refused"


def test_an_unusable_success_is_an_answer_that_was_lost() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(replies(200, b'{"token_type": "Bearer"}'))
    assert isinstance(scene.renew(), Unclear)


# -- workers that die


def test_after_a_worker_died_with_the_lease_the_next_one_waits_for_the_second_look() -> None:
    scene = nearly_over(left=0)
    started = int(scene.world.clock.now())
    scene.provider_does(dies)
    with pytest.raises(Killed):
        scene.renew()
    for after in (1, 19, 23, 29):
        scene.world.clock.set(started + after)
        assert scene.renew() == Waiting(started + 30)
    scene.world.clock.set(started + 30)
    assert isinstance(scene.renew(), Renewed)
    assert len(scene.refreshes()) == 2
    assert scene.works()


@pytest.mark.parametrize(("kind", "expected"), [("grace", Renewed), ("strict", Refused)])
def test_after_a_worker_died_with_the_answer_it_ends_renewed_or_as_a_lost_response(
    kind: str, expected: type[Outcome]
) -> None:
    scene = nearly_over(left=0)
    scene.provider_does(dies_after_rotating(scene.world))
    with pytest.raises(Killed):
        scene.renew()
    scene.world.clock.advance(30)
    scene.provider_does(*([forgives(scene.world)] if kind == "grace" else []))
    assert isinstance(scene.renew(), expected)
    assert scene.connection.reason == (None if kind == "grace" else "lost_response")


def test_a_second_look_without_an_answer_after_a_death_is_the_last_one_in_a_row() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(dies, silence)
    with pytest.raises(Killed):
        scene.renew()
    scene.world.clock.advance(30)
    outcome = scene.renew()
    assert isinstance(outcome, Unclear)
    assert not outcome.again


def test_a_provider_that_cannot_be_reached_after_a_death_is_shown_and_left_alone_for_a_while() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(dies)
    with pytest.raises(Killed):
        scene.renew()
    scene.world.clock.advance(30)
    scene.world.egress.unreachable.add("provider.example")
    assert isinstance(scene.renew(), Failed)
    assert scene.world.status("bob", scene.installation)["reason"] == "unreachable"
    scene.world.egress.unreachable.clear()
    scene.world.clock.advance(30)
    scene.provider_does(says("invalid_grant"))
    assert scene.renew() == Refused()
    assert scene.connection.reason == "lost_response"


@requirement("fault:F16")
@pytest.mark.parametrize("skew", [-2, 2])
def test_clocks_that_are_two_seconds_apart_never_make_two_requests_at_once(skew: int) -> None:
    scene = nearly_over(left=0)
    world = scene.world
    seen: list[Outcome] = []

    def at_the_end_of_the_call() -> None:
        world.clock.advance(CALL + skew)
        seen.append(scene.renew(world.new_environment()))
        world.clock.advance(-skew)

    scene.provider_does(before_answering(world, at_the_end_of_the_call))
    assert isinstance(scene.renew(), Renewed)
    assert [type(outcome) for outcome in seen] == [Waiting]
    assert len(scene.refreshes()) == 1


# -- a table that does not answer


@requirement("fault:F5")
def test_a_busy_table_after_the_rotation_is_asked_again() -> None:
    scene = nearly_over()
    refuses_tokens(scene.world, times=3)
    assert isinstance(scene.renew(), Renewed)
    assert queue(scene.world, "rescue").sent == []
    assert len(scene.refreshes()) == 1
    assert scene.works()


@requirement("fault:F7")
def test_a_commit_whose_answer_was_lost_is_recognised_as_our_own() -> None:
    scene = nearly_over()
    scene.world.table.after["commit"] = when(holds_tokens, fails(StoreUnavailable("lost")), times=1)
    assert isinstance(scene.renew(), Renewed)
    assert scene.connection.version.n == 2
    assert rows(scene.world, "chore") == []
    assert scene.works()


@requirement("fault:F7")
def test_a_commit_whose_answer_was_lost_and_which_was_written_over_is_no_lost_race() -> None:
    scene = nearly_over()
    world = scene.world

    def lost(writes: object) -> None:
        world.table.after.clear()
        assert isinstance(scene.renew(world.new_environment()), Renewed)
        raise StoreUnavailable("lost")

    world.table.after["commit"] = when(holds_tokens, lost, times=1)
    assert scene.renew() == Adopted()
    assert rows(world, "chore") == []
    assert scene.works()


def test_a_commit_whose_answer_was_lost_and_which_was_revoked_since_is_revoked_upstream() -> None:
    scene = nearly_over()
    world = scene.world

    def lost(writes: object) -> None:
        world.table.after.clear()
        world.revoke("bob", scene.installation)
        raise StoreUnavailable("lost")

    world.table.after["commit"] = when(holds_tokens, lost, times=1)
    assert scene.renew() == Adopted()
    world.tick()
    assert [grant.alive for grant in world.provider.grants] == [False]
    assert world.look_up("bob", scene.installation).json["reason"] == "revoked"


def test_a_lease_whose_write_is_in_doubt_sends_nothing_and_the_next_look_sees_its_intent() -> None:
    scene = nearly_over(left=0)
    started = int(scene.world.clock.now())
    scene.world.table.after["commit"] = fails(StoreUnavailable("lost"))
    with pytest.raises(StoreUnavailable):
        scene.renew()
    assert scene.refreshes() == []
    assert scene.renew() == Waiting(started + 30)
    scene.world.clock.advance(30)
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()


@pytest.mark.parametrize("behaviour", [says("invalid_grant"), replies(500), silence, replies(429)])
def test_a_failure_that_cannot_be_written_leaves_the_lease_to_end_by_itself(behaviour: Behaviour) -> None:
    scene = nearly_over(left=0)
    started = int(scene.world.clock.now())
    scene.provider_does(behaviour)
    scene.world.table.before["commit"] = in_turn([None, raises(StoreUnavailable("busy"))])
    scene.renew()
    assert scene.connection.reason is None
    assert scene.renew() == Waiting(started + 30)
    scene.world.clock.advance(30)
    assert isinstance(scene.renew(), Renewed)


def test_a_refusal_that_leaves_us_after_the_lease_is_no_reason_to_forget_the_intent() -> None:
    scene = nearly_over(left=0)

    def impossible(request: Outgoing) -> Answer:
        raise EgressRefused("not over this line")

    scene.provider_does(impossible)
    assert isinstance(scene.renew(), Failed)
    assert scene.connection.renewal.lease is not None
    assert scene.connection.renewal.intents == 1


def test_every_attempt_is_one_line_of_the_journal_without_a_secret() -> None:
    scene = connected()
    scene.world.clock.advance(3570)
    scene.renew()
    (line,) = [entry for entry in scene.world.journal.entries if entry.event == "renewal"]
    assert line.fields == {
        "request_id": "request-1",
        "outcome": "renewed",
        "error": None,
        "cause": "schedule",
        "team": "acme",
        "user": "bob",
        "installation": scene.installation,
        "version": str(scene.connection.version).replace(".2", ".1"),
    }
    assert scene.world.journal.counts["RenewalRenewed"] == 1
