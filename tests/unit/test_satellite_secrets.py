"""Secrets do not print, and what is read out of an answer is held against its grammar."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.domain.identifiers import checked_installation as servers_installation
from strongroom.domain.identifiers import checked_team as servers_team
from strongroom.domain.identifiers import checked_user as servers_user
from strongroom_satellite import Need, Secret, Strongroom, StrongroomAuth, WrongAnswer, quiet, release
from strongroom_satellite.need import checked_installation, checked_team, checked_user
from strongroom_satellite.release import read_release
from tests.requirements import requirement
from tests.unit.satellites import ALICE, SERVER, TOKEN, Scripted, body_of, gateway, released, reply, saying
from tests.weakened import weakened

CANARY = "canary-secret-9Pd"


@requirement("attack:S7")
def test_a_secret_prints_nowhere() -> None:
    one = Secret(CANARY)
    printed = [
        str(one),
        repr(one),
        f"{one} {one!s} {one!r} {one:}",
        "%s %r" % (one, one),  # noqa: UP031 -- each way to print
        "{} {!r}".format(one, one),  # noqa: UP032 -- each way to print
        repr([one, {"a": one}]),
        json.dumps({"a": one}, default=str),
        logging.LogRecord("a", 10, "", 1, "%s", (one,), None).getMessage(),
        repr(dir(one)),
    ]

    assert not any(CANARY in text for text in printed)
    assert one.reveal() == CANARY


@requirement("attack:S7")
@pytest.mark.parametrize(
    "leave",
    [
        json.dumps,
        pickle.dumps,
        copy.copy,
        copy.deepcopy,
        hash,
        vars,
        lambda one: f"{one:>40}",
        lambda one: dataclasses.asdict(read_release(body_of(access_token=CANARY))),
    ],
)
def test_a_secret_neither_travels_nor_stands_as_a_key(leave: Any) -> None:
    with pytest.raises(TypeError) as caught:
        leave(Secret(CANARY))

    assert CANARY not in str(caught.value)


@given(st.text(), st.text())
def test_secrets_are_equal_as_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) == (one == other)
    assert Secret(one) != one


@requirement("attack:S7")
def test_a_release_prints_without_its_secrets() -> None:
    found = read_release(body_of(env={"FILES_TOKEN": CANARY}, headers={"X-Api-Key": CANARY}))

    assert CANARY not in repr(found)
    assert TOKEN not in repr(found)


# -- Grammars ----------------------------------------------------------------------------------------------------------

SPLITTING = ["a\r\nx-evil: 1", "a\n", "\x00", "", "a ", "ä", "\ud800"]


@requirement("attack:S10")
@pytest.mark.parametrize("value", SPLITTING)
def test_a_header_that_is_no_line_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="headers or env") as caught:
        read_release(body_of(headers={"X-Api-Key": CANARY + value} if value else {"X-Api-Key": ""}))

    assert CANARY not in str(caught.value)


@requirement("attack:S10")
@pytest.mark.parametrize("name", ["", "X Key", "X-Key:", "X\n", "ä"])
@pytest.mark.parametrize("kind", ["headers", "env"])
def test_a_name_that_is_none_is_refused(kind: str, name: str) -> None:
    with pytest.raises(ValueError, match="headers or env"):
        read_release({**body_of(), kind: {name: CANARY}})


@requirement("attack:S10")
@pytest.mark.parametrize("name", ["A=B", "A-B", "1A"])
def test_a_variables_name_is_one_for_every_system(name: str) -> None:
    with pytest.raises(ValueError, match="headers or env"):
        read_release(body_of(env={name: "x"}))


@requirement("attack:S10")
@pytest.mark.parametrize("value", ["a\nb", "\x00", ""])
def test_a_variables_value_is_one_line(value: str) -> None:
    with pytest.raises(ValueError, match="headers or env"):
        read_release(body_of(env={"FILES_TOKEN": value}))


@requirement("attack:S10")
def test_control_without_the_grammar_an_http_client_has_it_to_put_into_its_error() -> None:
    with weakened(release._secrets, " and values.fullmatch(text)", ""):
        found = read_release(body_of(headers={"X-Api-Key": f"{CANARY}\ud800"}))

    with pytest.raises(UnicodeEncodeError) as caught:
        httpx2.Request("GET", SERVER, headers={name: value.reveal() for name, value in found.headers.items()})
    assert CANARY in caught.value.object


# -- Tracebacks --------------------------------------------------------------------------------------------------------


def all_of(error: BaseException) -> str:
    """A traceback as thorough tools print it: with the local variables of every frame."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def told_of_a_bad_answer() -> str:
    with gateway(Scripted(saying(reply(200, body_of(scopes="all"))))) as satellite:
        try:
            satellite.look_up(ALICE)
        except WrongAnswer as error:
            return all_of(error)
    raise AssertionError


@requirement("attack:S7")
def test_the_traceback_of_a_bad_answer_shows_nothing_of_its_body() -> None:
    assert TOKEN not in told_of_a_bad_answer()


@requirement("attack:S7")
def test_control_an_error_raised_from_its_cause_shows_the_body() -> None:
    ours = 'raise WrongAnswer("an answer that is not Strongroom\'s") from None'
    with (
        weakened(Strongroom._released, ours, "raise"),
        gateway(Scripted(saying(reply(200, body_of(scopes="all"))))) as satellite,
        pytest.raises(ValueError, match="scopes") as caught,
    ):
        satellite.look_up(ALICE)

    assert TOKEN in all_of(caught.value)


# -- Logs --------------------------------------------------------------------------------------------------------------

HPACK = ("hpack.hpack", "hpack.table")


def encoded_as_http2_would(caplog: pytest.LogCaptureFixture) -> str:
    """What an encoder logs that takes each header at its word, and what is wrong with it."""
    for name in HPACK:
        caplog.set_level(logging.DEBUG, logger=name)
        logger = logging.getLogger(name)
        logger.debug("Adding %r to the header table, sensitive:%s, huffman:%s", (b"authorization", CANARY), True, True)
        logger.warning("the table of %s is full", name)
    return caplog.text


@requirement("attack:S7")
def test_an_encoder_of_http2_logs_no_header_and_still_what_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    with gateway(Scripted(saying(released()))) as satellite:
        StrongroomAuth(satellite, team="acme", installation=ALICE.installation, user="alice")
    text = encoded_as_http2_would(caplog)

    assert CANARY not in text
    assert [name for name in HPACK if f"the table of {name} is full" in text] == [*HPACK]


@requirement("attack:S7")
def test_control_without_the_filter_it_logs_them(caplog: pytest.LogCaptureFixture) -> None:
    for name in HPACK:
        logging.getLogger(name).removeFilter(quiet._SILENT)
    try:
        assert CANARY in encoded_as_http2_would(caplog)
    finally:
        quiet.about_headers()


def test_the_filter_is_there_once_however_many_clients_there_are() -> None:
    for _ in range(3):
        quiet.about_headers()

    assert all(logging.getLogger(name).filters.count(quiet._SILENT) == 1 for name in HPACK)


# -- Names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "servers"),
    [
        (checked_team, servers_team),
        (checked_installation, servers_installation),
        (checked_user, servers_user),
    ],
)
@given(text=st.one_of(st.text(), st.from_regex(r"[a-z0-9-]{1,64}"), st.from_regex(r"[a-z2-7]{19,21}", fullmatch=True)))
def test_an_id_is_good_here_exactly_if_it_is_for_strongroom(ours: Any, servers: Any, text: str) -> None:
    def taken(check: Any) -> bool:
        try:
            check(text)
        except Exception:
            return False
        return True

    assert taken(ours) == taken(servers)


@pytest.mark.parametrize("team", ["../rivals", "a/b", "acme\n", "", "ACME", "acme?x=1", "%2e%2e", None, 7])
def test_nothing_that_would_lead_elsewhere_gets_into_a_path(team: Any) -> None:
    with pytest.raises(ValueError, match="team"):
        Need(team, ALICE.installation, "alice")


def test_a_need_is_a_value() -> None:
    assert {ALICE: 1}[Need("acme", ALICE.installation, "alice")] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALICE.user = "mallory"  # type: ignore[misc] # it must refuse


@requirement("attack:S7")
def test_a_gateway_and_its_questions_print_no_secret() -> None:
    with gateway(Scripted(saying(released()))) as satellite:
        found = satellite.look_up(ALICE)
        flight = satellite._look_up(ALICE, None)

        assert TOKEN not in f"{satellite!r} {satellite.__dict__} {found} {flight} {vars(satellite._shelf)}"
