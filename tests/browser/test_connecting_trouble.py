"""Whatever goes wrong on the way: the card says what happened and what to do, and the next attempt is one click away."""

from __future__ import annotations

from contextlib import ExitStack

from playwright.sync_api import Page, expect

from tests.browser.between import AUTHORIZATION, AUTHORIZE, COMPLETE, Asked, answer, cut_off
from tests.browser.conftest import PersonFactory
from tests.browser.dead_ends import DeadEnd, Kind
from tests.browser.stage import Backstage
from tests.browser.steps import button, connect, consent, deny, facts, is_gone, is_shown, press, says, signed_in

NO_TOKEN = "You consented, but then the provider gave no token, so nothing was connected. Connect again"
DEAD_ENDS: dict[Kind, str] = {
    "nobody there": "The server gave no useful answer. Try again in a while; if it stays so, tell an admin.",
    "provider fails": "The provider cannot describe itself just now. Try again in a while.",
    "no registration": "The provider refused to register Strongroom. Nobody can connect until that is mended",
}


def test_who_denies_a_reconnect_keeps_what_was_connected(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Kept Files")
    backstage.connect("bob", installation)
    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Kept Files", "Connected")

    press(bob.page, "Kept Files", "Reconnect")
    says(bob.page, "Kept Files", "This is where it leads:")  # it was folded away
    with bob.page.expect_popup() as opened:
        press(bob.page, "Kept Files", "Continue to")
    popup = opened.value
    deny(popup, "bob")

    says(bob.page, "Kept Files", "Consent was denied at the provider, so nothing new was connected.")
    says(bob.page, "Kept Files", "What was connected before goes on.")
    is_shown(bob.page, "Kept Files", "Connected")
    expect(popup.get_by_text("Consent was denied at the provider")).to_be_visible()
    popup.get_by_role("button", name="Close this window").click()
    is_gone(popup)
    assert backstage.tool_says("bob", installation) == "bob"


def test_who_waits_too_long_is_told_so_on_both_sides(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Late Files")
    bob = person("bob")
    bob.expect("status of 400")
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Late Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    backstage.let_authorizations_end()
    says(bob.page, "Late Files", "The ten minutes for it are over, so nothing new was connected. Connect again")
    expect(button(bob.page, "Late Files", "Connect")).to_be_visible()
    consent(popup, "bob")

    expect(popup.get_by_text("Go back to where you started and connect again.")).to_be_visible()
    is_shown(bob.page, "Late Files", "Not connected")


def test_who_comes_back_too_late_to_finish_is_told_so(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Slow Files", sharing="shared")
    alice = person("alice")
    alice.expect("status of 400")
    signed_in(alice.page, "alice")

    popup = connect(alice.page, "Slow Files")
    consent(popup, "alice")
    popup.get_by_role("button", name="Connect for the whole team").wait_for()
    backstage.let_authorizations_end()
    popup.get_by_role("button", name="Connect for the whole team").click()

    expect(popup.get_by_role("status")).to_contain_text("so nothing was connected. Connect again")
    says(alice.page, "Slow Files", "The ten minutes for it are over, so nothing new was connected. Connect again")


def test_a_provider_that_gives_no_token_is_named_in_both_windows_and_the_next_attempt_succeeds(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Failing Files")
    bob = person("bob")
    bob.expect("status of 502")
    backstage.fault("error", error="invalid_grant")
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Failing Files")
    consent(popup, "bob")
    expect(popup.get_by_role("status")).to_contain_text(NO_TOKEN)
    says(bob.page, "Failing Files", NO_TOKEN)
    popup.close()
    consent(connect(bob.page, "Failing Files"), "bob")

    is_shown(bob.page, "Failing Files", "Connected")
    assert backstage.tool_says("bob", installation) == "bob"


def test_providers_that_fail_hang_or_hang_up_are_waited_for_at_once_and_then_told_of(
    person: PersonFactory, backstage: Backstage
) -> None:
    names = {"Failing": ("status", 503), "Hanging": ("hang_before", 500), "Hung Up": ("close_before", 500)}
    bob = person("bob")
    bob.expect("status of 502")
    for name, (kind, status) in names.items():
        backstage.install(name)
        backstage.fault(kind, status=status)
    signed_in(bob.page, "bob")

    for name in names:
        popup = connect(bob.page, name)
        consent(popup, "bob")
        popup.wait_for_url(f"{backstage.places.api}/connections*")

    for name in names:
        says(bob.page, name, NO_TOKEN)
        expect(button(bob.page, name, "Connect")).to_be_visible()


def test_servers_that_cannot_say_where_connecting_leads_and_a_provider_that_knows_nobody(
    person: PersonFactory, backstage: Backstage
) -> None:
    bob = person("bob")
    bob.expect("status of 422")
    with ExitStack() as servers:
        for kind in DEAD_ENDS:
            backstage.install(kind, url=servers.enter_context(DeadEnd(kind)).url)
        signed_in(bob.page, "bob")

        for kind in DEAD_ENDS:
            press(bob.page, kind, "Connect")

        for kind, words in DEAD_ENDS.items():
            says(bob.page, kind, words)
    for kind in DEAD_ENDS:
        is_shown(bob.page, kind, "Not connected")
        expect(button(bob.page, kind, "Connect")).to_be_visible()
    assert bob.context.pages == [bob.page]


def test_a_window_that_leads_nowhere_is_closed_again(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Refused Files")
    bob = person("bob")
    bob.expect("status of 503")
    signed_in(bob.page, "bob")
    refused = {"error": "unavailable", "message": "Not now.", "request_id": "r", "retry_after": 5}
    answer(bob.context, AUTHORIZE, 503, refused)

    press(bob.page, "Refused Files", "Connect")

    says(
        bob.page,
        "Refused Files",
        "does not answer just now. Nobody has to consent again for that. Try again in 5 seconds.",
    )
    _nothing_else_is_open(bob.page)


def test_too_much_at_once_says_when_to_try_again(person: PersonFactory, backstage: Backstage) -> None:
    provider = backstage.places.provider
    endpoints = {"authorization": f"{provider}/authorize", "token": f"{provider}/token"}
    installation = backstage.install_by_hand("Busy Files", scopes=["files:read"], endpoints=endpoints)
    for _ in range(20):  # as many as one person may have under way
        backstage.people["bob"].begin(installation)
    bob = person("bob")
    bob.expect("status of 429")
    signed_in(bob.page, "bob")

    press(bob.page, "Busy Files", "Connect")

    says(bob.page, "Busy Files", "That was too much at once, so nothing was done. Try again in 10 minutes.")
    answer(bob.context, AUTHORIZE, 429, {"message": "Too Many Requests"})  # as API Gateway says it
    press(bob.page, "Busy Files", "Connect")
    says(bob.page, "Busy Files", "That was too much at once, so nothing was done. Try again in a minute.")
    _nothing_else_is_open(bob.page)


def _nothing_else_is_open(page: Page) -> None:
    for popup in page.context.pages[1:]:
        is_gone(popup)
    assert page.context.pages == [page]


def test_what_cannot_be_renewed_is_told_at_once_and_again_when_it_has_ended(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Brief Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    backstage.fault("no_refresh_token")
    backstage.lifetimes(access=8)

    consent(connect(bob.page, "Brief Files"), "bob")
    says(bob.page, "Brief Files", "You are connected. It works until ")
    says(bob.page, "Brief Files", "The provider gave nothing to renew it with: connect again by then.")
    assert facts(bob.page, "Brief Files")["Token"].startswith(
        "the provider gave nothing to renew it with: connect again by "
    )
    backstage.becomes("bob", installation, "auth_required")
    bob.page.reload()

    is_shown(bob.page, "Brief Files", "Disconnected")
    says(bob.page, "Brief Files", "The token has ended, and the provider gave nothing to renew it with. Connect again")
    expect(button(bob.page, "Brief Files", "Reconnect")).to_be_visible()
    backstage.lifetimes(access=3600)
    consent(connect(bob.page, "Brief Files"), "bob")
    is_shown(bob.page, "Brief Files", "Connected")


def test_waiting_goes_on_while_strongroom_cannot_be_reached(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Patient Files")
    bob = person("bob")
    bob.expect("ERR_INTERNET_DISCONNECTED")
    asked = Asked(bob.context)
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Patient Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    cut_off(bob.context, AUTHORIZATION)
    bob.page.wait_for_event("requestfailed")
    bob.page.wait_for_event("requestfailed")
    says(bob.page, "Patient Files", "Go on in the window of")
    bob.context.unroute(AUTHORIZATION)
    consent(popup, "bob")

    is_shown(bob.page, "Patient Files", "Connected")
    assert asked.count("POST", COMPLETE) == 1
