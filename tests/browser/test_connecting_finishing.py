"""Finishing what came back: silently where it is certain, with a question where it is not, and once whatever happens."""

from __future__ import annotations

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.between import AUTHORIZATION, COMPLETE, Asked, Held, answer
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import (
    button,
    connect,
    consent,
    fill_in,
    is_gone,
    is_shown,
    open_connections,
    press,
    says,
    signed_in,
)

SIGN_IN = re.compile(r"/authorize\?.*client_id=strongroom-web")


def test_nothing_is_asked_of_who_began_it_in_this_browser_and_the_window_closes(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Silent Files")
    bob = person("bob")
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Silent Files")
    consent(popup, "bob")

    is_gone(popup)
    is_shown(bob.page, "Silent Files", "Connected")
    says(bob.page, "Silent Files", "You are connected.")
    assert bob.page.evaluate("Object.keys(localStorage)") == []


def test_an_admin_who_says_no_at_the_end_has_connected_nobody_and_waits_no_longer(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Unshared Files", sharing="shared")
    alice = person("alice")
    asked = Asked(alice.context)
    signed_in(alice.page, "alice")

    popup = connect(alice.page, "Unshared Files")
    consent(popup, "alice")
    question = popup.get_by_role("heading", name="Connect Unshared Files for the whole team?")
    expect(question).to_be_focused()
    popup.get_by_role("button", name="Do not connect").click()

    expect(popup.get_by_role("status")).to_have_text("Unshared Files: Nothing was connected: you said no.")
    says(alice.page, "Unshared Files", "Nothing was connected: you said no.")
    expect(button(alice.page, "Unshared Files", "Connect")).to_be_visible()
    assert asked.count("POST", COMPLETE) == 0
    assert popup.evaluate("sessionStorage.getItem('strongroom.arrival')") is None
    assert backstage.status("alice", installation)["status"] == "not_connected"


def test_a_browser_that_remembers_nothing_asks_and_names_the_user_and_the_provider(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Forgotten Files")
    provider = backstage.places.provider.removeprefix("http://")
    bob = person("bob")
    signed_in(bob.page, "bob")

    for answered, badge in (("Do not connect", "Not connected"), ("Connect as bob", "Connected")):
        popup = _forgotten(bob, "Forgotten Files")
        expect(popup.get_by_role("heading", name="Finish connecting Forgotten Files as bob?")).to_be_focused()
        expect(popup.get_by_text(f"At {provider}, access was allowed just now")).to_be_visible()
        expect(popup.get_by_text("You are signed in as bob.")).to_be_visible()
        expect(popup.get_by_text("It was not begun on this page. Go on only if")).to_be_visible()
        assert backstage.status("bob", installation)["reason"] == "never_connected"
        popup.get_by_role("button", name=answered).click()
        says(bob.page, "Forgotten Files", "you said no" if badge == "Not connected" else "You are connected.")
        is_shown(bob.page, "Forgotten Files", badge)
        popup.close()

    assert backstage.tool_says("bob", installation) == "bob"


def _forgotten(bob: Profile, name: str) -> Page:
    """Consent in a browser that has forgotten meanwhile who began."""
    popup = connect(bob.page, name)
    popup.wait_for_url("**/authorize?*")
    bob.page.evaluate("localStorage.clear()")
    consent(popup, "bob")
    return popup


def test_somebody_else_who_is_signed_in_by_then_finishes_nothing_and_who_began_it_can(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Bobs Files")
    bob = person("bob")
    asked = Asked(bob.context)
    signed_in(bob.page, "bob")

    popup = _as_carol(bob, "Bobs Files")
    assert asked.count("POST", COMPLETE) == 0
    popup.get_by_role("button", name="Sign in as bob").click()
    fill_in(popup, "bob")

    is_gone(popup)
    is_shown(bob.page, "Bobs Files", "Connected")
    assert backstage.tool_says("bob", installation) == "bob"
    assert backstage.status("carol", installation)["reason"] == "never_connected"


def test_somebody_else_who_is_signed_in_by_then_may_drop_it(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Dropped Files")
    bob = person("bob")
    signed_in(bob.page, "bob")

    popup = _as_carol(bob, "Dropped Files")
    popup.get_by_role("button", name="Do not connect").click()

    says(bob.page, "Dropped Files", "Nothing was connected: you said no.")
    popup.get_by_role("button", name="Close this window").click()
    is_gone(popup)
    assert bob.page.evaluate("Object.keys(localStorage)") == []
    assert backstage.status("bob", installation)["reason"] == "never_connected"


def _as_carol(bob: Profile, name: str) -> Page:
    """Let bob consent in a browser where carol has signed in meanwhile, and give the window that says so."""
    popup = connect(bob.page, name)
    popup.wait_for_url("**/authorize?*")
    other = bob.tab()
    open_connections(other, "acme")
    other.get_by_role("button", name="Sign in").click()
    other.get_by_role("button", name="Use another account").click()
    fill_in(other, "carol")
    expect(other.get_by_text("Signed in as carol")).to_be_visible()
    consent(popup, "bob")
    expect(popup.get_by_text("bob began this in this browser. Sign in as bob to finish it.")).to_be_visible()
    return popup


def test_what_does_not_succeed_just_now_is_kept_and_tried_again(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Retried Files")
    bob = person("bob")
    bob.expect("status of 503")
    signed_in(bob.page, "bob")
    unavailable = {"error": "unavailable", "message": "Not now.", "request_id": "r", "retry_after": 2}
    answer(bob.context, COMPLETE, 503, unavailable, times=1)

    popup = connect(bob.page, "Retried Files")
    consent(popup, "bob")
    expect(popup.get_by_role("status")).to_contain_text(
        "does not answer just now. Nobody has to consent again for that."
    )
    is_shown(bob.page, "Retried Files", "Not connected")
    popup.get_by_role("button", name="Try again").click()

    is_gone(popup)
    is_shown(bob.page, "Retried Files", "Connected")


def test_a_page_that_is_loaded_again_in_the_middle_finishes_it_once(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Reloaded Files")
    bob = person("bob")
    asked = Asked(bob.context)
    lost: list[Route] = []

    def lose(route: Route) -> None:
        route.fetch()  # it arrives, and its answer does not
        lost.append(route)

    bob.context.route(COMPLETE, lose, times=1)
    signed_in(bob.page, "bob")
    exchanges = backstage.provider.exchanges()

    popup = connect(bob.page, "Reloaded Files")
    with popup.expect_request(COMPLETE):
        consent(popup, "bob")
    is_shown(bob.page, "Reloaded Files", "Connected")
    popup.reload()

    is_gone(popup)
    says(bob.page, "Reloaded Files", "You are connected.")
    assert backstage.provider.exchanges() == exchanges + 1
    assert len(lost) == asked.count("POST", COMPLETE) == 1, "what is finished already needs no second attempt"


def test_every_tab_of_the_person_shows_it(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Two Tabs Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    other = bob.tab()
    open_connections(other, "acme")
    other.get_by_role("button", name="Sign in").click()
    is_shown(other, "Two Tabs Files", "Not connected")
    asked = Asked(bob.context)

    consent(connect(bob.page, "Two Tabs Files"), "bob")

    is_shown(bob.page, "Two Tabs Files", "Connected")
    is_shown(other, "Two Tabs Files", "Connected")
    assert asked.count("GET", AUTHORIZATION) > 0


def test_a_slow_sign_in_is_waited_for(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Drowsy Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    sign_in = Held(bob.context, SIGN_IN)

    popup = connect(bob.page, "Drowsy Files")
    with popup.expect_request(SIGN_IN):
        consent(popup, "bob")
    says(bob.page, "Drowsy Files", "Go on in the window of")
    assert "secret" not in popup.url
    sign_in.go()

    is_gone(popup)
    is_shown(bob.page, "Drowsy Files", "Connected")


def test_a_question_that_comes_in_the_same_tab_leads_back_to_the_list_either_way(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Asked Here Files", sharing="shared")
    alice = person("alice")
    alice.block_popups()
    signed_in(alice.page, "alice")

    press(alice.page, "Asked Here Files", "Connect")
    consent(alice.page, "alice")
    alice.page.get_by_role("button", name="Do not connect").click()
    is_shown(alice.page, "Asked Here Files", "Not connected")
    press(alice.page, "Asked Here Files", "Connect")
    consent(alice.page, "alice")
    alice.page.get_by_role("button", name="Connect for the whole team").click()

    is_shown(alice.page, "Asked Here Files", "Connected")
    expect(alice.page.get_by_role("button", name="Close this window")).to_have_count(0)
