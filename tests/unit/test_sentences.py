"""Each code that a person may get has a sentence of its own."""

from __future__ import annotations

from strongroom.aws.http import refusal
from strongroom.aws.sentences import SENTENCES
from strongroom.domain.errors import (
    AuthorizationRefused,
    Conflict,
    Forbidden,
    ProviderFailed,
    StrongroomError,
    Unauthenticated,
)
from tests.codes import statuses_by_code

KINDS: tuple[type[StrongroomError], ...] = (AuthorizationRefused, Conflict, Forbidden, ProviderFailed, Unauthenticated)


def test_every_sentence_is_one_of_a_code_that_there_is() -> None:
    assert SENTENCES.keys() <= statuses_by_code().keys()


def test_no_two_codes_share_a_sentence_and_each_ends_like_one() -> None:
    assert len(set(SENTENCES.values())) == len(SENTENCES)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_the_answer_has_the_sentence_of_its_code_and_nothing_of_what_went_to_the_log() -> None:
    body = refusal(Conflict("for the log alone", code="name_taken"), "request-1")["body"]
    assert "The team has an installation of this name already." in body
    assert "for the log alone" not in body


def test_a_code_without_one_has_that_of_its_kind() -> None:
    for kind in KINDS:
        assert kind.sentence in refusal(kind("for the log alone"), "request-1")["body"]
