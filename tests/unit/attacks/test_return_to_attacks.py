"""Where the browser is sent: the callback's own address, the web client's, and where people want to go afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from functions.authorize import app as authorize
from functions.callback import app as callback
from strongroom.flows import begin as beginning
from strongroom.flows import complete as completing
from tests.requirements import requirement
from tests.unit.attacks.scenes import authorization, parameters, rows
from tests.weakened import weakened
from tests.world import PUBLIC_URL, WEB_CLIENT_URL, Answered, World

OPEN_REDIRECT = "https://web.example/go?to=https://evil.example/"

# A15: headers of the request

FORGED = {
    "host": "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-prefix": "/evil",
    "x-original-url": "https://evil.example/",
    "forwarded": "host=evil.example;proto=http",
    "origin": "https://evil.example",
    "referer": "https://evil.example/",
}


def begun_with(headers: Mapping[str, str]) -> tuple[World, Answered]:
    world = World()
    handed_on = {**headers, "x-forwarded-for": "192.0.2.1"}
    path = f"/v1/teams/acme/installations/{world.install()}/authorize"
    return world, world.as_user("bob", "POST", path, {}, headers=handed_on)


def goes_elsewhere(world: World, answer: Answered) -> bool:
    """Whether anything that was stored, sent or answered speaks of the attacker's host."""
    bodies = [request.body.reveal() for request in world.egress.sent if request.body]
    return "evil" in str([answer.text, answer.headers, world.table.snapshot(), bodies])


@requirement("attack:A15")
@pytest.mark.parametrize("name", FORGED)
def test_no_header_changes_where_the_provider_sends_the_browser(name: str) -> None:
    world, answer = begun_with({name: FORGED[name], name.title(): FORGED[name]})
    asked = parameters(answer.json["authorization_url"])
    assert asked["redirect_uri"].startswith(f"{PUBLIC_URL}/oauth/callback/")
    assert not goes_elsewhere(world, answer)


@requirement("attack:A15")
@pytest.mark.parametrize("name", FORGED)
def test_no_header_changes_where_the_callback_sends_the_browser(name: str) -> None:
    world = World()
    url = world.provider.consent(world.begin("bob", world.install()).url, "bob")
    answer = world.call("GET", urlsplit(url).path, query=urlsplit(url).query, headers={name: FORGED[name]})
    assert answer.headers["location"].startswith(f"{WEB_CLIENT_URL}#authorization=")


@requirement("attack:A15")
def test_control_if_the_host_came_from_the_request_the_code_would_go_to_the_attacker() -> None:
    believing = (
        '__import__("dataclasses").replace(wired.ports, policy=__import__("dataclasses").replace('
        'wired.ports.policy, public_url="https://" + request.event["headers"]["x-forwarded-host"]))'
    )
    with weakened(authorize.authorize, "begin(wired.ports,", f"begin({believing},"):
        world, answer = begun_with(FORGED)
    assert parameters(answer.json["authorization_url"])["redirect_uri"].startswith("https://evil.example/")
    assert goes_elsewhere(world, answer)


# A16: return_to

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "/connections",
    "https:evil.example",
    "http://web.example/",
    "https://web.example@evil.example/",
    "https://web.example.evil.example/",
    "https://web.example:8443/",
    "https://WEB.example/",
    "https://web.example\\@evil.example/",
    "https://web.example//evil.example/",
    "https://web.example/\r\nlocation:https://evil.example",
    "https://web.example%2f@evil.example/",
    "https%3A%2F%2Fevil.example",
    "javascript:alert(1)//https://web.example/",
    "data:text/html,x",
    " https://web.example/",
    "https://web.ex\u0430mple/",
    "https://web.example/%5c%5cevil.example",
    "x",
]


@requirement("attack:A16")
@pytest.mark.parametrize("text", [*ELSEWHERE, "", "h" * 2049, 7, ["https://web.example/"], "\ud800"], ids=ascii)
def test_a_return_address_elsewhere_is_refused_before_anything_is_stored_or_sent(text: Any) -> None:
    world = World()
    path = f"/v1/teams/acme/installations/{world.install()}/authorize"
    refused = world.as_user("bob", "POST", path, {"return_to": text})
    assert (refused.status, refused.json["error"] in {"return_to_refused", "invalid_request"}) == (400, True)
    assert rows(world, "authorization") == []
    assert world.egress.sent == []


@requirement("attack:A16")
def test_without_configured_origins_no_return_address_is_taken() -> None:
    world = World(web_origins=())
    path = f"/v1/teams/acme/installations/{world.install()}/authorize"
    assert world.as_user("bob", "POST", path, {"return_to": "https://web.example/"}).status == 400


@requirement("attack:A16")
def test_a_good_return_address_comes_back_to_the_person_alone() -> None:
    world = World()
    begun = world.begin("bob", world.install(), return_to="https://web.example/back?x=1#y")
    done = world.complete("bob", world.consent(begun, "bob"))
    assert done.json["return_to"] == "https://web.example/back?x=1#y"


@requirement("attack:A16")
def test_an_origin_that_the_operator_takes_off_the_list_meanwhile_is_not_used() -> None:
    world = World()
    begun = world.begin("bob", world.install(), return_to="https://web.example/back")
    world.policy = replace(world.policy, web_origins=("https://new.example",))
    world.ports = world.new_environment()
    done = world.complete("bob", world.consent(begun, "bob"))
    assert (done.status, done.json["return_to"]) == (200, None)


def completed_after_tampering() -> Answered:
    """Somebody who can write to the table changes the address of an authorization."""
    world = World()
    mine = world.consent(world.begin("bob", world.install(), return_to="https://web.example/back"), "bob")
    world.table.place({**authorization(world, mine.id), "return_to": "https://evil.example/"})
    return world.complete("bob", mine)


@requirement("attack:A16")
def test_a_return_address_is_checked_again_when_it_is_used() -> None:
    done = completed_after_tampering()
    assert (done.status, done.json["state"], done.json["return_to"]) == (200, "completed", None)


@requirement("attack:A16")
def test_control_without_either_check_the_address_is_the_attackers() -> None:
    world = World()
    with weakened(beginning.begin, "checked_return_to(return_to, ports.policy.web_origins)", "return_to"):
        begun = world.begin("bob", world.install(), return_to="https://evil.example/")
    assert authorization(world, begun.id)["return_to"] == "https://evil.example/"

    with weakened(completing.way_back, "checked_return_to(wanted, ports.policy.web_origins)", "wanted"):
        assert completed_after_tampering().json["return_to"] == "https://evil.example/"


# A28: the secret and the return address


@requirement("attack:A28")
@pytest.mark.parametrize("error", [None, "access_denied", "server_error"])
def test_the_callback_sends_the_browser_to_the_one_configured_page_whatever_was_asked_for(error: str | None) -> None:
    world = World()
    begun = world.begin("bob", world.install(), return_to=OPEN_REDIRECT)
    location = world.browse(world.provider.consent(begun.url, "bob", error=error)).headers["location"]
    assert location.partition("#")[0] == WEB_CLIENT_URL
    assert "go" not in location.partition("#")[0]
    assert "evil" not in location


@requirement("attack:A28")
def test_the_secret_is_in_no_answer_but_the_callbacks() -> None:
    world = World()
    mine = world.consent(world.begin("bob", world.install(), return_to=OPEN_REDIRECT), "bob")
    seen = world.as_user("bob", "GET", f"/v1/authorizations/{mine.id}")
    done = world.complete("bob", mine)
    again = world.complete("bob", mine)
    assert done.json["return_to"] == OPEN_REDIRECT
    assert mine.secret not in "".join(str([one.text, one.headers]) for one in (seen, done, again))
    assert mine.secret not in str([world.table.snapshot(), world.journal.entries])


@requirement("attack:A28")
def test_control_if_the_callback_went_to_the_return_address_the_secret_would_go_with_it() -> None:
    world = World()
    begun = world.begin("bob", world.install(), return_to=OPEN_REDIRECT)
    configured = 'f"{web_client}#authorization={authorization}&secret={secret.reveal()}"'
    row = 'wired.ports.table.snapshot()[__import__("strongroom").domain.keys.authorization(authorization)]'
    with weakened(callback.callback, configured, f'{row}["return_to"] + "#s=" + secret.reveal()'):
        location = world.browse(world.provider.consent(begun.url, "bob")).headers["location"]
    assert location.startswith(f"{OPEN_REDIRECT}#s=")
