"""Completing, revoking and looking up while AWS fails, seen by the real clients."""

from __future__ import annotations

import pytest

from strongroom.flows import look_up, revoke, settle
from tests.contract.faults.aws_faults import (
    Fault,
    answer_lost,
    fails_after,
    key_service,
    refuses,
    reset_after,
    sends_to,
    stores_tokens,
    table,
    takes_no_message,
    transacts,
    unreachable,
    writes,
)
from tests.contract.faults.aws_world import Aws, alive, on_aws, recovers
from tests.fakes.egress import replying
from tests.requirements import requirement
from tests.unit.attacks.scenes import bob_consents, exchanges, while_the_code_is_redeemed
from tests.unit.renewals import Scene, alarms, connected, nearly_over, rows
from tests.weakened import weakened

THROTTLED = refuses("ProvisionedThroughputExceededException")
DOWN: dict[str, Fault] = {"throttled": THROTTLED, "unreachable": unreachable, "forbidden": refuses("AccessDenied")}
EACH = pytest.mark.parametrize("fault", DOWN.values(), ids=DOWN.keys())
SOME = pytest.mark.parametrize("fault", [THROTTLED, unreachable], ids=["throttled", "unreachable"])
LOST: dict[str, Fault] = {"reset": reset_after, "silence": answer_lost, "an error of its own": fails_after}


# -- F25: the code is spent, and the table does not take what came of it


@requirement("fault:F25")
@EACH
def test_what_a_consent_brought_is_rescued_and_stored_from_there(fault: Fault) -> None:
    world, installation, mine = bob_consents()
    aws, end = Aws(world), world.clock.now() + 60
    aws.hang(fault, lambda call: stores_tokens(call) and world.clock.now() < end)
    assert world.complete("bob", mine).status == 503
    assert alarms(world) == ["result_on_rescue_queue"]
    for _ in range(3):
        world.deliver()
        world.clock.advance(31)
    assert world.complete("bob", mine).json["state"] == "completed"
    assert Scene(world, installation).works()
    assert len(exchanges(world)) == 1


@requirement("fault:F25")
@pytest.mark.parametrize("fault", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("times", [1, 7])
def test_a_consent_whose_answer_was_lost_is_stored_once(fault: Fault, times: int) -> None:
    world, installation, mine = bob_consents()
    aws = Aws(world)
    aws.hang(fault, lambda call: stores_tokens(call) and transacts(call), times)
    assert world.complete("bob", mine).json["state"] == "completed"
    assert Scene(world, installation).works()
    assert rows(world, "chore") == []


@requirement("fault:F25")
@SOME
def test_what_a_consent_brought_to_somebody_who_has_left_is_revoked_although_the_table_was_down(fault: Fault) -> None:
    world, _, mine = bob_consents()
    aws, end = Aws(world), world.clock.now() + 60
    aws.hang(fault, lambda call: stores_tokens(call) and world.clock.now() < end)
    while_the_code_is_redeemed(world, lambda: world.put_member("acme", "bob", None))
    world.complete("bob", mine)
    recovers(aws)
    assert alive(world) == []


@requirement("fault:F25")
def test_control_without_the_rescue_queue_nobody_holds_what_the_consent_brought() -> None:
    world, installation, mine = bob_consents()
    aws = Aws(world)
    aws.hang(THROTTLED, stores_tokens)
    rescued = "except StoreUnavailable:\n        return _rescue(ports, result)"
    with weakened(settle.keep, rescued, "except StoreUnavailable:\n        return Lost()"):
        assert world.complete("bob", mine).json["error"] == "not_kept"
    recovers(aws)
    assert world.look_up("bob", installation).status == 409
    assert len(alive(world)) == 1


@requirement("fault:F6")
def test_with_both_sinks_down_a_consent_is_refused_with_an_alarm_and_can_be_given_again() -> None:
    world, installation, mine = bob_consents()
    aws = Aws(world)
    aws.hang(THROTTLED, stores_tokens)
    aws.hang(takes_no_message, sends_to("rescue"))
    assert world.complete("bob", mine).json["error"] == "not_kept"
    assert alarms(world) == ["token_lost"]
    aws.heal()
    world.connect("bob", installation)
    assert Scene(world, installation).works()


# -- F26: a revoke


@requirement("fault:F26")
@pytest.mark.parametrize("trouble", ["fails", "silent", "unreachable"])
def test_a_revoke_holds_at_once_and_the_provider_is_told_when_it_can_be(trouble: str) -> None:
    scene = connected()
    world = scene.world
    aws, routes = on_aws(scene), dict(world.egress.routes)
    world.egress.on("POST", "https://provider.example/revoke", replying(503))
    if trouble != "fails":
        getattr(world.egress, trouble).add("provider.example")
    sent = len(world.egress.sent)
    assert world.revoke("bob", scene.installation).status == 200
    assert len(world.egress.sent) == sent
    assert world.look_up("bob", scene.installation).json["reason"] == "revoked"
    world.tick()
    assert len(alive(world)) == 1

    world.egress.routes = routes
    world.egress.silent.clear()
    world.egress.unreachable.clear()
    world.clock.advance(3600)
    recovers(aws)
    assert alive(world) == []


@requirement("fault:F26")
@pytest.mark.parametrize("part", ["queue", "table", "keys"])
@SOME
def test_whatever_part_of_aws_fails_after_a_revoke_the_provider_hears_of_it_in_the_end(fault: Fault, part: str) -> None:
    scene = connected()
    aws = on_aws(scene)
    if part == "queue":
        aws.hang(fault, sends_to("chore"))
    assert scene.world.revoke("bob", scene.installation).status == 200
    if part != "queue":
        aws.hang(fault, table if part == "table" else key_service)
    aws.restart()
    scene.world.deliver()
    assert len(alive(scene.world)) == 1
    recovers(aws)
    assert alive(scene.world) == []


@requirement("fault:F26")
@SOME
def test_a_revoke_that_the_table_does_not_take_says_so_and_changes_nothing(fault: Fault) -> None:
    scene = connected()
    aws = on_aws(scene)
    aws.hang(fault, writes)
    assert scene.world.revoke("bob", scene.installation).status == 503
    aws.heal()
    assert scene.works()
    assert scene.world.revoke("bob", scene.installation).status == 200


@requirement("fault:F26")
def test_control_without_the_chore_the_provider_never_hears_of_it() -> None:
    scene = connected()
    aws = on_aws(scene)
    chore = "*((chore.to_put(ports.policy),) if chore else ())"
    with weakened(revoke._revoke, chore, ""):
        assert scene.world.revoke("bob", scene.installation).status == 200
    recovers(aws)
    assert len(alive(scene.world)) == 1


# -- F34: the table cannot be read


@requirement("fault:F34")
@EACH
def test_without_the_table_no_look_up_is_answered_from_memory(fault: Fault) -> None:
    scene = connected()
    aws = on_aws(scene)
    warm = scene.world.ports
    assert scene.world.look_up("bob", scene.installation).status == 200
    aws.hang(fault, table)
    answer = scene.world.look_up("bob", scene.installation)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "access_token" not in answer.text

    aws.heal()
    scene.world.ports = aws.new_environment()
    assert scene.world.revoke("bob", scene.installation).status == 200
    scene.world.ports = warm
    aws.hang(fault, table)
    assert scene.world.look_up("bob", scene.installation).status == 503
    aws.heal()
    assert scene.world.look_up("bob", scene.installation).json["reason"] == "revoked"


READ = "reads = five_reads(ports.table, ask.team, ask.user, ask.installation)"
REMEMBERED = """try:
        reads = ports.journal.kept = five_reads(ports.table, ask.team, ask.user, ask.installation)
    except Unavailable:
        reads = ports.journal.kept"""


@requirement("fault:F34")
def test_control_a_memory_of_what_was_read_gives_away_what_was_revoked() -> None:
    scene = connected()
    aws = on_aws(scene)
    with weakened(look_up.admit, READ, REMEMBERED):
        assert scene.world.look_up("bob", scene.installation).status == 200
        assert scene.world.revoke("bob", scene.installation).status == 200
        aws.hang(unreachable, table)
        assert "access_token" in scene.world.look_up("bob", scene.installation).json


@requirement("fault:F34")
@SOME
def test_a_table_that_is_down_changes_nothing_of_what_is_due(fault: Fault) -> None:
    scene = nearly_over()
    aws, before = on_aws(scene), scene.row
    aws.hang(fault, table)
    scene.world.tick()
    assert (scene.row, scene.refreshes()) == (before, [])
    recovers(aws)
    assert scene.works()
    assert len(scene.refreshes()) == 1
