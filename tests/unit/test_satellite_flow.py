"""What a request carries in the end, when a release changes under way, and what is left of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import httpcore2
import httpx2
import pytest

from strongroom_satellite import AuthorizationRequired, Release, WrongOrigin
from strongroom_satellite.flow import Flow
from strongroom_satellite.injection import Injected, injected
from strongroom_satellite.release import read_release
from tests.requirements import requirement
from tests.unit.satellite_callers import CHALLENGE, Calling, each_caller
from tests.unit.satellites import (
    HEADER,
    SERVER,
    TOKEN,
    Scripted,
    body_of,
    must_act,
    released,
    reports,
    saying,
)
from tests.weakened import weakened

SENDING = "http11.send_request_headers.started"
LACKING = 'Bearer error="insufficient_scope", scope="files:write"'


def answering(library: Any, *answers: tuple[int, str | None]) -> Callable[[Any], Any]:
    """Answer one request after the other."""
    left = [*answers]

    def server(_: Any) -> Any:
        status, challenge = left.pop(0)
        return library.Response(status, headers={} if challenge is None else {"www-authenticate": challenge})

    return server


# -- Twice -------------------------------------------------------------------------------------------------------------


@each_caller
def test_a_renewed_token_that_lacks_scopes_is_told_with_the_link(calling: Calling) -> None:
    strongroom = Scripted(saying(released(), released("v.2"), must_act("insufficient_scope")))
    caller = calling(strongroom, answering(calling.httpx, (401, CHALLENGE), (403, LACKING)))

    with pytest.raises(AuthorizationRequired) as caught:
        caller.send()
    assert (caught.value.reason, bool(caught.value.link)) == ("insufficient_scope", True)
    assert [(one.version, one.status) for one in reports(strongroom)] == [("v.1", 401), ("v.2", 403)]


@each_caller
@requirement("attack:S6")
def test_a_second_401_is_given_back_and_not_reported(calling: Calling) -> None:
    strongroom = Scripted(saying(released(), released("v.2"), released("v.3")))
    caller = calling(strongroom, answering(calling.httpx, (401, CHALLENGE), (401, CHALLENGE)))

    assert caller.send().status_code == 401
    assert [one.version for one in reports(strongroom)] == ["v.1"]


@each_caller
@requirement("attack:S6")
def test_control_a_flow_that_does_not_know_its_last_try_reports_twice_for_one_request(calling: Calling) -> None:
    strongroom = Scripted(saying(released(), released("v.2"), released("v.3")))
    caller = calling(strongroom, answering(calling.httpx, (401, CHALLENGE), (401, CHALLENGE)))
    with weakened(Flow._report, " or (is_last and response.status_code == 401)", ""):
        caller.send()

    assert [one.version for one in reports(strongroom)] == ["v.1", "v.2"]


@each_caller
def test_a_second_403_that_strongroom_can_do_nothing_about_is_given_back(calling: Calling) -> None:
    strongroom = Scripted(saying(released(), released("v.2"), released("v.2")))
    caller = calling(strongroom, answering(calling.httpx, (401, CHALLENGE), (403, LACKING)))

    assert caller.send().status_code == 403
    assert len(caller.heard) == 2


# -- Afterwards --------------------------------------------------------------------------------------------------------


def tracing(caller: Any, seen: list[str]) -> Callable[..., Any]:
    """A caller's own trace, of the kind that the client takes."""

    def trace(step: str, _: Mapping[str, Any]) -> None:
        seen.append(step)

    async def atrace(step: str, info: Mapping[str, Any]) -> None:
        trace(step, info)

    return atrace if caller.is_async else trace


@each_caller
@requirement("attack:S7")
@pytest.mark.parametrize("answers", [[(200, None)], [(401, CHALLENGE), (200, None)]], ids=["once", "twice"])
def test_afterwards_the_request_is_the_callers_again(calling: Calling, answers: list[tuple[int, str | None]]) -> None:
    keys = {"X-Api-Key": HEADER, "Authorization": f"Bearer {TOKEN}"}
    strongroom = Scripted(saying(released(headers=keys), released("v.2", headers=keys)))
    caller = calling(strongroom, answering(calling.httpx, *answers))
    mine = tracing(caller, [])
    response = caller.send(headers={"x-api-key": "mine", "x-other": "mine too"}, extensions={"trace": mine})

    assert all(one["headers"]["x-api-key"] == HEADER for one in caller.heard)
    assert response.request.headers["x-api-key"] == "mine"
    assert response.request.headers["x-other"] == "mine too"
    assert "authorization" not in response.request.headers
    assert response.request.extensions["trace"] is mine


@each_caller
def test_without_a_trace_of_the_callers_own_none_is_left(calling: Calling) -> None:
    caller = calling(Scripted(saying(released())))

    assert "trace" not in caller.send().request.extensions


@each_caller
@requirement("attack:S7")
def test_control_a_trace_that_stays_on_would_look_up_for_whoever_sends_the_request_again(calling: Calling) -> None:
    caller = calling(Scripted(saying(released())))
    with (
        weakened(Injected.taken_off, "self._request.extensions = self._extensions", "pass"),
        weakened(Injected.arrived, "one.extensions = self._extensions", "pass"),
    ):
        assert "trace" in caller.send().request.extensions


# -- Under way ---------------------------------------------------------------------------------------------------------


def release_of(**other: Any) -> Release:
    return read_release(body_of(**other))


def written(first: Release, *latest: Release, own: Mapping[str, str] | None = None) -> list[list[tuple[bytes, bytes]]]:
    """What is on the wire if each of these serves when headers are written, in one request and its redirects."""
    request = httpx2.Request("POST", SERVER, headers=dict(own or {}))
    wire: list[list[tuple[bytes, bytes]]] = []
    left = [*latest]
    with injected(request, first) as on:
        on.watch(lambda: left.pop(0))
        for _ in latest:
            sent = httpcore2.Request("POST", SERVER, headers=request.headers.raw)
            request.extensions["trace"](SENDING, {"request": sent})
            wire.append(sent.headers)
    assert not any(TOKEN in value for value in request.headers.values())
    return wire


def named(headers: list[tuple[bytes, bytes]], *names: str) -> dict[str, list[str]]:
    return {name: [value.decode() for key, value in headers if key.lower() == name.encode()] for name in names}


def test_other_headers_replace_the_first_ones_and_the_callers_and_no_others() -> None:
    [wire] = written(
        release_of(),
        release_of(version="v.2", headers={"X-Api-Key": HEADER}),
        own={"x-api-key": "mine", "x-other": "1"},
    )

    assert named(wire, "authorization", "x-api-key", "x-other") == {
        "authorization": [],
        "x-api-key": [HEADER],
        "x-other": ["1"],
    }


def test_control_only_what_was_put_on_is_taken_off_and_the_callers_header_goes_along() -> None:
    with weakened(Injected._update, "(*self._first.headers, *latest.headers)", "self._first.headers"):
        [wire] = written(
            release_of(), release_of(version="v.2", headers={"X-Api-Key": HEADER}), own={"x-api-key": "mine"}
        )

    assert named(wire, "x-api-key") == {"x-api-key": ["mine", HEADER]}


def test_what_follows_a_redirect_carries_the_latest_too() -> None:
    """A client makes the next request of the first one, which still has what was put on at the beginning."""
    second, third = release_of(version="v.2"), release_of(version="v.3")
    wires = written(release_of(), second, second, third)

    assert [named(wire, "authorization")["authorization"] for wire in wires] == [
        [f"Bearer {TOKEN}-v.{number}"] for number in (2, 2, 3)
    ]


def test_control_a_comparison_with_what_was_sent_last_leaves_the_first_one_on_the_way() -> None:
    second = release_of(version="v.2")
    with weakened(Injected._update, "latest is not self._first", "latest is not self.release"):
        wires = written(release_of(), second, second)

    assert [named(wire, "authorization")["authorization"] for wire in wires] == [
        [f"Bearer {TOKEN}-v.2"],
        [f"Bearer {TOKEN}-v.1"],
    ]


@requirement("attack:S2")
def test_a_server_that_has_moved_meanwhile_gets_nothing_and_neither_does_the_old_one() -> None:
    moved = release_of(version="v.2", url="https://elsewhere.example/mcp")
    with pytest.raises(WrongOrigin):
        written(release_of(), moved)


@requirement("attack:S2")
def test_control_without_the_comparison_the_old_server_gets_the_token_of_the_new_one() -> None:
    moved = release_of(version="v.2", url="https://elsewhere.example/mcp")
    with weakened(Injected._update, "check(_origin_of(latest), self._origin)", "pass"):
        [wire] = written(release_of(), moved)

    assert named(wire, "authorization")["authorization"] == [f"Bearer {TOKEN}-v.2"]


@pytest.mark.parametrize("is_async", [False, True])
def test_the_callers_own_trace_hears_of_every_step(is_async: bool) -> None:
    seen: list[str] = []
    request, steps = httpx2.Request("POST", SERVER), ["connection.connect_tcp.started", SENDING, "http11.x.complete"]

    def own(step: str, _: Mapping[str, Any]) -> None:
        seen.append(step)

    async def aown(step: str, info: Mapping[str, Any]) -> None:
        own(step, info)

    async def later() -> Release:
        return release_of()

    async def atell() -> None:
        for step in steps:
            await request.extensions["trace"](step, {"request": httpcore2.Request("POST", SERVER)})

    request.extensions["trace"] = aown if is_async else own
    with injected(request, release_of()) as on:
        if is_async:
            on.awatch(later)
            anyio.run(atell)
        else:
            on.watch(release_of)
            for step in steps:
                request.extensions["trace"](step, {"request": httpcore2.Request("POST", SERVER)})

    assert seen == steps
    assert request.extensions["trace"] is (aown if is_async else own)


@requirement("attack:S1")
@pytest.mark.parametrize("url", ["https://evil.example/mcp", "http://files.example/mcp", "https://files.example:444/"])
def test_headers_are_not_written_to_another_origin(url: str) -> None:
    request, sent = httpx2.Request("POST", SERVER), httpcore2.Request("POST", url)
    with injected(request, release_of()) as on:
        on.watch(release_of)
        with pytest.raises(WrongOrigin):
            request.extensions["trace"](SENDING, {"request": sent})


@requirement("attack:S1")
def test_control_without_a_look_at_the_written_request_they_are() -> None:
    request, sent = httpx2.Request("POST", SERVER), httpcore2.Request("POST", "https://evil.example/mcp")
    unchecked = weakened(Injected._sends, "check(self._origin, ", "(lambda *_: None)(self._origin, ")
    with unchecked, injected(request, release_of()) as on:
        on.watch(lambda: release_of(version="v.2"))
        request.extensions["trace"](SENDING, {"request": sent})

    assert named(sent.headers, "authorization")["authorization"] == [f"Bearer {TOKEN}-v.2"]
