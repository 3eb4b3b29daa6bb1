"""The link that a gateway hands out: to the one thing to do, for whom it was made; whoever else opens it learns nothing, and
opening it starts nothing."""

from __future__ import annotations

from urllib.parse import quote

from playwright.sync_api import Page, expect

from tests.browser.axe import violations
from tests.browser.between import Asked
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage
from tests.browser.steps import button, card, connect, consent, is_shown, open_connections, says, sign_in, signed_in

MADE_FOR_ANOTHER = "If somebody sent you this link, it was made for somebody else"
MARKUP = "<img src=x onerror=alert(1)>"
LONG = 9_000  # API Gateway refuses to hand on more than about ten thousand


def _link(backstage: Backstage, account: str, installation: str) -> str:
    """What the gateway is told to show the person."""
    refused = backstage.look_up(account, installation)
    assert refused.status == 409
    return str(refused.json()["link"])


def test_a_link_of_a_gateway_leads_after_sign_in_to_the_one_thing_to_do(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Wanted Files")
    backstage.install("Unwanted Files")
    bob = person("bob")
    asked = Asked(bob.context)

    bob.page.goto(_link(backstage, "bob", installation))
    expect(bob.page.get_by_text("Sign in to see what to connect.")).to_be_visible()
    assert asked.all == []
    sign_in(bob.page, "bob")

    is_shown(bob.page, "Wanted Files", "Not connected")
    expect(bob.page.get_by_role("article")).to_have_count(1)
    expect(card(bob.page, "Wanted Files").get_by_role("heading")).to_be_focused()
    assert _obvious(bob.page) == ["Connect as bob: Wanted Files"]
    assert asked.changes() == []
    assert violations(bob.page) == []
    consent(connect(bob.page, "Wanted Files"), "bob")
    is_shown(bob.page, "Wanted Files", "Connected")
    bob.page.get_by_role("button", name="Show all of team acme").click()
    is_shown(bob.page, "Unwanted Files", "Not connected")
    assert bob.page.url.endswith("/connections?team=acme")


def _obvious(page: Page) -> list[str | None]:
    """The buttons of the list that the eye goes to first."""
    buttons = page.locator("strongroom-connections").get_by_role("button").all()
    return [one.get_attribute("aria-label") or one.text_content() for one in buttons if not one.get_attribute("class")]


def test_a_link_to_what_has_ended_says_why_and_offers_to_reconnect(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Ended Files")
    backstage.connect("bob", installation)
    backstage.revoke("bob", installation)
    bob = person("bob")

    bob.page.goto(_link(backstage, "bob", installation))
    sign_in(bob.page, "bob")

    is_shown(bob.page, "Ended Files", "Disconnected")
    says(bob.page, "Ended Files", "The connection was revoked here. Connect again to go on.")
    assert _obvious(bob.page) == ["Reconnect as bob: Ended Files"]


def test_a_link_for_more_scopes_offers_to_reconnect_though_the_connection_is_in_order(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("More Files")
    backstage.connect("bob", installation)
    version = backstage.look_up("bob", installation).json()["version"]
    challenge = 'Bearer error="insufficient_scope", scope="files:read files:write"'
    wanted = backstage.satellite.report("acme", installation, "bob", version=version, status=403, challenge=challenge)
    assert wanted.json()["error"] == "insufficient_scope"
    bob = person("bob")

    bob.page.goto(wanted.json()["link"])
    sign_in(bob.page, "bob")

    is_shown(bob.page, "More Files", "Connected")
    says(bob.page, "More Files", "The server wants more than you have allowed.")
    assert _obvious(bob.page) == ["Reconnect as bob: More Files"]


def test_somebody_of_another_team_is_told_that_it_was_made_for_somebody_else(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Private Files")
    mallory = person("mallory")
    mallory.expect("status of 404")
    asked = Asked(mallory.context)

    mallory.page.goto(_link(backstage, "bob", installation))
    sign_in(mallory.page, "mallory")

    expect(mallory.page.get_by_text(f"mallory sees no team acme here. {MADE_FOR_ANOTHER}")).to_be_visible()
    expect(mallory.page.get_by_role("article")).to_have_count(0)
    assert "Private Files" not in mallory.page.content()
    assert asked.changes() == []
    assert violations(mallory.page) == []


def test_somebody_of_the_same_team_is_offered_a_connection_of_their_own(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Each Their Own Files")
    carol = person("carol")

    carol.page.goto(_link(backstage, "bob", installation))
    sign_in(carol.page, "carol")

    expect(button(carol.page, "Each Their Own Files", "Connect as carol")).to_be_visible()
    consent(connect(carol.page, "Each Their Own Files"), "carol")
    is_shown(carol.page, "Each Their Own Files", "Connected")
    assert backstage.tool_says("carol", installation) == "carol"
    assert backstage.status("bob", installation)["reason"] == "never_connected"


def test_a_link_to_what_was_uninstalled_says_that_it_is_not_there(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Gone Files")
    backstage.install("Present Files")
    link = _link(backstage, "bob", installation)
    backstage.uninstall(installation)
    bob = person("bob")

    bob.page.goto(link)
    sign_in(bob.page, "bob")

    expect(bob.page.get_by_text("bob sees no such server in team acme.")).to_be_visible()
    expect(bob.page.get_by_role("article")).to_have_count(0)
    bob.page.get_by_role("button", name="Show all of team acme").click()
    is_shown(bob.page, "Present Files", "Not connected")


def test_a_link_that_somebody_has_tampered_with_leads_nowhere(person: PersonFactory, backstage: Backstage) -> None:
    bob = person("bob")
    signed_in(bob.page, "bob")
    asked = Asked(bob.context)

    for installation in ("../..", "../../teams/rivals", MARKUP, "a" * LONG, "%00", "null"):
        bob.page.goto("about:blank")
        bob.page.goto(f"/connections?team=acme&installation={quote(installation, safe='')}")
        expect(bob.page.get_by_text("bob sees no such server in team acme.")).to_be_visible()
        expect(bob.page.get_by_role("article")).to_have_count(0)

    assert set(asked.all) == {"GET /v1/teams/acme/installations"}


def test_a_link_to_no_team_asks_for_one_and_asks_strongroom_nothing(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Named Files")
    bob = person("bob")
    asked = Asked(bob.context)

    for number, team in enumerate(("../..", MARKUP, "ACME", "a" * LONG)):
        bob.page.goto(f"/connections?team={quote(team, safe='')}&installation=x")
        if not number:
            sign_in(bob.page, "bob")
        expect(bob.page.get_by_role("textbox", name="Team")).to_have_value("")
    assert asked.all == []
    bob.page.get_by_role("textbox", name="Team").fill("acme")
    bob.page.get_by_role("button", name="Show").click()

    is_shown(bob.page, "Named Files", "Not connected")


def test_the_link_that_is_open_outlives_a_change_of_account(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Switched Files")
    bob = person("bob")
    open_connections(bob.page, "acme", installation)
    sign_in(bob.page, "bob")
    expect(button(bob.page, "Switched Files", "Connect as bob")).to_be_visible()

    bob.page.get_by_role("button", name="Use another account").click()
    sign_in(bob.page, "carol")

    expect(button(bob.page, "Switched Files", "Connect as carol")).to_be_visible()
    expect(bob.page.get_by_role("article")).to_have_count(1)
