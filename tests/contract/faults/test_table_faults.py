"""DynamoDB refuses, conflicts, falls silent or loses its answers, seen by the real client: no grant is lost for it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from functions.refresh import renew as worker
from strongroom.adapters import dynamo, dynamo_patience
from strongroom.adapters.dynamo import DynamoTable
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.renewal_outcome import Adopted, Failed, Renewed, Waiting
from strongroom.flows import renew, settle
from tests.contract.faults.aws_faults import (
    Fault,
    Wanted,
    answer_lost,
    cancels,
    conflicts,
    fails_after,
    in_progress,
    leases,
    processes_nothing,
    processes_one_key,
    reads,
    refuses,
    reset,
    reset_after,
    sends_to,
    stores_tokens,
    table,
    takes_no_message,
    transacts,
    unreachable,
    writes,
)
from tests.contract.faults.aws_world import Aws, alive, lives, on_aws, recovers
from tests.fakes.queue import FakeQueue
from tests.requirements import requirement
from tests.unit.attacks.scenes import bob_consents
from tests.unit.renewals import Scene, alarms, connected, heals, nearly_over, queue, raises, refuses_tokens, rows
from tests.weakened import weakened
from tests.world import Context, World, queue_event

DOWN: dict[str, Fault] = {
    "throttled": refuses("ProvisionedThroughputExceededException"),
    "over the limit": refuses("RequestLimitExceeded"),
    "an error of its own": refuses("InternalServerError", 500),
    "forbidden": refuses("AccessDeniedException"),
    "unreachable": unreachable,
    "reset": reset,
}
LOST: dict[str, Fault] = {"reset": reset_after, "silence": answer_lost, "an error of its own": fails_after}
DOWN_EACH = pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN.keys())
DOWN_SOME = pytest.mark.parametrize("fault", [DOWN["throttled"], unreachable], ids=["throttled", "unreachable"])
LOST_FOR = pytest.mark.parametrize(
    ("fault", "times"), [(reset_after, 1), (reset_after, 4), (fails_after, 4), (answer_lost, 1)]
)
LOST_EACH = pytest.mark.parametrize("fault", LOST.values(), ids=LOST.keys())


def down_for(aws: Aws, seconds: float, fault: Fault, wanted: Wanted) -> None:
    """Let the wanted requests meet a fault for so long, and queues deliver meanwhile."""
    clock = aws.world.clock
    end = clock.now() + seconds
    aws.hang(fault, lambda call: wanted(call) and clock.now() < end)
    aws.world.tick()
    while clock.now() < end:
        clock.advance(31)
        aws.world.deliver()


# -- F5: the table does not take what a renewal brought


@requirement("fault:F5")
@DOWN_EACH
@pytest.mark.parametrize("seconds", [0.2, 60])
def test_tokens_that_the_table_refuses_for_a_while_are_stored_in_the_end(fault: Fault, seconds: float) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    down_for(aws, seconds, fault, stores_tokens)
    assert lives(scene)
    assert len(scene.refreshes()) == 1
    assert alarms(scene.world) == (["result_on_rescue_queue"] if seconds > 20 else [])


@requirement("fault:F5")
@DOWN_SOME
def test_tokens_survive_a_table_that_takes_nothing_and_shows_nothing(fault: Fault) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    end = scene.world.clock.now() + 60
    aws.hang(fault, lambda call: table(call) and len(scene.refreshes()) > 0 and scene.world.clock.now() < end)
    scene.world.tick()
    while scene.world.clock.now() < end:
        scene.world.clock.advance(31)
        scene.world.deliver()
    scene.world.clock.advance(31)
    scene.world.deliver()
    assert lives(scene)
    assert len(scene.refreshes()) == 1


@requirement("fault:F5")
def test_control_without_the_rescue_queue_the_grant_is_lost() -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    with weakened(
        settle.keep,
        "except StoreUnavailable:\n        return _rescue(ports, result)",
        "except StoreUnavailable:\n        return Lost()",
    ):
        down_for(aws, 60, DOWN["throttled"], stores_tokens)
    recovers(aws)
    assert scene.connection.reason == "lost_response"
    assert alive(scene.world) == []


# -- F6: the sinks


@requirement("fault:F6")
@pytest.mark.parametrize("sink", ["table", "rescue queue"])
@DOWN_SOME
def test_with_one_faulty_sink_no_grant_is_lost(fault: Fault, sink: str) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(fault, stores_tokens if sink == "table" else sends_to("rescue"))
    scene.world.tick()
    recovers(aws)
    assert lives(scene)
    assert "token_lost" not in alarms(scene.world)


@requirement("fault:F6")
def test_with_both_down_for_less_than_the_deadline_nothing_is_lost() -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(DOWN["reset"], sends_to("rescue"))
    down_for(aws, 8, DOWN["throttled"], stores_tokens)
    assert lives(scene)
    assert alarms(scene.world) == []


@requirement("fault:F6")
@DOWN_SOME
def test_with_both_down_there_is_an_alarm_without_a_secret_and_nothing_else_is_lost(fault: Fault) -> None:
    scene = nearly_over()
    world = scene.world
    world.connect("carol", scene.installation)
    aws = on_aws(scene)
    aws.hang(fault, stores_tokens)
    aws.hang(takes_no_message, sends_to("rescue"))
    assert scene.renew() == Failed("token_lost", 0)
    assert alarms(world) == ["token_lost"]
    known = [secret for grant in world.provider.grants for secret in (grant.access, grant.refresh, *grant.spent)]
    assert not [secret for secret in known if secret in repr(world.journal.entries)]

    recovers(aws)
    assert scene.connection.reason == "lost_response"
    assert Scene(world, scene.installation, "carol").works()
    world.connect("bob", scene.installation)
    assert scene.works()


@requirement("fault:F6")
def test_control_without_the_alarm_nobody_would_know() -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(DOWN["reset"], stores_tokens)
    aws.hang(DOWN["reset"], sends_to("rescue"))
    told = 'ports.journal.alarm("token_lost", team=owner.team, installation=owner.installation)'
    with weakened(settle._rescue, told, "pass"):
        scene.renew()
    assert alarms(scene.world) == []


# -- F5 and F6: when the table answers again


def rescue_runs(world: World) -> bool:
    """Deliver what the rescue queue shows just now, to a worker of its own."""
    received = queue(world, "rescue").receive()
    if received:
        wired = replace(world.wired, ports=world.new_environment())
        answer = worker.lambda_handler(queue_event("rescue", received), Context(), wired)
        if not answer["batchItemFailures"]:
            queue(world, "rescue").delete(received[0].receipt)
    return bool(received)


def away_for(scene: Scene, seconds: float) -> None:
    """The provider has answered, and the table is away for so long and until the result has just been tried again."""
    world = scene.world
    world.queues = replace(world.queues, rescue=FakeQueue(world.clock, most_receives=1000))
    world.ports = world.new_environment()
    refuses_tokens(world)
    scene.renew()
    for operation in ("read", "commit"):
        world.table.before[operation] = raises(StoreUnavailable("away"))
    end, tried = world.clock.now() + seconds, False
    while world.clock.now() < end or not tried:
        tried = rescue_runs(world)
        if not tried:
            world.clock.advance(1)
    heals(world)


def meanwhile_the_rescue_goes_on(world: World) -> None:
    """Before each read of the look-up, the consumer has had its turn with what is visible."""

    def hook(wanted: object) -> None:
        world.table.before.pop("read", None)
        rescue_runs(world)
        world.table.before["read"] = hook

    world.table.before["read"] = hook


@requirement("fault:F6")
@pytest.mark.parametrize("seconds", [30, 60, 600, 3600])
def test_the_first_look_up_after_an_outage_does_not_use_a_token_whose_result_waits_to_be_stored(seconds: float) -> None:
    scene = nearly_over(left=0)
    away_for(scene, seconds)
    meanwhile_the_rescue_goes_on(scene.world)
    scene.world.look_up("bob", scene.installation)
    heals(scene.world)
    scene.world.clock.advance(31)
    scene.world.deliver()
    assert lives(scene)


@requirement("fault:F6")
def test_control_a_rescue_that_rests_between_its_tries_comes_too_late() -> None:
    scene = nearly_over(left=0)
    with weakened(worker.store, "return _postponed(wired, wired.ports.queues.rescue, message, 1)", "raise"):
        away_for(scene, 600)
        meanwhile_the_rescue_goes_on(scene.world)
        scene.world.look_up("bob", scene.installation)
    assert scene.connection.reason == "lost_response"


# -- F7: our own write, seen again


@requirement("fault:F7")
@LOST_FOR
@pytest.mark.parametrize("wanted", [leases, stores_tokens], ids=["lease", "tokens"])
def test_a_write_of_ours_that_had_succeeded_is_a_success(fault: Fault, wanted: Wanted, times: int) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(fault, wanted, times)
    assert isinstance(scene.renew(), Renewed)
    assert sum(wanted(call) for call in aws.calls) == times + 1
    assert scene.connection.version.n == 2
    assert rows(scene.world, "chore") == []
    assert lives(scene)


@requirement("fault:F7")
@LOST_EACH
def test_tokens_whose_answers_are_lost_for_a_while_are_stored_once(fault: Fault) -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    down_for(aws, 40, fault, stores_tokens)
    recovers(aws, rounds=1)
    assert scene.connection.version.n == 2
    assert rows(scene.world, "chore") == []
    assert lives(scene)


@requirement("fault:F7")
def test_control_without_the_comparison_of_marks_our_own_success_is_a_lost_race() -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(reset_after, stores_tokens, 1)
    with weakened(dynamo._judge, "found.get(MARK) == mark", "False"):
        assert scene.renew() == Adopted()


@requirement("fault:F7")
def test_control_who_does_not_know_an_own_lease_never_renews() -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(reset_after, leases, 1)
    ours = weakened(renew._is_ours, "== (lease, connection.version)", "is None")
    with weakened(dynamo._judge, "found.get(MARK) == mark", "False"), ours:
        assert isinstance(scene.renew(), Waiting)
    assert scene.refreshes() == []


# -- F8: transactions


BUSY: dict[str, Fault] = {
    "a conflict": conflicts,
    "a conflict in another row": cancels("None", "TransactionConflict", "None"),
    "throttled within": cancels("ThrottlingError", "ProvisionedThroughputExceeded", "None"),
    "being done": in_progress,
    "done, and reset": reset_after,
    "done, and an error of its own": fails_after,
}


@requirement("fault:F8")
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("fault", BUSY.values(), ids=BUSY.keys())
def test_a_revoke_that_meets_other_transactions_is_done_once(fault: Fault, times: int) -> None:
    scene = connected()
    aws = on_aws(scene)
    aws.hang(fault, transacts, times)
    assert scene.world.revoke("bob", scene.installation).status == 200
    assert len(rows(scene.world, "chore")) == 1
    sent = [json.dumps(call.body) for call in aws.calls if transacts(call)]
    assert sent == [sent[0]] * (times + 1)
    assert scene.world.look_up("bob", scene.installation).json["reason"] == "revoked"


@requirement("fault:F8")
@pytest.mark.parametrize("fault", [conflicts, in_progress])
def test_control_who_gives_up_at_a_conflict_has_revoked_nothing(fault: Fault) -> None:
    scene = connected()
    aws = on_aws(scene)
    aws.hang(fault, transacts, 1)
    with weakened(dynamo_patience.Patience.ask, "if not is_passing(error):", "if True:"):
        assert scene.world.revoke("bob", scene.installation).status == 503


@requirement("fault:F8")
def test_a_conflict_beside_a_condition_that_fails_is_a_lost_race_and_no_outage() -> None:
    world, installation, mine = bob_consents()
    aws = Aws(world)
    lost_race = cancels("TransactionConflict", "ConditionalCheckFailed", "None", "None", "None", "None")
    aws.hang(lost_race, lambda call: transacts(call) and stores_tokens(call), 1)
    assert world.complete("bob", mine).status == 200
    assert len(world.provider.token_requests) == 1
    assert Scene(world, installation).works()


@requirement("fault:F8")
def test_no_two_intents_share_a_token() -> None:
    world, installation, mine = bob_consents()
    aws = Aws(world)
    assert world.complete("bob", mine).status == 200
    assert world.revoke("bob", installation).status == 200
    tokens = Counter(str(call.body["ClientRequestToken"]) for call in aws.calls if transacts(call))
    assert set(tokens.values()) == {1}


@requirement("fault:F8")
@requirement("fault:F25")
def test_a_consent_that_dynamodb_calls_another_transaction_is_rescued() -> None:
    world, installation, mine = bob_consents()
    aws = Aws(world)
    aws.hang(refuses("IdempotentParameterMismatchException"), lambda call: transacts(call) and stores_tokens(call), 1)
    assert world.complete("bob", mine).status == 503
    assert alarms(world) == ["result_not_written", "result_on_rescue_queue"]
    world.deliver()
    assert Scene(world, installation).works()


# -- F9: throttling


@requirement("fault:F9")
def test_a_throttled_look_up_asks_a_bounded_number_of_times_and_says_when_to_come_again() -> None:
    scene = nearly_over(left=0)
    aws = on_aws(scene)
    aws.hang(DOWN["throttled"], table)
    started = scene.world.clock.now()
    answer = scene.world.look_up("bob", scene.installation)
    assert (answer.status, answer.json["error"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert len(aws.calls) == dynamo_patience.ATTEMPTS
    assert scene.world.clock.now() - started < dynamo_patience.WITHIN
    assert len(set(scene.world.clock.waits)) == len(scene.world.clock.waits), "waits are drawn by chance"


@requirement("fault:F9")
def test_a_throttled_lease_withholds_no_token_that_is_still_good() -> None:
    scene = nearly_over(left=30)
    aws = on_aws(scene)
    aws.hang(DOWN["over the limit"], writes)
    assert scene.world.look_up("bob", scene.installation).status == 200
    assert scene.refreshes() == []
    recovers(aws)
    assert lives(scene)


@requirement("fault:F9")
def test_a_throttled_row_does_not_stop_the_others_of_its_batch() -> None:
    scene, users = nearly_over(), ("alice", "carol")
    world = scene.world
    for user in users:
        world.connect(user, scene.installation)
    world.clock.advance(3590)
    aws = on_aws(scene)
    aws.hang(DOWN["throttled"], lambda call: leases(call) and call.body["Key"]["PK"]["S"] == scene.row["PK"])
    world.tick()
    assert [Scene(world, scene.installation, user).connection.version.n for user in ("bob", *users)] == [1, 2, 2]
    assert queue(world, "renewal").waiting() == 1
    recovers(aws)
    assert all(Scene(world, scene.installation, user).works() for user in users)
    assert lives(scene)


@requirement("fault:F9")
def test_rows_that_were_not_processed_are_asked_for_again() -> None:
    scene = nearly_over()
    aws = on_aws(scene)
    aws.hang(processes_one_key, reads)
    assert scene.works()
    scene.world.clock.advance(3600)
    aws.world.tick()
    assert lives(scene)


@requirement("fault:F9")
@requirement("fault:F34")
def test_rows_that_are_never_processed_are_an_outage_and_never_missing() -> None:
    scene = connected()
    aws = on_aws(scene)
    aws.hang(processes_nothing, reads)
    assert scene.world.look_up("bob", scene.installation).status == 503
    before = scene.row
    scene.world.clock.advance(3590)
    scene.world.tick()
    assert scene.row == before


@requirement("fault:F9")
def test_control_what_was_not_processed_would_be_missing() -> None:
    scene = connected()
    aws = on_aws(scene)
    aws.hang(processes_nothing, reads)
    with weakened(DynamoTable._read_batch, "raise Unprocessed", "return"):
        assert scene.world.look_up("bob", scene.installation).json["error"] == "unknown_caller"
