"""Secrets stay where they belong: in no row, message, log, error or trace, nor in an answer to anybody but a satellite."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any

import pytest

from strongroom.aws import shapes
from strongroom.domain import authorization, authorization_response
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.identifiers import hashed
from strongroom.domain.secret import Secret
from strongroom.flows import answer, clients, look_up
from strongroom.ports import Message
from tests.fakes.faults import in_turn
from tests.fakes.provider import READS_DOCUMENTS
from tests.requirements import requirement
from tests.unit.attacks.hunt import (
    PROVIDER,
    Place,
    Watched,
    a_whole_day,
    every_error,
    found_in,
    plain,
    raising,
    spellings,
)
from tests.weakened import weakened

TOLD = {"code", "state", "verifier", "completion secret", "access_token", "refresh_token", "client_secret", "assertion"}
KEPT = {"data key", "private key"}
KINDS = TOLD | KEPT


@pytest.fixture(scope="module")
def day() -> Watched:
    watched = Watched()
    a_whole_day(watched)
    return watched


# C10 and I10: the hunt


@requirement("attack:C10")
@requirement("invariant:I10")
def test_the_day_knew_secrets_of_every_kind_and_left_something_everywhere(day: Watched) -> None:
    assert set(day.known()) == KINDS
    assert all(len(text) > 2000 for text in day.left_behind().values())
    assert {exchange.to for exchange in day.exchanges} == {"jwt", "iam", "browser"}
    assert {"result_on_rescue_queue", "authorization_destroyed"} <= set(day.world.journal.events())
    assert "StoreUnavailable" in " ".join(day.errors)


@requirement("attack:C10")
@requirement("invariant:I10")
@pytest.mark.parametrize(
    "where",
    [
        "the table",
        "its keys",
        "the queues",
        "the log",
        "the journal",
        "the errors",
        "answers to people, hosts and browsers",
    ],
)
def test_no_secret_of_a_whole_day_is_left_in_any_spelling(day: Watched, where: str) -> None:
    assert found_in(day.left_behind()[where], day.known()) == []


@requirement("attack:C10")
@pytest.mark.parametrize("kind", sorted(KINDS - {"data key"}))
def test_control_a_secret_left_anywhere_in_any_spelling_is_found(day: Watched, kind: str) -> None:
    secret = min(day.known()[kind])
    for spelling in spellings(secret):
        assert found_in(f"line={spelling};", {kind: {secret}})


LEAKS: Mapping[str, tuple[Any, str, str]] = {
    "the table": (answer._returned, "secret_hash=", "leak=secret.reveal()[::-1], secret_hash="),
    "the log": (look_up._release, '"token_released",', '"token_released", leak=access_token.reveal().encode().hex(),'),
}


@requirement("attack:C10")
@pytest.mark.parametrize("where", LEAKS)
def test_control_code_that_leaks_is_caught(where: str) -> None:
    watched = Watched()
    with weakened(*LEAKS[where]):
        a_whole_day(watched)
    assert found_in(watched.left_behind()[where], watched.known())


@requirement("attack:C10")
def test_control_a_private_key_that_is_not_sealed_is_found() -> None:
    watched = Watched()
    watched.world.provider.metadata |= READS_DOCUMENTS
    sealed, bare = "ring.seal(client.client_secret, secret_place(place))", "client.client_secret.reveal()[::-1]"
    with weakened(clients.to_item, sealed, bare):
        watched.world.begin("bob", watched.world.install())
    assert {kind for kind, _ in found_in(watched.left_behind()["the table"], watched.known())} == {"private key"}


@requirement("attack:C10")
def test_control_the_hunt_looks_into_messages_errors_and_answers() -> None:
    watched = Watched()
    installation = watched.world.install()
    watched.world.connect("bob", installation)
    token = watched.world.look_up("bob", installation).json["access_token"]

    watched.world.table.before["read"] = in_turn([raising(StoreUnavailable(f"no row for {token}"))])
    with every_error(watched.errors):
        watched.world.look_up("bob", installation)
    watched.world.queues.chore.send([Message(json.dumps({"form": 1, "x": token[::-1]}))])
    with weakened(shapes.listed, "one.name", f"'{token}'"):
        watched.world.as_user("bob", "GET", "/v1/teams/acme/installations")
    hits = {where for where, text in watched.left_behind().items() if found_in(text, watched.known())}
    assert hits == {"the queues", "the errors", "answers to people, hosts and browsers"}


@requirement("invariant:I10")
def test_the_satellite_alone_is_given_the_access_token_and_nothing_more(day: Watched) -> None:
    for exchange in day.exchanges:
        if exchange.to == "iam" and "access_token" in exchange.answer.text:
            kinds = {kind for kind, _ in found_in(exchange.answer.text, day.known())}
            assert kinds == {"access_token"}
            body = exchange.answer.json
            assert body["headers"] == {"Authorization": f"Bearer {body['access_token']}"}


@requirement("invariant:I10")
def test_the_browser_alone_is_given_the_state_and_the_completion_secret(day: Watched) -> None:
    for exchange in day.exchanges:
        if exchange.answer.status == 303:
            assert {kind for kind, _ in found_in(str(exchange.answer.headers), day.known())} <= {"completion secret"}
            assert exchange.answer.text == ""
        if exchange.path.endswith("/authorize"):
            assert {kind for kind, _ in found_in(exchange.answer.text, day.known())} <= {"state"}


@requirement("invariant:I10")
def test_providers_are_sent_their_own_secrets_and_no_url_holds_one(day: Watched) -> None:
    for request in day.world.egress.sent:
        assert found_in(request.url, day.known()) == []
        if request.url.startswith("https://files.example"):
            body = request.body.reveal() if request.body else ""
            headers = " ".join(value.reveal() for value in request.headers.values())
            assert found_in(f"{body} {headers}", day.known()) == []
        else:
            assert request.url.startswith(PROVIDER)


# D18: found by hash, compared in constant time


@requirement("attack:D18")
def test_the_rows_of_an_authorization_hold_hashes_where_secrets_would_be() -> None:
    place = Place()
    world, known = place.watched.world, place.watched.known()
    rows = [row for row in world.table.snapshot().values() if row.get("kind") == "authorization"]
    assert {row["authorization"] for row in rows} <= {hashed(state) for state in known["state"]}
    assert {row["secret_hash"] for row in rows if "secret_hash" in row} == {
        hashed(s) for s in known["completion secret"]
    }
    assert found_in(" ".join(map(plain, map(dict, rows))), known) == []


@requirement("attack:D18")
def test_an_authorization_is_looked_for_by_the_hash_of_the_state() -> None:
    place, asked = Place(), list[str]()
    place.watched.world.table.before["read"] = lambda keys: asked.extend(str(key) for key in keys)
    place.watched.world.browse(place.url)
    state = dict(part.split("=") for part in place.url.partition("?")[2].split("&"))["state"]
    assert f"A#{hashed(state)}" in " ".join(asked)
    assert state not in " ".join(asked)


def comparers(act: Callable[[], Any]) -> set[str]:
    """Name the functions that compare in constant time while something is done."""
    found: set[str] = set()

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and argument.__name__.endswith("compare_digest"):
            found.add(frame.f_code.co_name)

    sys.setprofile(watch)
    try:
        act()
    finally:
        sys.setprofile(None)
    return found


@requirement("attack:D18")
def test_state_and_completion_secret_are_compared_in_constant_time() -> None:
    place = Place()
    assert "_state_is_ours" in comparers(lambda: place.watched.world.browse(place.url))
    assert "judge_completion" in comparers(lambda: place.watched.world.complete("carol", place.returned))


@requirement("attack:D18")
def test_secrets_that_are_compared_as_such_take_the_same_time_too() -> None:
    assert "__eq__" in comparers(lambda: Secret("a") == Secret("b"))


@requirement("attack:D18")
def test_control_a_plain_comparison_would_be_missed() -> None:
    place = Place()
    plainly = "received.params.state.reveal() and hashed(received.params.state.reveal()) == received.pending.state_hash"
    whole = "hmac.compare_digest(hashed(received.params.state.reveal()), received.pending.state_hash)"
    with weakened(authorization_response._state_is_ours, whole, f"({plainly})"):
        assert comparers(lambda: place.watched.world.browse(place.url)) == set()
    judged = inspect.getsource(authorization.judge_completion)
    body = judged[judged.index("    right_user") : judged.index("    match ")]
    plainly = "    right_user, right_secret = True, True\n"
    with weakened(authorization.judge_completion, body, plainly):
        assert "judge_completion" not in comparers(lambda: place.watched.world.complete("carol", place.returned))


@requirement("attack:D18")
@pytest.mark.parametrize("stolen", ["the id", "the hash of the secret"])
def test_what_the_table_holds_completes_nothing(stolen: str) -> None:
    """Whoever reads the table has hashes, and a hash is no secret."""
    place = Place()
    world = place.watched.world
    [row] = [row for row in world.table.snapshot().values() if row.get("authorization") == place.returned.id]
    wanted = place.returned.id if stolen == "the id" else str(row["secret_hash"])
    path = f"/v1/authorizations/{place.returned.id}/complete"
    assert world.as_user("carol", "POST", path, {"secret": wanted}).status == 400
