"""What arrived outlives what goes wrong on the way; and of one person nothing outlives them here, nor of a link."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.between import AUTHORIZATION, COMPLETE, Asked, Held, HeldAnswers, answer
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage
from tests.browser.steps import (
    SEEN,
    button,
    connect,
    consent,
    deny,
    fill_in,
    is_gone,
    is_shown,
    open_connections,
    press,
    says,
    sign_in,
    signed_in,
)

ARRIVAL = "sessionStorage.getItem('strongroom.arrival')"
FAST = "const told = Date.now; Date.now = () => told() + 660_000;"  # eleven minutes


def test_what_is_being_finished_by_a_request_before_is_kept_and_tried_again(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Twice Sent Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    answer(bob.context, COMPLETE, 200, {"state": "redeeming"}, times=1)

    popup = connect(bob.page, "Twice Sent Files")
    consent(popup, "bob")

    expect(popup.get_by_role("status")).to_contain_text("It is being finished just now, by another window.")
    _succeeds_when_tried_again(bob.page, popup, "Twice Sent Files")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (502, "Strongroom answered 502."),
        (504, "Strongroom took too long to answer"),
        (404, "Strongroom answered 404."),
    ],
)
def test_what_something_on_the_way_has_answered_ends_nothing(
    person: PersonFactory, backstage: Backstage, status: int, words: str
) -> None:
    backstage.install("Cut Short Files")
    bob = person("bob")
    bob.expect(f"status of {status}")
    signed_in(bob.page, "bob")
    _answered_by_a_gateway(bob.context, status)

    popup = connect(bob.page, "Cut Short Files")
    consent(popup, "bob")

    expect(popup.get_by_role("status")).to_contain_text(words)
    _succeeds_when_tried_again(bob.page, popup, "Cut Short Files")


def _answered_by_a_gateway(context: BrowserContext, status: int, pattern: re.Pattern[str] = COMPLETE) -> None:
    page = "<html><body><h1>Bad Gateway</h1></body></html>"
    context.route(pattern, lambda route: route.fulfill(status=status, content_type="text/html", body=page), times=1)


def test_an_authorization_that_something_on_the_way_cannot_find_is_not_somebody_elses(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Hidden Files")
    bob = person("bob")
    bob.block_popups()
    bob.expect("status of 404")
    signed_in(bob.page, "bob")
    press(bob.page, "Hidden Files", "Connect")
    bob.page.get_by_role("textbox", name="Account").wait_for()
    _answered_by_a_gateway(bob.context, 404, AUTHORIZATION)

    consent(bob.page, "bob")

    expect(bob.page.get_by_role("status").first).to_contain_text("Strongroom answered 404.")
    bob.page.get_by_role("button", name="Try again").click()
    is_shown(bob.page, "Hidden Files", "Connected")


def _succeeds_when_tried_again(page: Page, popup: Page, name: str) -> None:
    again = popup.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    assert popup.evaluate(ARRIVAL) is not None
    is_shown(page, name, "Not connected")
    again.click()
    is_gone(popup)
    is_shown(page, name, "Connected")


def test_a_page_that_reads_that_it_has_failed_before_the_other_window_does_says_why_all_the_same(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Overtaking Files")
    backstage.fault("status", status=503)
    bob = person("bob")
    bob.expect("status of 502")
    signed_in(bob.page, "bob")
    popup = connect(bob.page, "Overtaking Files")
    late = HeldAnswers(bob.context, COMPLETE)
    consent(popup, "bob")
    backstage.until(lambda: bool(popup.title()) and bool(late.waiting))
    with bob.page.expect_response(AUTHORIZATION) as looked:
        bob.page.evaluate(SEEN)
    assert looked.value.json()["state"] == "failed"

    late.go()

    says(bob.page, "Overtaking Files", "You consented, but then the provider gave no token, so nothing was connected.")


def test_who_has_denied_is_not_told_that_something_is_finished(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Unfinished Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    popup = connect(bob.page, "Unfinished Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    held = Held(bob.context, AUTHORIZATION)

    deny(popup, "bob")

    expect(popup.get_by_role("status")).to_have_text("Looking at what came of it. That takes a moment.")
    held.go()
    expect(popup.get_by_role("status")).to_contain_text("Consent was denied at the provider")


def test_a_team_that_a_link_names_is_not_remembered_and_one_that_was_entered_is(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Remembered Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Remembered Files", "Not connected")
    assert bob.page.evaluate("localStorage.getItem('strongroom.team')") is None

    open_connections(bob.page)
    bob.page.get_by_role("textbox", name="Team").fill("acme")
    bob.page.get_by_role("button", name="Show").click()
    is_shown(bob.page, "Remembered Files", "Not connected")
    assert bob.page.evaluate("localStorage.getItem('strongroom.team')") == "acme"
    open_connections(bob.page)

    is_shown(bob.page, "Remembered Files", "Not connected")


def test_a_team_that_is_none_of_theirs_is_not_remembered_either(person: PersonFactory) -> None:
    bob = person("bob")
    bob.expect("status of 404")
    open_connections(bob.page)
    sign_in(bob.page, "bob")

    bob.page.get_by_role("textbox", name="Team").fill("nosuch")
    bob.page.get_by_role("button", name="Show").click()

    expect(bob.page.get_by_text("bob sees no team nosuch here. If you have entered its name, look how")).to_be_visible()
    assert bob.page.evaluate("localStorage.getItem('strongroom.team')") is None


def test_whoever_goes_back_from_another_account_sees_nothing_of_the_one_before(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Left Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Left Files", "Not connected")
    asked = Asked(bob.context)

    bob.page.get_by_role("button", name="Use another account").click()
    bob.page.get_by_role("textbox", name="Account").wait_for()
    bob.page.go_back()

    expect(bob.page.get_by_role("button", name="Sign in", exact=True)).to_be_visible()
    expect(bob.page.get_by_role("article")).to_have_count(0)
    expect(bob.page.get_by_text("bob")).to_have_count(0)
    assert asked.all == []


def test_a_clock_that_is_fast_makes_no_question_of_it(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Early Files")
    bob = person("bob")
    bob.context.add_init_script(FAST)
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Early Files")
    consent(popup, "bob")

    is_gone(popup)
    is_shown(bob.page, "Early Files", "Connected")


def test_the_wrong_person_is_offered_to_sign_in_as_the_right_one_first(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Right Files")
    bob = person("bob")
    bob.block_popups()
    signed_in(bob.page, "bob")
    press(bob.page, "Right Files", "Connect")
    bob.page.get_by_role("textbox", name="Account").wait_for()
    other = bob.tab()
    open_connections(other, "acme")
    other.get_by_role("button", name="Sign in").click()
    other.get_by_role("button", name="Use another account").click()
    fill_in(other, "carol")
    expect(other.get_by_text("Signed in as carol")).to_be_visible()

    consent(bob.page, "bob")
    offered = bob.page.locator("#question").get_by_role("button")
    expect(offered).to_have_text(["Sign in as bob", "Do not connect"])
    expect(offered.first).to_be_focused()
    offered.first.click()
    sign_in(bob.page, "bob")

    is_shown(bob.page, "Right Files", "Connected")
    says(bob.page, "Right Files", "It works")
    expect(button(bob.page, "Right Files", "Reconnect")).to_be_visible()
