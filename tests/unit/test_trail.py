"""What is said about a failed discovery: one sentence a code, the same everywhere, and nothing of what a server said."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import get_args

import pytest

from strongroom.domain import discovery
from strongroom.domain.discovery import METADATA_LIMIT
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.http import NoAnswer, Reply
from strongroom.domain.trail import (
    FINDINGS,
    NOTES,
    RULES,
    SENTENCES,
    UNANSWERED,
    Document,
    Step,
    is_guessed,
    issuer_of,
    not_held,
    sentence_of,
    wants_token,
)
from tests.codes import statuses_by_code
from tests.documents import ROOT, table
from tests.fakes.egress import Behaviour, replying
from tests.requirements import requirement
from tests.unit.discoveries import (
    FILES,
    MCP,
    OPENID,
    PROVIDER,
    RESOURCE,
    SERVER,
    Outside,
    challenge,
    honest,
    json_of,
    metadata,
    resource,
)
from tests.weakened import weakened
from tests.world import MCP_URL, World

OTHERS = {"address_refused", "discovery_failed"}
NAMES_OF_DOCUMENTS = ("metadata", "MCP server", "authorization server", "client")


def test_every_code_of_a_failed_discovery_has_a_rule_and_a_sentence() -> None:
    codes = {code for code, statuses in statuses_by_code().items() if DiscoveryFailed.status in statuses}
    assert codes - OTHERS == set(FINDINGS)


@pytest.mark.parametrize("code", FINDINGS)
def test_a_sentence_names_the_document_and_the_rule_is_one_of_the_list(code: str) -> None:
    finding = FINDINGS[code]
    listed = tomllib.loads((ROOT / "tests" / "requirements.toml").read_text("utf-8"))
    assert any(name in finding.sentence for name in NAMES_OF_DOCUMENTS)
    assert re.fullmatch(r"[A-Z][^\n|]*\.", finding.sentence)
    assert finding.rule in SENTENCES
    assert finding.rule in listed


@pytest.mark.parametrize("code", NOTES)
def test_what_is_missing_and_ends_nothing_has_a_sentence_too_and_no_error_has_its_code(code: str) -> None:
    assert re.fullmatch(r"[A-Z][^\n|]*\.", NOTES[code].sentence)
    assert NOTES[code].rule in SENTENCES
    assert sentence_of(code) == NOTES[code].sentence
    assert code not in statuses_by_code()


def test_every_rule_that_a_step_can_name_has_a_sentence() -> None:
    assert set(RULES) == set(get_args(Document))
    assert {*RULES.values(), *(finding.rule for finding in FINDINGS.values())} == set(SENTENCES)


def test_the_list_of_errors_says_the_same() -> None:
    said = {row[0].strip("`"): row[2] for row in table(ROOT / "docs" / "errors.md", "code")}
    assert {code: said[code] for code in FINDINGS} == {code: one.sentence for code, one in FINDINGS.items()}
    noted = (ROOT / "docs" / "errors.md").read_text("utf-8")
    assert all(f"| `{code}` | {one.sentence} |" in noted for code, one in NOTES.items())


def test_a_code_that_nobody_has_listed_still_has_a_sentence() -> None:
    assert sentence_of("something_new") == DiscoveryFailed.sentence


def test_the_api_says_which_document_and_which_rule() -> None:
    world = World()
    world.provider.metadata["issuer"] = "https://other.example"
    refused = world.as_user("bob", "POST", f"/v1/teams/acme/installations/{world.install()}/authorize", {})
    assert refused.json["message"] == FINDINGS["issuer_mismatch"].sentence


def test_codes_for_lack_of_an_answer_are_those_that_a_silent_server_leads_to() -> None:
    assert set(FINDINGS) >= UNANSWERED
    assert "issuer_mismatch" not in UNANSWERED


# The trail itself


@pytest.mark.parametrize(
    ("code", "document", "step"),
    [
        ("resource_metadata_missing", "resource_metadata", ("missing", "mcp:D2")),
        ("resource_mismatch", "resource_metadata", ("failed", "mcp:D3")),
        ("server_metadata_missing", "server_metadata", ("missing", "mcp:D5")),
        ("issuer_mismatch", "server_metadata", ("failed", "mcp:D6")),
        ("issuer_mismatch", "legacy_metadata", ("failed", "mcp:D6")),
        ("pkce_unsupported", "server_metadata", ("failed", "mcp:A1")),
        ("authorization_server_missing", "resource_metadata", ("failed", "mcp:D2")),
        ("oauth_not_required", "challenge", ("missing", "mcp:D1")),
        ("mcp_server_unusable", "challenge", ("failed", "mcp:D1")),
    ],
)
def test_a_step_says_what_was_missing_or_which_rule_does_not_hold(
    code: str, document: Document, step: tuple[str, str]
) -> None:
    made = not_held(document, MCP, DiscoveryFailed(code=code))
    assert (made.outcome, made.rule, made.code) == (*step, code)


def test_a_good_discovery_leaves_a_step_for_each_document() -> None:
    outside = honest()
    outside.discover()
    assert outside.trail == [
        Step("challenge", MCP, "mcp:D1", "ok", question="initialize"),
        Step("resource_metadata", f"{FILES}{RESOURCE}/team/mcp", "mcp:D2", "ok"),
        Step("server_metadata", f"{PROVIDER}{SERVER}", "mcp:D5", "ok", issuer=PROVIDER),
    ]


@pytest.mark.parametrize("headers", [(), ('Basic realm="x"',), ("ApiKey",), ('Bearer realm="never closed',)])
def test_a_401_without_a_bearer_challenge_is_a_challenge_that_is_missing(headers: tuple[str, ...]) -> None:
    outside = honest()
    outside.post(lambda _: Reply(401, {"www-authenticate": headers}, b""))
    outside.discover()
    assert outside.trail[0] == Step("challenge", MCP, "mcp:D1", "missing", "challenge_missing", "initialize")
    assert wants_token(outside.trail)


def test_where_nothing_is_published_the_endpoints_are_said_to_be_guessed() -> None:
    outside = Outside()
    outside.post(challenge())
    outside.discover()
    assert is_guessed(outside.trail)
    outside = honest()
    outside.discover()
    assert not is_guessed(outside.trail)


ASKED: Mapping[str, tuple[Sequence[Behaviour], bool | None]] = {
    "at hello": ([challenge()], True),
    "without a challenge": ([replying(401)], True),
    "at the tools": ([replying(200), challenge()], True),
    "never": ([replying(200), replying(200)], False),
    "a fault": ([replying(500)], None),
    "neither question": ([replying(404), replying(404)], None),
    "silence": ([lambda _: NoAnswer("timed_out")], None),
}


@pytest.mark.parametrize(("answers", "wants"), ASKED.values(), ids=ASKED.keys())
def test_whether_a_token_is_wanted_is_known_from_a_usable_answer_alone(
    answers: Sequence[Behaviour], wants: bool | None
) -> None:
    outside, left = honest(), [*answers]
    outside.post(lambda request: left.pop(0)(request))
    with suppress(DiscoveryFailed):
        outside.discover()
    assert (left, wants_token(outside.trail)) == ([], wants)


def test_the_issuer_whose_metadata_failed_is_the_one_with_the_failure_that_is_told() -> None:
    outside = honest()
    other = "https://other.example"
    outside.get(f"{FILES}{RESOURCE}/team/mcp", json_of(resource(PROVIDER, other)))
    outside.get(f"{PROVIDER}{SERVER}", replying(404))
    outside.get(f"{PROVIDER}{OPENID}", replying(404))
    outside.get(f"{other}{SERVER}", json_of(metadata(other, code_challenge_methods_supported=None)))
    assert issuer_of(outside.trail, outside.fails()) == other


CANARY = b"canary-10.0.0.7"
TELLING: dict[str, Behaviour] = {
    "a page": replying(200, CANARY, content_type="text/html"),
    "a fault": replying(500, CANARY),
    "a refusal": replying(403, CANARY, www_authenticate="canary"),
    "not JSON": replying(200, CANARY, content_type="application/json"),
    "another resource": json_of(resource(of="https://canary.example/")),
    "another issuer": json_of(metadata(issuer="https://canary.example")),
    "an endpoint": json_of(metadata(authorization_endpoint="javascript:canary")),
    "too much": replying(200, b"canary" * METADATA_LIMIT),
    "silence": lambda _: NoAnswer("canary"),
    "a redirect": replying(302, CANARY, location="https://canary.example/"),
}


@requirement("attack:B17")
@pytest.mark.parametrize("kind", TELLING)
@pytest.mark.parametrize("where", [f"{FILES}{RESOURCE}/team/mcp", f"{PROVIDER}{SERVER}"])
def test_nothing_that_a_server_said_is_in_the_trail(where: str, kind: str) -> None:
    outside = honest()
    outside.get(where, TELLING[kind])
    with suppress(DiscoveryFailed):
        outside.discover()
    assert len(outside.trail) > 1
    assert "canary" not in repr(outside.trail)
    assert not re.search(r"\b[2-5]\d\d\b", repr(outside.trail))


@requirement("attack:B17")
def test_control_if_a_code_held_the_reason_the_trail_would_show_it() -> None:
    outside = honest()
    outside.get(f"{PROVIDER}{SERVER}", TELLING["silence"])
    with weakened(discovery._document, 'code=f"{what}_unavailable"', 'code=f"{what}_{answer}"'):
        outside.fails()
    assert "canary" in repr(outside.trail)


def test_what_the_challenge_names_is_in_the_trail_as_the_url_that_it_is() -> None:
    world = World()
    world.egress.on(
        "POST", MCP_URL, replying(401, b"", www_authenticate='Bearer resource_metadata="https://x.example/m"')
    )
    probed = world.as_user("alice", "POST", "/v1/teams/acme/probe", {"url": MCP_URL}).json
    assert [step["url"] for step in probed["steps"]][:2] == [MCP_URL, "https://x.example/m"]
