"""What somebody has open on a card is read again with the list, and what they are typing stays."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.admin import answer_with, asked, folded, manage, save, told, unfold
from tests.browser.between import TIMELINE, Asked
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, connect, consent, deny, is_shown, open_connections, press, says, signed_in

COUNTS = re.compile(r"/v1/teams/[^/]+/installations/[^/]+/connections$")


def connects(page: Page, name: str) -> None:
    """Connect by the card, as alice."""
    consent(connect(page, name), "alice")
    is_shown(page, name, "Connected")


def denies(page: Page, name: str) -> None:
    """Begin to reconnect, and deny it."""
    press(page, name, "Reconnect")
    with page.expect_popup() as opened:
        press(page, name, "Continue to")
    deny(opened.value, "alice")


def history(page: Page, name: str) -> Locator:
    """Open what has happened to a connection. Gives its lines."""
    place = card(page, name).locator(".strongroom-timeline")
    place.locator("> summary").click()
    expect(place.get_by_role("listitem").first).to_be_visible()
    return place.get_by_role("listitem")


# -- The admin's panel


def test_an_open_panel_counts_anew_when_a_connection_changes_and_keeps_what_is_being_typed(
    admin: Profile, backstage: Backstage
) -> None:
    backstage.install("Counted Again")
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Counted Again")
    expect(panel).to_contain_text("0 of 3 members are connected. Nobody holds tokens.")
    form = unfold(panel, "Rename")
    form.get_by_label("Name").fill("Half a na")

    connects(admin.page, "Counted Again")

    expect(panel).to_contain_text("1 of 3 members is connected. Tokens were last obtained")
    expect(form.get_by_label("Name")).to_be_visible()
    expect(form.get_by_label("Name")).to_have_value("Half a na")
    form.get_by_label("Name").fill("A Whole Name")
    save(form)
    told(folded(card(admin.page, "A Whole Name"), "Manage A Whole Name"), "The name is saved.")


def test_a_form_that_is_open_asks_by_how_everybody_stands_now(admin: Profile, backstage: Backstage) -> None:
    installation = backstage.install("Asked Again")
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Asked Again")
    form = unfold(panel, "Change the URL")
    form.get_by_label("URL of the MCP server").fill(backstage.places.mcp.replace("127.0.0.1", "localhost"))
    connects(admin.page, "Asked Again")
    expect(panel).to_contain_text("1 of 3 members is connected.")

    save(form)

    question = asked(admin.page, "Change the URL: Asked Again?")
    expect(question).to_contain_text("1 member is connected here, and would have to connect again.")
    answer_with(question, "Cancel")
    panel.get_by_role("button", name="Uninstall").click()
    question = asked(admin.page, "Uninstall Asked Again?")
    expect(question).to_contain_text("1 member is connected here.")
    answer_with(question, "Cancel")
    panel.get_by_role("button", name="Revoke all connections").click()
    expect(asked(admin.page, "Revoke all connections of Asked Again?")).to_contain_text("1 member is connected here.")
    assert backstage.status("alice", installation)["status"] == "connected"


def test_a_panel_that_nobody_has_touched_shows_what_somebody_else_has_changed(
    admin: Profile, backstage: Backstage
) -> None:
    installation = backstage.install("Changed Elsewhere")
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Changed Elsewhere")
    backstage.change(installation, scopes=["files:read", "files:write"])

    finish_elsewhere(admin.page)

    scopes = folded(panel, "Scopes").get_by_label("Scopes")
    expect(scopes).to_have_value("files:read\nfiles:write")
    expect(panel).to_have_attribute("open", "")


def test_a_form_that_is_being_filled_in_stays_although_somebody_else_has_changed_the_installation(
    admin: Profile, backstage: Backstage
) -> None:
    installation = backstage.install("Contested Words")
    admin.expect("status of 412")
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Contested Words")
    form = unfold(panel, "Scopes")
    form.get_by_label("Scopes").fill("files:mine")
    backstage.change(installation, scopes=["files:theirs"])

    with admin.page.expect_response(COUNTS):
        finish_elsewhere(admin.page)

    expect(form.get_by_label("Scopes")).to_have_value("files:mine")
    save(form)
    told(
        panel,
        "Somebody else has changed this installation meanwhile, so nothing of yours was saved. This is how it stands now.",
    )
    assert backstage.people["alice"].at("GET", installation).json()["scopes"] == ["files:theirs"]


def finish_elsewhere(page: Page) -> None:
    """Let the list be read again: another window of the same person has finished something."""
    other = page.context.new_page()
    open_connections(other)
    other.evaluate(
        "new BroadcastChannel('strongroom').postMessage({ authorization: 'of-nobody', result: 'completed' })"
    )


# -- The history


def test_an_open_history_is_asked_again_and_stays_open(admin: Profile, backstage: Backstage) -> None:
    installation = backstage.install("Told Again")
    backstage.connect("alice", installation)
    signed_in(admin.page, "alice")
    requests = Asked(admin.context)
    lines = history(admin.page, "Told Again")
    expect(lines).to_have_count(1)

    denies(admin.page, "Told Again")

    says(admin.page, "Told Again", "What was connected before goes on.")
    expect(lines.first).to_contain_text("Consent was denied at the provider.")
    expect(lines.last).to_contain_text("Connected.")
    assert requests.count("GET", TIMELINE) > 1


def test_a_history_that_is_closed_is_not_asked_for(admin: Profile, backstage: Backstage) -> None:
    backstage.connect("alice", backstage.install("Closed Again"))
    signed_in(admin.page, "alice")
    requests = Asked(admin.context)

    denies(admin.page, "Closed Again")
    says(admin.page, "Closed Again", "What was connected before goes on.")

    assert requests.count("GET", TIMELINE) == 0
    assert requests.count("GET", COUNTS) == 0
