"""What a browser keeps, sends on, caches or opens by itself at the callback."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from functions.callback import app as callback
from strongroom.aws import pages
from strongroom.domain.errors import StoreUnavailable
from tests.fakes.faults import fails
from tests.requirements import requirement
from tests.unit.attacks.scenes import (
    bob_begins,
    changed,
    parameters,
    state_of,
)
from tests.weakened import weakened
from tests.world import Answered, Context, World, routed

# A21: what a browser keeps, sends on or caches


def leaks(answered: Answered, url: str) -> list[str]:
    """What is wrong with a response of the callback."""
    wanted = {"cache-control": "no-store", "referrer-policy": "no-referrer", "x-content-type-options": "nosniff"}
    wanted |= {"x-frame-options": "DENY", "cross-origin-opener-policy": "same-origin"}
    wanted |= {"strict-transport-security": "max-age=31536000"}
    problems = [name for name, value in wanted.items() if answered.headers.get(name) != value]
    policy = answered.headers.get("content-security-policy", "")
    problems += [part for part in ("default-src 'none'", "frame-ancestors 'none'") if part not in policy]
    said = answered.text + str(dict(answered.headers))
    return problems + [name for name in ("code", "state") if name in parameters(url) and parameters(url)[name] in said]


def prefetched(world: World, url: str, headers: dict[str, str]) -> Answered:
    return world.call("GET", urlsplit(url).path, query=urlsplit(url).query, headers=headers)


def every_answer_of_the_callback() -> dict[str, tuple[Answered, str]]:
    found = {}
    world, _, url = bob_begins()
    found["returned"] = world.browse(url), url
    found["again"] = world.browse(url), url
    world, _, url = bob_begins()
    found["prefetch"] = (
        world.call("GET", urlsplit(url).path, query=urlsplit(url).query, headers={"purpose": "prefetch"}),
        url,
    )
    world.table.before["read"] = fails(StoreUnavailable())
    found["table away"] = world.browse(url), url
    denied = changed(url, code=None, error="access_denied")
    found["denied"] = world.browse(denied), denied
    world, _, url = bob_begins()
    found["refused"] = world.browse(changed(url, iss="https://evil.example")), url
    found["malformed"] = world.browse(f"{url}&state=x"), url
    return found


@requirement("attack:A21")
def test_code_and_state_end_at_the_callback() -> None:
    answers = every_answer_of_the_callback()
    assert {name: one.status for name, (one, _) in answers.items()} == {
        "returned": 303, "again": 200, "prefetch": 503, "table away": 503, "denied": 303, "refused": 400, "malformed": 400,
    }  # fmt: skip
    assert {name: leaks(one, url) for name, (one, url) in answers.items() if leaks(one, url)} == {}


@requirement("attack:A21")
def test_the_browser_goes_on_to_a_clean_address_and_the_secret_is_in_no_query() -> None:
    world, begun, url = bob_begins()
    parts = urlsplit(world.browse(url).headers["location"])
    assert (parts.scheme, parts.netloc, parts.path, parts.query) == ("https", "web.example", "/connections", "")
    assert parts.fragment.startswith(f"authorization={begun.id}&secret=")


@requirement("attack:A21")
def test_what_complete_answers_is_kept_by_no_cache() -> None:
    world, begun, _ = bob_begins()
    done = world.complete("bob", world.consent(begun, "bob"))
    assert done.headers["cache-control"] == "no-store"
    assert done.headers["referrer-policy"] == "no-referrer"


@requirement("attack:A21")
def test_control_without_the_headers_the_leaks_are_found() -> None:
    with weakened(pages.go, ", **SECURITY", ""), weakened(pages._page, ", **SECURITY", ""):
        assert all(leaks(one, url) for one, url in every_answer_of_the_callback().values())


@requirement("attack:A21")
def test_control_a_redirect_that_keeps_the_query_is_found() -> None:
    world, _, url = bob_begins()
    with weakened(callback.callback, "#authorization={authorization}&secret=", "?{request.query}#secret="):
        assert leaks(world.browse(url), url) == ["code", "state"]


# A22: requests that nobody meant

PREFETCHES = [
    {"sec-purpose": "prefetch"},
    {"sec-purpose": "prefetch;prerender"},
    {"Purpose": "prefetch"},
    {"X-Purpose": "preview"},
    {"sec-purpose": "prerender"},
    {"x-moz": "prefetch"},
]


@requirement("attack:A22")
@pytest.mark.parametrize("headers", PREFETCHES, ids=str)
def test_a_prefetch_uses_nothing_up(headers: dict[str, str]) -> None:
    world, _begun, url = bob_begins()
    before = world.table.snapshot()
    guessed = prefetched(world, url, headers)
    assert (guessed.status, "location" in guessed.headers) == (503, False)
    assert world.table.snapshot() == before
    assert world.browse(url).status == 303


def with_method(world: World, url: str, method: str) -> Answered:
    """What would come if the API had a route for this method."""
    handler, event = routed("GET", urlsplit(url).path, query=urlsplit(url).query)
    event["routeKey"] = event["routeKey"].replace("GET", method)
    event["requestContext"]["http"]["method"] = method
    event["body"] = urlsplit(url).query if method == "POST" else None
    return world.answered(handler(event, Context(), world.wired))


@requirement("attack:A22")
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "OPTIONS", "ANY"])
def test_the_callback_takes_no_other_method_than_get(method: str) -> None:
    world, _begun, url = bob_begins()
    before = world.table.snapshot()
    assert with_method(world, url, method).status == 404
    assert world.table.snapshot() == before
    assert world.browse(url).status == 303


@requirement("attack:A22")
def test_control_without_either_refusal_a_guess_uses_the_answer_up() -> None:
    world, begun, url = bob_begins()
    with weakened(pages.is_prefetch, "return any(", "return not told and any("):
        prefetched(world, url, {"purpose": "prefetch"})
    assert state_of(world, begun.id) == "returned"

    world, begun, url = bob_begins()
    with weakened(callback.lambda_handler, '"GET /oauth/callback/{provider_key}"', 'event["routeKey"]'):
        with_method(world, url, "HEAD")
    assert state_of(world, begun.id) == "returned"
