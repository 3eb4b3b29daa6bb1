"""One slow provider does not hold up the others of its batch, and is sent no more than so many requests at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from functions.refresh import renew as worker
from strongroom.aws.queue import AT_ONCE
from strongroom.domain.http import Answer, Outgoing
from strongroom.flows import slots, work
from strongroom.flows.slots import MOST_OF_ONE_PROVIDER, Slots
from strongroom.flows.work import Done, renew_one
from strongroom.ports import Clock
from tests.fakes.provider import FakeProvider, serve_mcp
from tests.fakes.queue import Delivery
from tests.requirements import requirement
from tests.template import template
from tests.unit.renewals import Killed, Scene, dies, nearly_over, slowly
from tests.weakened import weakened
from tests.world import Context, World, queue_event

SLOW, SLOW_MCP = "https://slow.example", "https://slow-files.example/mcp"
PATIENCE = 60
"""Seconds after which a test that hangs is told so; nothing waits for them."""


class Watch:
    """A clock that waits as a clock on the wall does: for somebody else to move its hands."""

    def __init__(self, inner: Clock) -> None:
        self._inner = inner
        self._ahead = 0.0
        self._moved = threading.Condition()

    def now(self) -> float:
        with self._moved:
            return self._inner.now() + self._ahead

    def wait(self, seconds: float) -> None:
        with self._moved:
            target = self._inner.now() + self._ahead + seconds
            assert self._moved.wait_for(lambda: self._inner.now() + self._ahead >= target, PATIENCE)

    def advance(self, seconds: float) -> None:
        with self._moved:
            self._ahead += seconds
            self._moved.notify_all()


class SlowProvider(FakeProvider):
    """Takes requests and does not answer before it is told to."""

    def start(self) -> None:
        self.asked = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.at_once = self.most_at_once = 0
        self.counting = threading.Lock()

    def honest(self, request: Outgoing) -> Answer:
        if hasattr(self, "asked"):
            self._wait()
        return super().honest(request)

    def _wait(self) -> None:
        with self.counting:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.asked.release()
        assert self.may_answer.wait(PATIENCE)
        with self.counting:
            self.at_once -= 1


class TwoProviders:
    """Forty people at a slow provider and twenty at a good one, all of them due, and one batch with all their messages."""

    def __init__(self, at_slow: int = 40, at_good: int = 20) -> None:
        self.world = World()
        self.slow = SlowProvider(self.world.clock, SLOW)
        self.slow.serve(self.world.egress)
        serve_mcp(self.world.egress, SLOW_MCP, SLOW)
        good = self.world.install()
        slow = self.world.install(name="Slow Files", url=SLOW_MCP)
        self.at_good = [self._connected(f"g{at}", good) for at in range(at_good)]
        with self._at(self.slow):
            self.at_slow = [self._connected(f"s{at}", slow) for at in range(at_slow)]
        self.world.clock.advance(3600)
        self.watch = Watch(self.world.clock)
        self.world.ports = replace(self.world.ports, clock=self.watch)
        self.slow.start()

    def _connected(self, user: str, installation: str) -> Scene:
        self.world.put_member("acme", user, "team_user")
        self.world.connect(user, installation)
        return Scene(self.world, installation, user)

    @contextmanager
    def _at(self, provider: FakeProvider) -> Iterator[None]:
        usual, self.world.provider = self.world.provider, provider
        yield
        self.world.provider = usual

    def deliver(self, group: str | None = None) -> threading.Thread:
        """Give the worker one batch with everybody's message, in a thread of its own."""
        bodies = [_message(scene) for scene in (*self.at_slow, *self.at_good)]
        event = queue_event("renewal", [Delivery(body, group, f"r{at}", 1) for at, body in enumerate(bodies)])
        for record in event["Records"]:
            record["attributes"]["MessageGroupId"] = group or "a group"
        thread = threading.Thread(target=self._work, args=(event,))
        thread.start()
        return thread

    def _work(self, event: dict[str, Any]) -> None:
        self.answer = worker.lambda_handler(event, Context(), self.world.wired)

    def renewed(self, number: int, batch: threading.Thread) -> bool:
        """Whether so many renewals are done, given time."""
        for _ in range(PATIENCE * 100):
            if self.world.journal.counts["RenewalRenewed"] >= number:
                return True
            batch.join(0.01)
        return False


def _message(scene: Scene) -> str:
    row = scene.row
    return json.dumps({"form": 1, "pk": row["PK"], "sk": row["SK"], "version": str(scene.connection.version)})


@requirement("fault:F23")
def test_beside_a_slow_provider_the_others_of_the_batch_are_done_and_it_has_sixteen_requests_at_once() -> None:
    both = TwoProviders()
    batch = both.deliver()
    for _ in range(MOST_OF_ONE_PROVIDER):
        assert both.slow.asked.acquire(timeout=PATIENCE)
    assert both.renewed(len(both.at_good), batch)

    assert both.slow.at_once == MOST_OF_ONE_PROVIDER
    assert [scene.connection.version.n for scene in both.at_good] == [2] * len(both.at_good)
    before = {scene.user: scene.row for scene in both.at_slow}
    while both.world.journal.counts["Capped"] < len(both.at_slow) - MOST_OF_ONE_PROVIDER:
        both.watch.advance(0.5)
        batch.join(0.01)
    both.slow.may_answer.set()
    batch.join(PATIENCE)

    assert both.answer == {"batchItemFailures": []}
    assert both.slow.most_at_once == MOST_OF_ONE_PROVIDER
    done = [scene for scene in both.at_slow if scene.connection.version.n == 2]
    left = [scene for scene in both.at_slow if scene not in done]
    assert len(done) == MOST_OF_ONE_PROVIDER
    assert [scene.row for scene in left] == [before[scene.user] for scene in left]
    assert all("due_at" in scene.row for scene in left)


@requirement("fault:F23")
def test_control_without_a_cap_the_slow_provider_has_all_of_them_at_once() -> None:
    both = TwoProviders()
    with weakened(Slots._take, "self._taken[provider_key] < self._most", "True"):
        batch = both.deliver()
        for _ in range(len(both.at_slow)):
            assert both.slow.asked.acquire(timeout=PATIENCE)
        both.slow.may_answer.set()
        batch.join(PATIENCE)
    assert both.slow.most_at_once == len(both.at_slow)


@requirement("fault:F23")
def test_who_waits_takes_the_slot_that_another_gives_back() -> None:
    both = TwoProviders(at_slow=20, at_good=1)
    batch = both.deliver()
    for _ in range(MOST_OF_ONE_PROVIDER):
        assert both.slow.asked.acquire(timeout=PATIENCE)
    both.slow.may_answer.set()
    assert both.renewed(MOST_OF_ONE_PROVIDER + 1, batch)
    while batch.is_alive():
        both.watch.advance(0.01)
        batch.join(0.01)
    assert [scene.connection.version.n for scene in both.at_slow] == [2] * 20


# -- one message


def full(scene: Scene, provider_key: str | None = None) -> Slots:
    """No slot is left for this provider; usually the scene's own."""
    all_taken = Slots()
    for _ in range(MOST_OF_ONE_PROVIDER):
        assert all_taken._take(provider_key or scene.connection.required_destination().provider_key)
    return all_taken


def do(scene: Scene, taken: Slots) -> object:
    return renew_one(scene.world.ports, scene.connection.key, str(scene.connection.version), 1, taken)


@requirement("fault:F23")
def test_a_message_without_a_slot_is_dropped_in_time_without_a_write_and_counted() -> None:
    scene = nearly_over(left=0)
    before, began = scene.world.table.snapshot(), scene.world.clock.now()
    assert do(scene, full(scene)) == Done("capped")
    assert scene.world.table.snapshot() == before
    assert scene.refreshes() == []
    assert scene.world.journal.counts["Capped"] == 1
    assert 3 <= scene.world.clock.now() - began < 4
    assert do(scene, Slots()) == Done("renewed")


@requirement("fault:F23")
def test_the_row_says_whose_slot_it_takes_and_no_message_can() -> None:
    scene = nearly_over(left=0)
    assert do(scene, full(scene, "a-provider-that-a-message-might-name")) == Done("renewed")


def test_a_slot_is_given_back_however_it_ends() -> None:
    scene = nearly_over(left=0)
    taken = Slots(most=1)
    scene.provider_does(dies)
    with pytest.raises(Killed):
        do(scene, taken)
    scene.world.clock.advance(30)
    assert do(scene, taken) == Done("renewed")


def test_a_slot_that_comes_too_late_for_a_whole_renewal_is_not_waited_for() -> None:
    scene = nearly_over(left=0)
    taken = full(scene)
    began = scene.world.clock.now()
    do(scene, taken)
    left = work.WORK_WITHIN - (scene.world.clock.now() - began)
    scene.provider_does(slowly(scene.world, 9))
    assert scene.renew(within=left) is not None
    assert scene.works()


def test_a_batch_has_a_thread_for_each_message_so_that_none_waits_behind_another() -> None:
    resources = template()["Resources"].values()
    events = [event for one in resources for event in one.get("Properties", {}).get("Events", {}).values()]
    sizes = [event["Properties"]["BatchSize"] for event in events if event["Type"] == "SQS"]
    assert 0 < max(sizes) <= AT_ONCE
    assert slots.MOST_OF_ONE_PROVIDER * 4 <= AT_ONCE
