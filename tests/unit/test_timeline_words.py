"""Every code of the timeline is one of a closed set, has a sentence, and stands in the documents."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from strongroom.domain.chore import RevocationOutcome
from strongroom.domain.status import Status
from strongroom.domain.timeline import FACTS, Told, Trouble
from strongroom.domain.timeline_words import (
    ENDINGS,
    EVENTS,
    OTHER_EVENT,
    REASONS,
    TROUBLES,
    words_of_event,
    words_of_status,
    words_of_trouble,
)
from tests.codes import FLOWS
from tests.openapi import ROOT, document

OWN = {"user", "installation", "reason", "why", "outcome", "page"}
"""What a record tells outside its facts."""
ERRORS = (ROOT / "docs" / "errors.md").read_text("utf-8")


def notes() -> Iterator[ast.Call]:
    """Find every call that makes a record."""
    for path in sorted(FLOWS.glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "noted":
                yield call


def table(heading: str) -> set[str]:
    """The first column of the table under a heading of docs/errors.md."""
    part = ERRORS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([a-z_]+)` \|", part, re.MULTILINE))


def test_every_event_that_a_flow_writes_has_a_sentence_and_stands_in_the_document() -> None:
    written = {ast.literal_eval(call.args[2]) for call in notes()}
    assert len(written) > 10
    assert written == set(EVENTS) == table("Events")


def test_every_fact_that_a_flow_writes_is_one_that_admins_are_shown() -> None:
    written = {keyword.arg for call in notes() for keyword in call.keywords}
    assert None not in written
    assert written <= {*FACTS, *OWN}
    shown = document()["components"]["schemas"]["Records"]["properties"]["records"]["items"]["properties"]["facts"]
    assert set(shown["propertyNames"]["enum"]) == set(FACTS)


def test_every_reason_to_act_has_a_sentence() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| `auth_required` \|", ERRORS, re.MULTILINE)
    assert set(rows) <= set(REASONS)


def test_every_error_of_a_renewal_that_the_document_lists_has_a_sentence() -> None:
    part = ERRORS.partition("ith status `expired`, `reason` is")[2].partition("\n\n")[0]
    listed = set(re.findall(r"`([a-z_]+)`", part)) - {"reason"}
    assert len(listed) > 10
    assert listed - set(REASONS) <= set(TROUBLES)


def test_every_end_of_a_revocation_has_a_sentence() -> None:
    assert set(ENDINGS) == set(get_args(RevocationOutcome))
    shown = document()["components"]["schemas"]["EventMembers"]["properties"]["outcome"]["enum"]
    assert {*ENDINGS, None} == set(shown)


def test_sentences_end_like_sentences() -> None:
    assert all(
        text.endswith(".") and text[0].isupper() for text in (*REASONS.values(), *EVENTS.values(), *ENDINGS.values())
    )


# -- Sentences

AT = 1_800_000_000


@pytest.mark.parametrize("error", [*TROUBLES, "a_code_of_a_later_release"])
def test_a_trouble_says_since_when_and_when_it_is_tried_again(error: str) -> None:
    words = words_of_trouble(Trouble(AT, 3, error, AT + 120), AT + 60)
    assert words.endswith(" since 2027-01-15 08:00 UTC; next try at 2027-01-15 08:02 UTC.")
    assert words_of_trouble(Trouble(None, 3, error, AT), AT).endswith("; the next try is due.")


def told(event: str, **changed: Any) -> Told:
    return replace(Told("id", event, AT, "bob", None, None, None, None, ()), **changed)


def test_an_event_of_a_later_release_is_told_without_its_words() -> None:
    assert words_of_event(told("teleported", reason="beam")) == OTHER_EVENT
    assert words_of_event(told("auth_required", reason="beamed")) == EVENTS["auth_required"]
    assert words_of_event(told("revocation_ended", outcome="beamed")) == EVENTS["revocation_ended"]


def test_a_recovery_says_how_often_it_had_failed() -> None:
    facts = (("failures", 1), ("failing_since", AT))
    assert words_of_event(told("recovered", facts=facts)).endswith("It had failed once since 2027-01-15 08:00 UTC.")


STATUSES = {
    "Connected.": Status("connected", None, AT, "none"),
    "Connected. What was allowed ends at 2027-01-15 08:00 UTC. Connect again.": Status(
        "connected", "consent_ends_soon", AT, "reconnect", consent_ends_at=AT
    ),
    "The token is over, and renewing it does not succeed just now. Nobody has to act: Strongroom keeps trying.": Status(
        "expired", "no_answer", AT, "wait"
    ),
    "What was allowed has ended, as the provider had said. Connect again.": Status(
        "expired", "consent_ended", AT, "reconnect"
    ),
    "The provider refused to renew. Connect again.": Status("auth_required", "refused", AT, "reconnect"),
    "The provider refused to renew. An admin has to connect.": Status("auth_required", "refused", AT, "none"),
    "There is no connection. An admin has to connect.": Status("not_connected", None, 0, "none"),
}


@pytest.mark.parametrize("words", STATUSES)
def test_a_status_says_what_this_person_can_do(words: str) -> None:
    assert words_of_status(STATUSES[words]) == words
