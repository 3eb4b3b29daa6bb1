"""Everything can be done by the keyboard alone: nothing traps, focus is always seen, and it is never lost."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from local.services.visits import DEMO_PASSWORD
from tests.browser import between
from tests.browser.conftest import PersonFactory
from tests.browser.keys import Keys, is_at
from tests.browser.stage import Backstage, Stage
from tests.browser.steps import card, is_shown, open_connections, sign_in, signed_in


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def fold(place: Page | Locator, words: str) -> Locator:
    """The line that folds something out."""
    return place.locator("summary", has_text=re.compile(rf"^{re.escape(words)}"))


def write_account(page: Page, account: str) -> None:
    """Fill in the form of the sign-in service, or of the provider. How these pages look is their own affair."""
    page.get_by_role("textbox", name="Account", exact=True).wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type(account)
    page.keyboard.press("Tab")
    page.keyboard.type(DEMO_PASSWORD)
    page.keyboard.press("Enter")


def consent_by_keys(popup: Page, account: str, decision: str = "Allow") -> None:
    write_account(popup, account)
    wanted = button(popup, decision)
    wanted.wait_for()
    for _ in range(4):
        if wanted.evaluate("(one) => one === document.activeElement"):
            break
        popup.keyboard.press("Tab")
    popup.keyboard.press("Space")


def connect_by_keys(page: Page, name: str, key: str = "Enter") -> Page:
    with page.expect_popup() as opened:
        Keys(page).do(button(page, name), key)
    return opened.value


def nothing_known_of_the_provider(answer: dict[str, Any]) -> None:
    """Then it is asked after the click where connecting leads, and the person is asked."""
    for installation in answer["installations"]:
        installation["provider"] = None


def is_back_at(pressed: Locator) -> None:
    """Wait until focus has come back from a question, and what was pressed takes the next press."""
    is_at(pressed)
    expect(pressed).not_to_have_attribute("aria-busy", "true")


def refresh(page: Page) -> None:
    page.evaluate("document.querySelector('strongroom-connections').refresh()")


# -- Everybody


def test_bob_signs_in_and_connects_and_revokes_by_keys(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    page = person("bob").page
    keys = Keys(page)

    open_connections(page, "acme")
    is_at(button(page, "Sign in"))
    keys.press("Enter")
    write_account(page, "bob")
    is_shown(page, "Team Files", "Not connected")
    keys.to(button(page, "Connect Team Files"), most=2)
    consent_by_keys(connect_by_keys(page, "Connect Team Files"), "bob")

    is_shown(page, "Team Files", "Connected")
    is_at(page.get_by_role("heading", name="Team Files"))
    assert keys.is_seen()

    keys.do(button(page, "Revoke Team Files"))
    dialog = page.get_by_role("dialog", name="Revoke Team Files?")
    is_at(button(page, "Keep it"))
    keys.do(dialog.get_by_role("button", name="Revoke", exact=True))
    is_shown(page, "Team Files", "Disconnected")
    is_at(page.get_by_role("heading", name="Team Files"))


def test_a_question_keeps_tab_inside_and_escape_is_a_no(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Team Files")
    backstage.connect("bob", installation)
    page = person("bob").page
    keys = Keys(page)
    signed_in(page, "bob")

    keys.do(button(page, "Revoke Team Files"), "Space")
    is_at(button(page, "Keep it"))
    stops = []
    for _ in range(6):
        keys.press("Tab")
        stops.append(keys.at())
    assert set(stops) - {None} == {"button Keep it", "button Revoke"}

    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    is_back_at(button(page, "Revoke Team Files"))
    assert keys.is_seen()
    assert backstage.status("bob", installation)["status"] == "connected"

    keys.press("Enter")
    keys.do(button(page, "Keep it"))
    is_back_at(button(page, "Revoke Team Files"))
    assert backstage.status("bob", installation)["status"] == "connected"


def test_while_it_waits_its_buttons_are_in_reach_and_stopping_leads_back(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Team Files")
    page = person("bob").page
    keys = Keys(page)
    signed_in(page, "bob")

    connect_by_keys(page, "Connect Team Files", "Space")
    expect(page.get_by_role("region", name="Connecting Team Files")).to_contain_text("Go on in the window")
    page.bring_to_front()
    is_at(page.get_by_role("region", name="Connecting Team Files"))
    with page.expect_popup() as again:
        keys.do(button(page, "Open it again: Team Files"), most=1)
    again.value.get_by_role("textbox", name="Account", exact=True).wait_for()
    page.bring_to_front()
    is_at(button(page, "Open it again: Team Files"))
    keys.do(button(page, "Stop waiting: Team Files"), most=1)

    expect(card(page, "Team Files")).to_contain_text("This page waits no longer")
    is_at(page.get_by_role("heading", name="Team Files"))
    keys.to(button(page, "Connect Team Files"), most=1)


@pytest.mark.parametrize("goes_on", [True, False])
def test_where_it_leads_is_read_and_answered_by_keys(
    person: PersonFactory, backstage: Backstage, goes_on: bool
) -> None:
    backstage.install("Team Files")
    page = person("bob").page
    keys = Keys(page)
    between.alter(page.context, between.LIST, nothing_known_of_the_provider)
    signed_in(page, "bob")

    keys.do(button(page, "Connect Team Files"))
    panel = page.get_by_role("region", name="Connecting Team Files")
    expect(panel).to_contain_text("This is where it leads")
    is_at(panel)
    if goes_on:
        with page.expect_popup() as opened:
            keys.do(panel.get_by_role("button", name=re.compile("^Continue to ")), most=1)
        consent_by_keys(opened.value, "bob")
        is_shown(page, "Team Files", "Connected")
    else:
        keys.do(button(page, "Do not connect: Team Files"), most=2)
        expect(card(page, "Team Files")).to_contain_text("you were sent nowhere")
    is_at(page.get_by_role("heading", name="Team Files"))


def test_what_has_happened_folds_out_and_in_again(person: PersonFactory, backstage: Backstage) -> None:
    backstage.connect("bob", backstage.install("Team Files"))
    page = person("bob").page
    keys = Keys(page)
    signed_in(page, "bob")
    happened = fold(card(page, "Team Files"), "What has happened")

    keys.do(happened)
    expect(card(page, "Team Files").get_by_role("listitem").first).to_be_visible()
    is_at(happened)
    keys.press("Space")
    expect(card(page, "Team Files").get_by_role("listitem")).to_have_count(0)
    is_at(happened)


def test_a_shared_server_is_connected_by_keys_in_the_window_that_asks(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Team Notes", sharing="shared")
    page = person("alice").page
    signed_in(page, "alice")

    popup = connect_by_keys(page, "Connect Team Notes")
    consent_by_keys(popup, "alice")
    question = popup.get_by_role("heading", name="Connect Team Notes for the whole team?")
    is_at(question)
    Keys(popup).do(button(popup, "Connect for the whole team"), most=1)

    is_shown(page, "Team Notes", "Connected")


def test_a_window_that_has_nothing_more_to_ask_offers_to_be_closed(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    page = person("bob").page
    signed_in(page, "bob")

    popup = connect_by_keys(page, "Connect Team Files")
    consent_by_keys(popup, "bob", "Deny")
    is_at(button(popup, "Close this window"))
    assert Keys(popup).is_seen()
    with popup.expect_event("close"):
        popup.keyboard.down("Enter")

    expect(card(page, "Team Files")).to_contain_text("denied")


# -- Focus is not lost


@pytest.mark.parametrize(
    "control", ["Reconnect Team Files", "Revoke Team Files", "Where connecting leads", "What has happened"]
)
def test_focus_stays_where_it_is_when_the_list_is_read_again(
    person: PersonFactory, backstage: Backstage, control: str
) -> None:
    installation = backstage.install("Team Files")
    backstage.connect("bob", installation)
    page = person("bob").page
    keys = Keys(page)
    signed_in(page, "bob")
    wanted = card(page, "Team Files").locator(f"[aria-label='{control}'], summary").filter(visible=True)
    there = wanted.filter(has_text=re.compile(rf"^{control.removesuffix(' Team Files')}")).first

    keys.to(there)
    refresh(page)
    is_at(there)

    backstage.change(installation, name="Team Documents")
    refresh(page)
    expect(card(page, "Team Documents")).to_be_visible()
    renamed = control.replace("Files", "Documents")
    assert (keys.at() or "").partition(" (")[0].endswith(renamed)


def test_what_goes_with_a_card_hands_its_focus_to_what_is_left(person: PersonFactory, backstage: Backstage) -> None:
    """A button that has gone hands it to the card, a card that has gone to the list."""
    first, second = backstage.install("Team Files"), backstage.install("Team Notes")
    backstage.connect("bob", first)
    page = person("bob").page
    keys = Keys(page)
    signed_in(page, "bob")

    keys.to(button(page, "Revoke Team Files"))
    backstage.revoke("bob", first)
    refresh(page)
    is_shown(page, "Team Files", "Disconnected")
    assert keys.at() not in (None, "")
    assert card(page, "Team Files").evaluate("(one) => one.contains(document.activeElement)")
    assert keys.is_seen()

    keys.to(button(page, "Connect Team Notes"))
    backstage.uninstall(second)
    refresh(page)
    expect(card(page, "Team Notes")).to_have_count(0)
    assert page.evaluate("document.querySelector('strongroom-connections').contains(document.activeElement)")
    keys.to(button(page, "Reconnect Team Files"), key="Shift+Tab")


def test_somebody_whose_sign_in_is_over_is_led_to_the_button(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Team Files")
    bob = person("bob")
    bob.expect("status of 401")
    signed_in(bob.page, "bob")
    bob.page.route("**/authorize", lambda route: route.fulfill(status=401, json={"message": "Unauthorized"}))

    Keys(bob.page).do(button(bob.page, "Connect Team Files"))

    is_at(button(bob.page, "Sign in"))
    assert Keys(bob.page).is_seen()
    bob.page.keyboard.press("Enter")
    is_shown(bob.page, "Team Files", "Not connected")
    assert backstage.status("bob", installation)["status"] == "auth_required"


def test_another_team_is_shown_by_keys(person: PersonFactory, backstage: Backstage) -> None:
    page = person("alice").page
    keys = Keys(page)
    open_connections(page)
    sign_in(page, "alice")

    keys.write(page.get_by_role("textbox", name="Team"), "acme")
    keys.press("Enter")

    expect(page.get_by_role("heading", name="Team acme")).to_be_visible()
    is_at(page.get_by_role("heading", name="Connections", exact=True))


def test_one_server_alone_leads_to_all_of_them(person: PersonFactory, backstage: Backstage) -> None:
    linked, _other = backstage.install("Team Files"), backstage.install("Team Notes")
    page = person("bob").page
    keys = Keys(page)
    signed_in(page, "bob", linked)

    is_at(page.get_by_role("heading", name="Team Files"))
    keys.to(button(page, "Connect as bob: Team Files"), most=1)
    keys.do(button(page, "Show all of team acme"))

    expect(card(page, "Team Notes")).to_be_visible()
    is_at(page.get_by_role("heading", name="Team acme", exact=True))


# -- Nothing traps


def test_tab_stops_at_everything_once_and_comes_out_again_both_ways(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.connect("alice", backstage.install("Team Files"))
    page = person("alice").page
    keys = Keys(page)
    signed_in(page, "alice")
    keys.do(fold(card(page, "Team Files"), "What has happened"))
    expect(card(page, "Team Files").get_by_role("listitem").first).to_be_visible()
    keys.do(fold(card(page, "Team Files"), "Manage Team Files"))
    for words in ("Rename", "Who connects", "Scopes", "Enter the provider by hand", "Headers and environment"):
        keys.do(fold(card(page, "Team Files"), words))
    keys.do(fold(page, "Who changed what"))
    expect(page.get_by_role("region", name="Records of the team")).to_be_visible()

    first, last = button(page, "Use another account"), button(page, "Older").or_(page.get_by_role("region")).last
    first.focus()
    there = keys.round()
    last.focus()
    back = keys.round("Shift+Tab")

    assert there == keys.stops()
    assert back == there[::-1]


# -- Admins


def test_alice_checks_installs_manages_and_uninstalls_by_keys(
    person: PersonFactory, backstage: Backstage, stage: Stage
) -> None:
    page = person("alice").page
    keys = Keys(page)
    signed_in(page, "alice")

    keys.write(page.get_by_role("textbox", name="URL of the MCP server"), stage.places.mcp)
    keys.press("Enter")
    is_at(page.get_by_role("heading", name=re.compile("Requires OAuth$")))
    assert keys.is_seen()
    keys.write(page.get_by_role("textbox", name="Name"), "Team Files")
    keys.to(page.get_by_role("radio", name=re.compile("^Everybody connects alone")))
    keys.press("ArrowDown")
    expect(page.get_by_role("radio", name=re.compile("^One account"))).to_be_checked()
    keys.press("ArrowUp")
    keys.do(button(page, "Install"))
    is_at(page.get_by_role("heading", name="Team Files is installed"))
    is_shown(page, "Team Files", "Not connected")

    keys.do(fold(card(page, "Team Files"), "Manage Team Files"))
    keys.do(fold(card(page, "Team Files"), "Rename"))
    keys.write(card(page, "Team Files").get_by_role("textbox", name="Name"), "Team Documents")
    keys.press("Enter")
    is_at(page.get_by_text("The name is saved."))
    here = card(page, "Team Documents")
    keys.do(here.get_by_role("button", name="Disable"))
    is_at(page.get_by_text("Team Documents is disabled: nothing of it is given out."))
    is_shown(page, "Team Documents", "Disabled")

    keys.do(here.get_by_role("button", name="Uninstall"))
    dialog = page.get_by_role("dialog", name="Uninstall Team Documents?")
    is_at(button(page, "Cancel"))
    keys.press("Escape")
    expect(dialog).to_have_count(0)
    is_back_at(here.get_by_role("button", name="Uninstall"))
    keys.press("Enter")
    keys.do(dialog.get_by_role("button", name="Uninstall Team Documents"))
    expect(here).to_have_count(0)
    is_at(page.get_by_role("heading", name="Team acme", exact=True))


def test_install_and_authorize_is_one_key(person: PersonFactory, backstage: Backstage, stage: Stage) -> None:
    page = person("alice").page
    keys = Keys(page)
    signed_in(page, "alice")

    keys.write(page.get_by_role("textbox", name="URL of the MCP server"), stage.places.mcp)
    keys.press("Enter")
    keys.write(page.get_by_role("textbox", name="Name"), "Team Files")
    popup = connect_by_keys(page, "Install & Authorize")
    expect(page.get_by_role("heading", name="Team Files is installed")).to_be_visible()
    consent_by_keys(popup, "alice")

    is_shown(page, "Team Files", "Connected")
    assert keys.at() is not None


def test_what_is_wrong_in_a_form_is_where_focus_goes(person: PersonFactory, backstage: Backstage, stage: Stage) -> None:
    backstage.install("Team Files")
    alice = person("alice")
    alice.expect("status of 409")
    page, keys = alice.page, Keys(alice.page)
    signed_in(page, "alice")

    keys.write(page.get_by_role("textbox", name="URL of the MCP server"), stage.places.mcp)
    keys.press("Enter")
    name = page.get_by_role("textbox", name="Name")
    keys.write(name, "Team Files")
    keys.do(button(page, "Install"))

    expect(page.get_by_role("alert").filter(has_text=re.compile("name"))).to_be_visible()
    is_at(name)
    expect(name).to_have_attribute("aria-invalid", "true")


def test_the_provider_is_entered_by_keys(person: PersonFactory, backstage: Backstage, stage: Stage) -> None:
    page = person("alice").page
    keys = Keys(page)
    signed_in(page, "alice")
    keys.write(page.get_by_role("textbox", name="URL of the MCP server"), stage.places.mcp)
    keys.press("Enter")
    is_at(page.get_by_role("heading", name=re.compile("Requires OAuth$")))

    keys.do(page.get_by_role("checkbox", name="Enter the provider by hand"), "Space")
    keys.to(page.get_by_role("textbox", name="Callback URL"))
    keys.do(button(page, "Copy: Callback URL"), most=1)
    expect(page.get_by_text(re.compile("^Copied|copy it with your keyboard"))).to_be_visible()
    assert keys.at() is not None

    keys.do(fold(page, "Headers and environment"))
    keys.do(button(page, "Add a header"))
    is_at(page.get_by_role("textbox", name="Name of header 1"))
    keys.do(button(page, "Remove header 1"))
    is_at(button(page, "Add a header"))
    assert keys.is_seen()
