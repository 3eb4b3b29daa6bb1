"""The tables of words in the page's scripts have exactly the codes that the API sends to people."""

from __future__ import annotations

import re
from typing import get_args

from strongroom.domain import change
from strongroom.domain.deviations import DEVIATIONS
from strongroom.domain.found import Registration
from strongroom.domain.timeline import FACTS
from strongroom.domain.timeline_words import REASONS, TROUBLES
from strongroom.domain.trail import FINDINGS, NOTES, Document, Outcome
from tests.documents import ROOT, table
from tests.openapi import listed_codes, operations

WEB = ROOT / "web"
ERRORS = ROOT / "docs" / "errors.md"
DOCUMENTED = {row[0].strip("`") for row in table(ERRORS, "code")}
SENTENCES = ("strongroom-standing.js", "strongroom-outcomes.js", "strongroom-problems.js")
# What satellites and hosts alone are answered.
FOR_MACHINES = {"authorization_required", "insufficient_scope", "not_a_role", "too_many_satellites", "unknown_caller"}


def source(script: str) -> str:
    return (WEB / script).read_text("utf-8")


def words(script: str, name: str) -> set[str]:
    """Give the keys of a table of a script."""
    [body] = re.findall(rf"^(?:export )?const {name} = \{{(.*?)\}};$", source(script), re.DOTALL | re.MULTILINE)
    bare = re.sub(r"""//.*|"[^"\n]*"|`[^`]*`""", "", body)
    keys = re.findall(r"(\w+):", bare)
    assert len(set(keys)) == len(keys) > 0, f"{name} has a key twice"
    return set(keys)


def codes_of_people() -> set[str]:
    """Collect the codes of all routes that take a person's token."""
    of_people = [route for route, operation in operations().items() if {"signIn": []} in operation["security"]]
    assert len(of_people) > 10
    return {code for route in of_people for code, _ in listed_codes(route)}


# -- What people are told


def test_every_code_that_a_person_can_meet_has_a_sentence_and_there_are_no_others() -> None:
    assert not codes_of_people() & FOR_MACHINES
    assert codes_of_people() <= DOCUMENTED
    assert words("strongroom-problems.js", "CODES") == DOCUMENTED - FOR_MACHINES


def test_every_reason_to_act_has_a_sentence_and_there_are_no_others() -> None:
    of_connections = {row[0].strip("`") for row in table(ERRORS, "reason") if row[1] not in ("", "`connected`")}
    assert words("strongroom-standing.js", "REASONS") == of_connections | {"admin_must_connect"}


def test_every_error_of_a_renewal_has_a_sentence_and_there_are_no_others() -> None:
    assert words("strongroom-standing.js", "FAILING") == set(TROUBLES)


def test_whatever_sends_people_to_an_admin_is_said_otherwise_to_an_admin() -> None:
    said = "".join(map(source, SENTENCES))
    instead = re.findall(r'\[\s*"([^"]+)",', source("strongroom-admins.js"))
    assert len(instead) > 5
    for sentence in (sentence for ending in instead for sentence in re.split(r"(?<=\.) ", ending)):
        assert sentence in said, "the words that everybody reads have changed"
        said = said.replace(sentence, "")
    assert re.findall(r"tell (?:an admin|one)\b.*", said, re.IGNORECASE) == []


# -- What admins are told


def test_every_deviation_of_a_provider_has_words_and_there_are_no_others() -> None:
    assert words("admin-words.js", "DEVIATIONS") == set(DEVIATIONS)


def test_every_way_to_register_every_document_and_every_outcome_of_a_probe_has_words() -> None:
    assert words("admin-words.js", "REGISTRATIONS") == set(get_args(Registration))
    assert words("admin-words.js", "DOCUMENTS") == set(get_args(Document))
    assert words("admin-words.js", "OUTCOMES") == set(get_args(Outcome))


def test_advice_is_given_on_codes_of_a_probe_alone() -> None:
    assert words("admin-words.js", "ADVICE") <= set(FINDINGS) | set(NOTES)


def test_every_reason_why_somebody_is_not_connected_has_words() -> None:
    said = words("admin-words.js", "WHY_NOT")
    assert set(REASONS) | {"no_oauth"} <= said
    assert said <= set(REASONS) | set(TROUBLES) | {"no_oauth"}


def test_every_fact_of_a_record_has_words_but_those_for_programs() -> None:
    assert set(FACTS) - words("admin-words.js", "FACTS") == {"provider", "failing_since"}


def test_every_member_that_a_change_names_has_words() -> None:
    [more] = re.findall(r"^const CHANGED = \{ \.\.\.FACTS, (.*) \};$", source("admin-words.js"), re.MULTILINE)
    known = words("admin-words.js", "FACTS") | set(re.findall(r"(\w+):", more))
    assert {*change.PLAIN, "provider", "inject"} <= known


def test_forms_know_no_code_that_the_api_does_not_send() -> None:
    named = {
        code
        for script in sorted(WEB.glob("admin-*.js"))
        for code in re.findall(r"\b[a-z]+(?:_[a-z]+)*_(?:refused|taken|used|issuer)\b(?=:)", script.read_text("utf-8"))
    }
    assert {"name_taken", "draft_used", "endpoint_off_issuer", "template_refused"} <= named
    assert named - set(DEVIATIONS) <= codes_of_people()
