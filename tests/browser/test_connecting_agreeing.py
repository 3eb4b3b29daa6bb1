"""What a person agrees to is what is begun: where the two differ, the exact facts are asked anew before anybody leaves."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.between import AUTHORIZATION, AUTHORIZE, Asked, answer
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import button, card, consent, facts, is_gone, is_shown, press, says, signed_in

DIFFERENCES: tuple[tuple[str, Any], ...] = (
    ("mcp_host", "other.example"),
    ("provider_host", "other.example"),
    ("token_host", "other.example"),
    ("parameters", {"audience": "files"}),
    ("pkce_unlisted", True),
    ("scopes", ["files:read", "files:write"]),
    ("scopes", ["files:write"]),
    ("scopes", []),
)


def _asks(bob: Profile, name: str, why: str) -> None:
    """Wait until a card asks. Nothing leads anywhere by then: there is no other window."""
    says(bob.page, name, why)
    expect(card(bob.page, name).get_by_role("region", name=f"Connecting {name}")).to_be_focused()
    for popup in bob.context.pages[1:]:
        is_gone(popup)


def _goes_on(page: Page, name: str, host: str) -> Page:
    with page.expect_popup() as opened:
        press(page, name, f"Continue to {host}")
    return opened.value


def test_where_it_leads_is_shown_before_anybody_goes_there_if_it_was_not_known(
    person: PersonFactory, backstage: Backstage
) -> None:
    provider = backstage.places.provider.removeprefix("http://")
    installation = backstage.install_by_hand("Unseen Files", parameters={"audience": "files"})
    bob = person("bob")
    signed_in(bob.page, "bob")

    press(bob.page, "Unseen Files", "Connect")
    _asks(bob, "Unseen Files", "This is where it leads:")
    expect(bob.page.get_by_role("status").filter(has_text="Unseen Files: Before you go on to")).to_have_count(1)
    told = facts(bob.page, "Unseen Files")
    assert told["You go to"] == provider
    assert told["Asks for"] == "files:read, and to stay connected while you are away"
    assert told["An admin has added"] == "audience=files"
    popup = _goes_on(bob.page, "Unseen Files", provider)
    consent(popup, "bob")

    is_shown(bob.page, "Unseen Files", "Connected")
    assert backstage.tool_says("bob", installation) == "bob"


def test_who_does_not_agree_is_sent_nowhere(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install_by_hand("Declined Files")
    bob = person("bob")
    signed_in(bob.page, "bob")

    press(bob.page, "Declined Files", "Connect")
    _asks(bob, "Declined Files", "This is where it leads:")
    press(bob.page, "Declined Files", "Do not connect")

    says(bob.page, "Declined Files", "Nothing was connected, and you were sent nowhere.")
    expect(button(bob.page, "Declined Files", "Connect")).to_be_visible()
    expect(card(bob.page, "Declined Files").get_by_role("heading")).to_be_focused()
    assert bob.context.pages == [bob.page]
    assert bob.page.evaluate("Object.keys(localStorage)") == []
    assert backstage.status("bob", installation)["reason"] == "never_connected"


def test_who_agrees_after_the_ten_minutes_goes_on_with_an_authorization_that_is_still_good(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install_by_hand("Pondered Files")
    bob = person("bob")
    asked = Asked(bob.context)
    bob.page.clock.install()
    signed_in(bob.page, "bob")

    press(bob.page, "Pondered Files", "Connect")
    _asks(bob, "Pondered Files", "This is where it leads:")
    backstage.let_authorizations_end()
    bob.page.clock.fast_forward("11:00")
    consent(_goes_on(bob.page, "Pondered Files", backstage.places.provider.removeprefix("http://")), "bob")

    is_shown(bob.page, "Pondered Files", "Connected")
    assert asked.count("POST", AUTHORIZE) == 2


def test_an_admin_who_changes_the_scopes_while_the_page_is_open_has_everybody_asked_anew(
    person: PersonFactory, backstage: Backstage
) -> None:
    provider = backstage.places.provider.removeprefix("http://")
    installation = backstage.install("Widened Files")
    bob = person("bob")
    asked = Asked(bob.context)
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Widened Files", "Not connected")
    assert facts(bob.page, "Widened Files")["Asks for"] == "files:read, and to stay connected while you are away"

    backstage.change(installation, scopes=["files:read", "files:write"])
    press(bob.page, "Widened Files", "Connect")
    _asks(bob, "Widened Files", "It leads elsewhere than this page said.")
    assert facts(bob.page, "Widened Files")["Asks for"].startswith("files:read, files:write, and")
    popup = _goes_on(bob.page, "Widened Files", provider)
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    assert parse_qs(urlsplit(popup.url).query)["scope"] == ["files:read files:write"]
    consent(popup, "bob")

    is_shown(bob.page, "Widened Files", "Connected")
    assert backstage.status("bob", installation)["scopes"] == ["files:read", "files:write"]
    assert asked.count("POST", AUTHORIZE) == 1, "agreeing begins nothing anew"


def test_no_fact_may_differ_unseen(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Exact Files")
    bob = person("bob")
    signed_in(bob.page, "bob")

    for fact, value in DIFFERENCES:
        answer(bob.context, AUTHORIZE, 201, {**_begun(backstage), fact: value})
        press(bob.page, "Exact Files", "Connect")
        _asks(bob, "Exact Files", "It leads elsewhere than this page said.")
        press(bob.page, "Exact Files", "Do not connect")
        says(bob.page, "Exact Files", "Nothing was connected, and you were sent nowhere.")


def test_what_differs_in_nothing_is_not_asked(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Exact Files")
    bob = person("bob")
    reordered = {**_begun(backstage), "scopes": ["offline_access", "files:read"]}  # what every card says anyway
    answer(bob.context, AUTHORIZE, 201, reordered)
    answer(bob.context, AUTHORIZATION, 200, {"state": "pending"})
    signed_in(bob.page, "bob")

    with bob.page.expect_popup() as opened:
        press(bob.page, "Exact Files", "Connect")

    opened.value.wait_for_url(f"{backstage.places.provider}/style.css")


def test_a_browser_that_blocks_the_second_window_alone_goes_on_in_the_same_tab(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Twice Files")
    bob = person("bob")
    bob.block_second_popup()
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Twice Files", "Not connected")

    backstage.change(installation, scopes=["files:write"])
    press(bob.page, "Twice Files", "Connect")
    _asks(bob, "Twice Files", "It leads elsewhere than this page said.")
    press(bob.page, "Twice Files", "Continue to")
    consent(bob.page, "bob")

    is_shown(bob.page, "Twice Files", "Connected")
    expect(bob.page.get_by_role("status").get_by_text("Twice Files: You are connected.")).to_be_visible()
    assert bob.context.pages == [bob.page]


def _begun(backstage: Backstage) -> dict[str, Any]:
    """What `authorize` answers for the card of an installation that was just found out."""
    provider = backstage.places.provider
    return {
        "authorization_id": "A" * 43,
        "authorization_url": f"{provider}/style.css",
        "mcp_host": urlsplit(backstage.places.mcp).netloc,
        "provider_host": urlsplit(provider).netloc,
        "token_host": urlsplit(provider).netloc,
        "scopes": ["files:read"],
        "parameters": {},
        "pkce_unlisted": False,
        "expires_at": int(time.time()) + 600,
    }
