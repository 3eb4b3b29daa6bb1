"""In every state the page looks right: wide and narrow, light and dark, with text doubled; and it stays usable with less
motion and with forced colours."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import between
from tests.browser.conftest import PersonFactory
from tests.browser.elsewhere import Elsewhere
from tests.browser.keys import Keys
from tests.browser.looks import LOOKS, Look, computed, faults, looks_right
from tests.browser.stage import Backstage, Stage
from tests.browser.steps import card, connect, consent, deny, is_shown, open_connections, press, signed_in

LONG = "An_installation_with_a_name_of_eighty_letters_which_is_the_longest_that_it_may_be"[:80]
SOON, LONG_AGO = 1_900_000_000, 1_700_000_000
FAILED = {"code": "client_rejected", "text": "The provider does not take Strongroom's client.", "at": LONG_AGO}
GOING = {
    "status": "connected",
    "reason": None,
    "since": LONG_AGO,
    "next": "none",
    "expires_at": SOON,
    "expiry": "said",
    "scopes": ["files:read", "files:write", "a.very.long.scope.of.somebody.who.writes/urls/instead.of.words"],
    "last_success_at": LONG_AGO,
    "renewable": True,
    "account": "bob.with.a.long.name@a.provider.with.a.long.name.example",
}
ENDED = {**GOING, "renewable": None, "account": None, "last_success_at": None, "expires_at": None, "scopes": []}
# Each badge that a card can wear: what the list says of its connection, and of the installation.
BADGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Connected": (GOING, {}),
    "Connected, ends soon": (
        {
            **GOING,
            "reason": "consent_ends_soon",
            "next": "reconnect",
            "consent_ends_at": SOON,
            "missing_scopes": ["x:y"],
        },
        {},
    ),
    "Expired": ({**GOING, "status": "expired", "reason": "client_rejected", "next": "wait", "last_error": FAILED}, {}),
    "Not connected": ({**ENDED, "status": "not_connected", "reason": "never_connected", "next": "connect"}, {}),
    "Disconnected": ({**ENDED, "status": "auth_required", "reason": "refused", "next": "reconnect"}, {}),
    "Waits for an admin": (
        {**ENDED, "status": "auth_required", "reason": "admin_must_connect"},
        {"sharing": "shared"},
    ),
    "Disabled": (GOING, {"enabled": False}),
    "Needs no OAuth": (ENDED, {"requires_oauth": False, "connection": None}),
}


def every_badge(answer: dict[str, Any]) -> None:
    """Let the list have one installation for each badge, and one with a name as long as may be."""
    [one] = answer["installations"]
    made = []
    for number, (badge, (connection, more)) in enumerate(BADGES.items()):
        each = copy.deepcopy(one) | {"name": f"Server {number}", "installation": f"{number}".rjust(20, "a")}
        each["connection"] = each["connection"] | connection
        made.append(each | more | ({"name": LONG} if badge == "Not connected" else {}))
    answer["installations"] = made


def fold_out(place: Page | Locator, words: str) -> None:
    place.locator("summary", has_text=re.compile(rf"^{re.escape(words)}")).first.click()


def check(page: Page, url: str) -> None:
    """As an admin, ask a server what it needs."""
    page.get_by_role("textbox", name="URL of the MCP server").fill(url)
    page.get_by_role("button", name="Check").click()


# -- In every state


def test_signed_out_and_without_servers(person: PersonFactory, backstage: Backstage) -> None:
    page = person("bob").page

    open_connections(page, "acme")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    looks_right(page)

    signed_in(page, "bob")
    expect(page.get_by_text("No MCP server is installed")).to_be_visible()
    fold_out(page, "Another team")
    looks_right(page)


def test_nobody_and_the_wrong_person(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    mallory = person("mallory")
    mallory.expect("status of 404")

    signed_in(mallory.page, "mallory", team="acme")
    expect(mallory.page.get_by_text("mallory sees no team acme here")).to_be_visible()

    looks_right(mallory.page)


def test_every_badge_and_the_longest_name(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    bob = person("bob")
    between.alter(bob.context, between.LIST, every_badge)

    signed_in(bob.page, "bob")
    for number, badge in enumerate(BADGES):
        is_shown(bob.page, LONG if badge == "Not connected" else f"Server {number}", badge)
    for folded in bob.page.get_by_text("Where connecting leads").all():
        folded.click()

    looks_right(bob.page)


def test_agreeing_waiting_and_a_window_that_looks_closed(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install(LONG)
    bob = person("bob")
    held = between.Held(bob.context, between.AUTHORIZE)
    between.alter(bob.context, between.LIST, lambda answer: answer["installations"][0].update(provider=None))
    signed_in(bob.page, "bob")

    press(bob.page, LONG, "Connect")
    expect(card(bob.page, LONG)).to_contain_text("Asking the server where connecting leads.")
    looks_right(bob.page)
    held.go()
    expect(card(bob.page, LONG)).to_contain_text("This is where it leads")
    looks_right(bob.page)

    with bob.page.expect_popup() as opened:
        card(bob.page, LONG).get_by_role("button", name=re.compile("^Continue to ")).click()
    opened.value.wait_for_load_state()
    expect(card(bob.page, LONG)).to_contain_text("This page notices when you have finished.")
    looks_right(bob.page)
    opened.value.close()
    expect(card(bob.page, LONG)).to_contain_text("That window looks closed.")
    looks_right(bob.page)


def test_the_window_that_asks_and_the_one_that_has_finished(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Notes", sharing="shared")
    page = person("alice").page
    signed_in(page, "alice")

    popup = connect(page, "Team Notes")
    consent(popup, "alice")
    expect(popup.get_by_role("heading", name="Connect Team Notes for the whole team?")).to_be_visible()
    looks_right(popup)
    popup.get_by_role("button", name="Do not connect").click()
    expect(popup.get_by_role("button", name="Close this window")).to_be_visible()
    looks_right(popup)


def test_questions_timelines_and_what_came_of_it(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Team Files")
    for _ in range(2):
        backstage.connect("bob", installation)
        backstage.revoke("bob", installation)
    backstage.connect("bob", installation)
    page = person("bob").page
    signed_in(page, "bob", installation)

    fold_out(card(page, "Team Files"), "What has happened")
    expect(card(page, "Team Files").get_by_role("listitem")).to_have_count(7)
    looks_right(page)
    press(page, "Team Files", "Revoke")
    expect(page.get_by_role("dialog")).to_be_visible()
    looks_right(page)
    page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    is_shown(page, "Team Files", "Disconnected")
    deny(connect(page, "Team Files"), "bob")
    expect(card(page, "Team Files")).to_contain_text("Consent was denied at the provider, so nothing new")
    looks_right(page)


def test_what_admins_see_before_they_install(person: PersonFactory, backstage: Backstage, stage: Stage) -> None:
    alice = person("alice")
    page = alice.page
    signed_in(page, "alice")
    expect(page.get_by_role("heading", name="Install an MCP server")).to_be_visible()
    looks_right(page)

    check(page, stage.places.mcp)
    expect(page.get_by_role("heading", name="Requires OAuth")).to_be_visible()
    fold_out(page, "What was asked, step by step")
    page.get_by_role("checkbox", name="Enter the provider by hand").check()
    for words in ("Endpoints by hand", "Scopes", "Headers and environment"):
        fold_out(page, words)
    for what in ("parameter", "header", "variable"):
        page.get_by_role("button", name=f"Add a {what}").click()
    looks_right(page)

    page.get_by_role("button", name="Another server").click()
    page.get_by_role("button", name="A server without a URL, started by gateways").click()
    looks_right(page)


def test_what_admins_see_of_a_mistake(person: PersonFactory, backstage: Backstage, stage: Stage) -> None:
    backstage.install("Team Files")
    alice = person("alice")
    alice.expect("status of 409")
    signed_in(alice.page, "alice")
    check(alice.page, stage.places.mcp)
    alice.page.get_by_role("textbox", name="Name").fill("Team Files")
    alice.page.get_by_role("button", name="Install", exact=True).click()
    expect(alice.page.get_by_role("alert").get_by_text(re.compile("name"))).to_be_visible()

    looks_right(alice.page)


def test_what_admins_see_of_what_is_installed(person: PersonFactory, backstage: Backstage) -> None:
    headers = {"X-Team": "acme", "X-Something-With-A-Very-Long-Name-That-Does-Not-Break": "{access_token}"}
    backstage.connect("bob", backstage.install("Team Files", inject={"headers": headers, "env": {}}))
    page = person("alice").page
    signed_in(page, "alice")

    fold_out(page, "Manage Team Files")
    expect(page.get_by_role("heading", name="How everybody stands")).to_be_visible()
    for folded in card(page, "Team Files").locator(".strongroom-manage summary").all()[1:]:
        if folded.is_visible():
            folded.click()
    fold_out(page, "Who changed what")
    expect(page.get_by_role("region", name="Records of the team")).to_be_visible()
    looks_right(page)

    page.get_by_role("button", name="Uninstall").click()
    expect(page.get_by_role("dialog", name="Uninstall Team Files?")).to_be_visible()
    looks_right(page)


# -- Less motion, forced colours


def test_with_less_motion_nothing_moves(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Team Files")
    bob = person("bob", reduced_motion="reduce")
    held = between.Held(bob.context, between.AUTHORIZE)
    signed_in(bob.page, "bob")
    press(bob.page, "Team Files", "Connect")
    busy = card(bob.page, "Team Files").get_by_text("Asking the server where connecting leads.")
    expect(busy).to_be_visible()

    assert bob.page.evaluate("document.getAnimations({ subtree: true }).length") == 0
    timed = computed(bob.page, "*", "transitionDuration", "animationName")
    assert {(time, name) for time, name in timed} == {("0s", "none")}
    # The turning picture of what is busy is one that moves by itself, whatever the page's styles say.
    spinner = "(one) => getComputedStyle(one, '::before').backgroundImage"
    assert busy.evaluate(spinner) == "none"
    bob.page.emulate_media(reduced_motion="no-preference")
    assert busy.evaluate(spinner) != "none"
    held.go()


@pytest.mark.parametrize("forced", ["active", "none"])
def test_badges_and_focus_are_seen_with_forced_colours_and_without(
    person: PersonFactory, backstage: Backstage, stage: Stage, forced: str
) -> None:
    backstage.connect("alice", backstage.install("Team Files"))
    page = person("alice", forced_colors=forced).page
    signed_in(page, "alice")
    is_shown(page, "Team Files", "Connected")
    check(page, stage.places.mcp)
    expect(page.get_by_role("heading", name="Requires OAuth")).to_be_visible()

    for style, width in computed(page, ".strongroom-badge", "borderTopStyle", "borderTopWidth"):
        assert (style, width) == ("solid", "1px")
    keys = Keys(page)
    page.get_by_role("button", name="Use another account").focus()
    assert keys.round() == keys.stops()  # and each stop is seen
    own_boxes = computed(page, "[type=radio], [type=checkbox]", "appearance")
    assert own_boxes
    assert {look for (look,) in own_boxes} == ({"auto"} if forced == "active" else {"none"})


# -- The ruler


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ("<p>good</p><button style='padding:9px'>Go</button>", ""),
        ("<p style='width:90rem'>wide</p>", "px wide, and"),
        (
            "<div style='overflow:hidden'><button style='margin-left:1250px;padding:9px'>Go somewhere</button></div>",
            "is cut off",
        ),
        ("<div style='overflow:hidden'><p style='margin-left:1200px;width:900px'>" + "words " * 40, "is cut off"),
        ("<button style='padding:9px;width:50px;overflow:hidden'>Unreasonable</button>", "is too narrow"),
        ("<button style='padding:0;border:0;height:16px'>Go somewhere</button>", "x 16 px"),
        (
            "<button style='padding:9px'>Go on</button><button style='padding:9px;margin-left:-20px'>Stop</button>",
            "overlap",
        ),
        ("<p>This is said</p><p style='margin-top:-25px'>This is said too</p>", "lies over"),
    ],
)
def test_the_ruler_finds_what_is_wrong(person: PersonFactory, elsewhere: Elsewhere, html: str, fault: str) -> None:
    page = person("bob", origins=(elsewhere.origin,), viewport={"width": 1280, "height": 800}).page
    page.goto(elsewhere.put("/page", f"<!doctype html><html lang=en><title>A page</title><body>{html}"))

    told = faults(page)

    assert bool(told) is bool(fault)
    assert all(fault in one for one in told)


def test_the_looks_are_those_that_people_have() -> None:
    assert {(look.width, look.scheme) for look in LOOKS} == {
        (320, "light"),
        (320, "dark"),
        (1280, "light"),
        (1280, "dark"),
    }
    assert {look.text for look in LOOKS if look.width == 320} == {100, 200}
    assert str(Look(320, "dark", 200)) == "320 px, dark, text at 200 %"
