"""From a product's page by way of Strongroom's own landing page; and its one button while the provider's window is away."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage
from tests.browser.steps import button, card, connect, consent, deny, is_gone, is_shown, sign_in
from tests.browser.test_host_page import NAME, said, signed_in_at, site_of

DENIED = f"{NAME}: Consent was denied at the provider, so nothing new was connected."
GO_BACK = "If you came from another page, go on there."


def test_a_denial_that_was_begun_at_a_product_says_what_happened_and_closes(
    backstage: Backstage, person: PersonFactory
) -> None:
    for name in (NAME, "Other Files"):
        backstage.install(name)
    bob = person("bob")
    signed_in_at(bob.page, site_of(backstage.stage), "bob")

    popup = connect(bob.page, NAME)
    deny(popup, "bob")

    expect(popup.get_by_role("status").get_by_text(DENIED)).to_be_visible()
    expect(popup.get_by_text(GO_BACK)).to_be_visible()
    is_shown(popup, NAME, "Not connected")
    expect(card(popup, "Other Files")).to_have_count(0)
    assert violations(popup) == []
    close = popup.get_by_role("button", name="Close this window")
    expect(close).to_be_focused()
    close.evaluate("one => setTimeout(() => one.click())")  # or it is gone before the click has come to its end
    is_gone(popup)
    expect(card(bob.page, NAME)).to_contain_text("Consent was denied at the provider")


def test_a_denial_in_a_tab_that_a_script_may_not_close_says_so(backstage: Backstage, person: PersonFactory) -> None:
    installation = backstage.install(NAME)
    bob = person("bob")
    begun = backstage.people["bob"].begin(installation)
    bob.page.goto("about:blank")
    bob.page.goto(begun.url)
    deny(bob.page, "bob")
    sign_in(bob.page, "bob")

    expect(bob.page.get_by_role("status").get_by_text(DENIED)).to_be_visible()
    bob.page.get_by_role("button", name="Close this window").click()

    expect(bob.page.get_by_text("Your browser lets nobody but you close this window.")).to_be_visible()
    expect(button(bob.page, NAME, "Connect")).to_be_visible()


# -- The one button


def _begun(page: Page, backstage: Backstage) -> Page:
    """Connect by the product's one button, and close the provider's window once it is there."""
    installation = backstage.install(NAME)
    signed_in_at(page, f"{site_of(backstage.stage)}/button?team=acme&installation={installation}", "bob")
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Connect", exact=True).click()
    opened.value.wait_for_url(f"{backstage.places.provider}/authorize?*")
    opened.value.close()
    said(page, "That window looks closed. If you have closed it, open it again, or stop waiting.")
    return page


def test_the_one_button_notices_that_the_window_is_gone_and_opens_it_again(
    backstage: Backstage, person: PersonFactory
) -> None:
    bob = person("bob")
    page = _begun(bob.page, backstage)
    expect(page.get_by_role("button", name="Connect", exact=True)).to_be_hidden()
    assert violations(page) == []

    with page.expect_popup() as opened:
        page.get_by_role("button", name="Open it again").click()
    said(page, f"Go on in the window of {urlsplit(backstage.places.provider).netloc}.")
    consent(opened.value, "bob")
    opened.value.get_by_role("button", name="Connect as bob").click()

    said(page, "You are connected.")
    for name in ("Open it again", "Stop waiting"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()


def test_the_one_button_waits_no_longer_for_who_wants_to_stop(backstage: Backstage, person: PersonFactory) -> None:
    bob = person("bob")
    page = _begun(bob.page, backstage)

    page.get_by_role("button", name="Stop waiting").click()

    said(page, "This page waits no longer.")
    expect(page.get_by_role("button", name="Connect", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Stop waiting")).to_be_hidden()
