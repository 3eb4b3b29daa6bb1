"""The same connect begun in two tabs: whoever loses the race is connected all the same, and reads so."""

from __future__ import annotations

import time

from playwright.sync_api import Page, expect

from tests.browser.between import AUTHORIZATION, COMPLETE, LIST, Held, alter, cut_off
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import connect, consent, is_gone, is_shown, open_connections, press, says, signed_in

BY_ANOTHER = "You are connected: by another consent. Nothing of this one was kept."
BY_A_LATER_ONE = "You are connected: by a later consent, which was finished first."


def _begun_twice(bob: Profile, backstage: Backstage, name: str) -> tuple[Page, Page, Page]:
    """Begin in two tabs, one after the other; gives the second tab, and the provider's window of each."""
    signed_in(bob.page, "bob")
    other = bob.tab()
    open_connections(other, "acme")
    other.get_by_role("button", name="Sign in").click()
    first = connect(bob.page, name)
    first.wait_for_url(f"{backstage.places.provider}/authorize?*")
    began = int(time.time())
    backstage.until(lambda: int(time.time()) > began)  # which is the later one is told in whole seconds
    second = connect(other, name)
    second.wait_for_url(f"{backstage.places.provider}/authorize?*")
    return other, first, second


def test_whose_consent_is_finished_after_a_later_one_is_connected_and_reads_so(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Twice Begun Files")
    bob = person("bob")
    other, first, second = _begun_twice(bob, backstage, "Twice Begun Files")

    consent(second, "bob")
    is_gone(second)
    says(other, "Twice Begun Files", "You are connected.")
    says(bob.page, "Twice Begun Files", BY_ANOTHER)
    is_shown(bob.page, "Twice Begun Files", "Connected")
    consent(first, "bob")

    expect(first.get_by_role("status")).to_have_text(f"Twice Begun Files: {BY_ANOTHER}")
    assert backstage.tool_says("bob", installation) == "bob"


def test_whose_consent_is_replaced_by_a_later_one_is_connected_and_reads_so(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Replaced Files")
    bob = person("bob")
    other, first, second = _begun_twice(bob, backstage, "Replaced Files")

    for page, popup in ((bob.page, first), (other, second)):
        consent(popup, "bob")
        is_gone(popup)
        says(page, "Replaced Files", "You are connected.")

    is_shown(bob.page, "Replaced Files", "Connected")
    assert backstage.tool_says("bob", installation) == "bob"


def test_whose_completion_is_refused_for_a_later_one_is_connected_and_reads_so(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Overtaken Files")
    bob = person("bob")
    bob.expect("status of 400")
    held = Held(bob.context, COMPLETE, times=1)
    _, first, second = _begun_twice(bob, backstage, "Overtaken Files")

    with first.expect_request(COMPLETE):
        consent(first, "bob")
    consent(second, "bob")
    is_gone(second)
    held.go()

    expect(first.get_by_role("status")).to_have_text(f"Overtaken Files: {BY_A_LATER_ONE}")
    is_shown(bob.page, "Overtaken Files", "Connected")
    expect(bob.page.get_by_text("could not be finished")).to_have_count(0)


def test_a_reconnect_that_fails_is_not_told_as_another_consent(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Kept Files")
    backstage.connect("bob", installation)
    connected = int(time.time())
    backstage.until(lambda: int(time.time()) > connected)
    bob = person("bob")
    signed_in(bob.page, "bob")
    press(bob.page, "Kept Files", "Reconnect")
    with bob.page.expect_popup() as opened:
        press(bob.page, "Kept Files", "Continue")
    opened.value.get_by_role("textbox", name="Account").wait_for()

    alter(bob.context, AUTHORIZATION, lambda seen: seen.update(state="failed"))

    says(bob.page, "Kept Files", "It could not be finished, and nothing of it was kept.")
    says(bob.page, "Kept Files", "What was connected before goes on.")


def test_what_was_connected_and_ended_before_anybody_looked_is_not_told_as_connected(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Brief Files")
    backstage.connect("bob", installation)
    bob = person("bob")
    signed_in(bob.page, "bob")
    press(bob.page, "Brief Files", "Reconnect")
    with bob.page.expect_popup() as opened:
        press(bob.page, "Brief Files", "Continue")
    opened.value.get_by_role("textbox", name="Account").wait_for()

    backstage.revoke("bob", installation)
    alter(bob.context, AUTHORIZATION, lambda seen: seen.update(state="completed"))

    says(bob.page, "Brief Files", "It was connected, and that has ended since.")


def test_a_list_that_could_not_be_read_since_does_not_say_how_it_stands(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Unread Files")
    bob = person("bob")
    bob.expect("ERR_INTERNET_DISCONNECTED")
    signed_in(bob.page, "bob")
    popup = connect(bob.page, "Unread Files")
    cut_off(bob.context, LIST)

    consent(popup, "bob")

    is_gone(popup)
    says(bob.page, "Unread Files", "You are connected.")
