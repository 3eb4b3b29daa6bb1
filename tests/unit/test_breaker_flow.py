"""A provider that is away, or asks us to wait, is left alone by everybody of one team, and nobody's grant pays for it."""

from __future__ import annotations

import pytest

from strongroom.domain import breaker as rules
from strongroom.domain import keys
from strongroom.domain.breaker import FAULTS_TO_OPEN, TRIAL
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.http import Answer, Outgoing
from strongroom.domain.renewal_outcome import Failed, Paused, Renewed
from strongroom.domain.table import Item, Remove
from strongroom.flows.work import Done, renew_one
from tests.fakes.faults import Hook
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.requirements import requirement
from tests.unit.renewals import (
    Behaviour,
    Killed,
    Scene,
    before_answering,
    dies,
    nearly_over,
    queue,
    raises,
    replies,
    says,
    silence,
    when,
)
from tests.weakened import weakened
from tests.world import RIVAL_GATEWAY

OTHER, OTHER_MCP = "https://other.example", "https://other-files.example/mcp"


def crowd(number: int = 1, left: int = 0) -> list[Scene]:
    """So many people with a connection each at one provider, their access tokens over or nearly so."""
    first = nearly_over(left=left)
    world = first.world
    scenes = [first]
    for at in range(number - 1):
        user = f"person-{at}"
        world.put_member("acme", user, "team_user")
        world.connect(user, first.installation)
        scenes.append(Scene(world, first.installation, user))
    world.clock.advance(3600 - left)
    return scenes


def key_of(scene: Scene) -> str:
    return scene.connection.required_destination().provider_key


def breaker_row(scene: Scene) -> Item | None:
    return scene.world.table.row(keys.breaker(key_of(scene)))


def is_of_breaker(writes: object) -> bool:
    return isinstance(writes, tuple) and any(write.key.sk == "B" for write in writes)


def work(scene: Scene) -> object:
    return renew_one(scene.world.new_environment(), scene.connection.key, str(scene.connection.version), 1)


def brought_down(left: int = 0) -> tuple[Scene, ...]:
    """Six people; five of them have found the provider away."""
    scenes = crowd(FAULTS_TO_OPEN + 1, left)
    scenes[0].world.egress.unreachable.add("provider.example")
    for scene in scenes[:-1]:
        assert isinstance(scene.renew(), Failed)
    scenes[0].world.egress.unreachable.clear()
    return tuple(scenes)


# -- it opens


@requirement("fault:F12")
def test_after_a_429_nobody_of_the_team_asks_that_provider_before_its_time() -> None:
    first, second = crowd(2)
    world, now = first.world, int(first.world.clock.now())
    first.provider_does(replies(429, retry_after="100"))
    assert first.renew() == Failed("rate_limited", now + 100)
    assert second.renew() == Paused(now + 100)
    world.clock.advance(99)
    assert second.renew() == Paused(now + 100)
    assert len(first.refreshes()) == 1
    world.clock.advance(1)
    assert isinstance(second.renew(), Renewed)
    assert second.works()


@requirement("fault:F12")
@pytest.mark.parametrize("header", ["315360000", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_wish_for_ten_years_is_a_quarter_of_an_hour(header: str) -> None:
    first, second = crowd(2)
    first.provider_does(replies(429, retry_after=header))
    first.renew()
    assert second.renew() == Paused(int(first.world.clock.now()) + 900)


@requirement("fault:F12")
@pytest.mark.parametrize("behaviour", [replies(503), silence])
def test_five_faults_in_a_row_open_it_whoever_met_them(behaviour: Behaviour) -> None:
    scenes = crowd(FAULTS_TO_OPEN + 1)
    for scene in scenes[:-1]:
        scene.provider_does(behaviour)
        assert not isinstance(scene.renew(), Paused)
    assert isinstance(scenes[-1].renew(), Paused)
    assert len(scenes[-1].refreshes()) == FAULTS_TO_OPEN


@requirement("fault:F12")
def test_a_provider_that_cannot_be_reached_is_not_dialled_any_more() -> None:
    *_, last = brought_down()
    last.world.egress.dialled.clear()
    assert isinstance(last.renew(), Paused)
    assert last.world.egress.dialled == []


@requirement("fault:F12")
def test_control_without_the_breaker_everybody_asks_in_vain() -> None:
    *_, last = brought_down()
    with weakened(rules.assess, "return Open(known.open_until)", "return Closed()"):
        assert isinstance(last.renew(), Renewed)


@pytest.mark.parametrize("answer", [says("invalid_grant"), says("invalid_client", 401)])
def test_a_refusal_or_a_rejected_client_is_no_outage_and_ends_the_count(answer: Behaviour) -> None:
    *scenes, last = crowd(FAULTS_TO_OPEN)
    for scene in scenes:
        scene.provider_does(replies(500))
        scene.renew()
    assert breaker_row(last) is not None
    last.provider_does(answer)
    last.renew()
    assert breaker_row(last) is None


def test_of_many_that_fail_at_once_enough_are_counted() -> None:
    first, *others = crowd(FAULTS_TO_OPEN)

    def fails_last(request: Outgoing) -> Answer:
        for scene in others:
            scene.provider_does(replies(500))
            scene.renew(scene.world.new_environment())
        return replies(500)(request)

    first.provider_does(fails_last)
    first.renew()
    row = breaker_row(first)
    assert row is not None
    assert (row["faults"], row["why"], row["openings"]) == (FAULTS_TO_OPEN, "provider_error", 1)


def test_it_is_told_when_it_opens_and_when_it_closes() -> None:
    *_, last = brought_down()
    world = last.world
    world.clock.advance(60)
    last.renew()
    told = [entry for entry in world.journal.entries if entry.event.startswith("provider_breaker")]
    assert [entry.event for entry in told] == ["provider_breaker_open", "provider_breaker_closed"]
    assert told[0].fields["provider_key"] == told[1].fields["provider_key"] == key_of(last)
    assert told[0].fields["why"] == "unreachable"
    assert isinstance(told[0].fields["until"], int)
    assert world.journal.counts["ProviderBreakerOpened"] == world.journal.counts["ProviderBreakerClosed"] == 1


# -- nobody else's


@requirement("fault:F12")
def test_another_provider_and_another_team_at_the_same_one_are_asked_as_before() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    rivals = world.install("mallory", "rivals")
    world.connect("mallory", rivals, "rivals")
    other = FakeProvider(world.clock, OTHER)
    other.serve(world.egress)
    serve_mcp(world.egress, OTHER_MCP, OTHER)
    elsewhere = world.install(name="Other Files", url=OTHER_MCP)
    world.provider, here = other, world.provider
    world.connect("bob", elsewhere)
    world.provider = here
    world.clock.advance(3600)

    scene.provider_does(replies(429, retry_after="900"))
    scene.renew()
    assert isinstance(Scene(world, elsewhere).renew(), Renewed)
    assert world.look_up("mallory", rivals, by=RIVAL_GATEWAY, team="rivals").status == 200


# -- while it is open


@requirement("fault:F12")
def test_a_message_of_the_schedule_is_dropped_without_a_write_and_the_next_tick_finds_it() -> None:
    first, second = crowd(2)
    world = first.world
    first.provider_does(replies(429, retry_after="100"))
    first.renew()
    before = world.table.snapshot()
    assert work(second) == Done("paused")
    world.tick()
    assert queue(world, "renewal").waiting() == 0
    assert world.table.snapshot() == before
    assert world.journal.counts["RenewalPaused"] == 2
    world.clock.advance(100)
    world.tick()
    assert second.works()


@requirement("fault:F12")
@pytest.mark.parametrize("left", [10, 45])
def test_a_look_up_gets_a_token_that_is_good_for_ten_more_seconds(left: int) -> None:
    *_, last = brought_down(left)
    answer = last.world.look_up(last.user, last.installation)
    assert answer.status == 200
    assert len(last.refreshes()) == 0


@requirement("fault:F12")
def test_with_less_a_look_up_is_told_what_is_left_of_the_pause() -> None:
    first, second = crowd(2, left=9)
    first.provider_does(replies(429, retry_after="700"))
    first.renew()
    first.world.clock.advance(50)
    answer = first.world.look_up(second.user, second.installation)
    assert (answer.status, answer.json["error"], answer.headers["retry-after"]) == (503, "unavailable", "650")
    assert len(first.refreshes()) == 1


def test_a_token_that_was_rejected_is_not_handed_out_for_that() -> None:
    *_, last = brought_down(left=45)
    version = str(last.connection.version)
    assert last.world.look_up(last.user, last.installation, not_version=version).status == 503


# -- the trial


@requirement("fault:F12")
def test_when_the_pause_is_over_one_asks_and_the_others_wait_for_what_it_finds() -> None:
    *_, one, other, last = brought_down()
    world = last.world
    world.clock.advance(60)
    met: list[object] = []
    one.provider_does(before_answering(world, lambda: met.append(other.renew(world.new_environment()))))
    assert isinstance(one.renew(), Renewed)
    assert met == [Paused(int(world.clock.now()) + 5)]
    assert breaker_row(last) is None
    assert isinstance(other.renew(), Renewed)


def test_of_two_that_saw_the_pause_end_one_takes_the_trial() -> None:
    *_, one, other = brought_down()
    world = other.world
    world.clock.advance(60)
    outcomes: list[object] = []

    def somebody_is_faster(writes: object) -> None:
        world.table.before.clear()
        one.provider_does(dies)
        with pytest.raises(Killed):
            one.renew(world.new_environment())

    world.table.before["commit"] = somebody_is_faster
    outcomes.append(other.renew())
    assert outcomes == [Paused(int(world.clock.now()) + 5)]
    assert len(other.refreshes()) == 1


@requirement("fault:F12")
def test_a_trial_that_fails_opens_it_for_longer() -> None:
    *_, one, last = brought_down()
    world = last.world
    world.clock.advance(60)
    one.provider_does(replies(500))
    one.renew()
    row = breaker_row(last)
    assert row is not None
    assert row["openings"] == 2
    assert 60 <= int(str(row["open_until"])) - world.clock.now() < 90


@requirement("fault:F12")
def test_who_dies_while_trying_keeps_nobody_for_long() -> None:
    *_, one, last = brought_down()
    world = last.world
    world.clock.advance(60)
    one.provider_does(dies)
    with pytest.raises(Killed):
        one.renew()
    world.clock.advance(TRIAL - 1)
    assert isinstance(last.renew(), Paused)
    world.clock.advance(1)
    assert isinstance(last.renew(), Renewed)
    assert breaker_row(last) is None


# -- what it costs


def test_a_healthy_provider_costs_no_write_and_no_further_read() -> None:
    scene = nearly_over(left=0)
    scene.world.table.requests.clear()
    assert work(scene) == Done("renewed")
    with_it = dict(scene.world.table.requests)
    assert with_it["UpdateItem"] == 2
    assert not {"PutItem", "DeleteItem", "TransactWriteItems"} & with_it.keys()
    assert breaker_row(scene) is None

    scene.world.clock.advance(3600)
    reads: list[int] = []
    scene.world.table.before["read"] = lambda asked: reads.append(len(asked))
    work(scene)
    assert 2 in reads
    assert not [row for row in scene.world.table.committed if is_of_breaker(row)]


def test_a_code_and_a_revocation_do_not_read_it() -> None:
    scene = nearly_over()
    asked: list[object] = []
    scene.world.table.before["read"] = lambda found: asked.extend(key.sk for key in found)
    scene.world.connect("bob", scene.installation)
    scene.world.tick()
    assert "B" not in asked


FAULTS: list[Exception] = [StoreUnavailable("busy"), ValueError("a mistake of ours")]


@pytest.mark.parametrize("error", FAULTS)
def test_a_breaker_that_cannot_be_removed_costs_nobody_a_grant(error: Exception) -> None:
    *_, last = brought_down()
    world = last.world
    world.clock.advance(60)
    removing: Hook = when(lambda writes: isinstance(writes[0], Remove), raises(error))
    world.table.before["commit"] = removing
    assert isinstance(last.renew(), Renewed)
    world.table.before.clear()
    assert "provider_breaker_not_written" in world.journal.events()
    assert last.works()
    world.clock.advance(TRIAL)
    assert not isinstance(brought_back(last), Paused)


def brought_back(scene: Scene) -> object:
    scene.world.clock.advance(3600)
    return scene.renew()


@pytest.mark.parametrize("error", FAULTS)
def test_a_fault_that_cannot_be_counted_is_told_to_the_connection_all_the_same(error: Exception) -> None:
    (scene,) = crowd()
    scene.provider_does(replies(429, retry_after="100"))
    scene.world.table.before["commit"] = when(is_of_breaker, raises(error))
    assert scene.renew() == Failed("rate_limited", int(scene.world.clock.now()) + 100)
    assert scene.row["last_error"] == "rate_limited"
    assert breaker_row(scene) is None


def test_a_trial_that_cannot_be_written_is_not_made() -> None:
    *_, last = brought_down()
    last.world.clock.advance(60)
    last.world.table.before["commit"] = raises(StoreUnavailable("busy"))
    assert isinstance(last.renew(), Paused)
    assert last.refreshes() == []


def test_it_is_written_after_the_tokens_and_after_the_outcome() -> None:
    *_, one, last = brought_down()
    world = last.world
    world.clock.advance(60)
    start = len(world.table.committed)
    assert isinstance(last.renew(), Renewed)
    rows = [write.key.sk[0] for writes in world.table.committed[start:] for write in writes]
    assert rows == ["B", "C", "C", "B"]

    one.provider_does(replies(429, retry_after="100"))
    start = len(world.table.committed)
    one.renew()
    assert [write.key.sk[0] for writes in world.table.committed[start:] for write in writes] == ["C", "C", "B"]


def test_whoever_dies_while_writing_it_has_stored_the_tokens() -> None:
    *_, last = brought_down()
    world = last.world
    world.clock.advance(60)

    def dies_there(writes: object) -> None:
        raise Killed

    world.table.before["commit"] = when(lambda writes: isinstance(writes[0], Remove), dies_there)
    with pytest.raises(Killed):
        last.renew()
    world.table.before.clear()
    assert last.works()


def test_without_time_for_it_nothing_is_written() -> None:
    (scene,) = crowd()
    scene.provider_does(replies(429, retry_after="100"))
    of_outcome: Hook = when(lambda writes: "last_error" in writes[0].put, lambda _: scene.world.clock.advance(12.5))
    scene.world.table.before["commit"] = of_outcome
    assert isinstance(scene.renew(within=19), Failed)
    assert scene.row["last_error"] == "rate_limited"
    assert breaker_row(scene) is None


def test_what_comes_after_the_commit_never_speaks_for_it() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    scene.provider_does(says("invalid_client", 401))
    scene.renew()
    world.clock.advance(60)
    world.table.before["commit"] = when(is_of_client, raises(ValueError("a mistake of ours")))
    assert isinstance(scene.renew(), Renewed)
    assert scene.works()
    assert "client_state_not_written" in world.journal.events()


def is_of_client(writes: object) -> bool:
    return isinstance(writes, tuple) and writes[0].key.sk.startswith("K#")
