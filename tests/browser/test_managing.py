"""An admin sees how everybody stands at an installation, pauses it, ends what was connected, and removes it."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.admin import answer_with, asked, folded, manage, save, told, unfold
from tests.browser.axe import violations
from tests.browser.between import Asked
from tests.browser.conftest import Picture
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import button, card, connect, consent, is_shown, press, says, signed_in

MEANWHILE = (
    "Somebody else has changed this installation meanwhile, so nothing of yours was saved. This is how it stands now."
)


# -- How everybody stands


def test_it_is_said_how_many_are_connected_and_why_the_others_are_not(
    admin: Profile, backstage: Backstage, picture: Picture
) -> None:
    installation = backstage.install("Counted Files")
    backstage.connect("bob", installation)
    backstage.connect("alice", installation)
    backstage.revoke("alice", installation)
    signed_in(admin.page, "alice")

    panel = manage(admin.page, "Counted Files")

    expect(panel).to_contain_text("1 of 3 members is connected. Tokens were last obtained")
    reasons = panel.get_by_role("list").first.get_by_role("listitem")
    assert sorted(reasons.all_text_contents()) == ["1 member: never connected", "1 member: revoked here"]
    assert violations(admin.page) == []
    picture(admin.page, "manage")


def test_of_a_shared_account_that_nobody_has_connected_it_is_said_for_all(admin: Profile, backstage: Backstage) -> None:
    backstage.install("Nobodys Files", sharing="shared")
    signed_in(admin.page, "alice")

    panel = manage(admin.page, "Nobodys Files")

    expect(panel).to_contain_text("0 of 3 members are connected. Nobody holds tokens.")
    expect(panel).to_contain_text("3 members: never connected")


def test_the_last_error_is_said_with_the_time_since_when(admin: Profile, backstage: Backstage) -> None:
    installation = backstage.install("Failing Files")
    backstage.connect("bob", installation)
    version = backstage.look_up("bob", installation).json()["version"]
    backstage.fault("status", status=503, times=3)
    assert backstage.look_up("bob", installation, not_version=version).status == 503
    signed_in(admin.page, "alice")

    notice = manage(admin.page, "Failing Files").locator(".strongroom-trouble")

    expect(notice).to_contain_text(re.compile(r"^Last error \(.+\): The provider has not answered usefully\.$"))
    expect(notice.locator("time")).to_be_visible()


def test_where_nobody_has_to_connect_there_is_nothing_to_revoke(admin: Profile, backstage: Backstage) -> None:
    backstage.install("Public Files", requires_oauth=False)
    signed_in(admin.page, "alice")

    panel = manage(admin.page, "Public Files")

    expect(panel).to_contain_text("Nobody of 3 members has to connect: the server needs no OAuth.")
    expect(panel.get_by_role("button", name="Uninstall")).to_be_visible()
    expect(panel.get_by_role("button", name="Revoke all connections")).to_have_count(0)
    expect(folded(panel, "Who connects")).to_have_count(0)


# -- Pausing, ending, removing


def test_disabling_pauses_it_for_everybody_and_enabling_serves_again(
    admin: Profile, bob: Profile, backstage: Backstage
) -> None:
    installation = backstage.install("Paused Files")
    backstage.connect("bob", installation)
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Paused Files")
    expect(panel).to_contain_text("nothing of it is given out, renewed or connected until somebody enables it again")

    panel.get_by_role("button", name="Disable").click()
    told(panel, "Paused Files is disabled: nothing of it is given out.")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Paused Files", "Disabled")
    says(bob.page, "Paused Files", "An admin has disabled it: nothing is given out until an admin enables it again.")
    expect(button(bob.page, "Paused Files", "Reconnect")).to_have_count(0)
    assert backstage.look_up("bob", installation).status == 409

    panel.get_by_role("button", name="Enable").click()
    told(panel, "Paused Files is enabled.")
    bob.page.reload()
    is_shown(bob.page, "Paused Files", "Connected")
    assert backstage.tool_says("bob", installation) == "bob"


def test_of_an_account_that_the_team_shares_it_is_said_what_revoking_it_means(
    admin: Profile, backstage: Backstage
) -> None:
    backstage.connect("alice", backstage.install("Lent Files", sharing="shared"), confirm_shared=True)
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Lent Files")
    question = asked(admin.page, "Revoke all connections of Lent Files?")

    panel.get_by_role("button", name="Revoke all connections").click()

    expect(question).to_contain_text("One account serves 3 members here.")
    expect(question).to_contain_text("nobody in the team is served until an admin connects again")


def test_what_was_read_out_is_gone_once_it_is_not_true_any_more(admin: Profile, backstage: Backstage) -> None:
    backstage.install("Spoken Files")
    signed_in(admin.page, "alice")
    consent(connect(admin.page, "Spoken Files"), "alice")
    read_out = admin.page.get_by_role("status").filter(has_text="Spoken Files: You are connected.")
    expect(read_out).to_have_count(1)

    manage(admin.page, "Spoken Files").get_by_role("button", name="Disable").click()

    is_shown(admin.page, "Spoken Files", "Disabled")
    expect(read_out).to_have_count(0)


def test_revoking_all_asks_first_and_then_ends_everybodys_connection(
    admin: Profile, bob: Profile, backstage: Backstage
) -> None:
    installation = backstage.install("Ended Files")
    for name in ("alice", "bob"):
        backstage.connect(name, installation)
    grants = [backstage.provider.newest_grant(name) for name in ("alice", "bob")]
    requests = Asked(admin.context)
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Ended Files")
    question = asked(admin.page, "Revoke all connections of Ended Files?")

    panel.get_by_role("button", name="Revoke all connections").click()
    expect(question).to_contain_text("2 members are connected here.")
    expect(question).to_contain_text("whoever still wants it has to connect again")
    assert violations(admin.page) == []
    answer_with(question, "Cancel")
    assert requests.changes() == []
    assert backstage.status("bob", installation)["status"] == "connected"

    panel.get_by_role("button", name="Revoke all connections").click()
    answer_with(question, "Revoke all")
    told(panel, "Everything that was connected here is revoked.")
    expect(panel).to_contain_text("0 of 3 members are connected.")
    expect(panel).to_contain_text("2 members: revoked here")
    is_shown(admin.page, "Ended Files", "Disconnected")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Ended Files", "Disconnected")
    says(bob.page, "Ended Files", "The connection was revoked here. Connect again to go on.")
    backstage.fire_schedule()
    backstage.until(lambda: all(map(backstage.provider.was_told, grants)))


def test_uninstalling_asks_first_and_then_it_is_gone_for_everybody(
    admin: Profile, bob: Profile, backstage: Backstage
) -> None:
    installation = backstage.install("Removed Files")
    backstage.connect("bob", installation)
    requests = Asked(admin.context)
    signed_in(admin.page, "alice")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Removed Files", "Connected")
    panel = manage(admin.page, "Removed Files")
    question = asked(admin.page, "Uninstall Removed Files?")

    panel.get_by_role("button", name="Uninstall").click()
    expect(question).to_contain_text("1 member is connected here.")
    expect(question).to_contain_text("It does not come back.")
    admin.page.keyboard.press("Escape")
    panel.get_by_role("button", name="Uninstall").click()
    answer_with(question, "Cancel")
    assert requests.changes() == []

    panel.get_by_role("button", name="Uninstall").click()
    answer_with(question, "Uninstall Removed Files")
    expect(card(admin.page, "Removed Files")).to_have_count(0)
    expect(admin.page.get_by_role("status").get_by_text("Removed Files is uninstalled.")).to_be_visible()
    expect(admin.page.get_by_role("heading", name="Team acme", exact=True)).to_be_focused()
    bob.page.reload()
    expect(bob.page.get_by_role("heading", name="Team acme", exact=True)).to_be_visible()
    expect(bob.page.get_by_text("No MCP server is installed in this team yet.")).to_be_visible()
    expect(card(bob.page, "Removed Files")).to_have_count(0)
    assert backstage.look_up("bob", installation).status == 404


# -- Somebody else was first


def _rename(page: Page, panel: Locator) -> None:
    form = unfold(panel, "Rename")
    form.get_by_label("Name").fill("Renamed Files")
    save(form)


def _disable(page: Page, panel: Locator) -> None:
    panel.get_by_role("button", name="Disable").click()


def _revoke_all(page: Page, panel: Locator) -> None:
    panel.get_by_role("button", name="Revoke all connections").click()
    answer_with(asked(page, "Revoke all connections of Contested Files?"), "Revoke all")


def _uninstall(page: Page, panel: Locator) -> None:
    panel.get_by_role("button", name="Uninstall").click()
    answer_with(asked(page, "Uninstall Contested Files?"), "Uninstall Contested Files")


def _another_secret(page: Page, panel: Locator) -> None:
    form = unfold(panel, "Enter another secret")
    form.get_by_label("Another client secret").fill("another")
    save(form)


def test_what_somebody_else_has_changed_meanwhile_is_shown_and_nothing_is_done(
    admin: Profile, backstage: Backstage
) -> None:
    installation = backstage.install_by_hand("Contested Files")
    backstage.connect("bob", installation)
    admin.expect("status of 412")
    signed_in(admin.page, "alice")

    for number, act in enumerate((_rename, _disable, _revoke_all, _uninstall, _another_secret)):
        panel = manage(admin.page, "Contested Files")
        backstage.change(installation, scopes=[f"files:{number}"])
        before = backstage.people["alice"].at("GET", installation).body
        act(admin.page, panel)

        told(panel, MEANWHILE)
        expect(unfold(panel, "Scopes").get_by_label("Scopes")).to_have_value(f"files:{number}")
        assert backstage.people["alice"].at("GET", installation).body == before
        assert backstage.status("bob", installation)["status"] == "connected"
        panel.locator("> summary").click()  # closed, so that what was said is gone


def test_once_it_was_read_anew_the_change_can_be_made(admin: Profile, backstage: Backstage) -> None:
    installation = backstage.install("Read Anew")
    admin.expect("status of 412")
    signed_in(admin.page, "alice")
    panel = manage(admin.page, "Read Anew")
    backstage.change(installation, scopes=["files:write"])
    _disable(admin.page, panel)
    told(panel, MEANWHILE)

    _disable(admin.page, panel)

    told(panel, "Read Anew is disabled: nothing of it is given out.")
    press(admin.page, "Read Anew", "Enable")
    told(panel, "Read Anew is enabled.")
