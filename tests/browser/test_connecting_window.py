"""The provider's window: opened inside the click, with no hold on the page, and missed by nobody if it is blocked."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

from tests.browser.between import AUTHORIZATION, AUTHORIZE, Asked, Held
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage
from tests.browser.steps import (
    button,
    card,
    connect,
    consent,
    fill_in,
    is_shown,
    open_connections,
    press,
    says,
    sign_in,
    signed_in,
)

# Whether the person's click was still felt when the page asked for a window: without it browsers open none.
ACTIVATION = """
const open = window.open;
window.open = (...wish) => {
  window.wasActive = navigator.userActivation.isActive;
  return open(...wish);
};
"""
# What the window shows until the provider answers, as the page that opened it sees it: Playwright waits for that answer.
KEPT = "const open = window.open; window.open = (...how) => (window.kept = open.apply(window, how));"
SHOWS = "(words) => window.kept?.document.body.textContent === words"
LOOKS_CLOSED = "That window looks closed."


def _state_of(popup: Page) -> str:
    """Which authorization a page of the provider is about."""
    return parse_qs(urlsplit(popup.url).query)["state"][0]


def test_the_window_is_opened_inside_the_click_and_knows_nothing_of_the_page(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Quick Files")
    bob = person("bob")
    bob.context.add_init_script(ACTIVATION)
    authorize = Held(bob.context, AUTHORIZE)
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Quick Files")
    expect(popup.get_by_text("One moment: Strongroom asks where to go.")).to_be_visible()

    assert popup.title() == "One moment"
    assert popup.evaluate("window.opener") is None
    assert bob.page.evaluate("window.wasActive") is True
    says(bob.page, "Quick Files", "Asking the server where connecting leads.")
    authorize.go()
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    assert popup.evaluate("window.opener") is None
    assert popup.evaluate("document.referrer") == ""
    says(bob.page, "Quick Files", "Go on in the window of")


def test_a_window_that_a_slow_provider_keeps_waiting_says_for_whom(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Slow Files")
    backstage.slow_provider(seconds=4)
    bob = person("bob")
    bob.context.add_init_script(KEPT)
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Slow Files")

    host = urlsplit(backstage.places.provider).netloc
    bob.page.wait_for_function(SHOWS, arg=f"Waiting for {host} to answer.")
    consent(popup, "bob")
    is_shown(bob.page, "Slow Files", "Connected")


def test_a_provider_that_isolates_its_window_looks_closed_and_the_words_fit_that_too(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Cut Off Files")
    backstage.isolate_provider()
    bob = person("bob")
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Cut Off Files")
    says(bob.page, "Cut Off Files", LOOKS_CLOSED)
    says(bob.page, "Cut Off Files", "If you still see it, go on there")
    assert not popup.is_closed()
    consent(popup, "bob")

    is_shown(bob.page, "Cut Off Files", "Connected")
    says(bob.page, "Cut Off Files", "You are connected.")


def test_a_window_that_was_closed_by_hand_opens_again_for_the_same_authorization(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Closed Files")
    bob = person("bob")
    asked = Asked(bob.context)
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Closed Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    state = _state_of(popup)
    popup.close()
    says(bob.page, "Closed Files", f"{LOOKS_CLOSED} If you have closed it, open it again, or stop waiting.")
    with bob.page.expect_popup() as opened:
        press(bob.page, "Closed Files", "Open it again")
    opened.value.wait_for_url(f"{backstage.places.provider}/authorize?*")
    assert _state_of(opened.value) == state
    expect(card(bob.page, "Closed Files")).not_to_contain_text(LOOKS_CLOSED)
    consent(opened.value, "bob")

    is_shown(bob.page, "Closed Files", "Connected")
    assert asked.count("POST", AUTHORIZE) == 1


def test_a_window_that_was_closed_before_it_led_anywhere_opens_again_too(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Early Files")
    bob = person("bob")
    authorize = Held(bob.context, AUTHORIZE)
    signed_in(bob.page, "bob")

    connect(bob.page, "Early Files").close()
    authorize.go()
    says(bob.page, "Early Files", LOOKS_CLOSED)
    with bob.page.expect_popup() as opened:
        press(bob.page, "Early Files", "Open it again")
    consent(opened.value, "bob")

    is_shown(bob.page, "Early Files", "Connected")


def test_who_stops_waiting_is_told_that_the_window_still_counts(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Stopped Files")
    bob = person("bob")
    asked = Asked(bob.context)
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Stopped Files")
    press(bob.page, "Stopped Files", "Stop waiting")
    says(bob.page, "Stopped Files", "This page waits no longer.")
    is_shown(bob.page, "Stopped Files", "Not connected")
    expect(button(bob.page, "Stopped Files", "Connect")).to_be_visible()
    looks = asked.count("GET", AUTHORIZATION)
    consent(popup, "bob")

    is_shown(bob.page, "Stopped Files", "Connected")
    assert asked.count("GET", AUTHORIZATION) == looks + 1, "only the page that finishes has looked once more"


def test_without_windows_it_goes_on_in_the_same_tab_and_comes_back_to_the_same_team_without_a_question(
    person: PersonFactory, backstage: Backstage
) -> None:
    lab = backstage.people["carol"].in_team("lab")
    assert lab.install("Lab Files", backstage.places.mcp).status == 201
    carol = person("carol")
    carol.block_popups()
    open_connections(carol.page, "lab")
    sign_in(carol.page, "carol")

    press(carol.page, "Lab Files", "Connect")
    fill_in(carol.page, "carol")
    carol.page.get_by_role("button", name="Allow").click()

    is_shown(carol.page, "Lab Files", "Connected")
    expect(carol.page.get_by_role("status").get_by_text("Lab Files: You are connected.")).to_be_visible()
    expect(carol.page.get_by_role("heading", name="Team lab", exact=True)).to_be_visible()
    assert carol.page.url == f"{backstage.places.api}/connections?team=lab"
    assert carol.context.pages == [carol.page]
    assert carol.page.evaluate("[...Object.keys(localStorage), ...Object.keys(sessionStorage)]") == [
        "strongroom.signed-in"
    ]


def test_a_window_that_is_blocked_when_it_is_opened_again_goes_on_in_the_same_tab(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Once Files")
    bob = person("bob")
    bob.block_second_popup()
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Once Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    popup.close()
    says(bob.page, "Once Files", LOOKS_CLOSED)
    press(bob.page, "Once Files", "Open it again")
    consent(bob.page, "bob")

    is_shown(bob.page, "Once Files", "Connected")
    expect(bob.page.get_by_role("button", name="Close this window")).to_have_count(0)
