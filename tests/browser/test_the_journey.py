"""The way that everybody goes: open the page, sign in, see what is there, connect."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.conftest import PersonFactory, Picture
from tests.browser.stage import Backstage
from tests.browser.steps import (
    card,
    connect,
    consent,
    deny,
    is_shown,
    open_connections,
    sign_in,
    signed_in,
)


def test_the_page_asks_to_sign_in_and_then_shows_the_team(person: PersonFactory, backstage: Backstage) -> None:
    page = person("bob").page

    open_connections(page, "acme")
    expect(page.get_by_role("button", name="Sign in")).to_be_focused()
    assert violations(page) == []
    sign_in(page, "bob")

    expect(page.get_by_text("Signed in as bob")).to_be_visible()
    expect(page.get_by_role("heading", name="Team acme")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)
    assert violations(page) == []


def test_bob_connects_through_the_popup(person: PersonFactory, backstage: Backstage, picture: Picture) -> None:
    installation = backstage.install("Journey Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Journey Files", "Not connected")
    picture(bob.page, "not-connected")

    popup = connect(bob.page, "Journey Files")
    consent(popup, "bob")

    is_shown(bob.page, "Journey Files", "Connected")
    expect(card(bob.page, "Journey Files")).to_contain_text("bob")
    assert backstage.status("bob", installation)["status"] == "connected"
    assert backstage.tool_says("bob", installation) == "bob"
    assert violations(bob.page) == []
    picture(bob.page, "connected")


def test_bob_denies_and_nothing_is_connected(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Denied Files")
    bob = person("bob")
    signed_in(bob.page, "bob")

    deny(connect(bob.page, "Denied Files"), "bob")

    expect(card(bob.page, "Denied Files")).to_contain_text("denied")
    assert backstage.status("bob", installation)["reason"] == "denied"


def test_bob_connects_at_a_provider_that_isolates_its_window(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Isolated Files")
    backstage.isolate_provider()
    bob = person("bob")
    signed_in(bob.page, "bob")

    consent(connect(bob.page, "Isolated Files"), "bob")

    is_shown(bob.page, "Isolated Files", "Connected")


def test_a_browser_that_blocks_popups_goes_to_the_provider_and_back_in_the_same_tab(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Blocked Files")
    bob = person("bob")
    bob.block_popups()
    signed_in(bob.page, "bob")

    card(bob.page, "Blocked Files").get_by_role("button", name="Connect").click()
    consent(bob.page, "bob")

    is_shown(bob.page, "Blocked Files", "Connected")


def test_a_link_for_one_server_shows_that_one_and_on_a_narrow_dark_screen_too(
    person: PersonFactory, backstage: Backstage, picture: Picture
) -> None:
    linked, _other = backstage.install("Linked Files"), backstage.install("Other Files")
    bob = person("bob", viewport={"width": 360, "height": 740}, color_scheme="dark")

    signed_in(bob.page, "bob", linked)

    is_shown(bob.page, "Linked Files", "Not connected")
    expect(card(bob.page, "Other Files")).to_have_count(0)
    assert bob.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(bob.page) == []
    picture(bob.page, "narrow-dark")
