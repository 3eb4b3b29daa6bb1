"""What a person does at a page, as sentences. Each step finds what it needs by role and label, as the person does."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from playwright.sync_api import Locator, Page, expect

from local.services.visits import DEMO_PASSWORD

CONNECTIONS = "/connections"  # on the API's origin, which is the base URL of every profile
SEEN = "document.dispatchEvent(new Event('visibilitychange'))"  # what a tab does when somebody looks at it again
TEAMS = {"alice": "acme", "bob": "acme", "carol": "acme", "mallory": "rivals"}


def open_connections(page: Page, team: str = "", installation: str = "") -> None:
    """Open the Connections page; with an installation, as the link does that a satellite hands out."""
    query = urlencode({name: value for name, value in (("team", team), ("installation", installation)) if value})
    page.goto(f"{CONNECTIONS}?{query}" if query else CONNECTIONS)


def sign_in(page: Page, account: str) -> None:
    """Sign in as a demo account: at the form, or by way of the page's button that leads to it."""
    form, start = (
        page.get_by_role("textbox", name="Account", exact=True),
        page.get_by_role("button", name="Sign in", exact=True),
    )
    form.or_(start).first.wait_for()
    if not form.is_visible():
        start.click()
    fill_in(page, account)


def fill_in(page: Page, account: str) -> None:
    """Fill in the form of the sign-in service, or of the provider: they know the same accounts."""
    page.get_by_role("textbox", name="Account", exact=True).fill(account)
    page.get_by_label("Password", exact=True).fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def signed_in(page: Page, account: str, installation: str = "", team: str = "") -> None:
    """Open the Connections page and sign in there."""
    open_connections(page, team or TEAMS[account], installation)
    sign_in(page, account)
    expect(page.get_by_text(f"Signed in as {account}")).to_be_visible()


def consent(popup: Page, account: str) -> None:
    """Allow at the provider, signing in there first if it asks."""
    _answer(popup, account, "Allow")


def deny(popup: Page, account: str) -> None:
    """Deny at the provider, signing in there first if it asks."""
    _answer(popup, account, "Deny")


def _answer(popup: Page, account: str, decision: str) -> None:
    form, button = (
        popup.get_by_role("textbox", name="Account", exact=True),
        popup.get_by_role("button", name=decision, exact=True),
    )
    form.or_(button).first.wait_for()
    if form.is_visible():
        fill_in(popup, account)
    button.click()


def card(page: Page, name: str) -> Locator:
    """The part of the list that is about one installation."""
    return page.get_by_role("article", name=name, exact=True)


def connect(page: Page, name: str) -> Page:
    """Press Connect (or Reconnect) on an installation's card, and give the provider's window."""
    with page.expect_popup() as opened:
        card(page, name).get_by_role("button", name=re.compile("^(Connect|Reconnect)")).click()
    return opened.value


def is_shown(page: Page, name: str, badge: str) -> None:
    """Wait until the card of an installation wears this badge; the shape before the words is for the eye alone."""
    expect(card(page, name).get_by_text(re.compile(rf"^\W*{re.escape(badge)}$"))).to_be_visible()


def press(page: Page, name: str, label: str) -> None:
    """Press the button of an installation's card whose name begins so."""
    button(page, name, label).click()


def button(page: Page, name: str, label: str) -> Locator:
    return card(page, name).get_by_role("button", name=re.compile(f"^{re.escape(label)}"))


def facts(page: Page, name: str) -> dict[str, str]:
    """What an installation's card says in pairs of a term and what there is to say of it."""
    rows = "card => [...card.querySelectorAll('dl div')].map(row => [...row.children].map(cell => cell.textContent))"
    return dict(card(page, name).evaluate(rows))


def says(page: Page, name: str, words: str) -> None:
    """Wait until an installation's card says this."""
    expect(card(page, name)).to_contain_text(words)


def is_gone(window: Page) -> None:
    """Wait until a window is closed."""
    if not window.is_closed():
        window.wait_for_event("close")
