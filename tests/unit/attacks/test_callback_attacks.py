"""What reaches us through a browser, where nobody is signed in: states and codes that are false, old or used."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote, urlsplit

import pytest

from strongroom.domain import authorization_response
from strongroom.domain.authorization import Authorization
from strongroom.flows import answer, begin
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    account_behind,
    all_at_once,
    authorization,
    bob_begins,
    changed,
    exchanges,
    generic_page,
    given_to_the_browser,
    parameters,
    state_of,
    with_query,
)
from tests.weakened import weakened
from tests.world import Answered, Consented, World

# A1: the state

UNUSABLE = {
    "nothing": "",
    "no state": "code={code}&iss={iss}",
    "an empty state": "state=&code={code}",
    "an unknown state": "state=uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu&code={code}",
    "the authorization's id for a state": "state={id}&code={code}",
    "a state of 10 kB": f"state={'a' * 10_240}&code={{code}}",
    "a state that is not ASCII": "state=%C3%A9{state}&code={code}",
    "a state that is not ASCII, as it is": "state=é&code={code}",
    "a line break behind the state": "state={state}%0D%0A&code={code}",
    "the state twice": "state={state}&state={state}&code={code}&iss={iss}",
    "a strange state first": "state=a&state={state}&code={code}&iss={iss}",
    "a strange state last": "state={state}&code={code}&iss={iss}&state=b",
    "a strange state last, its name encoded": "state={state}&code={code}&iss={iss}&%73tate=b",
    "the state joined with a comma": "state=a,{state}&code={code}&iss={iss}",
    "the code twice": "state={state}&code=x&code={code}&iss={iss}",
    "the issuer twice": "state={state}&code={code}&iss=https%3A%2F%2Fevil.example&iss={iss}",
    "the error twice": "state={state}&iss={iss}&error=a&error=access_denied",
    "a code and an error": "state={state}&code={code}&iss={iss}&error=access_denied",
}


@requirement("attack:A1")
@pytest.mark.parametrize("query", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_callback_without_one_good_state_gets_the_generic_page_and_changes_nothing(query: str) -> None:
    world, begun, url = bob_begins()
    real = {name: quote(value, safe="") for name, value in parameters(url).items()}
    before, sent = world.table.snapshot(), len(world.egress.sent)

    refused = world.browse(with_query(url, query.format(**real, id=begun.id)))

    assert (refused.status, refused.text) == (400, generic_page(world).text)
    assert world.table.snapshot() == before
    assert len(world.egress.sent) == sent
    assert world.browse(url).status == 303, "and bob's own answer still counts"


@requirement("attack:A1")
def test_control_without_the_refusal_of_repetitions_a_hidden_second_state_counts() -> None:
    world, begun, url = bob_begins()
    twice = with_query(url, f"state=a&{urlsplit(url).query}")
    with weakened(authorization_response.parse_callback_query, "if name in found:", "if False:"):
        assert world.browse(twice).status == 303
    assert state_of(world, begun.id) == "returned"


# A2, A3: again, and many at once


@requirement("fault:F24")
@requirement("attack:A2")
@pytest.mark.parametrize("finished", ["not yet", "completed", "destroyed"])
def test_a_callback_that_is_opened_again_has_no_effect(finished: str) -> None:
    world, begun, url = bob_begins()
    mine = given_to_the_browser(world.browse(url))
    if finished != "not yet":
        world.complete("bob", mine if finished == "completed" else Consented(begun.id, "wrong"))
    before = world.table.snapshot()

    for again in (url, changed(url, code="another"), changed(url, code=None, error="access_denied")):
        neutral = world.browse(again)
        assert neutral.status == 200
        assert "Already answered" in neutral.text
        assert "location" not in neutral.headers

    assert world.table.snapshot() == before
    assert len(exchanges(world)) == (1 if finished == "completed" else 0)


@requirement("attack:A2")
def test_a_replay_takes_nothing_from_the_browser_that_was_first() -> None:
    world, _begun, url = bob_begins()
    first = given_to_the_browser(world.browse(url))
    world.browse(url)
    assert world.complete("bob", first).status == 200
    assert world.browse(url).status == 200
    assert len(exchanges(world)) == 1


@requirement("attack:A2")
def test_control_without_the_look_at_the_state_a_replay_gets_a_secret_of_its_own() -> None:
    world, _begun, url = bob_begins()
    world.browse(url)
    with weakened(answer.take_answer, 'authorization.state != "pending"', "False"):
        stolen = given_to_the_browser(world.browse(url))
    assert world.complete("bob", stolen).status == 200


@requirement("fault:F24")
@requirement("attack:A3")
def test_of_fifty_callbacks_at_once_one_has_an_effect() -> None:
    world, begun, url = bob_begins()
    answers = all_at_once(world, begun.id, lambda: world.browse(url))
    assert Counter(one.status for one in answers) == {303: 1, 200: 49}
    winner = next(one for one in answers if one.status == 303)
    assert world.complete("bob", given_to_the_browser(winner)).status == 200
    assert len(exchanges(world)) == 1


@requirement("fault:F24")
@requirement("attack:A3")
def test_control_without_the_condition_all_fifty_get_a_secret() -> None:
    world, begun, url = bob_begins()
    with weakened(Authorization.step, 'every(Is("state", self.state))', "None"):
        answers = all_at_once(world, begun.id, lambda: world.browse(url))
    assert Counter(one.status for one in answers) == {303: 50}


# A4: the time


@requirement("attack:A4")
def test_an_answer_after_ten_minutes_is_refused_although_the_row_is_there() -> None:
    world, begun, url = bob_begins()
    world.clock.advance(600)
    assert state_of(world, begun.id) == "pending"
    late = world.browse(url)
    assert (late.status, late.text) == (400, generic_page(world).text)
    assert authorization(world, begun.id)["error"] == "authorization_expired"
    assert exchanges(world) == []


@requirement("attack:A4")
def test_completing_after_ten_minutes_is_refused_although_the_row_is_there() -> None:
    world, begun, _ = bob_begins()
    consented = world.consent(begun, "bob")
    world.clock.advance(600)
    late = world.complete("bob", consented)
    assert (late.status, late.json["error"]) == (400, "authorization_over")
    assert exchanges(world) == []
    shown = world.as_user("bob", "GET", f"/v1/authorizations/{begun.id}")
    assert shown.json["state"] == "expired"


@requirement("attack:A4")
def test_until_then_it_counts() -> None:
    world, begun, _ = bob_begins()
    world.clock.advance(599)
    assert world.complete("bob", world.consent(begun, "bob")).status == 200


@requirement("attack:A4")
def test_control_without_the_check_of_the_time_both_latecomers_succeed() -> None:
    world, _begun, url = bob_begins()
    world.clock.advance(100_000)
    with weakened(authorization_response._in_time, "received.now >= received.pending.expires_at", "False"):
        late = given_to_the_browser(world.browse(url))
    with weakened(Authorization.state_at, "now >= self.expires_at", "False"):
        world.complete("bob", late)
    assert len(exchanges(world)) == 1


# A9: another's code


def bobs_code_behind_alices_state() -> tuple[World, str, Answered]:
    """Alice is connected and reconnects; an attacker exchanges the code in the answer on its way."""
    world = World()
    installation = world.install()
    world.connect("alice", installation)
    bobs = parameters(world.provider.consent(world.begin("bob", installation).url, "bob"))
    begun = world.begin("alice", installation)
    hers = world.provider.consent(begun.url, "alice")
    returned = world.browse(changed(hers, code=bobs["code"]))
    return world, installation, world.complete("alice", given_to_the_browser(returned))


@requirement("attack:A9")
def test_a_code_of_another_authorization_stores_nothing_and_the_old_tokens_stay() -> None:
    world, installation, done = bobs_code_behind_alices_state()
    assert (done.status, done.json["error"]) == (502, "exchange_failed")
    assert account_behind(world, "alice", installation) == "alice"
    assert world.status("alice", installation)["status"] == "connected"


@requirement("attack:A9")
def test_control_with_a_verifier_that_is_always_the_same_alice_gets_bobs_account() -> None:
    with weakened(begin.begin, "_secret(ports), _secret(ports)", '_secret(ports), Secret("v" * 43)'):
        world, installation, done = bobs_code_behind_alices_state()
    assert done.status == 200
    assert account_behind(world, "alice", installation) == "bob"
