"""Tokens on the requests of an HTTP client: httpx2 and httpx, in threads and in event loops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from strongroom_satellite import (
    AuthorizationRequired,
    SatelliteError,
    Unavailable,
    WrongOrigin,
    injection,
)
from strongroom_satellite.flow import Flow
from tests.requirements import requirement
from tests.unit.satellite_callers import CHALLENGE, CLIENTS, NAMES, Caller, Server, rejecting
from tests.unit.satellites import (
    ALICE,
    HEADER,
    TOKEN,
    Scripted,
    must_act,
    refused,
    released,
    reports,
    saying,
)
from tests.weakened import weakened


@pytest.fixture(params=CLIENTS, ids=NAMES)
def calling(request: pytest.FixtureRequest) -> Iterator[Callable[..., Caller]]:
    library, is_async = request.param
    callers: list[Caller] = []

    def make(strongroom: Scripted, server: Server | None = None) -> Caller:
        callers.append(Caller(library, is_async, strongroom, server or (lambda _: library.Response(200))))
        return callers[-1]

    make.httpx = library  # type: ignore[attr-defined] # a function with a note on it
    yield make
    for caller in callers:
        caller.satellite.close()


def test_a_request_carries_the_token(calling: Any) -> None:
    caller = calling(Scripted(saying(released())))

    assert caller.send().status_code == 200
    assert caller.tokens == [f"Bearer {TOKEN}-v.1"]


def test_a_request_carries_what_else_the_installation_sends_and_no_token_where_there_is_no_oauth(calling: Any) -> None:
    plain = released(access_token=None, token_type=None, version=None, headers={"X-Api-Key": HEADER})
    caller = calling(Scripted(saying(plain)), lambda _: calling.httpx.Response(401))

    assert caller.send().status_code == 401
    assert caller.heard[0]["headers"]["x-api-key"] == HEADER
    assert caller.tokens == [None]
    assert reports(caller.satellite._transport) == [], "there is no version to report"


@requirement("attack:S6")
def test_after_a_401_the_rejection_is_reported_with_its_challenge_and_the_request_sent_once_more(calling: Any) -> None:
    strongroom = Scripted(saying(released(), released("v.2")))
    caller = calling(strongroom, rejecting(calling.httpx, "v.1"))

    assert caller.send(content=b"hello").status_code == 200
    assert caller.tokens == [f"Bearer {TOKEN}-v.1", f"Bearer {TOKEN}-v.2"]
    assert [one["body"] for one in caller.heard] == [b"hello", b"hello"]
    [report] = reports(strongroom)
    assert (report.need, report.version, report.status, report.challenge) == (ALICE, "v.1", 401, CHALLENGE)


@requirement("attack:S6")
def test_a_server_that_rejects_everything_gets_a_request_twice_and_no_more(calling: Any) -> None:
    strongroom = Scripted(saying(released(), released("v.2"), released("v.3")))
    caller = calling(strongroom, lambda _: calling.httpx.Response(401, headers={"www-authenticate": CHALLENGE}))

    assert caller.send().status_code == 401
    assert len(caller.heard) == 2
    assert len(reports(strongroom)) == 1


@requirement("attack:S6")
def test_the_same_version_is_not_tried_again(calling: Any) -> None:
    caller = calling(Scripted(saying(released())), lambda _: calling.httpx.Response(401))

    assert caller.send().status_code == 401
    assert len(caller.heard) == 1


@requirement("attack:S6")
def test_control_without_the_comparison_the_same_token_is_sent_again(calling: Any) -> None:
    caller = calling(Scripted(saying(released())), lambda _: calling.httpx.Response(401))
    flow: Any = Flow.async_auth_flow if caller.is_async else Flow.sync_auth_flow
    with weakened(flow, "if release.version == report.version:", "if False:"):
        caller.send()

    assert len(caller.heard) == 2


def test_a_403_that_challenges_is_reported_and_a_bare_one_is_not(calling: Any) -> None:
    challenging = Scripted(saying(released(), released("v.2")))
    assert calling(challenging, rejecting(calling.httpx, "v.1", status=403)).send().status_code == 200
    assert [report.status for report in reports(challenging)] == [403]

    for challenge in (None, 'Basic realm="x"'):
        bare = Scripted(saying(released()))
        server = rejecting(calling.httpx, "v.1", status=403, challenge=challenge)
        assert calling(bare, server).send().status_code == 403
        assert reports(bare) == []


def test_a_lack_of_scopes_is_told_with_the_link(calling: Any) -> None:
    strongroom = Scripted(saying(released(), must_act("insufficient_scope")))
    challenge = 'Bearer error="insufficient_scope", scope="files:write"'
    caller = calling(strongroom, rejecting(calling.httpx, "v.1", status=403, challenge=challenge))

    with pytest.raises(AuthorizationRequired) as caught:
        caller.send()
    assert (caught.value.reason, bool(caught.value.link)) == ("insufficient_scope", True)
    assert reports(strongroom)[0].challenge == challenge


@pytest.mark.parametrize("said", [must_act(), refused(404, "not_found"), Unavailable("no way")])
def test_without_a_token_nothing_is_sent(calling: Any, said: Any) -> None:
    caller = calling(Scripted(saying(said)))

    with pytest.raises(SatelliteError):
        caller.send()
    assert caller.heard == []


@pytest.mark.parametrize("status", [200, 202, 400, 404, 429, 500])
def test_other_answers_are_nobodys_concern(calling: Any, status: int) -> None:
    strongroom = Scripted(saying(released()))
    caller = calling(strongroom, lambda _: calling.httpx.Response(status, headers={"www-authenticate": CHALLENGE}))

    assert caller.send().status_code == status
    assert (len(caller.heard), len(strongroom.asked)) == (1, 1)


@pytest.mark.parametrize(
    ("challenge", "reported"), [("Bearer " + "x" * 9000, None), ("Bearer \x01", "Bearer  "), ("Bearer é", "Bearer  ")]
)
def test_a_challenge_is_reported_as_far_as_it_prints_and_not_if_it_is_too_long(
    calling: Any, challenge: str, reported: str | None
) -> None:
    strongroom = Scripted(saying(released(), released("v.2")))
    header = [(b"www-authenticate", challenge.encode("latin-1"))]
    rejected = calling.httpx.Response(401, headers=header)
    answers = [rejected, calling.httpx.Response(200)]
    caller = calling(strongroom, lambda _: answers.pop(0))

    assert caller.send().status_code == 200
    assert reports(strongroom)[0].challenge == reported


def test_a_body_that_comes_in_pieces_is_sent_whole_both_times(calling: Any) -> None:
    caller = calling(Scripted(saying(released(), released("v.2"))), rejecting(calling.httpx, "v.1"))

    def pieces() -> Iterator[bytes]:
        yield from (b"one ", b"two")

    async def apieces() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    assert caller.send(content=apieces() if caller.is_async else pieces()).status_code == 200
    assert [one["body"] for one in caller.heard] == [b"one two", b"one two"]


# -- Where it goes -----------------------------------------------------------------------------------------------------


@requirement("attack:S1")
@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/mcp",
        "http://files.example/mcp",
        "https://files.example:444/mcp",
        "https://files.example./mcp",
    ],
)
def test_to_another_origin_nothing_is_sent_at_all(calling: Any, url: str) -> None:
    caller = calling(Scripted(saying(released(headers={"X-Api-Key": HEADER}))))

    with pytest.raises(WrongOrigin):
        caller.send(url)
    assert caller.heard == []


@requirement("attack:S1")
def test_a_server_that_is_started_has_no_origin(calling: Any) -> None:
    caller = calling(Scripted(saying(released(url=None))))

    with pytest.raises(WrongOrigin):
        caller.send()
    assert caller.heard == []


def chain(library: Any, *places: str) -> Server:
    """Lead from one place to the next."""
    left = [*places]
    return lambda _: library.Response(307, headers={"location": left.pop(0)}) if left else library.Response(200)


def secret_in(request: Any) -> bool:
    return any(secret in str(request.headers.raw) for secret in (TOKEN, HEADER))


@requirement("attack:S7")
@pytest.mark.parametrize("follow", [False, True])
def test_afterwards_no_request_that_can_be_reached_carries_a_secret(calling: Any, follow: bool) -> None:
    keys = {"X-Api-Key": HEADER, "Authorization": f"Bearer {TOKEN}"}
    caller = calling(Scripted(saying(released(headers=keys))), chain(calling.httpx, "/a", "/b", "/c"))
    response = caller.send(follow=follow)

    assert len(response.history) == (3 if follow else 0)
    requests = [one.request for one in (*response.history, response)]
    requests += [one.next_request for one in (response,) if one.next_request]
    assert not any(secret_in(request) for request in requests)
    assert not any("trace" in request.extensions for request in requests)
    assert all(one["headers"]["x-api-key"] == HEADER for one in caller.heard)


@requirement("attack:S7")
@pytest.mark.parametrize(
    ("follow", "defence"),
    [(True, "*(past.request for past in response.history), "), (False, ", response.next_request")],
)
def test_control_what_is_not_taken_off_can_be_read_afterwards(calling: Any, follow: bool, defence: str) -> None:
    keys = {"X-Api-Key": HEADER}
    caller = calling(Scripted(saying(released(headers=keys))), chain(calling.httpx, "/a", "/b", "/c"))
    with weakened(injection.Injected.arrived, defence, ""):
        response = caller.send(follow=follow)

    requests = [one.request for one in response.history] + [one for one in (response.next_request,) if one]
    assert any(secret_in(request) for request in requests)


@requirement("attack:S7")
def test_an_error_of_the_client_has_no_secret_on_its_request(calling: Any) -> None:
    def broken(request: Any) -> Any:
        raise calling.httpx.ConnectError("no", request=request)

    caller = calling(Scripted(saying(released())), broken)
    with pytest.raises(calling.httpx.ConnectError) as caught:
        caller.send()

    assert not secret_in(caught.value.request)


def test_it_prints_whose_token_it_is_and_not_the_token(calling: Any) -> None:
    caller = calling(Scripted(saying(released())))
    caller.send()

    assert repr(caller.auth) == f"StrongroomAuth({ALICE!r})"
    assert TOKEN not in str(vars(caller.auth))
