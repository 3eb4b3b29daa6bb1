"""An admin installs an MCP server: and connects in the same click, or for the whole team, or not yet."""

from __future__ import annotations

import re

from playwright.sync_api import Request, Route, expect

from tests.browser.admin import (
    INSTALLATIONS,
    answer_with,
    asked,
    found_as,
    install,
    install_and_authorize,
    installed,
    installing,
    named,
    refused_at,
    settle,
)
from tests.browser.between import Asked, Held
from tests.browser.conftest import PersonFactory, Picture
from tests.browser.mcp_server import Server
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, consent, deny, facts, is_shown, says, signed_in

SHARE = "One account for the whole team?"


def test_install_alone_connects_nobody(alice: Profile, backstage: Backstage) -> None:
    settle(alice.page, backstage.places.mcp, "Plain Files")

    install(alice.page)

    installation = installed(alice.page, backstage, "Plain Files")
    expect(alice.page.get_by_role("heading", name="Plain Files is installed")).to_be_focused()
    expect(installing(alice.page)).to_contain_text("Whoever wants to use it can connect at Plain Files in the list.")
    is_shown(alice.page, "Plain Files", "Not connected")
    assert alice.context.pages == [alice.page]
    assert {backstage.status(name, installation)["reason"] for name in ("alice", "bob", "carol")} == {"never_connected"}


def test_install_and_authorize_opens_the_window_inside_the_click_and_connects_the_admin_alone(
    alice: Profile, person: PersonFactory, backstage: Backstage
) -> None:
    settle(alice.page, backstage.places.mcp, "Quick Files")
    held = Held(alice.context, INSTALLATIONS)

    popup = install_and_authorize(alice.page)
    expect(popup.get_by_text("One moment")).to_be_visible()
    backstage.until(lambda: bool(held.waiting))
    assert found_as(backstage, "Quick Files") == [], "the window is there before anything is installed"
    held.go()
    installation = installed(alice.page, backstage, "Quick Files")
    host = backstage.places.provider.removeprefix("http://")
    expect(installing(alice.page)).to_contain_text(f"What comes of connecting it at {host} is told")
    expect(installing(alice.page)).to_contain_text("Others can connect at Quick Files in the list.")
    consent(popup, "alice")

    is_shown(alice.page, "Quick Files", "Connected")
    assert backstage.tool_says("alice", installation) == "alice"
    assert [backstage.look_up(name, installation).status for name in ("bob", "carol")] == [409, 409]
    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Quick Files", "Not connected")


def test_what_is_denied_in_the_window_is_installed_all_the_same(alice: Profile, backstage: Backstage) -> None:
    settle(alice.page, backstage.places.mcp, "Unwanted Files")

    deny(install_and_authorize(alice.page), "alice")

    installation = installed(alice.page, backstage, "Unwanted Files")
    says(alice.page, "Unwanted Files", "Consent was denied at the provider, so nothing new was connected.")
    assert backstage.status("alice", installation)["reason"] == "denied"


def test_what_cannot_be_begun_is_installed_all_the_same(alice: Profile, backstage: Backstage, server: Server) -> None:
    alice.expect("status of 422")
    server.status = 401  # also where clients register
    server.describe()
    settle(alice.page, server.mcp, "Late Files")

    popup = install_and_authorize(alice.page)

    installed(alice.page, backstage, "Late Files")
    expect(installing(alice.page)).to_contain_text(
        "Connecting could not begin: The provider refused to register Strongroom. "
        "Nobody can connect until that is mended: tell the provider."
    )
    is_shown(alice.page, "Late Files", "Not connected")
    backstage.until(popup.is_closed)


def test_where_nothing_could_be_shown_before_the_click_it_is_asked_before_anybody_leaves(
    alice: Profile, backstage: Backstage
) -> None:
    host = backstage.places.provider.removeprefix("http://")
    url = installing(alice.page).get_by_label("URL of the MCP server")
    url.fill(backstage.places.mcp)
    installing(alice.page).get_by_role("button", name="Install without asking the server").click()
    named(alice.page, "Unasked Files")

    install(alice.page, "Install & Authorize")
    question = asked(alice.page, f"Go to {host}?")
    expect(question).to_contain_text("This was found out just now.")
    expect(question).to_contain_text(f"You consent at {host}; tokens come from {host}")
    expect(question).to_contain_text("You are asked to allow: files:read")
    answer_with(question, "Cancel")

    installed(alice.page, backstage, "Unasked Files")
    expect(installing(alice.page)).to_contain_text("Nobody was asked to consent: nothing is connected yet.")
    assert alice.context.pages == [alice.page]
    is_shown(alice.page, "Unasked Files", "Not connected")


def test_sharing_is_confirmed_before_and_at_the_end_and_serves_whoever_is_no_admin(
    alice: Profile, person: PersonFactory, backstage: Backstage, picture: Picture
) -> None:
    requests = Asked(alice.context)
    form = settle(alice.page, backstage.places.mcp, "Team Archive")
    form.get_by_label(re.compile("^One account for the whole team")).check()

    install(alice.page, "Install & Authorize")
    question = asked(alice.page, SHARE)
    expect(question).to_contain_text("Everybody in the team will use this server with the one account")
    picture(alice.page, "shared-question", whole=False)
    answer_with(question, "Cancel")
    assert requests.count("POST", INSTALLATIONS) == 0
    assert alice.context.pages == [alice.page]

    install(alice.page, "Install & Authorize")
    with alice.page.expect_popup() as opened:
        answer_with(asked(alice.page, SHARE), "Use one account for the team")
    popup = opened.value
    installation = installed(alice.page, backstage, "Team Archive")
    expect(installing(alice.page)).to_contain_text("The account that you allow there serves the whole team.")
    consent(popup, "alice")
    expect(popup.get_by_role("heading", name="Connect Team Archive for the whole team?")).to_be_visible()
    assert backstage.status("bob", installation)["status"] == "not_connected"
    popup.get_by_role("button", name="Connect for the whole team").click()

    is_shown(alice.page, "Team Archive", "Connected")
    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Team Archive", "Connected")
    assert facts(bob.page, "Team Archive")["Connected by"] == "alice"
    expect(card(bob.page, "Team Archive").get_by_role("button")).to_have_count(0)
    assert backstage.tool_says("bob", installation) == "alice"


def test_a_name_that_the_team_has_already_is_told_at_its_field(alice: Profile, backstage: Backstage) -> None:
    backstage.install("Taken Files")
    alice.expect("status of 409")
    settle(alice.page, backstage.places.mcp, "Taken Files")

    install(alice.page)

    refused_at(
        installing(alice.page).get_by_label("Name", exact=True), "The team has an installation of this name already."
    )


# -- Nothing is lost


class LosesAnswers:
    """Lets what installs reach the server, and loses the first answer on its way back. `keys` are what was sent with it."""

    def __init__(self, alice: Profile) -> None:
        self.keys: list[str | None] = []
        alice.context.route(INSTALLATIONS, self._answer)
        alice.expect("net::ERR_CONNECTION_RESET")

    def _answer(self, route: Route, request: Request) -> None:
        if request.method != "POST":
            return route.continue_()
        self.keys.append(request.headers.get("idempotency-key"))
        answer = route.fetch()
        return route.abort("connectionreset") if len(self.keys) == 1 else route.fulfill(response=answer)


def test_after_an_answer_that_got_lost_a_second_press_installs_nothing_twice(
    alice: Profile, backstage: Backstage
) -> None:
    sent = LosesAnswers(alice)
    settle(alice.page, backstage.places.mcp, "Lost Files")

    install(alice.page)
    expect(alice.page.get_by_text("Strongroom cannot be reached just now.")).to_be_visible()
    assert len(found_as(backstage, "Lost Files")) == 1
    install(alice.page)

    installed(alice.page, backstage, "Lost Files")
    assert sent.keys[0] == sent.keys[1] is not None


def test_after_an_answer_that_got_lost_a_second_press_connects_what_the_first_installed(
    alice: Profile, backstage: Backstage
) -> None:
    LosesAnswers(alice)
    settle(alice.page, backstage.places.mcp, "Found Again")

    popup = install_and_authorize(alice.page)
    expect(alice.page.get_by_text("Strongroom cannot be reached just now.")).to_be_visible()
    backstage.until(popup.is_closed)
    [first] = found_as(backstage, "Found Again")
    popup = install_and_authorize(alice.page)
    assert installed(alice.page, backstage, "Found Again") == first
    consent(popup, "alice")

    is_shown(alice.page, "Found Again", "Connected")


def test_what_is_entered_otherwise_after_an_answer_that_got_lost_is_another_installation(
    alice: Profile, backstage: Backstage
) -> None:
    sent = LosesAnswers(alice)
    settle(alice.page, backstage.places.mcp, "First Name")

    install(alice.page)
    expect(alice.page.get_by_text("Strongroom cannot be reached just now.")).to_be_visible()
    named(alice.page, "Second Name")
    install(alice.page)

    installed(alice.page, backstage, "Second Name")
    assert len(found_as(backstage, "First Name")) == 1
    assert sent.keys[0] != sent.keys[1]
