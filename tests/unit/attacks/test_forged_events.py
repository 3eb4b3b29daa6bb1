"""What comes in sideways: messages and ticks that somebody made up, kept or sent to the wrong function."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from functions.refresh import renew, sweep
from strongroom.aws import queue
from strongroom.aws.queue import LONGEST_BODY
from strongroom.domain.errors import NotFound
from strongroom.flows import work
from tests.fakes.queue import Delivery
from tests.requirements import requirement
from tests.unit.attacks.doors import ROUTE_NAMES, Stage, unchanged
from tests.unit.attacks.forging import (
    EVIL,
    WORKERS,
    YEAR,
    check_dropped,
    check_put_aside,
    connection,
    deliver,
    dropped,
    renewal,
    renewal_result,
)
from tests.weakened import weakened
from tests.world import Context, queue_event


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One stage for all forgeries that leave nothing behind, as each of them shows."""
    yield from unchanged(Stage())


# Any worker: what is no message of ours

NONSENSE = {
    "nothing": "",
    "no JSON": "hello",
    "a list": "[]",
    "null": "null",
    "no form": "{}",
    "a form to come": '{"form":2}',
    "a form in words": '{"form":"1"}',
    "a member named twice": '{"form":1,"form":1}',
    "deep": '{"form":1,"pk":' + "[" * 50_000 + "]" * 50_000 + "}",
    "of 300 kB": '{"form":1,"pk":"' + "a" * 300_000 + '"}',
    "a number of 5,000 digits": '{"form":1,"shard":' + "9" * 5000 + "}",
    "a lone surrogate": '{"form":1,"pk":"\ud800","sk":"\ud800","chore":"\ud800"}',
    "an HTTP request": json.dumps({"form": 1, "version": "2.0", "routeKey": "POST /token", "body": "{}"}),
    "a direct look-up": json.dumps({"form": 1, "team": "acme", "installation": "x", "user": "bob"}),
    "a statement": '{"form":1,"pk":"T#acme","sk":"A","chore":"x; DROP TABLE","shard":-1}',
    "another queue's": '{"form":1,"anything":true}',
}


@requirement("attack:D16")
@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
@pytest.mark.parametrize("name", [name for name in WORKERS if name != "rescue"])
def test_a_message_that_is_not_ours_is_dropped(stage: Stage, name: str, body: str) -> None:
    check_dropped(stage, lambda: deliver(stage, name, body))


@requirement("attack:D16")
@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE.keys())
def test_a_message_of_the_rescue_queue_is_put_aside_unless_no_release_can_have_written_it(
    stage: Stage, body: str
) -> None:
    check = check_put_aside if len(body) <= LONGEST_BODY else check_dropped
    check(stage, lambda: deliver(stage, "rescue", body))


RECORDS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    "no record": lambda _: None,
    "a text": lambda _: "record",
    "of Kinesis": lambda record: {**record, "eventSource": "aws:kinesis"},
    "of SNS": lambda record: {"EventSource": "aws:sns", "Sns": {"Message": record["body"]}},
    "without a body": lambda record: {**record, "body": None},
    "with an object for a body": lambda record: {**record, "body": json.loads(record["body"])},
    "without a queue": lambda record: {**record, "eventSourceARN": None},
    "from another queue": lambda record: {**record, "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:other"},
    "from no queue": lambda record: {**record, "eventSourceARN": ""},
    "without an id": lambda record: {key: value for key, value in record.items() if key != "messageId"},
}


def good_message(stage: Stage, name: str) -> str:
    """A message that this worker would act upon."""
    bodies = {"sweep": {"form": 1, "shard": 0}, "renewal": renewal(stage), "chore": {"form": 1, "chore": "a" * 20}}
    return json.dumps(bodies[name]) if name in bodies else renewal_result(stage).encode()


@requirement("attack:D16")
@pytest.mark.parametrize("change", RECORDS.values(), ids=RECORDS.keys())
@pytest.mark.parametrize("name", WORKERS)
def test_a_record_that_is_not_from_the_workers_own_queue_is_dropped(
    stage: Stage, name: str, change: Callable[[dict[str, Any]], Any]
) -> None:
    event = queue_event(name, [Delivery(good_message(stage, name), None, "receipt", 1)])
    event["Records"] = [change(event["Records"][0])]
    check_dropped(stage, lambda: WORKERS[name].lambda_handler(event, Context(), stage.world.wired))


@requirement("attack:D16")
@pytest.mark.parametrize("route", ROUTE_NAMES)
@pytest.mark.parametrize("name", WORKERS)
def test_a_request_of_the_api_means_nothing_to_a_worker(stage: Stage, name: str, route: str) -> None:
    event = stage.event(route) | {"strongroom": "no tick"}
    check_dropped(stage, lambda: WORKERS[name].lambda_handler(event, Context(), stage.world.wired))


@requirement("attack:D16")
@pytest.mark.parametrize(
    "event", [None, [], "tick", 1, {}, {"Records": {}}, {"records": []}, {"detail-type": "Scheduled Event"}], ids=str
)
@pytest.mark.parametrize("name", WORKERS)
def test_an_event_of_another_kind_means_nothing_to_a_worker(stage: Stage, name: str, event: Any) -> None:
    check_dropped(stage, lambda: WORKERS[name].lambda_handler(event, Context(), stage.world.wired))


@requirement("attack:D16")
@pytest.mark.parametrize("alias", [None, "direct", "$LATEST", "7", "LIVE"])
@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_takes_nothing_but_through_its_alias(stage: Stage, name: str, alias: str | None) -> None:
    """It is refused as a whole, so that Lambda gives nothing up: what was ours comes back."""
    before = stage.traces()
    with pytest.raises(NotFound):
        deliver(stage, name, good_message(stage, name), Context(alias))
    assert stage.traces() == before


@requirement("attack:D16")
def test_control_a_message_of_ours_is_acted_upon() -> None:
    stage = Stage()
    stage.world.clock.advance(3100)
    assert deliver(stage, "sweep", good_message(stage, "sweep")) == {"batchItemFailures": []}
    before = connection(stage).version
    deliver(stage, "renewal", good_message(stage, "renewal"))
    assert connection(stage).version == before.next()
    assert dropped(stage) == 0


@requirement("attack:D16")
def test_control_without_the_alias_anybody_who_may_invoke_renews() -> None:
    stage = Stage()
    with weakened(queue.messages, 'require_alias(context, "live")', "pass"):
        deliver(stage, "renewal", json.dumps(renewal(stage)), Context(None))
    assert connection(stage).version.n == 2


# The schedule

TICKS: tuple[Any, ...] = (
    {"strongroom": "tock"},
    {"strongroom": ["tick"]},
    {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {"strongroom": "tick"}},
    {"source": "aws.scheduler", "time": "2020-01-01T00:00:00Z"},
    [{"strongroom": "tick"}],
)


@requirement("attack:D16")
@pytest.mark.parametrize("event", TICKS, ids=str)
def test_what_is_no_tick_starts_no_sweep(stage: Stage, event: Any) -> None:
    check_dropped(stage, lambda: sweep.lambda_handler(event, Context(), stage.world.wired))


@requirement("attack:D16")
def test_a_tick_that_did_not_come_through_the_alias_starts_no_sweep(stage: Stage) -> None:
    before = stage.traces()
    with pytest.raises(NotFound):
        sweep.lambda_handler({"strongroom": "tick"}, Context(None), stage.world.wired)
    assert stage.traces() == before


@requirement("attack:D16")
def test_nothing_in_a_tick_is_believed() -> None:
    stage = Stage()
    forged = {"strongroom": "tick", "shards": 10_000, "shard": 7, "team": "acme", "now": 1, "token_endpoint": EVIL}
    sweep.lambda_handler(forged, Context(), stage.world.wired)
    shards = [json.loads(message.body) for message in stage.world.queues.sweep.sent]  # type: ignore[attr-defined]
    assert shards == [{"form": 1, "shard": number} for number in range(4)]


@requirement("attack:D16")
def test_a_tick_a_thousand_times_renews_nothing_that_is_not_due() -> None:
    stage = Stage()
    before = stage.world.table.snapshot()
    for _ in range(50):
        sweep.lambda_handler({"strongroom": "tick"}, Context(), stage.world.wired)
    stage.world.deliver()
    assert stage.world.table.snapshot() == before


@requirement("attack:D16")
@pytest.mark.parametrize("shard", [-1, 4, 10**30, 1.0, True, None, "0", [0], {"n": 0}], ids=str)
def test_a_shard_that_is_none_is_not_swept(stage: Stage, shard: Any) -> None:
    check_dropped(stage, lambda: deliver(stage, "sweep", json.dumps({"form": 1, "shard": shard})))


@requirement("attack:D16")
def test_a_message_of_the_sweep_names_its_rows_by_the_index_and_not_by_itself() -> None:
    stage = Stage()
    stage.world.clock.advance(3100)
    forged = {"form": 1, "shard": 0, "pk": "T#rivals", "limit": 10**6, "at_most": 10**12, "queue": EVIL}
    deliver(stage, "sweep", json.dumps(forged))
    named = {json.loads(message.body)["pk"] for message in stage.world.queues.renewal.sent}  # type: ignore[attr-defined]
    due = {row["PK"] for row in stage.world.table.snapshot().values() if row.get("due_shard") == "D#0"}
    assert named == due


# Renewals

OTHER_ROWS: Mapping[str, Callable[[Stage], Mapping[str, Any]]] = {
    "a team": lambda stage: {"pk": "T#acme", "sk": "A"},
    "a member": lambda stage: {"pk": "T#acme#U#bob", "sk": "A"},
    "an installation": lambda stage: {"pk": "T#acme", "sk": f"I#{stage.installation}"},
    "an authorization": lambda stage: {"pk": f"A#{stage.pending.id}", "sk": "A"},
    "a vault key": lambda stage: {"pk": "K#connection", "sk": "current"},
    "a host": lambda stage: {"pk": "H#123456789012#AROALOCALHOST0000001", "sk": "A"},
    "somebody who never connected": lambda stage: {"pk": "T#acme#U#carol"},
    "the same in another team": lambda stage: {"pk": "T#rivals#U#bob"},
    "the shared one": lambda stage: {"pk": "T#acme", "sk": f"I#{stage.installation}#C"},
    "an empty team": lambda stage: {"pk": "T##U#bob"},
    "an empty user": lambda stage: {"pk": "T#acme#U#"},
    "an empty installation": lambda stage: {"sk": "C#"},
    "another writing of the same": lambda stage: {"pk": "T#acme#U#%62ob"},
    "a key that no encoding has": lambda stage: {"pk": "T#acme#U#\ud800"},
    "a NUL": lambda stage: {"pk": "T#acme#U#bob\x00"},
    "a long one": lambda stage: {"pk": "T#acme#U#" + "b" * 5000},
    "a number": lambda stage: {"pk": 1},
    "a list": lambda stage: {"sk": ["C#x"]},
}


@requirement("attack:D16")
@pytest.mark.parametrize("other", OTHER_ROWS.values(), ids=OTHER_ROWS.keys())
def test_a_renewal_names_a_connection_or_nothing(stage: Stage, other: Callable[[Stage], Mapping[str, Any]]) -> None:
    check_dropped(stage, lambda: deliver(stage, "renewal", json.dumps(renewal(stage, **other(stage)))))


STALE = (
    "1.1",
    "x",
    "",
    7,
    None,
    "{grant}.0",
    "{grant}.2",
    "{grant}.01",
    "{grant}.999999999999",
    "aaaaaaaaaaaaaaaaaaaa.1",
)


@requirement("attack:D16")
@pytest.mark.parametrize("version", STALE, ids=str)
def test_a_renewal_of_another_version_is_dropped(stage: Stage, version: Any) -> None:
    grant = connection(stage).version.grant
    wanted = version.replace("{grant}", grant) if isinstance(version, str) else version
    check_dropped(stage, lambda: deliver(stage, "renewal", json.dumps(renewal(stage, version=wanted))))


@requirement("attack:D16")
def test_a_message_of_a_year_ago_is_dropped() -> None:
    stage = Stage()
    kept = json.dumps(renewal(stage))
    stage.world.clock.advance(3100)
    stage.world.tick()
    stage.world.clock.advance(YEAR)
    check_dropped(stage, lambda: deliver(stage, "renewal", kept))


@requirement("attack:D16")
@pytest.mark.parametrize("cut", ["revoked", "left", "left and came back", "connected anew"])
def test_a_message_from_before_a_cut_is_dropped(cut: str) -> None:
    stage = Stage()
    kept, world = json.dumps(renewal(stage)), stage.world
    match cut:
        case "revoked":
            world.revoke("bob", stage.installation)
        case "left":
            world.put_member("acme", "bob", None)
        case "left and came back":
            world.put_member("acme", "bob", None)
            world.put_member("acme", "bob", "team_user")
        case _:
            world.connect("bob", stage.installation)
    check_dropped(stage, lambda: deliver(stage, "renewal", kept))


@requirement("attack:D16")
def test_control_without_the_version_an_old_message_renews() -> None:
    stage = Stage()
    kept = json.dumps(renewal(stage))
    stage.world.connect("bob", stage.installation)
    asked = len(stage.world.provider.token_requests)
    with weakened(work.renew_one, "str(connection.version) != version", "False"):
        deliver(stage, "renewal", kept)
    assert len(stage.world.provider.token_requests) == asked + 1


@requirement("attack:D16")
def test_nothing_beside_key_and_version_is_believed() -> None:
    stage = Stage()
    injected = {
        "token_endpoint": f"{EVIL}/token",
        "issuer": EVIL,
        "client_id": "evil",
        "resource": EVIL,
        "refresh_token": "evil",
        "access": "evil",
        "team": "rivals",
        "user": "alice",
        "destination": {"token_endpoint": f"{EVIL}/token"},
        "scopes": ["admin"],
    }
    before = connection(stage)
    deliver(stage, "renewal", json.dumps({**renewal(stage), **injected}))
    after = connection(stage)
    assert after.version == before.version.next()
    assert (after.destination, after.standing, after.owner) == (before.destination, before.standing, before.owner)
    assert not [request.url for request in stage.world.egress.sent if "evil" in request.url]


@requirement("attack:D16")
def test_a_message_delivered_fifty_times_renews_once() -> None:
    stage = Stage()
    body, asked = json.dumps(renewal(stage)), len(stage.world.provider.token_requests)
    event = queue_event("renewal", [Delivery(body, None, f"receipt-{at}", 1) for at in range(50)])
    renew.lambda_handler(event, Context(), stage.world.wired)
    assert len(stage.world.provider.token_requests) == asked + 1


# Chores


@requirement("attack:D16")
@pytest.mark.parametrize(
    "chore", ["", "x", "a" * 20, "A" * 41, "../x", "V#x", "a b c d e f g", 7, None, ["a" * 20]], ids=str
)
def test_a_chore_that_there_is_not_is_dropped(stage: Stage, chore: Any) -> None:
    check_dropped(stage, lambda: deliver(stage, "chore", json.dumps({"form": 1, "chore": chore})))


@requirement("attack:D16")
def test_a_chore_that_has_ended_is_dropped() -> None:
    stage = Stage()
    stage.world.revoke("bob", stage.installation)
    body = stage.world.queues.chore.sent[-1].body  # type: ignore[attr-defined]
    stage.world.deliver()
    stage.world.clock.advance(YEAR)
    revoked = list(stage.world.provider.revoked)
    check_dropped(stage, lambda: deliver(stage, "chore", body))
    assert stage.world.provider.revoked == revoked


@requirement("attack:D16")
def test_a_message_for_a_chore_cannot_say_where_the_tokens_go() -> None:
    stage = Stage()
    stage.world.revoke("bob", stage.installation)
    chore = json.loads(stage.world.queues.chore.sent[-1].body)  # type: ignore[attr-defined]
    deliver(stage, "chore", json.dumps({**chore, "revocation_endpoint": f"{EVIL}/revoke", "token": "x"}))
    assert not [request.url for request in stage.world.egress.sent if "evil" in request.url]
    assert len(stage.world.provider.revoked) == 2


@requirement("attack:D16")
def test_the_sweep_queues_only_keys_that_are_a_connections() -> None:
    """A row in the index with a key of another kind would be a mistake of ours; no worker is sent to it."""
    stage = Stage()
    due: dict[str, Any] = {"grant": "x", "n": 1, "due_shard": "D#0", "due_at": 1}
    stage.world.table.place({"PK": "T#acme", "SK": "A#odd", "kind": "connection", **due})
    deliver(stage, "sweep", json.dumps({"form": 1, "shard": 0}))
    assert stage.world.queues.renewal.sent == []  # type: ignore[attr-defined]
