"""What a card says is what is so, for the person who looks: who only said no, who may not connect, and what ends soon."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.between import LIST, TIMELINE, alter, answer
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import SEEN, button, card, connect, consent, deny, facts, is_shown, press, says, signed_in


def _obvious(bob: Profile, name: str) -> list[str | None]:
    buttons = card(bob.page, name).get_by_role("button").all()
    return [one.text_content() for one in buttons if not one.get_attribute("class")]


def test_who_has_only_said_no_was_never_connected(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Denied Files")
    bob = person("bob")
    signed_in(bob.page, "bob")

    deny(connect(bob.page, "Denied Files"), "bob")
    says(bob.page, "Denied Files", "Consent was denied at the provider, so nothing new was connected.")
    is_shown(bob.page, "Denied Files", "Not connected")
    bob.page.reload()

    is_shown(bob.page, "Denied Files", "Not connected")
    says(bob.page, "Denied Files", "Consent was denied at the provider. Connect to use it.")
    assert _obvious(bob, "Denied Files") == ["Connect"]
    expect(card(bob.page, "Denied Files").get_by_text("Why am I not connected?")).to_be_visible()


def test_who_is_connecting_is_not_told_to_until_they_stop(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Begun Files")
    bob = person("bob")
    signed_in(bob.page, "bob")
    says(bob.page, "Begun Files", "It is not connected yet. Connect to use it.")

    connect(bob.page, "Begun Files")
    says(bob.page, "Begun Files", "This page notices when you have finished.")
    expect(card(bob.page, "Begun Files")).not_to_contain_text("Connect to use it.")

    press(bob.page, "Begun Files", "Stop waiting")
    says(bob.page, "Begun Files", "It is not connected yet. Connect to use it.")


def test_who_may_not_connect_is_not_told_to(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Lost Files", sharing="shared")
    backstage.put_member("carol", "team_admin")
    carol = person("carol")
    signed_in(carol.page, "carol")
    popup = connect(carol.page, "Lost Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")

    backstage.put_member("carol", "team_user")

    says(carol.page, "Lost Files", "It could not be finished, and nothing of it was kept. If it happens again, tell")
    says(carol.page, "Lost Files", "Only an admin can connect it, for the whole team: ask one.")
    expect(card(carol.page, "Lost Files")).not_to_contain_text("onnect again")


def test_what_a_team_shares_and_nothing_renews_asks_admins_alone_to_connect_again(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.connect("alice", backstage.install("Lent Files", sharing="shared"), confirm_shared=True)
    alice, bob = person("alice"), person("bob")
    for one in (alice, bob):
        _ends_in(one, 600)
        signed_in(one.page, one.account)
        is_shown(one.page, "Lent Files", "Connected, ends soon")

    says(alice.page, "Lent Files", "connect again before that, and nothing is interrupted.")
    expect(alice.page.get_by_text("1 of 1 needs you.")).to_be_visible()
    says(bob.page, "Lent Files", "an admin has to connect again before that, and nothing is interrupted.")
    assert "an admin has to connect again by " in facts(bob.page, "Lent Files")["Token"]
    expect(bob.page.get_by_text("The one server here needs nothing from you.")).to_be_visible()
    expect(card(bob.page, "Lent Files").get_by_role("button")).to_have_count(0)


def test_what_a_shared_server_wants_more_is_an_admins_to_allow(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Greedy Files", sharing="shared")
    backstage.connect("alice", installation, confirm_shared=True)
    bob = person("bob")
    answer(bob.context, TIMELINE, 200, {"now": None, "trouble": None, "events": [{"event": "more_scopes_wanted"}]})

    signed_in(bob.page, "bob", installation)

    says(bob.page, "Greedy Files", "The server wants more than was allowed. Only an admin can allow it: ask one.")
    expect(card(bob.page, "Greedy Files")).not_to_contain_text("econnect")


def _ends_in(profile: Profile, seconds: int) -> None:
    """Let every token end then, with nothing to renew it."""
    ends = {"renewable": False, "expires_at": int(time.time()) + seconds}

    def ending(listed: Any) -> None:
        for one in listed["installations"]:
            one["connection"].update(ends)

    alter(profile.context, LIST, ending)


def test_a_token_that_nothing_renews_and_that_ends_soon_says_so_and_is_connected_again(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Short Files")
    backstage.fault("no_refresh_token")
    backstage.lifetimes(access=600)
    backstage.connect("bob", installation)
    backstage.lifetimes(access=3600)
    bob = person("bob")
    signed_in(bob.page, "bob")

    is_shown(bob.page, "Short Files", "Connected, ends soon")
    says(bob.page, "Short Files", "The provider gave nothing to renew it with: connect again before that")
    expect(bob.page.get_by_text("1 of 1 needs you.")).to_be_visible()
    assert _obvious(bob, "Short Files") == ["Reconnect"]
    assert "You go to" in facts(bob.page, "Short Files")
    assert violations(bob.page) == []
    consent(connect(bob.page, "Short Files"), "bob")

    is_shown(bob.page, "Short Files", "Connected")
    expect(bob.page.get_by_text("The one server here needs nothing from you.")).to_be_visible()


def test_a_page_that_stays_open_shows_what_has_come_to_end_soon_when_it_is_seen_again(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.connect("bob", backstage.install("Waning Files"))
    bob = person("bob")
    bob.page.clock.install()
    _ends_in(bob, 1800)
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Waning Files", "Connected")

    bob.page.clock.fast_forward("20:00")
    bob.page.evaluate(SEEN)

    is_shown(bob.page, "Waning Files", "Connected, ends soon")
    press(bob.page, "Waning Files", "Revoke")
    bob.page.keyboard.press("Escape")
    expect(button(bob.page, "Waning Files", "Reconnect")).to_be_visible()
