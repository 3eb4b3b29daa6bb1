"""Whatever is wrong with a request: it is refused in one shape, with a stable code, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from strongroom.aws import bodies, fields, http
from strongroom.domain import identifiers
from tests.requirements import requirement
from tests.unit.attacks.doors import (
    OF_EVERYBODY,
    OF_HOSTS,
    OF_PEOPLE,
    OF_THE_PAGE,
    ROUTE_NAMES,
    WITH_A_BODY,
    Stage,
    is_refused_in_our_shape,
    unchanged,
)
from tests.unit.attacks.scenes import rows
from tests.weakened import weakened
from tests.world import ROUTES, Answered

Event = dict[str, Any]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One stage for all: each test shows that it left nothing behind."""
    yield from unchanged(Stage())


def check(stage: Stage, name: str, event: Any, *codes: str) -> Answered:
    """Send it, and see that it is refused without a trace."""
    before, alarms = stage.traces(), len(stage.world.journal.alarms())
    answer = stage.send(name, event)
    assert stage.traces() == before
    assert len(stage.world.journal.alarms()) == alarms
    assert is_refused_in_our_shape(answer), (answer.status, answer.text)
    assert not codes or answer.json["error"] in codes, answer.text
    return answer


def test_the_doors_are_all_routes() -> None:
    assert set(ROUTE_NAMES.values()) == set(ROUTES)


@pytest.mark.parametrize("name", ROUTE_NAMES)
def test_control_the_request_that_the_attacks_change_passes(name: str) -> None:
    stage = Stage()
    assert stage.send(name, stage.event(name)).status in {200, 201, 303}


# The body as a whole

NO_OBJECT = {
    "cut short": "{",
    "not JSON": "user=bob",
    "a list": "[]",
    "a list of pairs": '[["user","bob"]]',
    "a text": '"user"',
    "a number": "1",
    "null": "null",
    "true": "true",
    "NaN": '{"min_validity":NaN}',
    "Infinity": '{"min_validity":-Infinity}',
    "two documents": "{}{}",
    "a byte order mark": "\ufeff{}",
    "a number of 5,000 digits": '{"min_validity":' + "9" * 5000 + "}",
    "a NUL": '{"user":"b\x00b"}',
    "a lone surrogate as it is": '{"user":"\ud800"}',
    "deep lists": '{"user":' + "[" * 7000 + "]" * 7000 + "}",
    "deep objects": '{"a":' * 2700 + "1" + "}" * 2700,
    "deep, and never closed": "[" * 16000,
}


@pytest.mark.parametrize("text", NO_OBJECT.values(), ids=NO_OBJECT.keys())
@pytest.mark.parametrize("name", WITH_A_BODY)
def test_a_body_that_is_no_plain_json_object_is_refused(stage: Stage, name: str, text: str) -> None:
    check(stage, name, stage.event(name) | {"body": text}, "invalid_request", "unknown_field")


@pytest.mark.parametrize("name", WITH_A_BODY)
def test_a_body_of_more_than_16_kib_is_refused(stage: Stage, name: str) -> None:
    check(stage, name, stage.event(name) | {"body": stage.event(name)["body"] + " " * 16_384}, "body_too_long")


def test_control_without_the_limit_the_long_body_passes(stage: Stage) -> None:
    with weakened(http._body, "len(data) > LONGEST_BODY", "False"):
        assert stage.with_body("token", '{"user":"bob"}' + " " * 16_384).status == 200


@pytest.mark.parametrize("name", WITH_A_BODY)
def test_a_member_that_is_named_twice_is_refused(stage: Stage, name: str) -> None:
    members = stage.doors()[name].body or {"reason": "x"}
    member, value = next(iter(members.items()))
    rest = [f"{json.dumps(key)}:{json.dumps(one)}" for key, one in members.items()]
    twice = "{" + ",".join([f'"{member}":"mallory"', *rest]) + "}"
    assert json.loads(twice)[member] == value
    check(stage, name, stage.event(name) | {"body": twice}, "invalid_request")


def test_control_without_the_check_the_last_of_two_members_counts(stage: Stage) -> None:
    with weakened(http._once_each, "len(members) != len(pairs)", "False"):
        assert stage.with_body("token", '{"user":"mallory","user":"bob"}').status == 200


@pytest.mark.parametrize("name", WITH_A_BODY)
def test_what_is_told_of_a_wrong_body_repeats_nothing_of_it(stage: Stage, name: str) -> None:
    members = stage.doors()[name].body or {}
    wrong = [{**members, "canary-member": 1}, *({**members, member: ["canary-value"]} for member in members)]
    for body in (*map(json.dumps, wrong), '{"canary": canary}', "canary"):
        answer = stage.with_body(name, body)
        assert answer.status == 400
        assert "canary" not in answer.text


ENCODED = {
    "not base64": "{!}",
    "base64 of no text": base64.b64encode(b'\xff\xfe{"user":"bob"}').decode(),
    "base64 of UTF-16": base64.b64encode('{"user":"bob"}'.encode("utf-16")).decode(),
    "base64 of UTF-32": base64.b64encode('{"user":"bob"}'.encode("utf-32-le")).decode(),
    "base64 with a line break": base64.encodebytes(b'{"user":"bob"}').decode(),
    "base64 of a list": base64.b64encode(b"[]").decode(),
    "base64 of the bytes of a surrogate": base64.b64encode(b'{"user":"\xed\xa0\x80"}').decode(),
    "a number": 5,
    "an object": {"user": "bob"},
}


@pytest.mark.parametrize("body", ENCODED.values(), ids=ENCODED.keys())
@pytest.mark.parametrize("name", WITH_A_BODY)
def test_a_body_in_base64_is_held_to_the_same_rules(stage: Stage, name: str, body: Any) -> None:
    check(stage, name, stage.event(name) | {"body": body, "isBase64Encoded": True}, "invalid_request", "unknown_field")


def test_control_a_good_body_in_base64_is_as_good_as_a_plain_one() -> None:
    stage = Stage()
    body = base64.b64encode(b'{"user":"bob"}').decode()
    assert stage.send("token", stage.event("token") | {"body": body, "isBase64Encoded": True}).status == 200


# Members

OWN_THINGS: tuple[str, ...] = (
    "user_id",
    "team",
    "team_id",
    "sub",
    "owner",
    "epoch",
    "binding",
    "issuer",
    "status_reason",
    "enabled",
)
OWN_THINGS += ("installation", "authorized_by", "redirect_uri", "token_endpoint", "scopes", "User", "__proto__", "")
SOMETIMES_NAMED = {"install": {"scopes"}, "change": {"scopes", "enabled"}}


@requirement("attack:D14")
@pytest.mark.parametrize("name", WITH_A_BODY)
def test_a_member_that_the_interface_does_not_name_is_refused(stage: Stage, name: str) -> None:
    for member in {*OWN_THINGS} - SOMETIMES_NAMED.get(name, set()):
        body = {**(stage.doors()[name].body or {}), member: "mallory"}
        check(stage, name, stage.event(name) | {"body": json.dumps(body)}, "unknown_field")


@requirement("attack:D14")
def test_control_without_the_check_an_unknown_member_goes_unnoticed() -> None:
    stage, allowed = Stage(), "model.model_validate({name: body[name] for name in body if name in model.model_fields})"
    with weakened(fields.Fields.nothing_else, "self._left", "False"):
        assert stage.with_members("token", team_id="rivals").status == 200
    with weakened(bodies.parsed, "model.model_validate(body)", allowed):
        assert stage.with_members("members", team_id="rivals").status == 200


TEXT: tuple[Any, ...] = (None, 1, 1.5, True, [], {}, ["bob"], "", "a" * 9000, "a\nb", "\x00", "\u2028", "\ud800")
FLAG: tuple[Any, ...] = (None, 0, 1, "true", "", [], {})
NUMBER: tuple[Any, ...] = ("401", True, 401.0, 1e400, -1, 10**30, [], {})
LINE: tuple[Any, ...] = (*TEXT, "bób", "b" * 256)
VERSION: tuple[Any, ...] = (
    1,
    True,
    [],
    "",
    "x",
    "a" * 20,
    "a" * 20 + ".",
    "a" * 20 + ".1\n",
    "A" * 20 + ".1",
    "a" * 20 + ".٣",
)
WRONG: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "install": {"name": (*TEXT, " ", "\x1b[2J"), "url": TEXT, "sharing": (*TEXT, "both", "Shared")},
    "probe": {"url": TEXT},
    "authorize": {"return_to": (*TEXT[1:], "https://evil.example/", "//evil.example", "javascript:alert(1)")},
    "complete": {"secret": (*TEXT, "a b", "é" * 43), "confirm_shared": FLAG},
    "token": {"user": LINE, "min_validity": (*NUMBER, 601), "not_version": VERSION},
    "rejected": {
        "user": LINE,
        "version": (None, *VERSION),
        "status": (None, *NUMBER, 200, 404),
        "challenge": (1, True, [], "", "a" * 9000),
    },
    "listed": {
        "user": LINE,
        "status": (*TEXT[1:], "Connected", "all"),
        "limit": (None, *NUMBER, 0, 101),
        "next": (*TEXT[1:], "YQ==", "YR", "_w", "a"),
    },
    "members": {"user": LINE, "role": (*TEXT[1:], "admin", "TEAM_ADMIN", "[team_admin]")},
    "satellites": {
        "account": (*TEXT, "12345678901", "1234567890123", "12345678901２"),
        "role_id": (*TEXT, "AIDALOCALNEWCOMER001", "AROA", "aroalocalnewcomer001", "AROALOCALNEWCOMER001\n", "*"),
        "allowed": FLAG,
    },
}


def wrong_members() -> Iterator[Any]:
    for name, members in WRONG.items():
        for member, values in members.items():
            for at, value in enumerate(values):
                yield pytest.param(name, member, value, id=f"{name}-{member}-{at}-{type(value).__name__}")


@pytest.mark.parametrize(("name", "member", "value"), list(wrong_members()))
def test_a_member_of_another_type_or_form_is_refused(stage: Stage, name: str, member: str, value: Any) -> None:
    body = {**(stage.doors()[name].body or {}), member: value}
    event = stage.event(name) | {"body": json.dumps(body)}
    check(stage, name, event, "invalid_request", "return_to_refused", "address_refused")


NEEDED = [(name, member) for name in WITH_A_BODY for member in WRONG.get(name, {})]
OPTIONAL = {"sharing", "return_to", "confirm_shared", "min_validity", "not_version", "challenge"}
OPTIONAL |= {"limit", "next"}
ALL_OPTIONAL = {("listed", "status")}


@pytest.mark.parametrize(
    ("name", "member"), [pair for pair in NEEDED if pair[1] not in OPTIONAL and pair not in ALL_OPTIONAL]
)
def test_a_member_that_is_missing_is_refused(stage: Stage, name: str, member: str) -> None:
    body = {key: value for key, value in (stage.doors()[name].body or {}).items() if key != member}
    check(stage, name, stage.event(name) | {"body": json.dumps(body)}, "invalid_request")


BAD_URLS = {
    "http": "http://files.example/mcp",
    "script": "javascript:alert(1)",
    "data": "data:text/html,x",
    "no host": "https:///mcp",
    "half an address": "https://[::1",
    "user": "https://good.example@evil.example/mcp",
    "fragment": "https://files.example/mcp#x",
    "line break": "https://files.example/\r\nHost: evil",
    "this machine": "https://127.0.0.1/mcp",
    "metadata": "https://169.254.169.254/latest",
    "ourselves": "https://strongroom.example/v1",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_a_url_that_may_not_be_called_is_not_installed(stage: Stage, url: str) -> None:
    body = json.dumps({"name": "Other", "url": url})
    check(stage, "install", stage.event("install") | {"body": body}, "address_refused", "invalid_request")


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS.keys())
def test_a_url_that_may_not_be_called_is_not_probed(stage: Stage, url: str) -> None:
    body = json.dumps({"url": url})
    check(stage, "probe", stage.event("probe") | {"body": body}, "address_refused", "invalid_request")


@pytest.mark.parametrize("letter", ["a", "é", "\u0390", "\U0001f600"])
def test_the_longest_name_in_any_script_makes_keys_that_dynamodb_takes(letter: str) -> None:
    """A partition key has at most 2,048 bytes, a sort key 1,024; some letters are three when case is folded."""
    stage = Stage()
    assert stage.with_members("install", name=letter * 80).status == 201
    for key in stage.world.table.snapshot():
        assert len(key.pk.encode()) <= 2048
        assert len(key.sk.encode()) <= 1024


# Ids in the path

BAD_IDS = {
    "empty": "",
    "upper case": "ACME",
    "a space": "acme files",
    "unicode": "äcme",
    "a look-alike": "аcme",
    "a fullwidth letter": "ａcme",
    "up": "..",
    "up and down": "acme/../rivals",
    "encoded up": "acme%2F..%2Frivals",
    "a slash": "acme/",
    "a parameter": "acme;team=rivals",
    "a separator of keys": "acme#U#bob",
    "a pipe": "acme|rivals",
    "a wildcard": "*",
    "a NUL": "acme\x00",
    "a line break": "acme\n",
    "a dash in front": "-acme",
    "too long": "a" * 2049,
    "a surrogate": "\ud800",
}
IN_PATHS = [
    (name, pattern.strip("{}"))
    for name, (_, path) in ROUTE_NAMES.items()
    for pattern in path.split("/")
    if pattern.startswith("{") and name != "callback"
]


@requirement("attack:D12")
@pytest.mark.parametrize(("name", "parameter"), IN_PATHS)
def test_an_id_that_we_never_mint_is_not_found_before_any_look_up(stage: Stage, name: str, parameter: str) -> None:
    for identifier in BAD_IDS.values():
        event = stage.event(name)
        event["pathParameters"][parameter] = identifier
        requests = sum(stage.world.table.requests.values())
        check(stage, name, event, "not_found")
        assert sum(stage.world.table.requests.values()) == requests


@requirement("attack:D12")
def test_control_without_the_grammar_such_an_id_reaches_the_table(stage: Stage) -> None:
    event = stage.event("list")
    event["pathParameters"]["team"] = "acme#U#bob"
    with weakened(identifiers._matching, "not grammar.fullmatch(text)", "False"):
        requests = sum(stage.world.table.requests.values())
        stage.send("list", event)
        assert sum(stage.world.table.requests.values()) > requests


OFF_GRAMMAR = {
    kind: identifier for kind, identifier in BAD_IDS.items() if kind not in {"upper case", "a dash in front"}
}


@pytest.mark.parametrize("identifier", OFF_GRAMMAR.values(), ids=OFF_GRAMMAR.keys())
def test_a_callback_at_an_address_that_we_never_gave_out_gets_the_generic_page(stage: Stage, identifier: str) -> None:
    before, event = stage.traces(), stage.event("callback")
    event["pathParameters"]["provider_key"] = identifier
    answer = stage.send("callback", event)
    assert (answer.status, stage.traces()) == (400, before)
    assert answer.headers["content-type"].startswith("text/html")
    assert "That did not work" in answer.text


# The event as a whole


def leaving_out(*path: str) -> Callable[[Event], Any]:
    def change(event: Event) -> Any:
        part = event
        for name in path[:-1]:
            part = part[name]
        part.pop(path[-1], None)
        return event

    return change


def setting(**members: Any) -> Callable[[Event], Any]:
    return lambda event: {**event, **members}


NO_EVENTS: Mapping[str, tuple[Callable[[Event], Any], set[str]]] = {
    "payload 1.0": (setting(version="1.0"), {"invalid_request"}),
    "payload 2": (setting(version=2.0), {"invalid_request"}),
    "no version": (leaving_out("version"), {"invalid_request"}),
    "nothing": (lambda _: None, {"invalid_request"}),
    "a list": (lambda event: [event], {"invalid_request"}),
    "a text": (lambda event: json.dumps(event), {"invalid_request"}),
    "no route": (leaving_out("routeKey"), {"invalid_request"}),
    "a list of routes": (lambda event: {**event, "routeKey": [event["routeKey"]]}, {"invalid_request"}),
    "an unknown route": (setting(routeKey="GET /v1/tokens"), {"not_found"}),
    "the default route": (setting(routeKey="$default"), {"not_found"}),
    "ids in a list": (setting(pathParameters=["acme"]), {"invalid_request"}),
}


@pytest.mark.parametrize(("change", "codes"), NO_EVENTS.values(), ids=NO_EVENTS.keys())
@pytest.mark.parametrize("name", ROUTE_NAMES)
def test_an_event_of_another_form_is_refused(
    stage: Stage, name: str, change: Callable[[Event], Any], codes: set[str]
) -> None:
    check(stage, name, change(stage.event(name)), *codes)


@pytest.mark.parametrize("parameters", [None, {}, {"team": None}, {"team": {"a": 1}, "installation": ["x"]}], ids=str)
@pytest.mark.parametrize("name", [name for name in ROUTE_NAMES if name not in OF_EVERYBODY])
def test_an_event_without_usable_ids_names_nothing_that_exists(stage: Stage, name: str, parameters: Any) -> None:
    check(stage, name, stage.event(name) | {"pathParameters": parameters}, "not_found")


def test_control_without_the_check_another_payload_version_is_believed(stage: Stage) -> None:
    with weakened(http.to_request, 'event.get("version") != "2.0"', "False"):
        assert stage.send("see", stage.event("see") | {"version": "1.0"}).status == 200


NOBODY: Mapping[str, Any] = {
    "nothing": None,
    "an empty authorizer": {},
    "no part": {"jwt": None, "iam": None},
    "a list": [{"jwt": {"claims": {"sub": "alice"}}}],
    "no claims": {"jwt": {}},
    "claims in a list": {"jwt": {"claims": [["sub", "alice"]]}},
    "claims in a text": {"jwt": {"claims": '{"sub":"alice"}'}, "iam": "AROA"},
    "a Lambda authorizer": {"lambda": {"sub": "alice"}, "principalId": "alice"},
    "numbers": {"iam": {"accountId": 123456789012, "callerId": 1}},
}


@pytest.mark.parametrize("authorizer", NOBODY.values(), ids=NOBODY.keys())
@pytest.mark.parametrize("name", [name for name in ROUTE_NAMES if name not in OF_EVERYBODY])
def test_without_a_verified_identity_nothing_passes(stage: Stage, name: str, authorizer: Any) -> None:
    event = stage.event(name)
    event["requestContext"]["authorizer"] = authorizer
    check(stage, name, event, "unauthenticated")


@pytest.mark.parametrize("context", [None, {}, [], "x"], ids=str)
@pytest.mark.parametrize("name", OF_PEOPLE)
def test_an_event_without_a_context_is_nobodys(stage: Stage, name: str, context: Any) -> None:
    check(stage, name, stage.event(name) | {"requestContext": context}, "unauthenticated")


@pytest.mark.parametrize("name", [name for name in ROUTE_NAMES if name not in OF_THE_PAGE])
def test_no_refusal_shows_anything_of_another_team(name: str) -> None:
    stage = Stage()
    theirs = stage.things_of_the_rivals
    event = stage.event(name)
    for parameter, wanted in (("team", "rivals"), ("installation", stage.foreign)):
        if parameter in event["pathParameters"]:
            event["pathParameters"][parameter] = wanted
    if "authorization" in event["pathParameters"]:
        event["pathParameters"]["authorization"] = stage.foreign_begun.id
    if name in OF_HOSTS:
        event["requestContext"]["authorizer"]["iam"]["callerId"] = "AROALOCALSTRANGER001:x"
    if name == "describe":
        [client] = [
            row
            for row in rows(stage.world, "provider_client")
            if row["source"] == "registered" and row["team"] == "rivals"
        ]
        event["pathParameters"]["provider_key"] = client["provider_key"]
    if name == "callback":
        event["rawQueryString"] = f"state={stage.foreign_begun.id}&code=x"
    before = stage.traces()
    answer = stage.send(name, event)
    assert answer.status in {400, 404}
    assert stage.traces() == before
    assert not [thing for thing in theirs if thing in answer.text or thing in str(answer.headers)]
