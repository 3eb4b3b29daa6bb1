"""What pages of other origins may ask of the API: what the interface has for people, from exact origins, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.routes import cors_headers
from tests.openapi import Schema, operations, resolved
from tests.requirements import requirement
from tests.unit.attacks.entrance import WEB_ORIGIN, Entrance, bearer
from tests.unit.attacks.matrix import Scene
from tests.weakened import weakened
from tests.world import Answered

FOR_PEOPLE = {route: one for route, one in operations().items() if one["security"] == [{"signIn": []}]}
PLAIN = {"authorization", "content-type"}
READABLE = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
IN_THE_BODY_TOO = {"retry-after"}
EVIL = (
    "https://evil.example",
    "null",
    "http://web.example",
    "https://web.example.evil.example",
    "https://evil-web.example",
    "https://web.example:8443",
    "https://WEB.example",
    "https://web.example/",
    "https://web.example, https://evil.example",
    "https://web.example\u3002evil.example",
    "https://user@web.example",
    "*",
    "",
)


@pytest.fixture(scope="module")
def entrance() -> Iterator[Entrance]:
    opened = Entrance(Scene().world)
    yield opened
    opened.close()


def sent_headers() -> set[str]:
    """Name the headers that the document lets people send, beside those of every request."""
    named = (resolved(one) for operation in FOR_PEOPLE.values() for one in operation["parameters"])
    return PLAIN | {str(one["name"]).lower() for one in named if one["in"] == "header"}


def told_headers() -> set[str]:
    """Name the headers of answers that a page has to be allowed to read."""
    answers: list[Schema] = [
        resolved(one) for operation in FOR_PEOPLE.values() for one in operation["responses"].values()
    ]
    return {str(name).lower() for answer in answers for name in answer.get("headers", {})} - READABLE - IN_THE_BODY_TOO


def preflight(entrance: Entrance, origin: str, method: str, path: str = "/v1/teams/acme/installations") -> Answered:
    asked = [("origin", origin), ("access-control-request-method", method)]
    return entrance.send("OPTIONS", path, [*asked, ("access-control-request-headers", "authorization,if-match")])


@requirement("attack:D15")
def test_a_page_may_use_the_methods_and_headers_of_the_routes_for_people_and_no_other(entrance: Entrance) -> None:
    cors = entrance.api.cors
    assert cors is not None
    assert {*cors.methods} == {route.partition(" ")[0] for route in FOR_PEOPLE}
    assert {*cors.headers} == sent_headers()
    assert {*cors.expose} == told_headers()
    assert (cors.origins, cors.credentials) == ((WEB_ORIGIN,), False)


@requirement("attack:D15")
@pytest.mark.parametrize("route", FOR_PEOPLE)
def test_the_web_client_is_told_what_it_may_send(entrance: Entrance, route: str) -> None:
    method, _, path = route.partition(" ")
    answer = preflight(entrance, WEB_ORIGIN, method, path)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, WEB_ORIGIN)
    assert method in answer.headers["access-control-allow-methods"].split(",")
    assert sent_headers() <= {*answer.headers["access-control-allow-headers"].split(",")}


def told(answer: Answered) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("access-control")]


@requirement("attack:D15")
@pytest.mark.parametrize("origin", EVIL)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_another_origin_is_told_nothing_before_or_after_the_request(
    entrance: Entrance, origin: str, method: str
) -> None:
    assert told(preflight(entrance, origin, method)) == []
    headers = [*bearer(entrance.token("alice")), ("origin", origin)]
    assert told(entrance.send("GET", "/v1/teams/acme/installations", headers)) == []


@requirement("attack:D15")
def test_refusals_are_readable_by_the_web_client_and_by_nobody_else(entrance: Entrance) -> None:
    for path, status in (("/v1/teams/acme/installations", 401), ("/v1/nothing", 404)):
        refused = entrance.send("GET", path, [("origin", WEB_ORIGIN)])
        assert (refused.status, refused.headers["access-control-allow-origin"]) == (status, WEB_ORIGIN)
        assert "access-control-allow-credentials" not in refused.headers
        assert told(entrance.send("GET", path, [("origin", "https://evil.example")])) == []


@requirement("attack:D15")
def test_control_an_origin_that_need_only_begin_alike_would_be_told(entrance: Entrance) -> None:
    exact = '({origin, "*"} & set(cors.origins))'
    with weakened(cors_headers, exact, "any(origin.startswith(one) for one in cors.origins)"):
        assert told(preflight(entrance, "https://web.example.evil.example", "PATCH")) != []
