"""KMS throttles, is slow, or its key is disabled or about to be deleted, seen by the real client."""

from __future__ import annotations

import pytest

from strongroom.adapters import clients
from strongroom.domain.renewal_outcome import Renewed
from strongroom.domain.sealing import Purpose
from strongroom.flows import look_up, renew
from strongroom.flows.reads import five_reads
from tests.contract.faults.aws_faults import Fault, answer_lost, key_service, refuses, reset, slow, table, unreachable
from tests.contract.faults.aws_world import Aws, alive, lives, on_aws, recovers
from tests.requirements import requirement
from tests.unit.attacks.scenes import bob_consents, exchanges
from tests.unit.renewals import Scene, alarms, connected, nearly_over, slowly
from tests.weakened import weakened

DOWN: dict[str, Fault] = {
    "throttled": refuses("ThrottlingException"),
    "disabled": refuses("DisabledException"),
    "pending deletion": refuses("KMSInvalidStateException"),
    "forbidden": refuses("AccessDeniedException"),
    "an error of its own": refuses("KMSInternalException", 500),
    "unreachable": unreachable,
    "reset": reset,
    "silent": answer_lost,
    "slow": slow(5),
}
EACH = pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN.keys())
PURPOSES: tuple[Purpose, ...] = ("connection", "installation")
SOME = pytest.mark.parametrize("fault", [DOWN["throttled"], DOWN["pending deletion"], DOWN["slow"]])
KEPT = 300
"""Seconds that opened keys stay in memory."""


# -- F10: renewing


@requirement("fault:F10")
@EACH
@pytest.mark.parametrize("way", ["schedule", "look-up"])
def test_no_provider_is_called_while_its_answer_could_not_be_sealed(fault: Fault, way: str) -> None:
    scene = nearly_over(left=0)
    aws, before = on_aws(scene), scene.row
    aws.hang(fault, key_service)
    if way == "schedule":
        scene.world.tick()
    else:
        answer = scene.world.look_up("bob", scene.installation)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert scene.refreshes() == []
    assert scene.world.egress.dialled == []
    assert scene.row == before, "no lease, no status, no pause"
    recovers(aws)
    assert lives(scene)
    assert len(scene.refreshes()) == 1


@requirement("fault:F10")
@SOME
def test_keys_that_were_fetched_serve_to_the_end_of_the_call(fault: Fault) -> None:
    scene, aws = about_to_forget()
    aws.hang(fault, key_service)
    scene.provider_does(slowly(scene.world, 9))
    assert isinstance(scene.renew(), Renewed)
    aws.heal()
    assert lives(scene)


@requirement("fault:F10")
def test_control_who_asks_for_the_key_behind_the_call_loses_the_grant() -> None:
    scene, aws = about_to_forget()
    aws.hang(DOWN["disabled"], key_service)
    scene.provider_does(slowly(scene.world, 9))
    asks = 'ports.vault.sealing_ring("connection", wanted.team.sealing_keys).seal(issued.access_token'
    with weakened(renew._commit, "prepared.ring.seal(issued.access_token", asks):
        scene.world.tick()
    recovers(aws)
    assert scene.connection.reason == "lost_response"
    assert alive(scene.world) == []


def about_to_forget() -> tuple[Scene, Aws]:
    """The function's keys are at hand for five more seconds."""
    scene = nearly_over(left=30 + KEPT - 5)
    aws, world = on_aws(scene), scene.world
    team = five_reads(world.table, "acme", "bob", scene.installation).admitted().team
    for purpose in PURPOSES:
        world.ports.vault.sealing_ring(purpose, team.sealing_keys)
    world.clock.advance(KEPT - 5)
    return scene, aws


@requirement("fault:F10")
@SOME
def test_keys_at_hand_go_on_opening_and_renewing_for_five_minutes(fault: Fault) -> None:
    scene = connected()
    aws = on_aws(scene)
    assert scene.world.look_up("bob", scene.installation).status == 200
    aws.hang(fault, key_service)
    scene.world.clock.advance(KEPT - 1)
    assert scene.works()
    scene.world.clock.advance(1)
    assert scene.world.look_up("bob", scene.installation).status == 503
    assert scene.world.status("bob", scene.installation)["status"] == "connected"


@requirement("fault:F10")
@SOME
def test_no_code_is_redeemed_while_its_tokens_could_not_be_sealed(fault: Fault) -> None:
    world, installation, mine = bob_consents()
    aws = Aws(world)
    aws.hang(fault, key_service)
    assert world.complete("bob", mine).status == 503
    assert exchanges(world) == []
    aws.heal()
    world.clock.advance(2)
    assert world.complete("bob", mine).json["state"] == "completed"
    assert Scene(world, installation).works()


@requirement("fault:F10")
@SOME
def test_one_slow_or_failing_answer_is_asked_for_once_more(fault: Fault) -> None:
    """What the service means as final is not repeated, and heals by itself: a key that is enabled again opens."""
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(fault, key_service, 1)
    scene.world.tick()
    recovers(aws, rounds=1)
    assert lives(scene)


@requirement("fault:F10")
def test_a_key_of_ours_that_is_disabled_is_no_damage_and_no_alarm() -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    scene.world.keys.disabled = True
    scene.world.tick()
    assert alarms(scene.world) == []
    scene.world.keys.disabled = False
    recovers(aws)
    assert lives(scene)


# -- F33: a look-up ends within its time


PROMISE = 3.0
"""Seconds for the keys, beside the time that a renewal may take."""


@requirement("fault:F33")
@pytest.mark.parametrize("seconds", [0.9, 5])
def test_a_cold_look_up_waits_three_seconds_for_its_keys_and_no_longer(seconds: float) -> None:
    scene = connected()
    aws = on_aws(scene)
    aws.hang(slow(seconds), key_service)
    started = scene.world.clock.now()
    answer = scene.world.look_up("bob", scene.installation)
    assert answer.status == (200 if seconds < 1 else 503)
    assert scene.world.clock.now() - started <= PROMISE


@requirement("fault:F33")
def test_control_with_the_patience_of_an_sdk_the_caller_waits() -> None:
    scene = connected()
    on_aws(scene)
    patience = "attempts=2, read=KMS_READ_WITHIN"
    with weakened(clients.kms, patience, "attempts=8, read=KMS_READ_WITHIN"):
        aws = on_aws(scene)
    aws.hang(slow(5), key_service)
    started = scene.world.clock.now()
    scene.world.look_up("bob", scene.installation)
    assert scene.world.clock.now() - started > PROMISE


@requirement("fault:F33")
@pytest.mark.parametrize("left", [3600, 30, 0])
def test_a_look_up_ends_within_its_time_however_slowly_everything_answers(left: int) -> None:
    scene = nearly_over(left=left)
    aws = on_aws(scene)
    aws.hang(slow(1.9), table)
    aws.hang(slow(0.9), key_service)
    scene.provider_does(slowly(scene.world, 9))
    started = scene.world.clock.now()
    scene.world.look_up("bob", scene.installation)
    assert scene.world.clock.now() - started <= look_up.ANSWER_WITHIN + PROMISE
    recovers(aws)
    assert lives(scene)


@requirement("fault:F33")
def test_an_outage_of_the_keys_costs_a_worker_one_timeout_and_not_one_for_each_message() -> None:
    scene = nearly_over()
    for user in ("alice", "carol"):
        scene.world.connect(user, scene.installation)
    scene.world.clock.advance(3590)
    aws = on_aws(scene)
    aws.hang(slow(5), key_service)
    scene.world.tick()
    assert sum(key_service(call) for call in aws.calls) == 2
    assert scene.refreshes() == []
