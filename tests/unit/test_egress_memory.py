"""What the guarded client remembers of those who gave no answer, and what it must not remember."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.adapters.egress import GuardedEgress
from strongroom.adapters.egress_memory import FAIR_CHANCE, MOST_ORIGINS, REMEMBERED_FOR, Silences
from strongroom.domain.errors import EgressRefused, ProviderFailed
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing, Reply
from tests.fakes.clock import FakeClock
from tests.fakes.egress_servers import PUBLIC, Names
from tests.requirements import requirement
from tests.weakened import weakened

ORIGIN = ("https", "provider.example", 443)
URL = "https://provider.example/"
AWAY = NotSent("not_connected")


class ClosedDoors:
    """A connector that reaches nobody, and counts."""

    def __init__(self, failure: Callable[[], OSError] = ConnectionRefusedError) -> None:
        self.knocks = 0
        self._failure = failure

    def __call__(self, address: str, port: int, within: float) -> socket.socket:
        self.knocks += 1
        raise self._failure()


class Scene:
    """A guarded client whose every address is a closed door."""

    def __init__(self, doors: ClosedDoors | None = None) -> None:
        self.clock, self.names, self.doors = FakeClock(), Names(), doors or ClosedDoors()
        for name in ("provider.example", "other.example"):
            self.names.stands_for(name, [PUBLIC])
        self.egress = GuardedEgress(
            resolve=self.names, connect=self.doors, now=self.clock.now, monotonic=self.clock.now, ports=[8443]
        )

    def get(self, url: str = URL, within: float = 5.0) -> Answer:
        return self.egress.send(Outgoing("GET", url, within=within))

    def post(self, url: str = URL) -> Answer:
        return self.egress.send(Outgoing("POST", url))


@requirement("attack:B19")
def test_who_could_not_be_reached_is_not_asked_again_at_once() -> None:
    scene = Scene()

    answers = [scene.get(f"{URL}{place}") for place in range(50)]

    assert answers == [AWAY] * 50
    assert (scene.doors.knocks, scene.names.asked) == (1, ["provider.example"])


@requirement("attack:B19")
def test_control_without_the_memory_every_request_knocks_anew() -> None:
    scene = Scene()

    with weakened(Silences.recall, "if reason and fresh", "if False"):
        for place in range(50):
            scene.get(f"{URL}{place}")

    assert scene.doors.knocks == 50


@requirement("attack:B19")
@pytest.mark.parametrize(
    ("answers", "reason"), [([["provider.example"]], "not_resolved"), ([[]], "not_resolved")], ids=["unknown", "empty"]
)
def test_a_name_that_does_not_resolve_is_not_asked_for_again_at_once(answers: list[list[str]], reason: str) -> None:
    scene = Scene()
    scene.names.answers = {"provider.example": answers} if answers == [[]] else {}

    assert [scene.get(), scene.get()] == [NotSent(reason)] * 2
    assert scene.names.asked == ["provider.example"]


def test_after_ten_seconds_it_is_asked_again() -> None:
    scene = Scene()
    scene.get()

    scene.clock.advance(REMEMBERED_FOR - 1)
    scene.get()
    within = scene.doors.knocks
    scene.clock.advance(1)
    scene.get()

    assert (within, scene.doors.knocks) == (1, 2)


def test_a_repeated_question_does_not_make_the_silence_last_longer() -> None:
    scene = Scene()
    for _ in range(21):
        scene.get()
        scene.clock.advance(1)

    assert scene.doors.knocks == 3


def test_a_clock_that_was_set_back_forgets() -> None:
    scene = Scene()
    scene.get()

    scene.clock.set(scene.clock.now() - 3600)
    scene.get()

    assert scene.doors.knocks == 2


def test_another_origin_is_asked_all_the_same() -> None:
    scene = Scene()
    for url in (URL, "https://other.example/", "https://provider.example:8443/"):
        scene.get(url)

    assert scene.doors.knocks == 3


def test_a_post_is_never_answered_from_memory_and_leaves_nothing_there() -> None:
    scene = Scene()

    scene.post()
    scene.get()
    scene.post()
    scene.post()

    assert scene.doors.knocks == 4


def test_a_line_is_dialled_whatever_is_remembered() -> None:
    scene = Scene()
    scene.get()

    with pytest.raises(ProviderFailed), scene.egress.dial(URL, 5.0):
        pass

    assert scene.doors.knocks == 2


def test_a_refusal_is_no_silence_and_stays_a_refusal() -> None:
    scene = Scene()
    scene.names.stands_for("provider.example", ["10.0.0.1"])

    for _ in range(2):
        with pytest.raises(EgressRefused):
            scene.get()
    scene.names.stands_for("provider.example", [PUBLIC])

    assert scene.get() == AWAY


@requirement("attack:B19")
def test_who_had_no_fair_chance_to_answer_is_not_taken_for_dead() -> None:
    """Otherwise a server that uses up a discovery's time would silence an honest one for everybody."""
    scene = Scene(ClosedDoors(TimeoutError))

    scene.get(within=FAIR_CHANCE / 2)
    scene.get(within=FAIR_CHANCE)
    scene.get(within=FAIR_CHANCE)

    assert scene.doors.knocks == 2


@requirement("attack:B19")
def test_control_a_memory_without_that_rule_would_let_anybody_silence_an_honest_server() -> None:
    scene = Scene(ClosedDoors(TimeoutError))

    with weakened(Silences.learn, 'or (answer.reason == "timed_out" and chance < FAIR_CHANCE)', ""):
        scene.get(within=0.01)
    scene.get()

    assert scene.doors.knocks == 1


@pytest.mark.parametrize(
    "answer",
    [
        Reply(200, {}, b""),
        Reply(503, {}, b""),
        *map(NoAnswer, ("malformed", "broken_off", "timed_out", "too_large", "too_many_redirects")),
    ],
)
def test_whoever_was_reached_is_not_remembered_however_bad_the_answer(answer: Answer) -> None:
    silences = Silences(FakeClock().now)

    silences.learn(ORIGIN, answer, 5.0)

    assert silences.recall(ORIGIN) is None


@pytest.mark.parametrize("reason", ["not_resolved", "not_connected", "tls_failed", "timed_out"])
def test_whoever_was_not_reached_is_remembered_with_the_reason(reason: str) -> None:
    silences = Silences(FakeClock().now)

    silences.learn(ORIGIN, NotSent(reason), 5.0)

    assert silences.recall(ORIGIN) == NotSent(reason)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20)), max_size=400))
def test_never_more_than_a_hundred_origins_are_kept(events: list[tuple[int, int]]) -> None:
    clock = FakeClock()
    silences = Silences(clock.now)

    for number, pause in events:
        silences.learn(("https", f"p{number}.example", 443), AWAY, 5.0)
        clock.advance(pause / 100)

    assert len(silences._silent) <= MOST_ORIGINS


def test_the_oldest_silence_makes_room() -> None:
    silences = Silences(FakeClock().now)
    names = [("https", f"p{number}.example", 443) for number in range(MOST_ORIGINS + 1)]

    for name in (*names[:-1], names[0], names[-1]):
        silences.learn(name, AWAY, 5.0)

    assert [name for name in names if silences.recall(name) is None] == [names[1]]
