"""Renewing: one request and one judgement, and what each answer of a provider leaves behind."""

from __future__ import annotations

import pytest

from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.renewal import CALL, COMMIT, DIAL
from strongroom.domain.renewal_outcome import Failed, NotDue, Refused, Renewed
from tests.fakes.faults import in_turn, meanwhile
from tests.requirements import requirement
from tests.unit.renewals import (
    Behaviour,
    Scene,
    alarms,
    heals,
    nearly_over,
    queue,
    rejections,
    replies,
    rows,
    says,
    slowly,
)
from tests.world import World

# -- one renewal


def test_a_renewal_replaces_both_tokens_and_the_version_rises_by_one() -> None:
    scene = nearly_over()
    before = scene.connection
    outcome = scene.renew()
    assert isinstance(outcome, Renewed)
    assert outcome.connection.version == before.version.next() == scene.connection.version
    assert scene.connection.tokens == outcome.connection.tokens
    assert scene.works()


@requirement("fault:F15")
def test_a_provider_that_does_not_rotate_keeps_its_refresh_token_and_the_version_still_rises() -> None:
    scene = nearly_over()
    scene.world.provider.rotates = scene.world.provider.gives_refresh = False
    kept = scene.sealed_refresh()
    assert isinstance(scene.renew(), Renewed)
    assert (scene.sealed_refresh(), scene.connection.version.n) == (kept, 2)
    scene.world.clock.advance(3500)
    assert isinstance(scene.renew(), Renewed)
    assert scene.refreshes() == [kept, kept]


def test_a_renewal_costs_two_writes_and_one_request() -> None:
    scene = nearly_over()
    scene.world.table.requests.clear()
    scene.renew()
    assert scene.world.table.requests["UpdateItem"] == 2
    assert scene.world.table.requests["TransactWriteItems"] == 0
    assert len(scene.refreshes()) == 1


def test_the_line_is_open_before_the_lease_is_taken() -> None:
    scene = nearly_over()
    dialled: list[int] = []
    scene.world.table.before["commit"] = lambda writes: dialled.append(len(scene.world.egress.dialled))
    scene.renew()
    assert dialled[0] == 1


def test_a_connection_without_a_refresh_token_has_nothing_to_renew() -> None:
    world = World()
    world.provider.gives_refresh = False
    installation = world.install()
    world.connect("bob", installation)
    scene = Scene(world, installation)
    assert scene.renew() == NotDue("no_refresh_token")
    assert "due_at" not in scene.row


# -- what a provider answers


@requirement("fault:F13")
def test_a_refusal_asks_the_person_and_keeps_the_tokens() -> None:
    scene = nearly_over()
    kept = scene.connection.tokens
    scene.provider_does(says("invalid_grant"))
    assert scene.renew() == Refused()
    assert (scene.connection.reason, scene.connection.tokens) == ("refused", kept)
    assert scene.world.status("bob", scene.installation)["reason"] == "refused"
    assert [row["reason"] for row in rows(scene.world, "record") if row["event"] == "auth_required"] == ["refused"]
    assert rows(scene.world, "chore") == []


PASSING: list[tuple[Behaviour, str]] = [
    (replies(429, retry_after="77"), "rate_limited"),
    (says("temporarily_unavailable"), "temporarily_unavailable"),
    (says("invalid_scope"), "invalid_scope"),
    (replies(400, b"<html>"), "provider_refused"),
    (replies(403), "provider_refused"),
    (replies(302, location="https://elsewhere.example"), "redirected"),
    (replies(503, retry_after="77"), "provider_error"),
    (says("invalid_client", 401), "client_rejected"),
    (says("unauthorized_client"), "client_rejected"),
]


@pytest.mark.parametrize(("behaviour", "error"), PASSING)
@requirement("fault:F11")
def test_a_fault_of_the_provider_leaves_everything_and_is_tried_again_later(behaviour: Behaviour, error: str) -> None:
    scene = nearly_over(left=0)
    kept = scene.connection.tokens
    scene.provider_does(behaviour)
    outcome = scene.renew()
    assert isinstance(outcome, Failed)
    assert outcome.error == error
    assert scene.connection.tokens == kept
    status = scene.world.status("bob", scene.installation)
    assert (status["status"], status["reason"], status["next"]) == ("expired", error, "wait")

    scene.world.clock.advance(901)
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()


@pytest.mark.parametrize("behaviour", [replies(429, retry_after="600"), replies(503, retry_after="600")])
@requirement("fault:F12")
def test_a_provider_that_wants_us_to_wait_is_not_asked_before(behaviour: Behaviour) -> None:
    scene = nearly_over(left=0)
    asked_at = int(scene.world.clock.now())
    scene.provider_does(behaviour)
    assert scene.renew() == Failed(
        "rate_limited" if scene.row["last_error"] == "rate_limited" else "provider_error", asked_at + 600
    )
    scene.world.clock.advance(599)
    assert isinstance(scene.renew(), Failed)
    assert len(scene.refreshes()) == 1
    scene.world.clock.advance(1)
    assert isinstance(scene.renew(), Renewed)


@requirement("fault:F13")
def test_a_rejected_client_is_told_and_blames_nobodys_grant() -> None:
    scene = nearly_over()
    scene.provider_does(says("invalid_client", 401))
    assert isinstance(scene.renew(), Failed)
    assert (alarms(scene.world), rejections(scene.world)) == ([], ["note"])
    assert scene.world.status("bob", scene.installation)["status"] == "connected"
    scene.world.clock.advance(31)
    assert scene.world.status("bob", scene.installation)["status"] == "expired"


@requirement("fault:F11")
def test_a_provider_that_cannot_be_reached_costs_no_lease() -> None:
    scene = nearly_over(left=0)
    scene.world.egress.unreachable.add("provider.example")
    outcome = scene.renew()
    assert isinstance(outcome, Failed)
    assert outcome.error == "unreachable"
    assert (scene.connection.renewal.lease, scene.connection.renewal.intents) == (None, 0)
    assert scene.world.status("bob", scene.installation)["status"] == "expired"
    scene.world.egress.unreachable.clear()
    scene.world.clock.advance(30)
    assert isinstance(scene.renew(), Renewed)


def test_an_address_that_is_not_allowed_any_more_is_not_called() -> None:
    scene = nearly_over()
    scene.world.egress.internal.add("provider.example")
    outcome = scene.renew()
    assert isinstance(outcome, Failed)
    assert outcome.error == "address_refused"
    assert scene.refreshes() == []


@requirement("fault:F11")
def test_failures_are_tried_less_and_less_often_and_never_given_up() -> None:
    scene = nearly_over()
    pauses = []
    for _ in range(9):
        scene.provider_does(says("temporarily_unavailable"))
        outcome = scene.renew()
        assert isinstance(outcome, Failed)
        pauses.append(outcome.until - int(scene.world.clock.now()))
        scene.world.clock.set(outcome.until)
    assert all(15 * 2**turn <= pause or pause >= 450 for turn, pause in enumerate(pauses))
    assert max(pauses) <= 900
    assert isinstance(scene.renew(), Renewed)


# -- time


def test_without_time_for_call_and_commit_nothing_is_begun() -> None:
    scene = nearly_over()
    before = scene.world.table.snapshot()
    assert isinstance(scene.renew(within=CALL + COMMIT + 0.5), Failed)
    assert scene.refreshes() == []
    assert scene.world.table.snapshot() == before


def test_a_lease_that_took_too_long_is_given_back_unused() -> None:
    scene = nearly_over()
    scene.world.table.after["commit"] = meanwhile(lambda: scene.world.clock.advance(7))
    outcome = scene.renew()
    assert isinstance(outcome, Failed)
    assert outcome.error == "out_of_time"
    assert scene.refreshes() == []
    assert (scene.connection.renewal.lease, scene.connection.renewal.intents) == (None, 0)


def test_the_slowest_provider_and_a_silent_table_still_leave_time_for_the_rescue_queue() -> None:
    scene = nearly_over()
    world = scene.world
    killed_at = world.clock.now() + 25
    rescued_at: list[float] = []
    scene.provider_does(slowly(world, CALL))

    def silent(writes: object) -> None:
        world.clock.advance(7)
        raise StoreUnavailable("no answer at all")

    slow_lease = meanwhile(lambda: world.clock.advance(23 - CALL - COMMIT))
    world.table.before["commit"] = in_turn([slow_lease, *[silent] * 9])
    queue(world, "rescue").before["send"] = lambda messages: rescued_at.append(world.clock.now())
    assert isinstance(scene.renew(), Failed)
    assert [at <= killed_at for at in rescued_at] == [True]
    heals(world)
    world.deliver()
    assert scene.works()


def test_dialling_takes_only_the_time_that_the_call_can_spare() -> None:
    scene = nearly_over()
    limits: list[float] = []
    dial = scene.world.egress.dial

    class Watched(type(scene.world.egress)):  # type: ignore[misc]
        def dial(self, url: str, within: float) -> object:
            limits.append(within)
            return dial(url, within)

    scene.world.egress.__class__ = Watched
    scene.renew(within=CALL + COMMIT + 2)
    assert limits == [2.0]
    assert DIAL > 2


# -- keys


def test_a_provider_whose_answer_could_not_be_sealed_is_not_asked() -> None:
    scene = nearly_over(left=0)
    scene.world.clock.advance(301)
    scene.world.keys.disabled = True
    before = scene.world.table.snapshot()
    answer = scene.world.look_up("bob", scene.installation)
    assert (answer.status, answer.json["error"]) == (503, "unavailable")
    assert scene.refreshes() == []
    assert scene.world.table.snapshot() == before

    scene.world.keys.disabled = False
    scene.world.clock.advance(2)
    assert scene.works()
