"""Waiting for a person to connect: look-ups with growing pauses, up to a bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from strongroom_satellite import InstallationDisabled, NotFound, Release, Strongroom
from strongroom_satellite.retry import Patience
from strongroom_satellite.waiting import Pace, await_connection
from tests.fakes.satellite import FakeStrongroom
from tests.requirements import requirement
from tests.unit.elicitations import Time, need_of, run

ALICE = need_of("alice")
AT_ONCE = Patience(total=0.0)

Act: TypeAlias = Callable[[Strongroom, Time, FakeStrongroom], Awaitable[None]]


def waited(act: Act) -> None:
    """Let somebody wait for alice, who is not connected."""

    async def test() -> None:
        time = Time()
        vault = FakeStrongroom(lambda: time.seconds)
        vault.require(ALICE)
        with Strongroom(vault, clock=time, patience=AT_ONCE) as strongroom:
            await act(strongroom, time, vault)

    run(test)


def test_whoever_is_connected_is_not_waited_for() -> None:
    async def act(strongroom: Strongroom, time: Time, vault: FakeStrongroom) -> None:
        vault.connect(ALICE, "a-token")

        assert isinstance(await await_connection(strongroom, ALICE, longest=45, pace=time.pace), Release)
        assert time.naps == []

    waited(act)


@requirement("mcp:L6")
def test_pauses_grow_up_to_a_bound_and_end_in_time() -> None:
    async def act(strongroom: Strongroom, time: Time, vault: FakeStrongroom) -> None:
        assert await await_connection(strongroom, ALICE, longest=45, pace=time.pace) is None
        assert time.naps == [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 8.0, 8.0, 8.0, 0.21875]
        assert vault.count() == 11

    waited(act)


def test_chance_takes_up_to_a_third_of_a_pause() -> None:
    pace = Pace(chance=lambda: 0.75)

    assert pace.pause(0) == 0.75
    assert pace.pause(1000) == 6.0


def test_the_longest_wait_is_no_matter_of_numbers_that_grow_for_ever() -> None:
    assert Pace(chance=lambda: 0.0).pause(10**6) == 8.0


@pytest.mark.parametrize("status", [429, 503])
def test_a_passing_fault_is_waited_out(status: int) -> None:
    async def act(strongroom: Strongroom, time: Time, vault: FakeStrongroom) -> None:
        vault.busy(2, status)
        vault.connect(ALICE, "a-token")

        assert await await_connection(strongroom, ALICE, longest=45, pace=time.pace) is not None
        assert len(time.naps) == 2

    waited(act)


@pytest.mark.parametrize(
    ("cut", "kind"),
    [(FakeStrongroom.forget, NotFound), (FakeStrongroom.disable, InstallationDisabled)],
)
def test_what_no_waiting_mends_ends_it(cut: Callable[..., None], kind: type[Exception]) -> None:
    async def act(strongroom: Strongroom, time: Time, vault: FakeStrongroom) -> None:
        time.then[1] = lambda: cut(vault, ALICE)
        with pytest.raises(kind):
            await await_connection(strongroom, ALICE, longest=45, pace=time.pace)

        assert len(time.naps) == 1

    waited(act)


@requirement("mcp:L6")
def test_the_version_that_does_not_do_is_not_taken_for_a_new_one_though_it_is_kept() -> None:
    async def act(strongroom: Strongroom, time: Time, vault: FakeStrongroom) -> None:
        vault.connect(ALICE, "a-token")
        await strongroom.alook_up(ALICE)
        time.then[1] = lambda: vault.renew(ALICE)

        release = await await_connection(strongroom, ALICE, longest=45, other_than="grant.1", pace=time.pace)

        assert release is not None
        assert release.version == "grant.2"

    waited(act)
