"""One fault at each call that an operation makes to AWS, one call after the other: in the end the grant lives.

Once at the ports, where every kind of fault costs nothing, and once on the wire, with real clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from strongroom.domain.errors import KeysUnavailable, QueueUnavailable, StoreUnavailable
from strongroom.flows import settle
from tests.contract.faults.aws_faults import Call, Fault, Wanted, refuses, reset_after
from tests.contract.faults.aws_world import Aws, alive
from tests.requirements import requirement
from tests.unit.renewals import Scene, nearly_over, queue, rows
from tests.weakened import weakened
from tests.world import Consented, World

# -- what is done


@dataclass
class Play:
    """A connection whose token is over, and a person who has consented once more."""

    scene: Scene
    again: Consented
    answered: int = 0

    @property
    def world(self) -> World:
        return self.scene.world

    def message(self) -> None:
        self.world.tick()

    def look_up(self) -> None:
        self.answered = self.world.look_up("bob", self.scene.installation).status

    def complete(self) -> None:
        self.answered = self.world.complete("bob", self.again).status

    def revoke(self) -> None:
        self.answered = self.world.revoke("bob", self.scene.installation).status


def play() -> Play:
    """Everything stands, and the functions have just started. One shard: its calls have one order."""
    scene = nearly_over(left=0, shards=1)
    again = scene.world.consent(scene.world.begin("bob", scene.installation), "bob")
    scene.world.ports = scene.world.new_environment()
    return Play(scene, again)


Deed = Callable[[Play], None]
DEEDS: dict[str, Deed] = {
    "message": Play.message,
    "look-up": Play.look_up,
    "complete": Play.complete,
    "revoke": Play.revoke,
}
EACH_DEED = pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS.keys())


def check(found: Play, deed: Deed) -> None:
    """Nothing fails any more. See what is left, let time pass, and see that nothing was lost."""
    world, scene = found.world, found.scene
    if deed is Play.revoke:
        if found.answered == 200:
            assert world.look_up("bob", scene.installation).json["reason"] == "revoked"
        _is_revoked_in_the_end(found)
        return
    assert world.status("bob", scene.installation)["status"] in {"connected", "expired"}, "no fault of AWS asks anybody"
    assert scene.connection.tokens is not None
    _time_passes(world)
    if deed is Play.complete:
        if world.complete("bob", found.again).status != 200:
            assert scene.works()
            world.connect("bob", scene.installation)
        _time_passes(world)
    assert scene.works()
    assert scene.connection.reason is None
    assert len({*scene.refreshes()}) == len(scene.refreshes()), "no refresh token was sent twice"
    if deed is Play.complete:
        _is_revoked_in_the_end(found)
    else:
        assert alive(world) == [scene.sealed_refresh()]


def _is_revoked_in_the_end(found: Play) -> None:
    assert found.world.revoke("bob", found.scene.installation).status == 200
    _time_passes(found.world)
    assert found.world.look_up("bob", found.scene.installation).json["reason"] == "revoked"
    assert alive(found.world) == [], "we knew of every token that was ever given"
    assert [row for row in rows(found.world, "chore") if row["state"] == "open"] == []


def _time_passes(world: World) -> None:
    world.clock.advance(31)
    world.deliver()
    for _ in range(2):
        world.clock.advance(301)
        world.tick()


# -- at the ports

QUEUES = ("sweep", "renewal", "rescue", "chore")
Kind = tuple[Mapping[str, Exception], str, bool]
OUTAGES: Mapping[str, Exception] = {
    "table": StoreUnavailable("away"),
    "keys": KeysUnavailable("away", retry_after=1),
    "queue": QueueUnavailable("away"),
}
ODD: Mapping[str, Exception] = {part: RuntimeError("canary") for part in OUTAGES}


@dataclass
class Faults:
    """Counts the calls of all ports to AWS, and lets one of them, or all of its part from then on, fail."""

    errors: Mapping[str, Exception]
    when: str
    for_ever: bool
    at: int = -1
    count: int = 0
    part: str = ""

    def hang_into(self, world: World) -> None:
        self._hang(world.table, "table", ("read", "query", "commit"))
        self._hang(world.keys, "keys", ("generate", "decrypt"))
        for name in QUEUES:
            self._hang(queue(world, name), "queue", ("send", "postpone"))

    def _hang(self, fake: Any, part: str, operations: tuple[str, ...]) -> None:
        for operation in operations:
            fake.before[operation] = lambda argument: self._call(part)
            fake.after[operation] = lambda argument: self._end(part)

    def _call(self, part: str) -> None:
        self.count += 1
        if self.count - 1 == self.at:
            self.part = part
        if self.when == "before":
            self._end(part)

    def _end(self, part: str) -> None:
        hit = self.part == part if self.for_ever else self.count - 1 == self.at
        if hit and self.part:
            raise self.errors[part]


@contextmanager
def faulty(found: Play, faults: Faults) -> Iterator[None]:
    faults.hang_into(found.world)
    yield
    fakes: list[Any] = [found.world.table, found.world.keys, *(queue(found.world, name) for name in QUEUES)]
    for fake in fakes:
        fake.before.clear()
        fake.after.clear()


KINDS: dict[str, Kind] = {
    "no answer, once": (OUTAGES, "before", False),
    "no answer any more": (OUTAGES, "before", True),
    "done, and the answer lost, once": (OUTAGES, "after", False),
    "done, and no answer any more": (OUTAGES, "after", True),
    "something odd, once": (ODD, "before", False),
    "done, and something odd, once": (ODD, "after", False),
}


def attempt(found: Play, deed: Deed) -> None:
    """An error that leaves a handler is a failed invocation, and no more."""
    try:
        deed(found)
    except (QueueUnavailable, RuntimeError):
        found.answered = 500


@requirement("invariant:I5")
@requirement("invariant:I7")
@requirement("invariant:I14")
@requirement("invariant:I22")
@EACH_DEED
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_whichever_call_to_aws_fails_the_grant_lives(deed: Deed, kind: Kind) -> None:
    for at in range(len_of(deed)):
        found, faults = play(), Faults(*kind, at=at)
        with faulty(found, faults):
            attempt(found, deed)
        assert faults.part, "the fault was met"
        check(found, deed)


@pytest.mark.parametrize(
    ("function", "defence", "without"),
    [
        (
            settle.keep,
            "except StoreUnavailable:\n        return _rescue(ports, result)",
            "except StoreUnavailable:\n        return Lost()",
        ),
        (settle._rescue, "ports.queues.rescue.send([Message(result.encode())])", "pass"),
    ],
    ids=["no rescue", "a rescue that sends nothing"],
)
def test_control_the_sweep_finds_who_loses_tokens(function: Callable[..., object], defence: str, without: str) -> None:
    broken = 0
    for at in range(len_of(Play.message)):
        found, faults = play(), Faults(*KINDS["no answer any more"], at=at)
        with weakened(function, defence, without), faulty(found, faults):
            attempt(found, Play.message)
        broken += is_lost(found)
    assert broken > 0


def is_lost(found: Play) -> bool:
    try:
        check(found, Play.message)
    except AssertionError:
        return True
    return False


def len_of(deed: Deed) -> int:
    """How many calls the deed makes where nothing fails."""
    found, faults = play(), Faults(OUTAGES, "before", False)
    with faulty(found, faults):
        deed(found)
    return faults.count


# -- on the wire

WIRE: dict[str, Fault] = {"refused": refuses("ThrottlingException"), "done, and the connection reset": reset_after}


def from_then_on(at: int, service: str) -> Wanted:
    """All requests to one service, from the given one on."""
    seen = [0]

    def wanted(call: Call) -> bool:
        seen[0] += 1
        return seen[0] > at and call.service == service

    return wanted


@requirement("invariant:I5")
@requirement("invariant:I7")
@pytest.mark.parametrize("deed", [Play.message, Play.complete, Play.revoke])
@pytest.mark.parametrize("fault", WIRE.values(), ids=WIRE.keys())
def test_whichever_request_a_part_of_aws_fails_from_the_grant_lives(deed: Deed, fault: Fault) -> None:
    quiet = play()
    sent = Aws(quiet.world).calls
    deed(quiet)
    for at, first in enumerate(list(sent)):
        found = play()
        aws = Aws(found.world)
        aws.hang(fault, from_then_on(at, first.service))
        attempt(found, deed)
        aws.leave()
        check(found, deed)
