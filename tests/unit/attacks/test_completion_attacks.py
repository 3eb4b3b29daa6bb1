"""One authorization, one token request: whatever is repeated, comes late, breaks off or happens at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.domain.authorization import Authorization
from strongroom.domain.errors import KeysUnavailable, StoreUnavailable
from strongroom.domain.http import NoAnswer, NotSent, Outgoing, Reply
from strongroom.flows import redeem as redeeming
from tests.fakes.faults import fails, meanwhile
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    account_behind,
    all_at_once,
    authorization,
    bob_consents,
    exchanges,
    state_of,
)
from tests.weakened import weakened
from tests.world import Consented, World

# I8: at most one token request


def dies(request: Outgoing) -> Any:
    raise RuntimeError("the worker is gone")


def replies(status: int, body: bytes = b"{}") -> Callable[[Outgoing], Any]:
    return lambda request: Reply(status, {"content-type": ("application/json",)}, body)


ANSWERS: dict[str, Callable[[Outgoing], Any]] = {
    "no answer": lambda request: NoAnswer("timed_out"),
    "not sent": lambda request: NotSent("not_connected"),
    "a server error": replies(500),
    "too many requests": replies(429),
    "invalid_grant": replies(400, b'{"error":"invalid_grant"}'),
    "invalid_client": replies(401, b'{"error":"invalid_client"}'),
    "a redirect": replies(307),
    "half an answer": replies(200, b'{"access_token":'),
    "another kind of token": replies(200, b'{"access_token":"x","token_type":"mac"}'),
    "the end of the worker": dies,
}


@requirement("invariant:I8")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_whatever_the_provider_answers_a_code_is_sent_once(answer: Callable[[Outgoing], Any]) -> None:
    world, installation, mine = bob_consents()
    world.provider.answer_next.append(answer)
    first = world.complete("bob", mine)
    assert first.status in {500, 502}

    for _ in range(3):
        assert world.complete("bob", mine).status in {200, 400}
        world.clock.advance(30)

    assert world.complete("bob", mine).status == 400
    assert len(exchanges(world)) == 1
    assert {"code", "verifier"}.isdisjoint(authorization(world, mine.id))
    assert account_behind(world, "bob", installation) is None


@requirement("invariant:I8")
def test_what_broke_off_in_the_exchange_ends_as_failed() -> None:
    world, _, mine = bob_consents()
    world.provider.answer_next.append(dies)
    world.complete("bob", mine)
    assert world.complete("bob", mine).json["state"] == "redeeming"
    world.clock.advance(60)
    assert world.as_user("bob", "GET", f"/v1/authorizations/{mine.id}").json["state"] == "failed"
    assert world.complete("bob", mine).json["error"] == "authorization_over"
    assert len(exchanges(world)) == 1


@requirement("invariant:I8")
def test_control_without_leaving_returned_first_a_code_is_sent_again() -> None:
    world, _, mine = bob_consents()
    world.provider.answer_next += [replies(500), replies(500)]
    took = "not isinstance(ports.table.commit((step,), fresh_id(ports)), Committed)"
    with weakened(redeeming._leave_returned, took, "False"):
        world.complete("bob", mine)
        world.complete("bob", mine)
    assert len(exchanges(world)) == 2


@requirement("invariant:I8")
@requirement("attack:A3")
def test_of_fifty_completions_at_once_one_sends_the_code() -> None:
    world, installation, mine = bob_consents()
    answers = all_at_once(world, mine.id, lambda: world.complete("bob", mine))
    assert Counter((one.status, one.json.get("error")) for one in answers) == {
        (200, None): 1,
        (409, "being_finished"): 49,
    }
    assert len(exchanges(world)) == 1
    assert account_behind(world, "bob", installation) == "bob"


@requirement("invariant:I8")
@requirement("attack:A3")
def test_control_without_the_condition_all_fifty_send_it() -> None:
    world, _, mine = bob_consents()
    with weakened(Authorization.step, 'every(Is("state", self.state))', "None"):
        all_at_once(world, mine.id, lambda: world.complete("bob", mine))
    assert len(exchanges(world)) == 50


@requirement("attack:A26")
def test_of_a_right_and_many_wrong_completions_at_once_at_most_one_has_an_effect() -> None:
    world, installation, mine = bob_consents()
    turns = iter([Consented(mine.id, f"wrong{number}") for number in range(19)] + [mine])
    answers = all_at_once(world, mine.id, lambda: world.complete("bob", next(turns)), times=20)
    won = [one for one in answers if one.status == 200]
    assert len(exchanges(world)) == len(won) <= 1
    assert state_of(world, mine.id) == ("completed" if won else "failed")
    assert account_behind(world, "bob", installation) == ("bob" if won else None)


@requirement("invariant:I8")
def test_an_authorization_that_ends_while_keys_are_fetched_sends_nothing() -> None:
    world, _, mine = bob_consents()
    world.ports = world.new_environment()
    world.clock.advance(598)
    world.keys.before["decrypt"] = meanwhile(lambda: world.clock.advance(3))
    late = world.complete("bob", mine)
    assert (late.status, late.json["error"]) == (400, "authorization_over")
    assert exchanges(world) == []


@requirement("invariant:I8")
def test_control_without_the_second_look_at_the_time_the_code_is_sent_late() -> None:
    world, _, mine = bob_consents()
    world.ports = world.new_environment()
    world.clock.advance(598)
    world.keys.before["decrypt"] = meanwhile(lambda: world.clock.advance(3))
    with weakened(redeeming._leave_returned, 'authorization.state_at(now) == "expired"', "False"):
        world.complete("bob", mine)
    assert len(exchanges(world)) == 1


def keys_take(seconds: float) -> tuple[World, str, Consented]:
    world, installation, mine = bob_consents()
    world.ports = world.new_environment()
    world.keys.before["decrypt"] = meanwhile(lambda: world.clock.advance(seconds))
    return world, installation, mine


@requirement("invariant:I8")
def test_a_code_is_not_sent_when_too_little_time_is_left_to_store_what_it_brings() -> None:
    world, installation, mine = keys_take(10)
    assert world.complete("bob", mine).status == 503
    assert (exchanges(world), state_of(world, mine.id)) == ([], "returned")
    assert world.complete("bob", mine).status == 200
    assert account_behind(world, "bob", installation) == "bob"


@requirement("invariant:I8")
def test_control_without_the_look_at_the_time_left_the_code_is_sent() -> None:
    world, _, mine = keys_take(10)
    with weakened(redeeming.redeem, "ports.clock.now() + within + COMMIT > until", "False"):
        world.complete("bob", mine)
    assert len(exchanges(world)) == 1


@requirement("invariant:I8")
@pytest.mark.parametrize("fault", ["keys", "table"])
def test_a_fault_of_ours_before_the_exchange_uses_nothing_up(fault: str) -> None:
    world, installation, mine = bob_consents()
    world.ports = world.new_environment()
    if fault == "keys":
        world.keys.before["decrypt"] = fails(KeysUnavailable())
    else:
        world.table.before["read"] = fails(StoreUnavailable())
    assert world.complete("bob", mine).status == 503
    assert exchanges(world) == []
    world.clock.advance(10)
    assert world.complete("bob", mine).status == 200
    assert account_behind(world, "bob", installation) == "bob"
