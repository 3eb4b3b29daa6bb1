"""Machines whose clocks are minutes off, and the table's clock for all: no lease is taken for one that is over.

The adapters are the real ones, DynamoDB is moto's, and each of its answers says what time it is.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.adapters.table_time import TableTime
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.http import Answer, Outgoing
from strongroom.flows.work import renew_one
from tests.contract.faults.aws_faults import table, unreachable
from tests.contract.faults.skewed import AwsWithTime, OffClock
from tests.requirements import requirement
from tests.unit.faults.crowds import answers_after, crowd
from tests.unit.renewals import Scene, nearly_over, queue
from tests.weakened import weakened

MINUTES = 300
"""As far as AWS lets a caller's clock be off: the signature of a request is good for five minutes."""
OFF = [-MINUTES, -60, -3.1, 3.1, 60, MINUTES]
FUNCTION_TIMEOUT = 25


def both_at_once(skews: tuple[float, float], seconds: float, *, listening: bool = True) -> Scene:
    """Two workers on threads, each on a machine of its own, and a provider that takes so many seconds. What could not be
    done comes again a second later. `listening` False: they believe their machines."""
    clock, scene = crowd(left=0)
    aws = AwsWithTime(scene.world)
    answers_after(scene, seconds)

    def worker(skew: float, begins: float) -> Callable[[], None]:
        ports = aws.started_on(OffClock(clock, skew), listens=listening)

        def deed() -> None:
            clock.wait(begins)
            try:
                scene.renew(ports)
            except StoreUnavailable:
                clock.wait(1)
                scene.renew(ports)

        return deed

    clock.together([worker(skew, begins) for skew, begins in zip(skews, (0.1, 1.5), strict=True)])
    return scene


BOTH = pytest.mark.parametrize(
    "skews",
    [(off, 0) for off in OFF] + [(0, off) for off in OFF] + [(-MINUTES, MINUTES), (MINUTES, -MINUTES), (-1.9, 1.9)],
)


@requirement("fault:F16")
@requirement("invariant:I3")
@BOTH
@pytest.mark.parametrize("seconds", [3, 5, 9.9])
def test_minutes_apart_and_at_the_same_moment_a_provider_that_is_strict_and_slow_is_asked_once(
    skews: tuple[float, float], seconds: float
) -> None:
    scene = both_at_once(skews, seconds)

    assert len(scene.refreshes()) == 1
    assert scene.works()


@requirement("fault:F16")
@pytest.mark.parametrize("skews", [(-MINUTES, 0), (0, MINUTES)])
def test_control_who_believes_the_machine_takes_a_live_lease_and_a_second_request_ends_the_grant(
    skews: tuple[float, float],
) -> None:
    scene = both_at_once(skews, 9.9, listening=False)

    assert len(scene.refreshes()) == 2
    assert not scene.world.provider.grants[0].alive


def renewal_into_silence(skew: float) -> float:
    """A function has just started, and the table falls silent when the provider has answered. Give the seconds until the
    new tokens are on the rescue queue."""
    scene = nearly_over(left=0)
    aws = AwsWithTime(scene.world)
    clock = scene.world.clock
    worker = aws.started_on(OffClock(clock, skew))

    def then_silence(request: Outgoing) -> Answer:
        answer = scene.world.provider.honest(request)
        aws.hang(unreachable, table)
        return answer

    scene.provider_does(then_silence)
    key, version = scene.connection.key, str(scene.connection.version)
    began = clock.now()
    try:
        renew_one(worker, key, version, 1)
    except StoreUnavailable:
        clock.advance(30)
        began = clock.now()
        renew_one(worker, key, version, 2)
    assert len(queue(scene.world, "rescue").sent) == 1
    return clock.now() - began


@requirement("fault:F16")
@pytest.mark.parametrize("skew", [*OFF, 0])
def test_a_deadline_that_was_counted_from_the_wrong_time_keeps_no_tokens_from_the_rescue_queue(skew: float) -> None:
    assert renewal_into_silence(skew) < FUNCTION_TIMEOUT


@requirement("fault:F16")
def test_control_who_goes_on_after_the_clock_was_put_right_is_killed_before_the_tokens_are_rescued() -> None:
    with weakened(TableTime.require_settled, "if 0 <=", "if False and 0 <="):
        assert renewal_into_silence(MINUTES) > FUNCTION_TIMEOUT
