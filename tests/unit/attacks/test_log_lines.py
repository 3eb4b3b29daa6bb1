"""One event, one line, whatever somebody put into a name."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.aws.journal import Journal
from tests.fakes.clock import FakeClock
from tests.requirements import requirement
from tests.unit.attacks.doors import ROUTE_NAMES, Stage
from tests.unit.attacks.hunt import (
    Place,
    fragment,
)
from tests.weakened import weakened

# D19: one event, one line

NASTY = {
    "line breaks": "a\r\nb\rc\nd",
    "a forged line": 'x"}\n{"event":"token_released","user":"bob"}',
    "colours": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "eight-bit controls": "\x9b31m\x85\x84",
    "separators": "a\u2028b\u2029c",
    "a NUL": "a\x00b",
    "JSON": '","level":"alarm","x":"',
    "a backslash": "a\\",
    "turned around": "a\u202eb\u2066c",
    "a surrogate": "a\ud800b",
    "percent": "%s %d %n {0} ${jndi:ldap://evil.example/x}",
    "markup": "<script>alert(1)</script>",
    "long": "a" * 20_000,
}


def is_one_clean_line(text: str) -> bool:
    return text.endswith("\n") and text.isascii() and all(" " <= letter <= "~" for letter in text[:-1])


@requirement("attack:D19")
@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY.keys())
def test_whatever_a_value_holds_an_event_is_one_line_of_ascii(value: str) -> None:
    for write in (Journal.note, Journal.alarm):
        out = io.StringIO()
        write(Journal("test", "test", FakeClock(), out), "happened", name=value, user=value)
        first = out.getvalue().split("\n")[0] + "\n"
        assert is_one_clean_line(first)
        assert {"event": "happened", "name": value, "user": value}.items() <= json.loads(first).items()


@requirement("attack:D19")
@pytest.mark.parametrize("name", ROUTE_NAMES)
def test_whatever_a_request_holds_each_line_stays_one(name: str) -> None:
    stage, out = Stage(), io.StringIO()
    journal = Journal("test", "test", stage.world.clock, out)
    object.__setattr__(stage.world.ports, "journal", journal)
    for value in NASTY.values():
        for event in everywhere(stage, name, value):
            stage.send(name, event)
    lines = out.getvalue().splitlines(keepends=True)
    assert lines
    assert all(is_one_clean_line(line) and isinstance(json.loads(line), dict) for line in lines)


def everywhere(stage: Stage, name: str, value: str) -> Iterator[dict[str, Any]]:
    """Put a text wherever a caller can put one."""
    good = stage.event(name)
    for parameter in good["pathParameters"]:
        yield {**good, "pathParameters": {**good["pathParameters"], parameter: value}}
    for member in json.loads(good.get("body") or "{}"):
        yield {**good, "body": json.dumps({**json.loads(good["body"]), member: value})}
    yield {**good, "body": json.dumps({value: value})}
    yield {**good, "routeKey": value}
    yield {**good, "rawQueryString": f"state={value}&code={value}&error={value}"}
    yield {**good, "headers": {"user-agent": value, value: value}}
    context = dict(good["requestContext"])
    for part in ({"jwt": {"claims": {"iss": value, "sub": value}}}, {"iam": {"accountId": value, "callerId": value}}):
        yield {**good, "requestContext": {**context, "authorizer": part}}
    session = {"accountId": "123456789012", "callerId": f"AROALOCALGATEWAY0001:{value}"}
    yield {**good, "requestContext": {**context, "authorizer": {"iam": session}}}


@requirement("attack:D19")
def test_control_lines_made_by_hand_would_be_broken() -> None:
    out = io.StringIO()
    by_hand = '" ".join(f"{name}={value}" for name, value in line.items())'
    whole = 'json.dumps(line, ensure_ascii=True, default=str, separators=(",", ":"))'
    with weakened(Journal._write, whole, by_hand):
        Journal("test", "test", FakeClock(), out).note("happened", name=NASTY["a forged line"])
    assert len(out.getvalue().splitlines()) == 2


@requirement("attack:D19")
def test_control_without_ascii_a_separator_would_break_the_line() -> None:
    out = io.StringIO()
    with weakened(Journal._write, "ensure_ascii=True", "ensure_ascii=False"):
        Journal("test", "test", FakeClock(), out).note("happened", name=NASTY["separators"])
    assert len(out.getvalue().splitlines()) == 3


@requirement("attack:D18")
@requirement("attack:D19")
def test_the_redirect_of_a_callback_is_one_line_whatever_the_provider_sends() -> None:
    place = Place()
    answer = place.watched.world.browse(place.url)
    assert set(fragment(answer)) == {"authorization", "secret"}
    assert is_one_clean_line(answer.headers["location"] + "\n")
