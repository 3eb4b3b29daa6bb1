"""The rescue queue: the only messages that hold something, and that under seal."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import pytest

from strongroom.domain import keys, rescue
from strongroom.domain.authorization import Authorization
from strongroom.domain.connection import Connection, Owner, Version
from strongroom.domain.rescue import CompletionResult
from strongroom.domain.sealed_tokens import Destination
from strongroom.flows import settle
from tests.requirements import requirement
from tests.unit.attacks.doors import Stage, unchanged
from tests.unit.attacks.forging import (
    EVIL,
    YEAR,
    check_put_aside,
    connection,
    deliver,
    plain,
    renewal_result,
)
from tests.weakened import weakened


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One stage for all forgeries that leave nothing behind, as each of them shows."""
    yield from unchanged(Stage())


def sealed(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


BROKEN: Mapping[str, Callable[[Stage], str]] = {
    "of another kind": lambda stage: renewal_result(stage).encode().replace('"renewal"', '"transfer"'),
    "a row in a list": lambda stage: json.dumps({"form": 1, "kind": "renewal", "row": []}),
    "no row": lambda stage: json.dumps({"form": 1, "kind": "renewal"}),
    "a kind in a list": lambda stage: json.dumps({"form": 1, "kind": ["renewal"], "row": {}}),
    "another row's key": lambda stage: plain(renewal_result(stage), PK="T#acme", SK="A"),
    "no key": lambda stage: plain(renewal_result(stage), PK=None),
    "an empty key": lambda stage: plain(renewal_result(stage), PK="T##U#bob"),
    "no tokens": lambda stage: plain(renewal_result(stage), new_access=None),
    "a token that is not sealed": lambda stage: plain(renewal_result(stage), new_access="a-token"),
    "bytes that are no seal": lambda stage: plain(renewal_result(stage), new_access=sealed(b"a-token")),
    "a seal of another version": lambda stage: plain(renewal_result(stage), new_access=sealed(b"\x00" * 200)),
    "a refresh token that is no seal": lambda stage: plain(renewal_result(stage), new_refresh=sealed(b"x")),
    "broken base64": lambda stage: plain(renewal_result(stage), new_access={"b64": "!"}),
    "base64 of a number": lambda stage: plain(renewal_result(stage), new_access={"b64": 5}),
    "an object": lambda stage: plain(renewal_result(stage), new_access={"b64": "", "more": 1}),
    "a number in words": lambda stage: plain(renewal_result(stage), n="1"),
    "a fraction": lambda stage: plain(renewal_result(stage), n=1.5),
    "no grant": lambda stage: plain(renewal_result(stage), grant=None),
    "a grant of another form": lambda stage: plain(renewal_result(stage), grant="../x"),
    "a mark of another form": lambda stage: plain(renewal_result(stage), new_mark="x" * 500),
    "no mark": lambda stage: plain(renewal_result(stage), new_mark=None),
    "no due time": lambda stage: plain(renewal_result(stage), new_due_at=None),
}


@requirement("attack:D16")
@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
def test_a_rescued_result_of_another_form_is_put_aside(stage: Stage, make: Callable[[Stage], str]) -> None:
    check_put_aside(stage, lambda: deliver(stage, "rescue", make(stage)))


def redeeming(stage: Stage) -> Authorization:
    """An authorization of carol's whose worker has died while it redeemed the code."""
    key = keys.authorization(stage.returned.id)
    row = stage.world.table.row(key)
    assert row is not None
    stage.world.table.place({**row, "state": "redeeming", "redeeming_at": int(stage.world.clock.now())})
    return Authorization.from_item(row)


def completion_result(stage: Stage, authorization: Authorization) -> CompletionResult:
    """What that worker would have put on the rescue queue, with a ciphertext of the right form."""
    made = replace(
        connection(stage),
        owner=authorization.owner,
        version=Version("a" * 20, 1),
        standing=authorization.standing,
        destination=authorization.destination,
        authorized_by=authorization.user,
    )
    return CompletionResult(authorization.id, made, None)


def elsewhere(destination: Destination | None) -> Destination:
    assert destination is not None
    return replace(destination, token_endpoint=f"{EVIL}/token", revocation_endpoint=f"{EVIL}/revoke")


FORGED: Mapping[str, Callable[[Stage, Connection], Connection]] = {
    "for another person": lambda stage, made: replace(made, owner=Owner("acme", "bob", stage.installation)),
    "for nobody": lambda stage, made: replace(made, owner=Owner("acme", "nobody", stage.installation)),
    "for the team": lambda stage, made: replace(made, owner=Owner("acme", None, stage.installation)),
    "for another team": lambda stage, made: replace(made, owner=Owner("rivals", "mallory", stage.foreign)),
    "with another endpoint": lambda stage, made: replace(made, destination=elsewhere(made.destination)),
    "with another standing": lambda stage, made: replace(made, standing=connection(stage, "alice").standing),
    "by another person": lambda stage, made: replace(made, authorized_by="mallory"),
}


@requirement("attack:D16")
@pytest.mark.parametrize("change", FORGED.values(), ids=FORGED.keys())
def test_a_rescued_completion_fits_its_authorization_in_every_part_or_is_put_aside(
    change: Callable[[Stage, Connection], Connection],
) -> None:
    stage = Stage()
    result = completion_result(stage, redeeming(stage))
    forged = replace(result, connection=change(stage, result.connection)).encode()
    check_put_aside(stage, lambda: deliver(stage, "rescue", forged))
    with weakened(settle._try_completion, "not _is_of(authorization, result.connection)", "False"):
        before = stage.world.table.snapshot()
        comes_back = deliver(stage, "rescue", forged)["batchItemFailures"]
    assert comes_back or stage.world.table.snapshot() != before, "the control"


@requirement("attack:D16")
def test_control_the_true_result_is_stored() -> None:
    stage = Stage()
    deliver(stage, "rescue", completion_result(stage, redeeming(stage)).encode())
    assert stage.world.status("carol", stage.installation)["status"] == "connected"


@requirement("attack:D16")
def test_a_rescued_result_cannot_make_one_persons_token_anothers() -> None:
    """Who may write to the queue can spoil a connection, and no more: nothing opens in another row."""
    stage = Stage()
    alices = connection(stage, "alice").tokens
    deliver(stage, "rescue", renewal_result(stage, "bob", tokens=alices).encode())
    answer = stage.world.look_up("bob", stage.installation)
    assert (answer.status, answer.json["error"]) == (500, "integrity_error")
    assert "integrity_error" in [entry.event for entry in stage.world.journal.alarms()]


@requirement("attack:D16")
def test_a_rescued_result_cannot_say_where_tokens_go() -> None:
    stage = Stage()
    present = connection(stage)
    other = replace(present, destination=elsewhere(present.destination))
    deliver(stage, "rescue", renewal_result(stage, connection=other).encode())
    assert connection(stage).destination == present.destination
    stale = replace(other, version=Version("b" * 20, 1))
    deliver(stage, "rescue", renewal_result(stage, connection=stale).encode())
    stage.world.clock.advance(600)
    stage.world.tick()
    assert not [request.url for request in stage.world.egress.sent if "evil" in request.url]


@requirement("attack:D16")
def test_a_rescued_result_of_a_year_ago_changes_no_connection() -> None:
    stage = Stage()
    kept = renewal_result(stage).encode()
    stage.world.clock.advance(3100)
    stage.world.tick()
    stage.world.clock.advance(YEAR)
    before = stage.world.table.snapshot()
    assert deliver(stage, "rescue", kept) == {"batchItemFailures": []}
    assert stage.world.table.snapshot() == before


@requirement("attack:D16")
def test_control_a_result_that_is_not_checked_by_form_reaches_the_row() -> None:
    stage = Stage()
    with weakened(rescue._check, "Envelope.parse(sealed)", "pass"):
        deliver(stage, "rescue", plain(renewal_result(stage), new_access=sealed(b"x")))
    assert connection(stage).version.n == 2
