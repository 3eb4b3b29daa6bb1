"""Names, scopes and words of others with markup and script in them: every page of ours shows them as text."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import altered
from tests.browser.conftest import PersonFactory
from tests.browser.hostile import MARKUP, SCOPE, HostileServer
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, connect, open_connections, sign_in, signed_in
from tests.requirements import requirement

LINK = "javascript:alert(document.domain)"
# What no page of ours has, and markup would bring.
BROUGHT = (
    "body script, img, svg, iframe, object, embed, base, [onerror], [onload], [onclick], [style], "
    "a[href^='javascript:' i], [src^='javascript:' i]"
)


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def brought(page: Page) -> Locator:
    return page.locator(BROUGHT)


def unfold(page: Page) -> None:
    """Open everything that can be opened, what is loaded by that too."""
    while page.locator("details:not([open])").count():
        page.evaluate("() => { for (const one of document.querySelectorAll('details')) one.open = true; }")
        page.wait_for_load_state("networkidle")


def nothing_ran(profile: Profile) -> None:
    """Whatever is opened or loaded: no dialog, no element that markup has brought."""
    expect(brought(profile.page)).to_have_count(0)
    assert profile.complaints.dialogs == []


# -- What an admin enters, and what a server and its provider say


@requirement("attack:A18")
def test_what_a_hostile_server_and_its_provider_say_is_shown_as_text(
    person: PersonFactory, backstage: Backstage, hostile: HostileServer
) -> None:
    backstage.install(MARKUP, hostile.mcp)
    bob = person("bob", origins=(hostile.origin,))
    signed_in(bob.page, "bob")

    expect(card(bob.page, MARKUP)).to_contain_text(SCOPE)

    connect(bob.page, MARKUP)

    expect(card(bob.page, MARKUP)).to_contain_text("Consent was denied at the provider")
    unfold(bob.page)
    nothing_ran(bob)


@requirement("attack:A18")
def test_what_an_admin_enters_and_finds_out_is_shown_as_text(
    person: PersonFactory, backstage: Backstage, hostile: HostileServer
) -> None:
    headers = {"X-Label": f"<b>{{access_token}}</b>{MARKUP}"}
    backstage.install(MARKUP, hostile.mcp, scopes=[SCOPE], inject={"headers": headers})
    alice = person("alice")
    signed_in(alice.page, "alice")

    alice.page.get_by_label("URL of the MCP server").fill(hostile.mcp)
    alice.page.get_by_role("button", name="Check", exact=True).click()
    expect(alice.page.get_by_role("heading", name="What the server says")).to_be_visible()
    unfold(alice.page)

    expect(card(alice.page, MARKUP)).to_contain_text("X-Label")
    expect(alice.page.locator(".strongroom-probe")).to_contain_text(SCOPE)
    expect(alice.page.locator(".strongroom-records")).to_contain_text(MARKUP)
    nothing_ran(alice)


# -- Whatever the API says: more than the server lets through


def poisoned(answer: Any, name: str = "") -> Any:
    """Put markup wherever the API may say something in words, and script wherever it may give a link."""
    match answer:
        case dict():
            return {key: poisoned(value, key) for key, value in answer.items()}
        case list():
            return [poisoned(value, name) for value in answer] or ([MARKUP] if "scopes" in name else [])
        case str() | None if name in ("link", "documentation"):
            return LINK
        case str() if name not in ("installation", "sharing", "status", "next", "role", "url", "expiry"):
            return MARKUP
        case None if name in ("account", "reason"):
            return MARKUP
    return answer


ONLY_TO_THE_WEB = ('!["https:", "http:"].includes(target?.protocol)', "target === null")


@requirement("attack:A18")
@pytest.mark.parametrize("careful", [True, False], ids=["as it is", "control: every link is taken as it is"])
def test_whatever_the_api_says_is_shown_as_text(person: PersonFactory, backstage: Backstage, careful: bool) -> None:
    installation = backstage.install()
    backstage.connect("alice", installation)
    alice = person("alice")
    altered.answers(alice, "**/v1/teams/**", poisoned)
    if not careful:
        altered.script(alice, "strongroom-dom.js", ONLY_TO_THE_WEB)

    signed_in(alice.page, "alice")
    expect(card(alice.page, MARKUP)).to_be_visible()
    unfold(alice.page)

    expect(card(alice.page, MARKUP)).to_contain_text(f"Not allowed{MARKUP}")
    expect(card(alice.page, MARKUP).locator(".strongroom-events")).to_contain_text(MARKUP)
    if careful:
        nothing_ran(alice)
    else:
        expect(alice.page.locator("a[href^='javascript:']").first).to_be_attached()


# -- What would be if a script of ours made markup of text

AS_TEXT = "made.append(...present(children));"
AS_MARKUP = """
  for (const child of present(children)) {
    if (typeof child === "string") made.insertAdjacentHTML("beforeend", child);
    else made.append(child);
  }
"""


def opens_a_careless_page(bob: Profile, backstage: Backstage) -> None:
    backstage.install(MARKUP)
    altered.script(bob, "strongroom-dom.js", (AS_TEXT, AS_MARKUP))
    open_connections(bob.page, "acme")


@requirement("attack:A18")
def test_a_script_that_made_markup_of_text_would_be_stopped_by_the_browser(
    person: PersonFactory, backstage: Backstage
) -> None:
    bob = person("bob")
    bob.expect("")

    with bob.context.expect_console_message(lambda message: "require-trusted-types-for" in message.text):
        opens_a_careless_page(bob, backstage)

    assert brought(bob.page).count() == 0
    assert bob.complaints.dialogs == []


@requirement("attack:A18")
def test_control_without_the_policy_it_would_run(person: PersonFactory, backstage: Backstage) -> None:
    bob = person("bob", bypass_csp=True)
    bob.expect("")

    opens_a_careless_page(bob, backstage)
    with bob.page.expect_event("dialog", lambda dialog: dialog.message == "1"):
        sign_in(bob.page, "bob")

    expect(brought(bob.page).first).to_be_attached()


# -- Addresses that somebody was given

WORDS = ("code", "error", "error_description", "error_uri", "iss", "state", "team", "installation")
ARRIVING = ("authorization", "secret", "outcome")


ADDRESSES = (
    "/connections?{0}",
    "/connections/signed-in?{0}",
    "/connections?{0}#{0}",
    f"/oauth/callback/{'a' * 20}?{{0}}",
)


@requirement("attack:A18")
def test_nothing_of_an_address_becomes_markup_or_is_repeated(person: PersonFactory) -> None:
    bob = person("bob")
    bob.expect("status of 400")
    for path, text in itertools.product(ADDRESSES, (MARKUP, LINK)):
        bob.page.goto(path.format("&".join(f"{name}={text}" for name in (*WORDS, *ARRIVING))))
        expect(bob.page.get_by_role("heading", level=1)).to_be_visible()
        bob.page.wait_for_load_state("networkidle")

        assert text not in bob.page.locator("body").inner_text()
        nothing_ran(bob)
