"""The page under another name of the same machine: its policy lets nothing load there, so it says where it is."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.browser.stage import Stage

ELSEWHERE = "If nothing else appears here, open this page at its own address"


def test_under_another_name_of_the_machine_the_page_says_where_it_is(person: PersonFactory, stage: Stage) -> None:
    other = stage.places.api.replace("127.0.0.1", "localhost")
    bob = person("bob", origins=(other,))
    bob.expect("violated the policy: (script|style)-src-elem|Content Security Policy")
    bob.page.goto(f"{other}/connections")
    expect(bob.page.get_by_text(ELSEWHERE)).to_be_visible()
    bob.page.get_by_role("link", name="/connections").click()
    expect(bob.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert bob.page.url == f"{stage.places.api}/connections"


def test_at_its_own_address_it_does_not_speak_of_that(person: PersonFactory) -> None:
    bob = person("bob")
    bob.page.goto("/connections")
    expect(bob.page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(bob.page.get_by_text(ELSEWHERE)).to_be_hidden()
