"""A sign-in that ends while the page is open loses nothing: whoever signs in again goes on where they were."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Request, expect

from local.plan import Ports
from local.signing import send
from tests.browser.between import AUTHORIZATION, COMPLETE, LIST, Asked, answer
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage, Stage, standing
from tests.browser.steps import SEEN, button, card, connect, consent, is_gone, is_shown, press, says, signed_in

ENDED = "Your sign-in has ended. Sign in again to go on. What is connected stays."
UNAUTHORIZED = {"message": "Unauthorized"}  # as API Gateway says it
LIVES = 8  # seconds: long enough to sign in and see the list


@pytest.fixture(scope="module")
def brief_stage(stage: Stage) -> Iterator[Stage]:
    """A system whose sign-ins last a few seconds."""
    with standing(Ports(stage.places.ports.first + 200), sign_in_seconds=LIVES) as running:
        yield running


def test_a_sign_in_that_ends_while_the_page_is_open_is_told_of_and_the_next_one_goes_on(
    person: PersonFactory, brief_stage: Stage
) -> None:
    behind = Backstage(brief_stage)
    behind.people["alice"].sign_in()
    installation = behind.install("Brief Files")
    bob = person("bob", base_url=brief_stage.places.api, origins=tuple(brief_stage.origins))
    bob.expect("status of 401")
    asked: list[Request] = []
    bob.context.on("request", lambda request: asked.append(request) if LIST.search(request.url) else None)
    signed_in(bob.page, "bob", installation)
    is_shown(bob.page, "Brief Files", "Not connected")

    token = asked[0].all_headers()["authorization"]
    path = f"{brief_stage.places.api}/v1/teams/acme/installations/{installation}"
    behind.until(lambda: send("GET", path, b"", {"Authorization": token}).status == 401)
    press(bob.page, "Brief Files", "Connect")
    expect(bob.page.get_by_text(ENDED)).to_be_visible()
    _nothing_else_is_open(bob.page)
    bob.page.get_by_role("button", name="Sign in", exact=True).click()

    expect(bob.page.get_by_text("Signed in as bob")).to_be_visible()
    is_shown(bob.page, "Brief Files", "Not connected")
    expect(bob.page.get_by_role("article")).to_have_count(1)
    behind.people["alice"].sign_in()
    behind.tidy()


def _nothing_else_is_open(page: Page) -> None:
    for popup in page.context.pages[1:]:
        is_gone(popup)


def test_what_is_under_way_is_finished_though_the_page_that_began_it_is_signed_out(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Outlasting Files")
    bob = person("bob")
    bob.expect("status of 401")
    signed_in(bob.page, "bob")

    popup = connect(bob.page, "Outlasting Files")
    popup.wait_for_url("**/authorize?*")
    answer(bob.context, AUTHORIZATION, 401, UNAUTHORIZED, times=1)
    expect(bob.page.get_by_text(ENDED)).to_be_visible()
    consent(popup, "bob")
    is_gone(popup)
    assert backstage.status("bob", installation)["status"] == "connected"
    bob.page.get_by_role("button", name="Sign in", exact=True).click()

    is_shown(bob.page, "Outlasting Files", "Connected")
    expect(button(bob.page, "Outlasting Files", "Stop waiting")).to_have_count(0)


def test_a_sign_in_that_ends_in_the_window_that_finishes_is_made_good_there(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Hesitant Files", sharing="shared")
    alice = person("alice")
    alice.expect("status of 401")
    asked = Asked(alice.context)
    signed_in(alice.page, "alice")

    popup = connect(alice.page, "Hesitant Files")
    consent(popup, "alice")
    answer(alice.context, COMPLETE, 401, UNAUTHORIZED, times=1)
    popup.get_by_role("button", name="Connect for the whole team").click()
    expect(popup.get_by_text(ENDED)).to_be_visible()
    expect(popup.get_by_text("Sign in to finish connecting.")).to_be_visible()
    popup.get_by_role("button", name="Sign in", exact=True).click()
    popup.get_by_role("button", name="Connect for the whole team").click()

    is_gone(popup)
    is_shown(alice.page, "Hesitant Files", "Connected")
    says(alice.page, "Hesitant Files", "You are connected.")
    assert asked.count("POST", COMPLETE) == 2


def test_a_list_that_is_refused_is_taken_away_and_is_there_again_after_the_next_sign_in(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Shown Files")
    bob = person("bob")
    bob.expect("status of 401")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Shown Files", "Not connected")
    bob.page.clock.install()
    answer(bob.context, LIST, 401, UNAUTHORIZED, times=1)

    bob.page.clock.run_for(20_000)
    bob.page.evaluate(SEEN)

    expect(bob.page.get_by_text(ENDED)).to_be_visible()
    expect(bob.page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    expect(bob.page.get_by_text("Signed in as bob")).to_have_count(0)
    expect(card(bob.page, "Shown Files")).to_have_count(0)
    bob.page.get_by_role("button", name="Sign in", exact=True).click()
    is_shown(bob.page, "Shown Files", "Not connected")
