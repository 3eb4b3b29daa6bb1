"""The answers of known providers, as their documentation shows them, judged with what the catalog says of each.

`answers/` has a file per provider. The expected outcomes were written by hand; no token in there was ever one. The `source`
of a refusal is the provider, as it shows it or was seen to answer, or RFC 6749 §5.2 where nothing says how it refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from strongroom.domain.account import account_told
from strongroom.domain.catalog import Reading
from strongroom.domain.exchange import Issued, Outcome, Refused, Step, judge_token_answer
from strongroom.domain.http import Reply
from tests.providers import entries, slug

ANSWERS = Path(__file__).parent / "answers"
NOW = 1_700_000_000.9
OUTCOMES = {"issued", "refused", "client_rejected", "transient"}
PROVIDERS = sorted(entries())


@cache
def answers(provider: str) -> dict[str, Any]:
    return dict(json.loads((ANSWERS / f"{provider}.json").read_text("utf-8")))


def reply(shown: dict[str, Any]) -> Reply:
    return Reply(shown["status"], {}, json.dumps(shown["body"]).encode())


def judged(shown: dict[str, Any], reading: Reading, step: Step) -> Outcome:
    return judge_token_answer(reply(shown), NOW, reading, step)


def meaning(shown: dict[str, Any], reading: Reading, step: Step) -> dict[str, Any]:
    """What an answer says, with the account if it is one to a code and names it."""
    outcome = judged(shown, reading, step)
    first = step == "exchange" and isinstance(outcome, Issued)
    account = account_told(reply(shown), reading, "https://issuer.example", "client") if first else None
    return said(outcome) | ({"account": account} if account is not None else {})


def said(outcome: Outcome) -> dict[str, Any]:
    """What the outcome says, in the words of the files."""
    match outcome:
        case Issued():
            return {
                "outcome": "issued",
                "access": outcome.access_token.reveal(),
                "refresh": None if outcome.refresh_token is None else outcome.refresh_token.reveal(),
                "lifetime": outcome.lifetime,
                "endless": outcome.endless,
                "scopes": None if outcome.scopes is None else list(outcome.scopes),
            }
        case Refused():
            return {"outcome": "refused"}
        case _:
            kind = {"ClientRejected": "client_rejected", "Transient": "transient"}.get(type(outcome).__name__, "other")
            return {"outcome": kind, "code": getattr(outcome, "error", None) or getattr(outcome, "code", None)}


def steps(provider: str) -> Iterator[tuple[Step, dict[str, Any]]]:
    """Every answer in the provider's file, with the step that it answers."""
    shown = answers(provider)
    yield "exchange", shown["exchange"]
    if shown["refresh"] is not None:
        yield "refresh", shown["refresh"]
    for error in shown["errors"]:
        yield error["step"], error


EVERY = [(provider, number) for provider in PROVIDERS for number, _ in enumerate(steps(provider))]


def test_every_provider_of_the_catalog_has_its_answers() -> None:
    assert sorted(path.stem for path in ANSWERS.glob("*.json")) == PROVIDERS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_file_shows_an_exchange_a_refresh_if_there_is_one_and_an_error(provider: str) -> None:
    shown, entry = answers(provider), entries()[provider]
    assert shown.keys() == {"documentation", "exchange", "refresh", "errors"}
    assert shown["documentation"] == entry.documentation
    assert shown["errors"]
    assert shown["refresh"] is None or entry.refreshing.offered
    assert shown["refresh"] is not None or entry.refreshing.rotates is None
    assert {one["expected"]["outcome"] for _, one in steps(provider)} <= OUTCOMES
    assert {error["source"] for error in shown["errors"]} <= {"provider", "RFC 6749 §5.2"}


@pytest.mark.parametrize(("provider", "number"), EVERY, ids=lambda value: str(value))
def test_an_answer_means_what_its_file_says(provider: str, number: int) -> None:
    step, shown = list(steps(provider))[number]
    outcome = judged(shown, entries()[provider].reading, step)
    assert meaning(shown, entries()[provider].reading, step) == shown["expected"]
    if isinstance(outcome, Issued):
        assert outcome.expires_at == (None if outcome.lifetime is None else int(NOW) + outcome.lifetime)
        assert outcome.ignored == (("scope",) if shown["body"].get("scope") == "" else ())


@pytest.mark.parametrize("provider", [provider for provider in PROVIDERS if entries()[provider].reading != Reading()])
def test_control_what_the_catalog_says_of_a_providers_answers_is_needed(provider: str) -> None:
    differs = [meaning(shown, Reading(), step) != shown["expected"] for step, shown in steps(provider)]
    assert any(differs)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_file_shows_whether_a_refresh_token_is_replaced(provider: str) -> None:
    entry, shown = entries()[provider], answers(provider)
    if entry.refreshing.rotates is None or shown["refresh"] is None:
        return
    new, old = shown["refresh"]["expected"]["refresh"], shown["exchange"]["expected"]["refresh"]
    assert entry.refreshing.rotates == (new is not None and new != old)


def test_slacks_token_of_a_bot_is_never_taken_for_a_persons() -> None:
    shown = {"status": 200, "body": {"ok": True, "access_token": "example-token-of-a-bot", "authed_user": {"id": "U0"}}}
    reading = entries()["slack_v2"].reading
    assert not isinstance(judged(shown, reading, "exchange"), Issued)
    assert isinstance(judged(shown, Reading(success_flag="ok"), "exchange"), Issued)


def test_a_life_that_no_answer_names_is_unknown_and_not_endless() -> None:
    unknown = {"notion", "salesforce", "square"}
    shown = {name: answers(name)["exchange"]["expected"] for name in PROVIDERS}
    assert {name for name, one in shown.items() if one["lifetime"] is None and not one["endless"]} == unknown


def test_no_token_in_the_files_could_be_a_real_one() -> None:
    for provider in PROVIDERS:
        for value in strings(answers(provider)):
            assert len(value) < 120
        for name, member in members(answers(provider)):
            if name.endswith("token") and isinstance(member, str):
                assert member.startswith("example-"), (provider, name)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inside:
        yield from strings(one)


def members(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from value.items()
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inside:
        yield from members(one)


def test_a_files_name_is_its_providers() -> None:
    assert [slug(entry.name) for _, entry in sorted(entries().items())] == PROVIDERS
