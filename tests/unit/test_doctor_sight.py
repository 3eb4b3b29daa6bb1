"""What the doctor sees besides, on the machine of who asks: why there was no answer, and what a wrong document said."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from local import doctor_sight
from local.doctor_reach import examined
from local.doctor_sight import REASONS, Sight
from strongroom.domain.destinations import Rules
from strongroom.domain.http import Answer, NoAnswer, NotSent, Outgoing
from tests.documents import PACKAGE
from tests.fakes.egress import Behaviour, FakeEgress, replying
from tests.unit.discoveries import FILES, MCP, PROVIDER, RESOURCE, Outside, honest, json_of, resource
from tests.weakened import weakened

MADE = re.compile(r"\b(?:NotSent|NoAnswer|Unconnected|Unacceptable)\(|\breason = ")


def said(outside: Outside, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> tuple[int, str]:
    code = examined(MCP, as_json=as_json, loopback=False, reach=outside)
    return code, capsys.readouterr().out


def silent(answer: Answer) -> Behaviour:
    return lambda _: answer


SEEN: Mapping[str, tuple[Behaviour, str]] = {
    "no name": (silent(NotSent("not_resolved")), "the name does not resolve"),
    "a closed port": (silent(NotSent("not_connected")), "connection refused, or no route there"),
    "silence": (silent(NoAnswer("timed_out")), "timed out"),
    "no TLS": (silent(NotSent("tls_failed")), "TLS failed: the certificate, its name or the version"),
    "a status": (replying(503, b"canary"), "HTTP status 503"),
    "a redirect": (replying(308, location="/mcp/"), "HTTP status 308, redirect to /mcp/"),
    "a redirect that moves the cursor": (
        replying(308, location="https://x/\x9b2J"),
        "HTTP status 308, redirect to (no plain URL)",
    ),
}


@pytest.mark.parametrize(("answer", "seen"), SEEN.values(), ids=SEEN.keys())
def test_it_says_how_a_server_without_a_useful_answer_looked_from_here(
    answer: Behaviour, seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = honest()
    outside.post(answer)
    code, text = said(outside, capsys)
    assert (code, f"        seen from here: {seen}\n" in text) == (1, True)
    assert "canary" not in text
    assert "seen from here" not in said(outside, capsys, as_json=True)[1]


def test_it_says_so_of_a_name_that_stands_for_an_address_inside(capsys: pytest.CaptureFixture[str]) -> None:
    outside = honest()
    outside.egress.internal.add("files.example")
    assert "seen from here: it leads to an address that is not called" in said(outside, capsys)[1]


def test_it_says_so_of_metadata_and_of_where_a_redirect_led(capsys: pytest.CaptureFixture[str]) -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", replying(302, location="/elsewhere"))
    outside.get(f"{FILES}/elsewhere", replying(500))
    seen = "seen from here: HTTP status 302, redirect to /elsewhere; there: HTTP status 500\n"
    assert seen in said(outside, capsys)[1]


def test_a_place_that_is_not_asked_since_its_server_gave_no_answer_is_told_as_such(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", silent(NoAnswer("timed_out")))
    text = said(outside, capsys)[1]
    assert text.count("seen from here: timed out\n") == 1
    assert text.count("seen from here: not asked, since the server had given no answer before\n") == 1


def test_a_circle_of_redirects_has_an_end() -> None:
    egress = FakeEgress()
    egress.on("GET", f"{FILES}/a", replying(302, location="/a"))
    sight = Sight(egress, Rules())
    sight.send(Outgoing("GET", f"{FILES}/a"))
    assert sight.seen(f"{FILES}/a").count("there") == 3


def test_what_a_server_calls_itself_is_told_beside_what_it_was_asked_for_as(capsys: pytest.CaptureFixture[str]) -> None:
    outside = honest()
    outside.get(
        f"{FILES}{RESOURCE}/team/mcp", json_of(resource(of="https://other.example/mcp", resource_name="canary"))
    )
    text = said(outside, capsys)[1]
    assert f"        the server calls itself https://other.example/mcp, and was asked for as {MCP}\n" in text
    assert "canary" not in text


@pytest.mark.parametrize("name", ["\x1b[2J", "https://x.example/\n", "x" * 501, 7, None, "https://x.example/\u202e"])
def test_a_name_that_would_not_be_printed_as_it_is_is_not_printed(
    name: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of({"resource": name, "authorization_servers": [PROVIDER]}))
    assert "the server calls itself (no plain URL), and was" in said(outside, capsys)[1]


def test_control_without_the_look_at_its_characters_a_server_would_write_to_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outside = honest()
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(of="\x1b[2J")))
    with weakened(doctor_sight._shown, "isinstance(text, str) and _PLAIN.fullmatch(text)", "True"):
        assert "\x1b[2J" in said(outside, capsys)[1]


def test_it_has_words_for_every_reason_of_the_guarded_client() -> None:
    sources = [path.read_text("utf-8") for path in (PACKAGE / "adapters").glob("egress*.py")]
    lines = [line for source in sources for line in source.splitlines() if MADE.search(line)]
    reasons = {word for line in lines for word in re.findall(r'"(\w+)"', line)}
    assert reasons | {"address_refused"} == set(REASONS)
