"""An admin changes an installation, and is told before what that ends; then people are asked to connect again."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.admin import answer_with, asked, change, folded, save, told
from tests.browser.between import Asked
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import button, card, connect, consent, is_shown, press, says, signed_in

CHANGED = "An admin has changed where the token would be sent, so what was connected has ended. Connect again to go on."
ENDS = "1 member is connected here, and would have to connect again."


def panel_of(page: Page, name: str) -> Locator:
    return folded(card(page, name), f"Manage {name}")


def test_a_new_name_disconnects_nobody(admin: Profile, bob: Profile, backstage: Backstage) -> None:
    installation = backstage.install("Old Name")
    backstage.connect("bob", installation)
    signed_in(admin.page, "alice")
    form = change(admin.page, "Old Name", "Rename")
    expect(form).to_contain_text("Nobody has to connect again.")

    form.get_by_label("Name").fill("Other Name")
    save(form)

    told(panel_of(admin.page, "Other Name"), "The name is saved.")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Other Name", "Connected")


def test_other_scopes_disconnect_nobody_and_are_asked_for_from_then_on(
    admin: Profile, bob: Profile, backstage: Backstage
) -> None:
    installation = backstage.install("Wider Files")
    backstage.connect("bob", installation)
    signed_in(admin.page, "alice")
    form = change(admin.page, "Wider Files", "Scopes")
    expect(form).to_contain_text("Nobody is disconnected: connections keep the scopes that they have.")

    form.get_by_label("Scopes").fill("files:read files:write")
    save(form)

    told(panel_of(admin.page, "Wider Files"), "The scopes are saved.")
    assert backstage.status("bob", installation)["scopes"] == ["files:read"]
    signed_in(bob.page, "bob")
    press(bob.page, "Wider Files", "Reconnect")
    with bob.page.expect_popup() as opened:
        press(bob.page, "Wider Files", f"Continue to {backstage.places.provider.removeprefix('http://')}")
    consent(opened.value, "bob")
    says(bob.page, "Wider Files", "You are connected.")
    assert backstage.status("bob", installation)["scopes"] == ["files:read", "files:write"]


def _url(form: Locator, backstage: Backstage) -> None:
    form.get_by_label("URL of the MCP server").fill(backstage.places.mcp.replace("127.0.0.1", "localhost"))


def _provider(form: Locator, backstage: Backstage) -> None:
    form.get_by_role("button", name="Make a callback URL").click()
    callback = form.get_by_label("Callback URL", exact=True)
    client = backstage.provider.register(callback.input_value())
    form.get_by_label("Client id").fill(client["client_id"])
    form.get_by_label("Client secret").fill(client["client_secret"])


def _header(form: Locator, backstage: Backstage) -> None:
    form.get_by_role("button", name="Add a header").click()
    form.get_by_label("Name of header 1").fill("X-Files-Key")
    form.get_by_label("Value of header 1").fill("a-key")


@dataclass(frozen=True)
class Change:
    """A change that ends connections: what is entered, what it says before, and what it says afterwards."""

    title: str
    enter: Callable[[Locator, Backstage], None]
    means: str
    done: str


ENDING = (
    Change(
        "Headers and environment",
        _header,
        "This ends what everybody has connected: an entry may decide where a token goes.",
        "Headers and environment are saved.",
    ),
    Change(
        "Enter the provider by hand",
        _provider,
        "This ends what everybody has connected. Members see the hosts that you enter before they consent.",
        "The provider is saved. People connect again.",
    ),
    Change(
        "Change the URL",
        _url,
        "This ends what everybody has connected: tokens were allowed for the server at the present URL.",
        "The URL is saved. People connect again, to the server that is there.",
    ),
)


@pytest.mark.parametrize("one", ENDING, ids=lambda one: one.title)
def test_what_a_change_ends_is_said_before_it_is_saved_and_then_people_are_asked_to_reconnect(
    admin: Profile, bob: Profile, backstage: Backstage, one: Change
) -> None:
    installation = backstage.install("Moved Files")
    backstage.connect("bob", installation)
    requests = Asked(admin.context)
    signed_in(admin.page, "alice")
    form = change(admin.page, "Moved Files", one.title)
    expect(form).to_contain_text(one.means)
    one.enter(form, backstage)
    question = asked(admin.page, f"{one.title}: Moved Files?")

    save(form)
    expect(question).to_contain_text(ENDS)
    expect(question).to_contain_text(one.means)
    answer_with(question, "Cancel")
    assert [asked for asked in requests.changes() if "/probe" not in asked] == []
    assert backstage.look_up("bob", installation).status == 200

    save(form)
    answer_with(question, "Save, and end these connections")
    told(panel_of(admin.page, "Moved Files"), one.done)
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Moved Files", "Disconnected")
    says(bob.page, "Moved Files", CHANGED)
    expect(button(bob.page, "Moved Files", "Reconnect")).to_be_visible()
    assert backstage.look_up("bob", installation).json()["reason"] == "installation_changed"


def test_sharing_from_now_on_says_what_it_ends_and_whom_it_concerns(
    admin: Profile, bob: Profile, backstage: Backstage
) -> None:
    installation = backstage.install("Shared Later")
    backstage.connect("bob", installation)
    signed_in(admin.page, "alice")
    form = change(admin.page, "Shared Later", "Who connects")
    expect(form).to_contain_text("This ends what everybody has connected. Afterwards people connect in the new way.")
    form.get_by_label(re.compile("^One account for the whole team")).check()
    question = asked(admin.page, "One account for the whole team?")

    save(form)
    expect(question).to_contain_text("Everybody in the team will use this server with the one account")
    expect(question).to_contain_text(ENDS)
    answer_with(question, "Cancel")
    assert backstage.status("bob", installation)["status"] == "connected"

    save(form)
    answer_with(question, "Use one account for the team")
    told(panel_of(admin.page, "Shared Later"), "Who connects is saved.")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Shared Later", "Waits for an admin")
    says(bob.page, "Shared Later", "Only an admin can connect it, for the whole team: ask one.")


def test_to_share_no_longer_ends_the_shared_account(admin: Profile, bob: Profile, backstage: Backstage) -> None:
    installation = backstage.install("Shared No More", sharing="shared")
    backstage.connect("alice", installation, confirm_shared=True)
    signed_in(admin.page, "alice")
    form = change(admin.page, "Shared No More", "Who connects")
    form.get_by_label(re.compile("^Everybody connects alone")).check()

    save(form)
    question = asked(admin.page, "Who connects: Shared No More?")
    expect(question).to_contain_text("One account serves 3 members here, and an admin would have to connect it again.")
    answer_with(question, "Save, and end these connections")

    told(panel_of(admin.page, "Shared No More"), "Who connects is saved.")
    signed_in(bob.page, "bob")
    consent(connect(bob.page, "Shared No More"), "bob")
    is_shown(bob.page, "Shared No More", "Connected")
    assert backstage.tool_says("bob", installation) == "bob"
    assert backstage.look_up("alice", installation).status == 409


def test_to_say_that_it_needs_no_oauth_ends_what_was_connected(
    admin: Profile, bob: Profile, backstage: Backstage
) -> None:
    installation = backstage.install_by_hand("Opened Files")
    backstage.connect("bob", installation)
    signed_in(admin.page, "alice")
    form = change(admin.page, "Opened Files", "Whether it requires OAuth")
    expect(form).to_contain_text("ends what everybody has connected, and forgets the entered provider and scopes")

    form.get_by_label("Does it require OAuth?").select_option("false")
    save(form)
    answer_with(
        asked(admin.page, "Whether it requires OAuth: Opened Files?"),
        "Save, and end these connections",
    )

    told(panel_of(admin.page, "Opened Files"), "Whether it requires OAuth is saved.")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Opened Files", "Needs no OAuth")
    assert backstage.look_up("bob", installation).json()["access_token"] is None


def test_what_was_entered_of_a_provider_can_be_forgotten_again(
    admin: Profile, bob: Profile, backstage: Backstage
) -> None:
    installation = backstage.install_by_hand("Found Again")
    backstage.connect("bob", installation)
    signed_in(admin.page, "alice")
    form = change(admin.page, "Found Again", "Go back to what the server says")
    expect(form).to_contain_text("Strongroom then finds out from the MCP server who gives tokens.")

    save(form, "Forget what was entered")
    answer_with(
        asked(admin.page, "Go back to what the server says: Found Again?"),
        "Save, and end these connections",
    )

    panel = panel_of(admin.page, "Found Again")
    told(panel, "What was entered of the provider is forgotten. People connect again.")
    expect(folded(panel, "The provider that was entered")).to_have_count(0)
    signed_in(bob.page, "bob")
    says(bob.page, "Found Again", CHANGED)


def test_where_nobody_is_connected_a_change_is_saved_without_a_question(admin: Profile, backstage: Backstage) -> None:
    installation = backstage.install("Unused Files")
    signed_in(admin.page, "alice")
    form = change(admin.page, "Unused Files", "Change the URL")
    _url(form, backstage)

    save(form)

    told(panel_of(admin.page, "Unused Files"), "The URL is saved. People connect again, to the server that is there.")
    assert "//localhost:" in backstage.people["alice"].at("GET", installation).json()["url"]
