"""A card says before the click where it leads, after it how the connection stands, and has one thing to do next."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.between import LIST, Asked, alter
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage
from tests.browser.steps import button, card, connect, consent, facts, is_shown, press, says, signed_in

STAY = ", and to stay connected while you are away"


def test_before_the_click_a_card_names_the_hosts_the_scopes_and_what_an_admin_has_added(
    person: PersonFactory, backstage: Backstage
) -> None:
    mcp, provider = (where.removeprefix("http://") for where in (backstage.places.mcp, backstage.places.provider))
    elsewhere = backstage.places.provider.replace("127.0.0.1", "localhost")
    endpoints = {"authorization": f"{backstage.places.provider}/authorize", "token": f"{elsewhere}/token"}
    backstage.install("Found Files", scopes=["files:read", "files:write"])
    backstage.install_by_hand("Entered Files", endpoints=endpoints, iss=True, parameters={"audience": "files"})
    backstage.install_by_hand("Unknown Files")
    bob = person("bob")
    asked = Asked(bob.context)

    signed_in(bob.page, "bob")
    is_shown(bob.page, "Found Files", "Not connected")

    server = {"Server": mcp.removesuffix("/mcp")}
    assert facts(bob.page, "Found Files") == {
        **server,
        "You go to": provider,
        "Asks for": f"files:read, files:write{STAY}",
    }
    assert facts(bob.page, "Entered Files") == {
        **server,
        "You go to": provider,
        "Tokens come from": elsewhere.removeprefix("http://"),
        "Asks for": f"no scopes by name: what the provider gives by itself{STAY}",
        "An admin has added": "audience=files",
    }
    assert facts(bob.page, "Unknown Files") == {
        **server,
        "You go to": "not known yet: it is found out when you connect, and shown before you go on",
        "Issuer": backstage.places.provider,
    }
    assert asked.changes() == []


def test_a_connected_card_says_who_it_is_what_was_allowed_and_until_when(
    person: PersonFactory, backstage: Backstage
) -> None:
    named = backstage.install("Named Files", scopes=["files:read", "openid"])
    nameless = backstage.install("Nameless Files")
    for installation in (named, nameless):
        backstage.connect("bob", installation)
    bob = person("bob")

    signed_in(bob.page, "bob")
    is_shown(bob.page, "Named Files", "Connected")

    assert facts(bob.page, "Named Files")["Account"] == "bob@files.example"
    assert facts(bob.page, "Named Files")["Connected by"] == "you, as bob"
    assert facts(bob.page, "Nameless Files")["Account"] == "the provider does not say which"
    assert facts(bob.page, "Named Files")["Allowed"] == "files:read, openid"
    says(bob.page, "Named Files", "It works, and is renewed by itself: you need do nothing.")
    assert facts(bob.page, "Named Files")["Token"].startswith("renewed by itself; this one ends ")
    ends = card(bob.page, "Named Files").get_by_role("definition").locator("time").first.get_attribute("datetime")
    assert bob.page.evaluate("Date.parse", ends) == backstage.status("bob", named)["expires_at"] * 1000


def test_a_card_tells_which_scopes_were_not_allowed(person: PersonFactory, backstage: Backstage) -> None:
    backstage.connect("bob", backstage.install("Narrowed Files"))
    bob = person("bob")

    def narrowed(listed: Any) -> None:
        [one] = (each for each in listed["installations"] if each["name"] == "Narrowed Files")
        one["connection"]["missing_scopes"] = ["files:write"]

    alter(bob.context, LIST, narrowed)  # the provider here gives all or nothing
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Narrowed Files", "Connected")

    told = facts(bob.page, "Narrowed Files")
    assert (told["Allowed"], told["Not allowed"]) == ("files:read", "files:write")


def test_each_card_has_a_badge_and_one_thing_to_do_next(person: PersonFactory, backstage: Backstage) -> None:
    for name in ("New", "Ended", "Going", "Paused"):
        installation = backstage.install(f"{name} Files")
        if name != "New":
            backstage.connect("bob", installation)
        if name == "Ended":
            backstage.revoke("bob", installation)
        if name == "Paused":
            backstage.change(installation, enabled=False)
    backstage.install("Open Files", requires_oauth=False)
    backstage.install("Team Wide", sharing="shared")
    bob = person("bob")

    signed_in(bob.page, "bob")

    def offers(name: str, badge: str, obvious: list[str], others: list[str]) -> None:
        is_shown(bob.page, name, badge)
        buttons = card(bob.page, name).get_by_role("button")
        plain = [(one.get_attribute("aria-label"), one.get_attribute("class")) for one in buttons.all()]
        assert [label for label, look in plain if not look] == [f"{label} {name}" for label in obvious]
        assert [label for label, look in plain if look] == [f"{label} {name}" for label in others]

    offers("New Files", "Not connected", ["Connect"], [])
    offers("Ended Files", "Disconnected", ["Reconnect"], [])
    offers("Going Files", "Connected", [], ["Reconnect", "Revoke"])
    offers("Paused Files", "Disabled", [], ["Revoke"])
    offers("Open Files", "Needs no OAuth", [], [])
    offers("Team Wide", "Waits for an admin", [], [])
    expect(bob.page.get_by_text("2 of 6 need you.")).to_be_visible()
    says(bob.page, "Paused Files", "nothing is given out until an admin enables it again")
    says(bob.page, "Team Wide", "Only an admin can connect it, for the whole team: ask one.")
    says(bob.page, "Open Files", "There is nothing to connect.")


def test_revoking_asks_first_and_then_the_provider_is_told_too(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Given Files")
    backstage.connect("bob", installation)
    grant = backstage.provider.newest_grant("bob")
    bob = person("bob")
    asked = Asked(bob.context)
    signed_in(bob.page, "bob")
    question = bob.page.get_by_role("dialog", name="Revoke Given Files?")

    press(bob.page, "Given Files", "Revoke")
    expect(question).to_contain_text("Nothing of it is given out any more")
    bob.page.keyboard.press("Escape")
    press(bob.page, "Given Files", "Revoke")
    question.get_by_role("button", name="Keep it").click()
    expect(question).to_be_hidden()
    is_shown(bob.page, "Given Files", "Connected")
    assert asked.changes() == []

    press(bob.page, "Given Files", "Revoke")
    question.get_by_role("button", name="Revoke", exact=True).click()

    is_shown(bob.page, "Given Files", "Disconnected")
    says(bob.page, "Given Files", "Revoked: nothing of it is given out any more.")
    expect(button(bob.page, "Given Files", "Reconnect")).to_be_visible()
    expect(card(bob.page, "Given Files").get_by_role("heading")).to_be_focused()
    assert backstage.look_up("bob", installation).status == 409
    backstage.until(lambda: backstage.provider.was_told(grant))


def test_what_a_team_shares_only_admins_connect_and_revoke(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Whole Team Files", sharing="shared")
    alice, bob = person("alice"), person("bob")
    signed_in(alice.page, "alice")
    says(alice.page, "Whole Team Files", "The whole team will use the account that you connect.")

    popup = connect(alice.page, "Whole Team Files")
    consent(popup, "alice")
    expect(popup.get_by_role("heading", name="Connect Whole Team Files for the whole team?")).to_be_visible()
    expect(popup.get_by_text("Everybody in team acme will use the account")).to_be_visible()
    assert backstage.status("bob", installation)["status"] == "not_connected"
    popup.get_by_role("button", name="Connect for the whole team").click()

    is_shown(alice.page, "Whole Team Files", "Connected")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Whole Team Files", "Connected")
    assert facts(bob.page, "Whole Team Files")["Connected by"] == "alice"
    expect(card(bob.page, "Whole Team Files").get_by_role("button")).to_have_count(0)
    assert backstage.tool_says("bob", installation) == "alice"

    press(alice.page, "Whole Team Files", "Revoke")
    question = alice.page.get_by_role("dialog", name="Revoke Whole Team Files for the whole team?")
    expect(question).to_contain_text("Everybody in team acme loses it at once")
    question.get_by_role("button", name="Revoke for the whole team").click()
    is_shown(alice.page, "Whole Team Files", "Disconnected")
    assert backstage.look_up("bob", installation).json()["reason"] == "admin_must_connect"
