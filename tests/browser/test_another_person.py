"""One tab, and somebody else's token from one moment on: what the person before has begun is not done as the next one."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.between import AUTHORIZE, LIST, Asked, Held
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, connect, consent, is_gone, is_shown, press, signed_in

BADGES = """
window.badges = new Set();
const note = () => {
  for (const badge of document.querySelectorAll(".strongroom-badge")) window.badges.add(badge.textContent);
};
new MutationObserver(note).observe(document, { childList: true, subtree: true });
"""
SPEAKS_FOR = "(jwt) => { document.querySelector('strongroom-connections').token = async () => jwt; }"
READ_AGAIN = """async () => {
  for (let times = 0; times < 5; times++) await document.querySelector("strongroom-connections").refresh();
}"""


def _token_of(profile: Profile) -> str:
    """Sign somebody in, in a browser of their own, and give their token."""
    with profile.page.expect_request(LIST) as sent:
        signed_in(profile.page, profile.account)
    return sent.value.headers["authorization"].removeprefix("Bearer ")


def _speaks_for(page: Page, jwt: str) -> None:
    """Let the host's page set another token, as it does when somebody else has signed in there."""
    page.evaluate(SPEAKS_FOR, jwt)


def test_a_list_on_its_way_for_one_person_is_never_shown_to_the_next(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.connect("bob", backstage.install("Own Files"))
    bob, carol = person("bob"), person("carol")
    jwt = _token_of(carol)
    bob.context.add_init_script(BADGES)
    held = Held(bob.context, LIST, times=1)
    with bob.page.expect_request(LIST):
        signed_in(bob.page, "bob")

    _speaks_for(bob.page, jwt)
    held.go()

    is_shown(bob.page, "Own Files", "Not connected")
    assert bob.page.evaluate("[...window.badges]") == ["○ Not connected"]


def test_a_revocation_that_one_person_has_asked_for_is_not_confirmed_for_the_next(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Asked Files")
    for account in ("bob", "carol"):
        backstage.connect(account, installation)
    bob, carol = person("bob"), person("carol")
    jwt = _token_of(carol)
    signed_in(bob.page, "bob")
    asked = Asked(bob.context)
    press(bob.page, "Asked Files", "Revoke")
    question = bob.page.get_by_role("dialog", name="Revoke Asked Files?")
    expect(question).to_be_visible()

    with bob.page.expect_response(LIST):
        _speaks_for(bob.page, jwt)
    question.get_by_role("button", name="Revoke", exact=True).click()

    expect(question).to_be_hidden()
    bob.page.evaluate(READ_AGAIN)  # whatever was asked before is asked by now
    is_shown(bob.page, "Asked Files", "Connected")
    assert asked.changes() == []


def test_what_one_person_waits_for_is_not_told_to_the_next(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Awaited Files")
    bob, carol = person("bob"), person("carol")
    jwt = _token_of(carol)
    signed_in(bob.page, "bob")
    popup = connect(bob.page, "Awaited Files")
    expect(card(bob.page, "Awaited Files")).to_contain_text("Go on in the window of")

    _speaks_for(bob.page, jwt)
    consent(popup, "bob")

    is_gone(popup)
    bob.page.evaluate(READ_AGAIN)  # whoever still waited would have looked by now
    is_shown(bob.page, "Awaited Files", "Not connected")
    expect(bob.page.locator(".strongroom-notice")).to_have_count(0)
    expect(bob.page.get_by_text("Go on in the window of")).to_have_count(0)


def test_what_one_person_has_begun_is_not_waited_for_by_the_next(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Begun Files")
    bob, carol = person("bob"), person("carol")
    jwt = _token_of(carol)
    signed_in(bob.page, "bob")
    held = Held(bob.context, AUTHORIZE, times=1)
    with bob.page.expect_request(AUTHORIZE):
        popup = connect(bob.page, "Begun Files")

    _speaks_for(bob.page, jwt)
    is_shown(bob.page, "Begun Files", "Not connected")
    held.go()
    popup.get_by_role("textbox", name="Account").wait_for()

    begun = bob.page.evaluate("Object.values(localStorage).map((one) => JSON.parse(one).user)")
    assert begun == ["bob"]
    expect(bob.page.get_by_text("Go on in the window of")).to_have_count(0)
