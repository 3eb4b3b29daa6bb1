"""What answers mean, Strongroom's and those of whatever else may stand at its address."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom_satellite import (
    AuthorizationRequired,
    InstallationDisabled,
    NotFound,
    Refused,
    SatelliteError,
    Strongroom,
    Unavailable,
    WrongAnswer,
    answers,
    release,
)
from strongroom_satellite.answers import Reply
from strongroom_satellite.release import Release, read_release
from strongroom_satellite.shelf import kept
from tests.requirements import requirement
from tests.unit.satellites import ALICE, EPOCH, Scripted, TwoHands, body_of, gateway, must_act, refused, reply, saying
from tests.weakened import weakened

SECRET = "canary-secret-9Pd"

numbers = st.integers(-(10**400), 10**400)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
bodies = st.fixed_dictionaries(
    {},
    optional={name: json_values | st.just(value) for name, value in body_of().items()}
    | {"error": st.text() | st.sampled_from(["authorization_required", "not_found"]), "request_id": json_values}
    | {"reason": json_values, "link": json_values, "next": json_values},
)
names = st.sampled_from(["date", "retry-after", "apigw-requestid", "content-type"])
replies = st.builds(
    Reply,
    st.integers(100, 999),
    st.dictionaries(names, st.text()),
    st.one_of(st.binary(), bodies.map(lambda body: json.dumps(body).encode())),
)


@requirement("attack:S8")
@given(bodies)
def test_whatever_is_read_as_a_release_is_one_or_a_value_error(body: dict[str, Any]) -> None:
    try:
        found = read_release(body)
    except ValueError:
        return
    clock = TwoHands()
    one = kept(found, clock.now(), EPOCH)
    one.serves(clock.now(), 60)


@requirement("attack:S8")
@pytest.mark.parametrize("name", ["cache_until", "expires_at"])
def test_a_time_that_is_no_time_is_no_release(name: str) -> None:
    for value in (10**400, -1, True, 1.5, "1", float("nan")):
        with pytest.raises(ValueError, match=name):
            read_release({**body_of(), name: value})


@requirement("attack:S8")
def test_control_a_time_without_bounds_ends_in_an_error_of_python() -> None:
    strongroom = Scripted(saying(reply(200, body_of(cache_until=10**400))))
    with (
        weakened(release._whole, " and 0 <= value <= LATEST", ""),
        gateway(strongroom) as satellite,
        pytest.raises(OverflowError),
    ):
        satellite.look_up(ALICE)


@requirement("attack:S8")
@given(replies)
def test_whatever_is_said_is_a_release_or_one_of_our_errors(said: Reply) -> None:
    with gateway(Scripted(saying(said))) as satellite:
        try:
            found: Release | SatelliteError = satellite.look_up(ALICE)
        except SatelliteError as error:
            found = error

    assert isinstance(found, Release) or isinstance(found.code, str)


@given(st.integers(100, 999).filter(lambda status: status != 200), st.binary(), st.dictionaries(names, st.text()))
def test_a_refusal_is_always_one_of_our_errors(status: int, body: bytes, headers: dict[str, str]) -> None:
    assert isinstance(answers.refusal(Reply(status, headers, body), ALICE), SatelliteError)


@given(st.text())
def test_a_date_is_read_or_left(text: str) -> None:
    found = answers.sent_at(Reply(200, {"date": text}, b""))

    assert found is None or isinstance(found, float)


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000"])
def test_a_date_is_read_as_the_same_moment_on_every_machine(zone: str) -> None:
    assert answers.sent_at(Reply(200, {"date": f"Fri, 15 Jan 2027 08:00:00 {zone}"}, b"")) == EPOCH


def test_too_deep_a_body_is_none() -> None:
    assert answers.members(Reply(200, {}, b"[" * 100_000)) == {}


# -- What each means ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "kind", "code", "status"),
    [
        (refused(409, "installation_disabled"), InstallationDisabled, "installation_disabled", 409),
        (refused(404, "not_found"), NotFound, "not_found", 404),
        (refused(401, "unauthenticated"), Refused, "unauthenticated", 401),
        (refused(403, "unknown_caller"), Refused, "unknown_caller", 403),
        (refused(403, None), Refused, "refused", 403),
        (refused(400, "invalid_request"), Refused, "invalid_request", 400),
        (refused(409, "header_refused"), Refused, "header_refused", 409),
    ],
)
def test_a_refusal_names_strongrooms_code(said: Reply, kind: type[Refused], code: str, status: int) -> None:
    error = answers.refusal(said, ALICE)

    assert type(error) is kind
    assert isinstance(error, Refused)
    assert (error.code, error.status) == (code, status)


@pytest.mark.parametrize("reason", ["never_connected", "insufficient_scope", "admin_must_connect"])
def test_who_has_to_act_is_told_why_and_where(reason: str) -> None:
    link = None if reason == "admin_must_connect" else "https://web.example/?team=acme"
    error = answers.refusal(must_act(reason, link), ALICE)

    assert isinstance(error, AuthorizationRequired)
    assert (error.reason, error.link, error.need) == (reason, link, ALICE)


@pytest.mark.parametrize("status", [204, 301, 302, 400, 404, 409, 418])
def test_a_status_without_a_code_of_strongrooms_is_somebody_elses(status: int) -> None:
    assert isinstance(answers.refusal(Reply(status, {}, b"<html>")), WrongAnswer)


@pytest.mark.parametrize("status", answers.PASSING)
def test_a_gateway_that_is_in_trouble_is_waited_for(status: int) -> None:
    error = answers.refusal(Reply(status, {"retry-after": "3"}, b'{"message": "Service Unavailable"}'))

    assert type(error) is Unavailable
    assert error.retry_after == 3


@requirement("attack:S7")
def test_no_error_repeats_what_the_answer_says() -> None:
    for status in (200, 302, 400, 401, 403, 404, 409, 429, 500, 503):
        said = reply(status, {"error": "conflict", "message": SECRET, "detail": SECRET, "access_token": SECRET})
        with gateway(Scripted(saying(said))) as satellite, pytest.raises(SatelliteError) as caught:
            satellite.look_up(ALICE)
        assert SECRET not in f"{caught.value!s} {caught.value!r} {vars(caught.value)}"


# -- Lists -------------------------------------------------------------------------------------------------------------


def test_a_list_is_read_to_its_end() -> None:
    pages = [reply(200, {"installations": [{"n": 1}], "next": "a"}), reply(200, {"installations": [{"n": 2}]})]
    strongroom = Scripted(saying(*pages))
    with gateway(strongroom) as satellite:
        assert satellite.installations("acme", "alice") == [{"n": 1}, {"n": 2}]

    assert [ask.body for ask in strongroom.asked] == [{"user": "alice"}, {"user": "alice", "next": "a"}]


@requirement("attack:S8")
@pytest.mark.parametrize(
    "page",
    [
        {"installations": None},
        {},
        {"installations": {}},
        {"installations": ["x"]},
        {"installations": [], "next": "a"},
    ],
)
def test_a_list_of_another_form_or_without_end_is_refused(page: dict[str, Any]) -> None:
    with gateway(Scripted(saying(reply(200, page)))) as satellite, pytest.raises(WrongAnswer):
        satellite.installations("acme", "alice")


@requirement("attack:S8")
def test_control_a_list_that_leads_back_to_itself_would_be_read_for_ever() -> None:
    class Enough(Exception):
        pass

    page = reply(200, {"installations": [], "next": "a"})
    strongroom = Scripted(saying(*[page] * 50, Enough()))
    with (
        weakened(Strongroom._pages, "if after in turned:", "if False:"),
        gateway(strongroom) as satellite,
        pytest.raises(Enough),
    ):
        satellite.installations("acme", "alice")
