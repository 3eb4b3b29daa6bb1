"""Why am I disconnected: what happened to one's connection, when, and what to do, in plain words."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.between import LIST, TIMELINE, Asked, alter, answer, cut_off
from tests.browser.conftest import PersonFactory
from tests.browser.stage import Backstage
from tests.browser.steps import card, is_shown, press, signed_in

WHY = "Why am I disconnected?"
DATE = re.compile(r"^\d{1,2} [A-Z][a-z]{2} \d{4}, \d{2}:\d{2}: ")


def _opened(page: Page, name: str, question: str = WHY) -> Locator:
    """Open a card's timeline, and give it."""
    told = card(page, name).get_by_role("group").filter(has_text=question)
    told.locator("summary").click()
    expect(told.get_by_role("listitem").first).to_be_visible()
    return told


def _revoked(backstage: Backstage, installation: str) -> None:
    grant = backstage.provider.newest_grant("bob")
    backstage.revoke("bob", installation)
    backstage.until(lambda: backstage.provider.was_told(grant))
    backstage.until(lambda: any(one["event"] == "revocation_ended" for one in _events(backstage, installation)))


def _events(backstage: Backstage, installation: str) -> list[dict[str, Any]]:
    return list(backstage.people["bob"].at("GET", installation, "/timeline").json()["events"])


def _withdrawn(backstage: Backstage, installation: str) -> None:
    version = backstage.look_up("bob", installation).json()["version"]
    backstage.provider.withdraw("bob")
    rejected = backstage.satellite.report("acme", installation, "bob", version=version, status=401)
    assert rejected.json()["reason"] == "refused"


def _moved(backstage: Backstage, installation: str) -> None:
    backstage.change(installation, url=f"{backstage.places.mcp}?moved")
    backstage.until(lambda: any(one["event"] == "connection_cut" for one in _events(backstage, installation)))


@pytest.mark.parametrize(
    ("happens", "now", "events"),
    [
        (
            _revoked,
            "The connection was revoked here. Connect again.",
            ["The provider has ended the old grant.", "Revoked here: nothing of it is given out any more. By bob."],
        ),
        (_withdrawn, "The provider refused to renew. Connect again.", ["The provider refused to renew."]),
        (
            _moved,
            "An admin has changed where the token would be sent. Connect again.",
            ["An admin changed where the token would be sent: the connection was ended."],
        ),
    ],
    ids=["revoked", "withdrawn", "changed"],
)
def test_the_timeline_tells_what_ended_it_and_when(
    person: PersonFactory,
    backstage: Backstage,
    happens: Callable[[Backstage, str], None],
    now: str,
    events: list[str],
) -> None:
    installation = backstage.install("Told Files")
    began = time.time() - 60
    backstage.connect("bob", installation)
    happens(backstage, installation)
    bob = person("bob")
    asked = Asked(bob.context)
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Told Files", "Disconnected")
    assert asked.count("GET", TIMELINE) == 0, "nobody asks for it before it is opened"

    told = _opened(bob.page, "Told Files")

    expect(told.get_by_text(now)).to_be_visible()
    lines = told.get_by_role("listitem").all_text_contents()
    assert all(DATE.match(line) for line in lines)
    said = [DATE.sub("", line) for line in lines]
    assert [line for line in said if line in events] == events
    assert said[-1] == "Connected. By bob."
    times = [
        bob.page.evaluate("Date.parse", one.get_attribute("datetime")) / 1000 for one in told.locator("time").all()
    ]
    assert times == sorted(times, reverse=True)
    assert all(began < moment <= time.time() for moment in times)
    assert told.get_by_role("link").count() == 0
    assert violations(bob.page) == []


def test_a_denial_is_told_of_too(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Denied Files")
    bob_behind = backstage.people["bob"]
    bob_behind.consent(bob_behind.begin(installation), allow=False)
    bob = person("bob")
    signed_in(bob.page, "bob")

    told = _opened(bob.page, "Denied Files", "Why am I not connected?")

    expect(told.get_by_text("Consent was denied at the provider. Connect.")).to_be_visible()
    expect(told.get_by_role("listitem")).to_have_count(1)
    expect(told.get_by_role("listitem")).to_contain_text("Consent was denied at the provider.")


def test_a_link_leads_to_the_provider_only_where_strongroom_gives_one(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Linked Files")
    backstage.connect("bob", installation)
    _revoked(backstage, installation)
    bob = person("bob")
    links = iter(["https://provider.example/apps", "javascript:alert(1)", None])

    def linked(told: Any) -> None:
        for event in told["events"]:
            event["link"] = next(links)

    alter(bob.context, TIMELINE, linked)
    signed_in(bob.page, "bob")

    told = _opened(bob.page, "Linked Files")

    link = told.get_by_role("link")
    expect(link).to_have_count(1)
    expect(link).to_have_accessible_name("Go to provider.example (in a new tab)")
    assert link.get_attribute("href") == "https://provider.example/apps"
    assert link.get_attribute("rel") == "noopener noreferrer"


def test_trouble_that_passes_is_told_of_and_asks_nothing_of_the_person(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.connect("bob", backstage.install("Troubled Files"))
    bob = person("bob")
    moment = int(time.time()) - 60
    failing = {"status": "expired", "reason": "provider_error", "next": "wait", "expires_at": moment}
    alter(bob.context, LIST, lambda listed: listed["installations"][0]["connection"].update(failing))
    trouble = "The provider has not answered usefully since 2026-11-22 10:00 UTC; next try at 2026-11-22 10:05 UTC."
    alter(bob.context, TIMELINE, lambda told: told.update(trouble={"text": trouble}))
    signed_in(bob.page, "bob")

    is_shown(bob.page, "Troubled Files", "Expired")
    expect(card(bob.page, "Troubled Files")).to_contain_text(
        "The provider gives no useful answer just now. Strongroom keeps trying: you need do nothing."
    )
    expect(bob.page.get_by_text("The one server here needs nothing from you.")).to_be_visible()
    told = _opened(bob.page, "Troubled Files", "Why is it expired?")
    expect(told).to_contain_text("since 22 Nov 2026, 10:00; next try at 22 Nov 2026, 10:05.")


def test_a_timeline_that_does_not_come_is_asked_for_again(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Late Files")
    backstage.connect("bob", installation)
    backstage.revoke("bob", installation)
    bob = person("bob")
    bob.expect("ERR_INTERNET_DISCONNECTED")
    signed_in(bob.page, "bob")
    cut_off(bob.context, TIMELINE)

    told = card(bob.page, "Late Files").get_by_role("group").filter(has_text=WHY)
    told.locator("summary").click()
    expect(told).to_contain_text("Strongroom cannot be reached just now.")
    bob.context.unroute(TIMELINE)
    told.get_by_role("button", name="Try again").click()

    expect(told.get_by_role("listitem").first).to_be_visible()


def test_what_never_was_connected_has_nothing_to_tell(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Blank Files")
    bob = person("bob")
    signed_in(bob.page, "bob")

    told = card(bob.page, "Blank Files").get_by_role("group").filter(has_text="What has happened")
    told.locator("summary").click()

    expect(told).to_contain_text("There is no connection. Connect.")
    expect(told).to_contain_text("Nothing has happened to it so far.")


def test_a_long_timeline_stays_readable_on_a_narrow_screen(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Long Files")
    bob = person("bob", viewport={"width": 360, "height": 740})
    moment = int(time.time())
    event = {"event": "connected", "at": moment, "by": "b" * 200, "reason": None, "outcome": None, "link": None}
    told = {"now": None, "trouble": None, "events": [{**event, "text": "Connected."}] * 20}
    answer(bob.context, TIMELINE, 200, told)
    signed_in(bob.page, "bob")

    _opened(bob.page, "Long Files", "What has happened")

    assert bob.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_timeline_that_is_open_tells_at_once_what_is_done_on_the_page(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install("Fresh Files")
    backstage.connect("bob", installation)
    bob = person("bob")
    signed_in(bob.page, "bob")
    _opened(bob.page, "Fresh Files", "What has happened")

    press(bob.page, "Fresh Files", "Revoke")
    bob.page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()

    told = card(bob.page, "Fresh Files").get_by_role("group").filter(has_text=WHY)
    expect(told.get_by_text("Revoked here: nothing of it is given out any more.")).to_be_visible()
