"""The page as a screen reader has it: its structure, the names of its parts, and what is read out by itself."""

from __future__ import annotations

import re
from itertools import pairwise

from playwright.sync_api import Locator, Page, expect

from tests.browser import between
from tests.browser.announced import Announced
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage, Stage
from tests.browser.steps import (
    card,
    connect,
    consent,
    deny,
    is_shown,
    open_connections,
    press,
    signed_in,
)

DATE = r"\d{1,2} [A-Z][a-z]{2,3} \d{4}, \d\d:\d\d"


def levels(page: Page) -> list[int]:
    """The levels of the headings that are there, in their order."""
    return [
        int(name[1])
        for name in page.locator("h1, h2, h3, h4, h5, h6").evaluate_all(
            "(all) => all.filter((one) => one.checkVisibility() && one.textContent).map((one) => one.localName)"
        )
    ]


def has_no_gaps(found: list[int]) -> bool:
    return found[:1] == [1] and all(below - above <= 1 for above, below in pairwise(found))


def refresh(page: Page) -> None:
    """Read the list again, and wait for that."""
    page.evaluate("document.querySelector('strongroom-connections').refresh()")


def fold_out(place: Page | Locator, words: str) -> None:
    place.locator("summary", has_text=re.compile(rf"^{re.escape(words)}")).click()


# -- Structure


def test_the_page_says_its_language_its_title_and_its_parts(person: PersonFactory, backstage: Backstage) -> None:
    page = person("bob").page

    open_connections(page, "acme")

    expect(page).to_have_title("Connections")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("body")).to_match_aria_snapshot("""
      - banner:
        - navigation "Account":
          - strong: Strongroom
      - main:
        - heading "Connections" [level=1]
        - status
        - paragraph: Sign in to see your connections.
        - button "Sign in"
    """)


def test_a_team_without_servers_is_told_in_the_status(person: PersonFactory, backstage: Backstage) -> None:
    page = person("bob").page

    signed_in(page, "bob")

    expect(page.get_by_role("main")).to_match_aria_snapshot("""
      - heading "Connections" [level=1]
      - heading "Team acme" [level=2]
      - status:
        - paragraph: "No MCP server is installed in this team yet. An admin of the team installs them: ask one."
    """)


def test_a_list_reads_as_articles_with_names_facts_and_buttons(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    backstage.connect("bob", backstage.install("Team Notes"))
    page = person("bob").page

    signed_in(page, "bob")
    is_shown(page, "Team Notes", "Connected")

    expect(page.locator("body")).to_match_aria_snapshot(rf"""
      - banner:
        - navigation "Account":
          - strong: Strongroom
          - text: Signed in as bob
          - button "Use another account"
      - main:
        - heading "Connections" [level=1]
        - status
        - heading "Team acme" [level=2]
        - status:
          - paragraph: 1 of 2 needs you.
        - article "Team Files":
          - heading "Team Files" [level=3]
          - paragraph: /^Not connected$/
          - paragraph: It is not connected yet. Connect to use it.
          - term: Server
          - definition: /127\.0\.0\.1:\d+/
          - term: You go to
          - definition:
            - strong: /127\.0\.0\.1:\d+/
          - term: Asks for
          - definition:
            - code: files:read
            - text: ", and to stay connected while you are away"
          - button "Connect Team Files"
          - group
        - article "Team Notes":
          - heading "Team Notes" [level=3]
          - paragraph: /^Connected$/
          - paragraph: "It works, and is renewed by itself: you need do nothing."
          - term: Account
          - definition: the provider does not say which
          - term: Connected by
          - definition: you, as bob
          - term: Token
          - definition:
            - text: renewed by itself; this one ends
            - time: /{DATE}/
          - term: Allowed
          - definition:
            - code: files:read
          - button "Reconnect Team Notes"
          - button "Revoke Team Notes"
          - group
          - group
        - group
    """)
    lines = card(page, "Team Notes").locator("summary")
    expect(lines).to_have_text(["Where connecting leads (Team Notes)", "What has happened (Team Notes)"])


def test_what_has_happened_reads_as_a_list_with_times(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Team Files")
    backstage.connect("bob", installation)
    backstage.revoke("bob", installation)
    page = person("bob").page
    signed_in(page, "bob")

    fold_out(card(page, "Team Files"), "Why am I disconnected?")

    events = card(page, "Team Files").get_by_role("list")
    expect(events).to_match_aria_snapshot(rf"""
      - list:
        - listitem:
          - time: /{DATE}/
          - text: /[a-z]+/
        - listitem:
          - time: /{DATE}/
    """)
    for time in events.locator("time").all():
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time.get_attribute("datetime") or "")


def test_headings_have_an_order_without_gaps_with_everything_open(
    person: PersonFactory, backstage: Backstage, stage: Stage
) -> None:
    backstage.connect("alice", backstage.install("Team Files"))
    page = person("alice").page
    signed_in(page, "alice")
    fold_out(card(page, "Team Files"), "Manage Team Files")
    expect(page.get_by_role("heading", name="How everybody stands")).to_be_visible()
    page.get_by_role("textbox", name="URL of the MCP server").fill(stage.places.mcp)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="Requires OAuth")).to_be_visible()
    fold_out(page, "Who changed what")
    for folded in page.locator("summary").all():
        folded.evaluate("(one) => one.parentElement.open = true")

    found = levels(page)

    assert found.count(1) == 1
    assert has_no_gaps(found), found
    assert not has_no_gaps([1, 2, 4])
    assert not has_no_gaps([2, 3])


def test_a_question_is_a_dialog_with_a_name(person: PersonFactory, backstage: Backstage) -> None:
    backstage.connect("bob", backstage.install("Team Files"))
    page = person("bob").page
    signed_in(page, "bob")

    press(page, "Team Files", "Revoke")

    expect(page.get_by_role("dialog")).to_match_aria_snapshot("""
      - dialog "Revoke Team Files?":
        - article:
          - heading "Revoke Team Files?" [level=2]
          - paragraph: Nothing of it is given out any more, until you connect again.
          - paragraph: The provider is told to end what was allowed.
          - button "Keep it"
          - button "Revoke"
    """)


def test_admins_read_what_was_found_and_fields_with_names(
    person: PersonFactory, backstage: Backstage, stage: Stage
) -> None:
    page = person("alice").page
    signed_in(page, "alice")
    page.get_by_role("textbox", name="URL of the MCP server").fill(stage.places.mcp)
    page.get_by_role("button", name="Check").click()

    expect(page.get_by_role("main")).to_match_aria_snapshot(r"""
      - heading "For admins of team acme" [level=2]
      - heading "Install an MCP server" [level=3]
      - heading /Server/ [level=4]
      - button "Another server"
      - article:
        - heading "What the server says Requires OAuth" [level=4]
        - term: People consent at
        - definition: /127\.0\.0\.1:\d+/
        - group
      - textbox "Name"
      - combobox "Does it require OAuth?"
      - group:
        - group "Who connects":
          - radio /Everybody connects alone/ [checked]
          - radio /One account for the whole team/
        - checkbox "Enter the provider by hand"
        - group
      - group
      - button "Install & Authorize"
      - button "Install"
      - heading "Records" [level=3]
    """)
    expect(page.get_by_role("textbox", name="Name")).to_have_accessible_description("Unique in the team.")


def test_the_records_are_a_table_with_heads(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    page = person("alice").page
    signed_in(page, "alice")

    fold_out(page, "Who changed what")

    expect(page.get_by_role("region", name="Records of the team")).to_match_aria_snapshot(rf"""
      - table:
        - rowgroup:
          - row:
            - columnheader "When"
            - columnheader "What"
            - columnheader "By"
            - columnheader "About"
            - columnheader "Server"
            - columnheader "More"
        - rowgroup:
          - row:
            - cell /{DATE}/:
              - time
    """)


def test_a_mistake_in_a_form_is_tied_to_its_field(person: PersonFactory, backstage: Backstage, stage: Stage) -> None:
    backstage.install("Team Files")
    alice = person("alice")
    alice.expect("status of 409")
    page = alice.page
    signed_in(page, "alice")
    page.get_by_role("textbox", name="URL of the MCP server").fill(stage.places.mcp)
    page.get_by_role("button", name="Check").click()
    name = page.get_by_role("textbox", name="Name")
    name.fill("Team Files")
    page.get_by_role("button", name="Install", exact=True).click()

    expect(page.get_by_role("alert").get_by_text(re.compile("name"))).to_be_visible()
    expect(name).to_have_attribute("aria-invalid", "true")
    expect(name).to_have_accessible_description(re.compile(r"^Unique in the team\. .*name", re.DOTALL))


# -- What is read out


def test_connecting_is_read_out_once_and_in_order(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    page = person("bob").page
    signed_in(page, "bob")
    is_shown(page, "Team Files", "Not connected")
    heard = Announced(page)

    popup = connect(page, "Team Files")
    expect(card(page, "Team Files")).to_contain_text("This page notices when you have finished.")
    [waiting] = heard.take()
    assert waiting.startswith("Team Files: Go on in the window of ")
    consent(popup, "bob")
    is_shown(page, "Team Files", "Connected")
    expect(page.get_by_role("status").filter(has_text="Team Files: You are connected.")).to_have_count(1)

    assert heard.take() == ["The one server here needs nothing from you.", "Team Files: You are connected."]


def test_a_window_that_was_closed_and_opened_again_is_read_out_as_both(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Team Files")
    page = person("bob").page
    signed_in(page, "bob")
    popup = connect(page, "Team Files")
    expect(card(page, "Team Files")).to_contain_text("This page notices when you have finished.")
    heard = Announced(page)

    popup.close()
    expect(card(page, "Team Files")).to_contain_text("That window looks closed.")
    [closed] = heard.take()
    with page.expect_popup() as opened:
        press(page, "Team Files", "Open it again")
    expect(card(page, "Team Files")).to_contain_text("Go on in the window of ")
    [again] = heard.take()

    assert closed.startswith("Team Files: That window looks closed.")
    assert again.startswith("Team Files: Go on in the window of ")
    consent(opened.value, "bob")
    is_shown(page, "Team Files", "Connected")


def test_denying_is_read_out_once_on_both_pages(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    page = person("bob").page
    signed_in(page, "bob")
    is_shown(page, "Team Files", "Not connected")
    popup = connect(page, "Team Files")
    expect(card(page, "Team Files")).to_contain_text("This page notices when you have finished.")
    heard = Announced(page)

    deny(popup, "bob")

    expect(page.get_by_role("status").filter(has_text="Team Files: Consent was denied")).to_have_count(1)
    [denied] = heard.take()
    assert denied.startswith("Team Files: Consent was denied at the provider")
    expect(popup).to_have_title(re.compile("^Team Files: Consent was denied at the provider"))
    expect(popup.get_by_role("main")).to_match_aria_snapshot("""
      - heading "Connections" [level=1]
      - status:
        - paragraph: /Consent was denied at the provider/
      - paragraph: Go on in the window that you came from.
      - button "Close this window"
    """)


def test_trouble_is_read_out_once(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    bob = person("bob")
    bob.expect("status of 429")
    page = bob.page
    signed_in(page, "bob")
    is_shown(page, "Team Files", "Not connected")
    between.answer(bob.context, between.AUTHORIZE, 429, {"error": "too_many_requests", "message": "Too many."})
    heard = Announced(page)

    press(page, "Team Files", "Connect")

    expect(page.get_by_role("status").filter(has_text="Team Files: That was too much at once")).to_have_count(1)
    assert len(heard.take()) == 1


def test_reading_the_list_again_is_silent_until_something_has_changed(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Team Files")
    page = person("bob").page
    signed_in(page, "bob")
    is_shown(page, "Team Files", "Not connected")
    heard = Announced(page)

    refresh(page)
    refresh(page)
    assert heard.take() == []

    backstage.connect("bob", installation)
    refresh(page)
    is_shown(page, "Team Files", "Connected")
    assert heard.take() == ["The one server here needs nothing from you."]


def test_the_window_that_asks_reads_as_a_question(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Notes", sharing="shared")
    page = person("alice").page
    signed_in(page, "alice")

    popup = connect(page, "Team Notes")
    consent(popup, "alice")

    expect(popup.get_by_role("main")).to_match_aria_snapshot(r"""
      - heading "Connections" [level=1]
      - article:
        - heading "Connect Team Notes for the whole team?" [level=2]
        - paragraph: /At 127\.0\.0\.1:\d+, access was allowed just now/
        - paragraph: Everybody in team acme will use the account that it was allowed with.
        - paragraph: You are signed in as alice.
        - button "Connect for the whole team"
        - button "Do not connect"
    """)
    expect(popup).to_have_title("Connect Team Notes for the whole team?")
    popup.get_by_role("button", name="Do not connect").click()
    expect(popup).to_have_title("Team Notes: Nothing was connected: you said no.")
