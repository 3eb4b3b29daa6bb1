"""A request goes out once more, with the previous client secret, only if the provider did not authenticate us by the present
one: a refresh token is never at risk for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import exchange
from strongroom.domain.catalog import CatalogEntry, Reading
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing, Reply
from strongroom.domain.renewal import CALL
from strongroom.domain.renewal_outcome import Failed, Refused, Renewed, Unclear
from strongroom.flows import sending
from strongroom.ports import Egress
from tests.fakes.egress import FakeEgress
from tests.requirements import requirement
from tests.unit.attacks.scenes import rows
from tests.unit.entered import PROVIDER, TOKEN_URL, installed, provider, with_catalog
from tests.unit.renewals import (
    Behaviour,
    Killed,
    Scene,
    alarms,
    dies_after_rotating,
    rejections,
    replies,
    rotates_in_silence,
    says,
    silence,
)
from tests.unit.renewals import connected as by_itself
from tests.unit.rotations import DAY, NEW, OLD, REVOCATION_URL, client_row, connected, rotate, rotated, shown, takes
from tests.weakened import weakened
from tests.world import World

UNKNOWN = says("invalid_client", 401)


def honest(scene: Scene) -> Behaviour:
    return scene.world.provider.honest


def after(seconds: float, scene: Scene, answer: Behaviour = UNKNOWN) -> Behaviour:
    """The provider takes so long to answer."""

    def behave(request: Outgoing) -> Answer:
        scene.world.clock.advance(seconds)
        return answer(request)

    return behave


# -- which of the two the provider takes


@requirement("invariant:I5")
@pytest.mark.parametrize(
    ("taken", "sent"),
    [((NEW,), [NEW]), ((OLD, NEW), [NEW]), ((OLD,), [NEW, OLD])],
    ids=["the new one", "both", "the old one"],
)
def test_a_renewal_succeeds_whichever_of_the_two_the_provider_takes(taken: tuple[str, ...], sent: list[str]) -> None:
    scene = rotated(*taken)
    assert isinstance(scene.renew(), Renewed)
    assert shown(scene.world) == sent
    assert scene.works()
    assert rejections(scene.world) == []
    assert alarms(scene.world) == []


@requirement("invariant:I5")
def test_with_strict_rotation_and_reuse_detection_the_grant_lives_through_a_whole_rotation() -> None:
    scene = rotated(OLD)
    for taken in ((OLD,), (OLD,), (OLD, NEW), (NEW,), (NEW,)):
        takes(scene.world, *taken)
        scene.world.clock.advance(3600)
        assert isinstance(scene.renew(), Renewed)
        assert scene.works()
    (grant,) = scene.world.provider.grants
    assert len(grant.spent) == 5
    assert shown(scene.world) == [NEW, OLD, NEW, OLD, NEW, NEW, NEW]


def test_neither_of_the_two_is_a_rejected_client_and_the_tokens_stay() -> None:
    scene = rotated()
    assert scene.renew() == Failed("client_rejected", scene.connection.renewal.retry_at)
    assert shown(scene.world) == [NEW, OLD]
    assert rejections(scene.world) == ["alarm"]
    assert scene.connection.reason is None
    takes(scene.world, NEW)
    scene.world.clock.advance(3600)
    scene.renew()
    assert scene.works()


def test_it_is_noted_that_only_the_previous_one_is_taken() -> None:
    scene = rotated(OLD)
    until = int(scene.world.clock.now()) + DAY
    scene.renew()
    (line,) = [entry for entry in scene.world.journal.entries if entry.event == "previous_client_secret_used"]
    assert (line.level, line.fields["team"], line.fields["until"]) == ("note", "acme", until)
    assert "secret_proven" not in client_row(scene.world)


@pytest.mark.parametrize("taken", [OLD, NEW])
def test_a_code_is_redeemed_whichever_of_the_two_the_provider_takes(taken: str) -> None:
    scene = rotated(taken)
    scene.world.connect("carol", scene.installation)
    assert shown(scene.world) == [NEW, OLD][: 1 if taken == NEW else 2]
    assert scene.world.look_up("carol", scene.installation).status == 200


def test_a_code_that_neither_of_the_two_redeems_is_a_rejected_client() -> None:
    scene = rotated()
    consented = scene.world.consent(scene.world.begin("carol", scene.installation), "carol")
    done = scene.world.complete("carol", consented)
    assert (done.status, done.json["error"]) == (502, "client_rejected")
    assert rejections(scene.world) == ["alarm"]


@pytest.mark.parametrize("taken", [OLD, NEW])
def test_a_revocation_reaches_the_provider_whichever_of_the_two_it_takes(taken: str) -> None:
    scene = rotated(taken)
    scene.world.revoke("bob", scene.installation)
    scene.world.tick()
    assert [grant.alive for grant in scene.world.provider.grants] == [False]
    tried = [NEW] if taken == NEW else [NEW, OLD]
    sent = shown(scene.world, REVOCATION_URL)
    assert sent == tried * (len(sent) // len(tried))  # for each token anew
    assert [row["outcome"] for row in rows(scene.world, "chore")] == ["revoked"]


def test_a_revocation_with_neither_of_the_two_is_tried_again_later() -> None:
    scene = rotated()
    scene.world.revoke("bob", scene.installation)
    scene.world.tick()
    takes(scene.world, OLD)
    scene.world.clock.advance(3600)
    scene.world.tick()
    assert [grant.alive for grant in scene.world.provider.grants] == [False]


# -- only after a definite answer that says so


OTHER_ANSWERS: dict[str, Behaviour] = {
    "the grant is over": says("invalid_grant"),
    "a client that may not do this": says("unauthorized_client"),
    "a malformed request": says("invalid_request"),
    "a scope": says("invalid_scope"),
    "401 that says nothing": replies(401, b""),
    "401 of another kind": says("invalid_token", 401),
    "401 as a page": replies(401, b"<html>invalid_client</html>"),
    "401 with the word elsewhere": replies(401, b'{"error_description": "invalid_client"}'),
    "401 with the word in a list": replies(401, b'{"error": ["invalid_client"]}'),
    "401 cut off": replies(401, b'{"error": "invalid_client'),
    "403": says("invalid_client", 403),
    "a redirect": says("invalid_client", 302),
    "too many": says("invalid_client", 429),
    "broken": says("invalid_client", 500),
    "busy": says("invalid_client", 503),
    "a success that cannot be used": replies(200, b"{}"),
    "a success with the word in it": replies(200, b'{"error": "invalid_client"}'),
    "silence": silence,
    "not sent": lambda request: NotSent("not_connected"),
}


@requirement("invariant:I3")
@pytest.mark.parametrize("answer", OTHER_ANSWERS.values(), ids=OTHER_ANSWERS)
def test_after_any_other_answer_the_refresh_token_is_not_sent_again(answer: Behaviour) -> None:
    scene = rotated(OLD, NEW)
    scene.provider_does(answer)
    assert not isinstance(scene.renew(), Renewed)
    assert shown(scene.world) == [NEW]
    assert len(scene.refreshes()) == 1


@requirement("invariant:I3")
@pytest.mark.parametrize("answer", OTHER_ANSWERS.values(), ids=OTHER_ANSWERS)
def test_after_any_other_answer_a_code_is_not_sent_again(answer: Behaviour) -> None:
    scene = rotated(OLD, NEW)
    consented = scene.world.consent(scene.world.begin("carol", scene.installation), "carol")
    scene.provider_does(answer)
    assert scene.world.complete("carol", consented).status >= 400
    assert shown(scene.world) == [NEW]


@requirement("invariant:I5")
@pytest.mark.parametrize("lost", [rotates_in_silence, lambda world: answers_badly(world, 502)], ids=["none", "502"])
def test_a_lost_answer_is_not_followed_by_the_previous_secret(lost: Callable[[World], Behaviour]) -> None:
    scene = rotated(OLD, NEW)
    scene.world.provider.grace = 60
    scene.provider_does(lost(scene.world))
    assert isinstance(scene.renew(), Unclear)
    assert len(scene.refreshes()) == 1
    scene.world.clock.advance(31)
    scene.renew()
    assert scene.works()


@requirement("invariant:I5")
def test_control_whoever_repeats_after_a_lost_answer_loses_the_grant_to_reuse_detection() -> None:
    scene = rotated(OLD, NEW)
    scene.provider_does(rotates_in_silence(scene.world))
    with weakened(sending.asked, "not exchange.is_client_unknown(answer, asking.entry.reading)", "False"):
        scene.renew()
    assert len(scene.refreshes()) == 2
    assert [grant.alive for grant in scene.world.provider.grants] == [False]


@requirement("invariant:I5")
def test_control_whoever_takes_any_401_for_an_unknown_client_loses_the_grant_too() -> None:
    """A gateway in front of the provider says 401 after the provider has done its work."""
    scene = rotated(OLD, NEW)
    defence = 'judge_token_answer(answer, 0, reading) == ClientRejected("invalid_client")'
    scene.provider_does(answers_badly(scene.world, 401))
    with weakened(exchange.is_client_unknown, defence, "isinstance(answer, Reply) and answer.status == 401"):
        scene.renew()
    assert [grant.alive for grant in scene.world.provider.grants] == [False]


def answers_badly(world: World, status: int) -> Behaviour:
    """The provider does its work, and something in front of it says otherwise."""

    def behave(request: Outgoing) -> Answer:
        world.provider.honest(request)
        return Reply(status, {}, b"")

    return behave


def test_the_catalogs_words_for_an_unknown_client_count() -> None:
    entry = CatalogEntry("Provider", issuers=(PROVIDER,), reading=Reading(client_rejected=("bad_client_secret",)))
    world = with_catalog(World(), entry)
    installation = installed(world, provider())
    world.connect("bob", installation)
    scene = Scene(world, installation)
    rotate(world, installation)
    takes(world, OLD)
    scene.provider_does(replies(200, b'{"ok": false, "error": "bad_client_secret"}'), honest(scene))
    assert isinstance(scene.renew(), Renewed)


@pytest.mark.parametrize("word", ["unauthorized_client", "invalid_grant", "invalid_request", "temporarily_unavailable"])
def test_no_other_error_says_that_we_were_not_authenticated(word: str) -> None:
    body = b'{"error": "%s"}' % word.encode()
    for status in (200, 400, 401, 403, 429, 500):
        assert not exchange.is_client_unknown(Reply(status, {}, body))
    assert exchange.is_client_unknown(Reply(400, {}, b'{"error": "invalid_client"}'))
    assert not exchange.is_client_unknown(NoAnswer("timed_out"))


# -- what becomes of the second request counts


def test_a_grant_that_is_over_is_over_by_the_second_answer_too() -> None:
    scene = rotated(OLD)
    scene.world.provider.withdraw("bob")
    assert isinstance(scene.renew(), Refused)
    assert scene.connection.reason == "refused"


@requirement("invariant:I3")
def test_a_second_request_without_an_answer_waits_for_the_second_look_and_is_no_rejection() -> None:
    scene = rotated(OLD)
    scene.world.provider.grace = 60
    scene.provider_does(UNKNOWN, rotates_in_silence(scene.world))
    assert isinstance(scene.renew(), Unclear)
    assert len(scene.refreshes()) == 2
    assert rejections(scene.world) == []
    assert scene.connection.renewal.intents == 1
    scene.world.clock.advance(31)
    scene.renew()
    assert scene.works()


@pytest.mark.parametrize("second", [replies(503), replies(429), says("invalid_request")], ids=["503", "429", "400"])
def test_a_second_request_that_fails_otherwise_is_that_fault_and_no_rejection(second: Behaviour) -> None:
    scene = rotated(OLD)
    scene.provider_does(UNKNOWN, second)
    scene.renew()
    assert rejections(scene.world) == []
    assert scene.connection.reason is None


def test_a_client_that_may_not_do_this_is_rejected_by_the_second_answer() -> None:
    scene = rotated(OLD)
    scene.provider_does(UNKNOWN, says("unauthorized_client"))
    scene.renew()
    assert rejections(scene.world) == ["alarm"]


class Gone:
    """The way out, on which the second request is refused or finds nobody."""

    def __init__(self, world: FakeEgress, places: set[str]) -> None:
        self.dial, self._send, self._places = world.dial, world.send, places

    def send(self, request: Outgoing) -> Answer:
        self._places.add("provider.example")
        return self._send(request)


@pytest.mark.parametrize("where", ["internal", "unreachable"])
def test_a_second_request_that_cannot_leave_is_a_provider_that_was_not_reached(where: str) -> None:
    scene = rotated(OLD)
    egress: Egress = Gone(scene.world.egress, getattr(scene.world.egress, where))
    outcome = scene.renew(replace(scene.world.ports, egress=egress))
    assert outcome == Failed("unreachable", scene.connection.renewal.retry_at)
    assert rejections(scene.world) == []
    getattr(scene.world.egress, where).clear()
    scene.world.clock.advance(3600)
    scene.renew()
    assert scene.works()


@requirement("invariant:I5")
@pytest.mark.parametrize("grace", [60, 0])
def test_a_worker_that_dies_at_the_second_request_leaves_what_any_dead_worker_leaves(grace: int) -> None:
    scene = rotated(OLD)
    scene.world.provider.grace = grace
    scene.provider_does(UNKNOWN, dies_after_rotating(scene.world))
    with pytest.raises(Killed):
        scene.renew()
    assert (scene.connection.renewal.lease is not None, scene.connection.renewal.intents) == (True, 1)
    scene.world.clock.advance(35)
    scene.renew()
    assert (scene.works(), scene.connection.reason) == ((True, None) if grace else (False, "lost_response"))


# -- both within the time of one


@pytest.mark.parametrize("taken", [0.0, 0.1, 3.0, CALL / 2])
def test_the_second_request_has_what_the_first_one_left(taken: float) -> None:
    scene = rotated(OLD)
    scene.provider_does(after(taken, scene), honest(scene))
    assert isinstance(scene.renew(), Renewed)
    assert scene.world.egress.sent[-1].within == pytest.approx(CALL - taken)


@pytest.mark.parametrize("taken", [CALL / 2 + 0.1, 9.0, CALL])
def test_if_too_little_is_left_it_is_not_sent_and_nothing_is_held_against_the_client(taken: float) -> None:
    scene = rotated(OLD)
    scene.provider_does(after(taken, scene))
    assert scene.renew() == Failed("unreachable", scene.connection.renewal.retry_at)
    assert shown(scene.world) == [NEW]
    assert rejections(scene.world) == []
    scene.world.clock.advance(3600)
    scene.renew()
    assert scene.works()


@requirement("invariant:I5")
def test_control_a_second_request_that_is_cut_off_costs_a_grant_that_was_not_at_risk() -> None:
    scene = rotated(OLD)
    scene.provider_does(after(9.9, scene), rotates_in_silence(scene.world))
    with weakened(sending.asked, "left < asking.request.within / 2", "False"):
        assert isinstance(scene.renew(), Unclear)
    scene.world.clock.advance(3600)
    assert not scene.works()


@requirement("invariant:I3")
def test_control_a_second_request_with_a_time_of_its_own_outlasts_what_was_reckoned_with() -> None:
    scene = rotated(OLD)
    scene.provider_does(after(4, scene), honest(scene))
    with weakened(sending.asked, "min(left, asking.request.within)", "asking.request.within"):
        scene.renew()
    assert 4 + scene.world.egress.sent[-1].within > CALL


# -- only while the previous one has its time


@pytest.mark.parametrize(("later", "sent"), [(DAY - 1, [NEW, OLD]), (DAY, [NEW])])
def test_the_previous_secret_is_tried_for_a_day(later: int, sent: list[str]) -> None:
    scene = rotated(OLD)
    scene.world.clock.advance(later)
    scene.renew()
    assert shown(scene.world) == sent
    assert rejections(scene.world) == ([] if len(sent) == 2 else ["alarm"])


def test_a_day_that_ends_while_the_provider_answers_has_ended() -> None:
    scene = rotated(OLD)
    scene.world.clock.advance(DAY - 2)
    scene.provider_does(after(3, scene))
    assert scene.renew() == Failed("client_rejected", scene.connection.renewal.retry_at)
    assert shown(scene.world) == [NEW]


@pytest.mark.parametrize("make", [connected, by_itself], ids=["entered", "registered"])
def test_a_client_that_was_never_rotated_is_asked_once(make: Any) -> None:
    scene = make()
    scene.world.clock.advance(3600)
    scene.provider_does(UNKNOWN)
    scene.renew()
    assert len(scene.refreshes()) == 1
    assert scene.world.egress.sent_to(TOKEN_URL)[-1].within == CALL
