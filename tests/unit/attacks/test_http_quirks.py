"""What HTTP and JSON allow and nobody sends: answered with a 4xx or like the plain request, never with a 500."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from strongroom.aws import http
from tests.openapi import operations, resolved
from tests.requirements import requirement
from tests.unit.attacks.bodies import TEXTS
from tests.unit.attacks.entrance import Entrance
from tests.unit.attacks.kinds import kind_named
from tests.unit.attacks.matrix import Row, Scene
from tests.unit.attacks.passing import (
    FIRST_OF_ROUTE,
    PASSES,
    WITH_BODY,
    WITHOUT_BODY,
    Again,
    assert_sound,
    handed_over,
    name_of,
    send,
)
from tests.weakened import weakened

# -- Bodies ------------------------------------------------------------------------------------------------------------


NEEDS_MEMBERS = {"no number", "no number in quotes", "half a surrogate", "the bytes of half a surrogate"}
TEXTUAL = [
    (row, how)
    for row in WITH_BODY
    for how in TEXTS
    if how not in ("as it is", "nothing") and (row.body or how not in NEEDS_MEMBERS)
]


@requirement("attack:D13")
@pytest.mark.parametrize(("row", "how"), TEXTUAL, ids=name_of)
def test_a_body_that_is_no_plain_json_is_refused(entrance: Entrance, scene: Scene, row: Row, how: str) -> None:
    before, alarms = scene.traces(), len(scene.world.journal.alarms())
    answer = send(entrance, scene, row, body=TEXTS[how](row.request(scene)[2] or b"{}"))
    assert (answer.status, scene.traces()) == (400, before), answer.text
    assert_sound(scene, answer, alarms)


@requirement("attack:D13")
def test_control_without_the_depth_in_mind_a_deep_body_is_a_500(entrance: Entrance, scene: Scene) -> None:
    with weakened(http.parse_object, "(ValueError, RecursionError)", "ValueError"):
        assert send(entrance, scene, WITH_BODY[0], body=TEXTS["deep"](b"{}")).status == 500


@requirement("attack:D13")
@pytest.mark.parametrize("row", WITH_BODY, ids=name_of)
def test_a_body_of_ten_megabytes_is_refused_unread(entrance: Entrance, scene: Scene, row: Row) -> None:
    before = scene.traces()
    answer = send(entrance, scene, row, body=b'{"user":"' + b"a" * (10 * 1024 * 1024 - 100) + b'"}')
    assert (answer.status, answer.json["error"], scene.traces()) == (400, "body_too_long", before)


KINDS_OF_CONTENT: tuple[str, ...] = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "image/png",
    "",
    "x",
    "a/b; c",
)
KINDS_OF_CONTENT += ("application/json; charset=utf-16", "APPLICATION/JSON", "application/json, text/html", "text/html")


@requirement("attack:D13")
@pytest.mark.parametrize("kind", KINDS_OF_CONTENT)
@pytest.mark.parametrize("row", WITH_BODY, ids=name_of)
def test_what_a_body_is_called_changes_nothing(
    entrance: Entrance, scene: Scene, again: Again, row: Row, kind: str
) -> None:
    """No browser sends it with a token by itself (attack:D17), and some kinds come in base64: the bytes are what counts."""
    assert send(entrance, scene, row, kind=kind).status == row.ok


BASE64: Mapping[str, Any] = {
    "letters that it has not": "{!}",
    "cut": base64.b64encode(b'{"user":"bob"}').decode()[:-3],
    "with line breaks": base64.encodebytes(b'{"user":"bob"}').decode(),
    "for URLs": base64.urlsafe_b64encode(b'{"user":"b\xfb\xff\xfe"}').decode(),
    "twice": base64.b64encode(base64.b64encode(b'{"user":"bob"}')).decode(),
    "of bytes of no text": base64.b64encode(b"\xff\xfe\x00").decode(),
    "of other letters": "\u0661\u0662",
    "a number": 7,
    "a list": ["e30="],
}


@requirement("attack:D13")
@pytest.mark.parametrize("body", BASE64.values(), ids=BASE64.keys())
@pytest.mark.parametrize("row", WITH_BODY, ids=name_of)
def test_base64_that_is_none_or_holds_no_json_is_refused(scene: Scene, row: Row, body: Any) -> None:
    before, alarms = scene.traces(), len(scene.world.journal.alarms())
    answer = handed_over(scene, row, {"body": body, "isBase64Encoded": True})
    assert (answer.status, scene.traces()) == (400, before), answer.text
    assert_sound(scene, answer, alarms)


@requirement("attack:D13")
@pytest.mark.parametrize("row", WITHOUT_BODY, ids=name_of)
def test_a_body_where_none_belongs_changes_nothing(entrance: Entrance, scene: Scene, again: Again, row: Row) -> None:
    for body in (b'{"user":"mallory","team":"rivals"}', b"{", b"[" * 20_000, b"\xff"):
        again()
        alarms = len(scene.world.journal.alarms())
        answer = send(entrance, scene, row, body=body)
        assert answer.status in {row.ok, 200, 400}, answer.text
        assert_sound(scene, answer, alarms)


# -- Headers -----------------------------------------------------------------------------------------------------------

OVERRIDES = ("x-http-method-override", "x-http-method", "x-method-override", "_method", "x-original-method")
REWRITES = ("x-original-url", "x-rewrite-url", "x-forwarded-path", "x-forwarded-prefix", "x-original-uri")


@requirement("attack:D13")
@pytest.mark.parametrize("row", FIRST_OF_ROUTE, ids=name_of)
def test_a_header_that_names_another_method_or_path_changes_nothing(
    entrance: Entrance, scene: Scene, again: Again, row: Row
) -> None:
    for method in ("DELETE", "PUT", "GET", "delete", "TRACE"):
        again()
        headers = [*((name, method) for name in OVERRIDES), *((name, "/v1/teams/rivals/records") for name in REWRITES)]
        answer = send(entrance, scene, row, headers=headers)
        assert answer.status in {row.ok, 200}, (method, answer.text)
        assert "rivals" not in answer.text


@requirement("attack:D13")
def test_a_read_with_every_override_for_deletion_deletes_nothing(entrance: Entrance, scene: Scene) -> None:
    before = scene.traces()
    for row in (row for row in FIRST_OF_ROUTE if row.route.startswith("GET /v1")):
        answer = send(entrance, scene, row, headers=[(name, "DELETE") for name in OVERRIDES])
        assert answer.status == 200
    assert scene.traces() == before


@requirement("attack:D13")
@pytest.mark.parametrize("write", [str.upper, str.title, str.swapcase])
@pytest.mark.parametrize("row", FIRST_OF_ROUTE, ids=name_of)
def test_the_case_of_a_headers_name_changes_nothing(
    entrance: Entrance, scene: Scene, again: Again, row: Row, write: Any
) -> None:
    entrance.world = scene.world
    method, target, body = row.request(scene)
    own = kind_named(PASSES[row.rule]).headers(entrance, method, target, body)
    headers = [(write(name), value) for name, value in [*own, ("content-type", "application/json")]]
    assert entrance.send(method, target, headers, body).status == row.ok


@requirement("attack:D13")
@pytest.mark.parametrize(
    "headers", [None, [], {}, "x", {"if-match": 7}, {"idempotency-key": ["a"]}, {"": None}], ids=str
)
@pytest.mark.parametrize("row", FIRST_OF_ROUTE, ids=name_of)
def test_headers_of_another_form_are_no_500(scene: Scene, again: Again, row: Row, headers: Any) -> None:
    alarms = len(scene.world.journal.alarms())
    assert_sound(scene, handed_over(scene, row, {"headers": headers}), alarms)


ODD_HEADERS = (
    "",
    " ",
    '"',
    '""',
    "*",
    'W/"1"',
    '"1", "2"',
    '"1"x',
    "\x00",
    "a" * 9_000,
    "é",
    "\u2028",
    '"-1"',
    '"01"',
    "null",
)


@requirement("attack:D13")
@pytest.mark.parametrize("row", FIRST_OF_ROUTE, ids=name_of)
def test_odd_values_of_the_headers_that_we_read_are_no_500(
    entrance: Entrance, scene: Scene, again: Again, row: Row
) -> None:
    for name in (
        "if-match",
        "idempotency-key",
        "if-none-match",
        "range",
        "accept",
        "expect",
        "purpose",
        "content-encoding",
    ):
        for value in ODD_HEADERS:
            again()
            alarms = len(scene.world.journal.alarms())
            assert_sound(scene, handed_over(scene, row, {"headers": {name: value}}), alarms)


# -- Queries -----------------------------------------------------------------------------------------------------------


def named_in_queries(row: Row) -> list[str]:
    return [str(one["name"]) for one in map(resolved, operations()[row.route]["parameters"]) if one["in"] == "query"]


ODD_QUERIES: tuple[str, ...] = (
    "&",
    "=",
    "&&&&",
    "%",
    "%zz",
    "%ff",
    "a=%00",
    "next",
    "next=",
    "=x",
    "a" * 8_000,
    "a;b",
    "x[]=1",
    "x=1&x=2",
)
ODD_QUERIES += ("team=rivals", "user=mallory", "%F0%9F%98%80=1", "limit=1e3", "limit=-1", "limit=٣", "limit=1;status=x")
ODD_QUERIES += ("&".join(f"p{number}=1" for number in range(2_000)),)


@requirement("attack:D13")
@pytest.mark.parametrize("row", FIRST_OF_ROUTE, ids=name_of)
def test_an_odd_query_is_refused_or_changes_nothing(entrance: Entrance, scene: Scene, again: Again, row: Row) -> None:
    for odd in ODD_QUERIES:
        again()
        alarms = len(scene.world.journal.alarms())
        target = row.request(scene)[1]
        answer = send(entrance, scene, row, target=f"{target}{'&' if '?' in target else '?'}{odd}")
        unsigned = {403} if row.rule.endswith("of the team") else set()  # a query that is signed in another form
        assert answer.status in {row.ok, 200, 400, *unsigned}, (odd, answer.text)
        assert_sound(scene, answer, alarms)


@requirement("attack:D13")
@pytest.mark.parametrize("row", [row for row in FIRST_OF_ROUTE if named_in_queries(row)], ids=name_of)
def test_a_member_of_a_query_that_stands_there_twice_is_refused(entrance: Entrance, scene: Scene, row: Row) -> None:
    before, target = scene.traces(), row.request(scene)[1].partition("?")[0]
    for name in named_in_queries(row):
        for pair in (
            f"{name}=1&{name}=2",
            f"{name}=1&{name}=1",
            f"{name}&{name}",
            f"{name}=&%{ord(name[0]):x}{name[1:]}=",
        ):
            assert send(entrance, scene, row, target=f"{target}?{pair}").status == 400, pair
    assert scene.traces() == before
