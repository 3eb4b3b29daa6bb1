"""The page may stay open all day: it asks nothing while nothing happens, shows what is so when it is looked at again, keeps
no token where others find it, and two hundred servers are a list like any other."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, expect

from tests.browser.between import LIST, Asked
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage
from tests.browser.steps import SEEN, button, card, connect, consent, is_gone, is_shown, signed_in

REFRESHED = "document.querySelector('strongroom-connections').refresh()"


def test_a_page_that_is_left_open_asks_nothing_by_itself(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Open Files")
    bob = person("bob")
    bob.page.clock.install()
    signed_in(bob.page, "bob")
    consent(connect(bob.page, "Open Files"), "bob")
    is_shown(bob.page, "Open Files", "Connected")
    expect(card(bob.page, "Open Files")).to_contain_text("You are connected.")
    requests: list[str] = []
    bob.context.on("request", lambda request: requests.append(request.url))

    bob.page.clock.run_for("20:00")

    assert requests == []
    backstage.revoke("bob", installation)
    bob.page.evaluate(SEEN)
    is_shown(bob.page, "Open Files", "Disconnected")
    assert [urlsplit(url).path for url in requests] == ["/v1/teams/acme/installations"]


def test_looking_back_and_forth_asks_once_in_fifteen_seconds(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Seen Files")
    bob = person("bob")
    bob.page.clock.install()
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Seen Files", "Not connected")
    asked = Asked(bob.context)

    for seconds in (14, 14, 16):
        bob.page.clock.run_for(seconds * 1000)
        bob.page.evaluate(SEEN)
        bob.page.evaluate(REFRESHED)

    # One each that this test has asked for, and one for the person's look after sixteen seconds.
    assert asked.all == ["GET /v1/teams/acme/installations"] * 4


def test_what_is_looked_at_again_keeps_the_place_and_what_is_open(person: PersonFactory, backstage: Backstage) -> None:
    installation, other = backstage.install("Kept Files"), backstage.install("Other Files")
    for one in (installation, other):
        backstage.connect("bob", one)
    bob = person("bob")
    bob.page.clock.install()
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Kept Files", "Connected")
    card(bob.page, "Kept Files").get_by_text("Where connecting leads").click()
    button(bob.page, "Kept Files", "Reconnect").focus()

    backstage.revoke("bob", other)
    bob.page.clock.run_for(20_000)
    bob.page.evaluate(SEEN)

    is_shown(bob.page, "Other Files", "Disconnected")
    expect(button(bob.page, "Kept Files", "Reconnect")).to_be_focused()
    expect(card(bob.page, "Kept Files").get_by_text("You go to")).to_be_visible()


def test_a_page_that_waits_asks_every_few_seconds_for_that_one_thing_alone(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Waiting Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    popup = connect(bob.page, "Waiting Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    asked = Asked(bob.context)

    for _ in range(2):
        bob.page.wait_for_event("response")
    [only] = set(asked.all)
    assert only.startswith("GET /v1/authorizations/")


def test_no_token_and_no_secret_is_kept_where_it_outlives_the_page(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Stored Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    popup = connect(bob.page, "Stored Files")
    consent(popup, "bob")
    is_gone(popup)
    is_shown(bob.page, "Stored Files", "Connected")

    stored = bob.page.evaluate("[{...localStorage}, {...sessionStorage}, document.cookie, location.href]")

    local, session, cookie, address = stored
    assert local == {}
    assert session == {"strongroom.signed-in": "yes"}
    assert cookie == ""
    assert address == f"{backstage.places.api}/connections?team=acme"
    assert bob.page.evaluate("indexedDB.databases()") == []
    assert bob.page.evaluate("caches.keys()") == []


def test_two_hundred_servers_are_listed_and_worked_with_like_one(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Zzz Files")
    real = backstage.people["bob"].at("GET", installation).json()
    many = [{**real, "installation": f"{number:020d}", "name": f"Files {number:03d}"} for number in range(199)]
    bob = person("bob", viewport={"width": 390, "height": 844})
    many.append(real)
    pages = _paged(bob.page, many)
    bob.page.clock.install()

    signed_in(bob.page, "bob")

    expect(bob.page.get_by_role("article")).to_have_count(200)
    expect(bob.page.get_by_text("200 of 200 need you.")).to_be_visible()
    assert pages == [None, "100"]
    assert bob.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    first = card(bob.page, "Files 000").element_handle()
    many[5]["name"] = "Renamed Files"
    bob.page.clock.run_for(60_000)
    bob.page.evaluate(SEEN)
    expect(card(bob.page, "Renamed Files")).to_be_visible()
    expect(bob.page.get_by_role("article")).to_have_count(200)
    assert first.evaluate("node => node.isConnected"), "cards that have not changed are not made anew"
    popup = connect(bob.page, "Zzz Files")
    many[-1] = {**real, "connection": {**real["connection"], "status": "connected", "next": "none"}}
    consent(popup, "bob")
    is_gone(popup)
    expect(card(bob.page, "Zzz Files")).to_contain_text("You are connected.")
    bob.page.goto("about:blank")  # a list that is still on its way would reach the API, which has no such pages


def _paged(page: Page, installations: list[dict[str, Any]]) -> list[str | None]:
    """Answer the list in pages of a hundred; gives where each page that was asked for begins."""
    asked: list[str | None] = []

    def answered(route: Route) -> None:
        [start] = parse_qs(urlsplit(route.request.url).query).get("next", [None])
        asked.append(start)
        at = int(start or 0)
        following = str(at + 100) if at + 100 < len(installations) else None
        body = {"role": "team_user", "installations": installations[at : at + 100], "next": following}
        route.fulfill(status=200, content_type="application/json", body=json.dumps(body))

    page.context.route(LIST, answered)
    return asked
