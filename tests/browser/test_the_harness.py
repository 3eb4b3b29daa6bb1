"""The harness notices what it is there to notice; each fault is planted on a page of its own."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.conftest import PersonFactory
from tests.browser.elsewhere import Elsewhere
from tests.browser.stage import Backstage, Stage
from tests.browser.steps import fill_in

STRICT = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
HEAD = "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1>"


@pytest.mark.parametrize(
    ("html", "policy", "kind"),
    [
        ("<body onload=\"console.error('ouch')\">", "", "console: ouch"),
        ('<body onload="nobody()">', "", "error: nobody is not defined"),
        ("<body onload=alert(1)>", "", "dialog: alert 1"),
        ("<body><script>alert(1)</script>", STRICT, "policy: violated the policy: script-src-elem inline"),
        ("<body><img src=http://127.0.0.1:9/x.png>", "", "foreign: http://127.0.0.1:9/x.png"),
        ("<body><img src=https://away.example/x.png>", "", "foreign: https://away.example/x.png"),
    ],
)
def test_what_a_page_should_not_do_is_noticed(
    person: PersonFactory, elsewhere: Elsewhere, html: str, policy: str, kind: str
) -> None:
    mallory = person("mallory", origins=(elsewhere.origin,))
    mallory.expect("")
    headers = {"Content_Security_Policy": policy} if policy else {}

    mallory.page.goto(elsewhere.put("/page", f"{HEAD}{html}", **headers))

    assert kind in [str(complaint).partition(" (at ")[0].strip() for complaint in mallory.complaints.all]


def test_a_complaint_that_was_expected_is_none_and_another_one_is(person: PersonFactory, elsewhere: Elsewhere) -> None:
    mallory = person("mallory", origins=(elsewhere.origin,))
    mallory.page.goto(elsewhere.put("/page", f"{HEAD}<body onload=\"console.error('one'); console.error('two')\">"))
    mallory.expect("one")

    [left] = mallory.complaints.unexpected()
    mallory.expect("two")

    assert "two" in left
    assert mallory.complaints.unexpected() == []


def test_what_a_popup_does_is_noticed_too(person: PersonFactory, elsewhere: Elsewhere) -> None:
    mallory = person("mallory", origins=(elsewhere.origin,))
    mallory.expect("ouch")
    elsewhere.put("/popup", f"{HEAD}<body onload=\"console.error('ouch')\">")
    mallory.page.goto(elsewhere.put("/page", f"{HEAD}<button onclick=\"window.open('/popup')\">Open</button>"))

    with mallory.page.expect_popup() as opened:
        mallory.page.get_by_role("button", name="Open").click()
    opened.value.wait_for_load_state()

    assert [complaint.kind for complaint in mallory.complaints.all] == ["console"]


def test_two_people_share_no_session(person: PersonFactory, stage: Stage) -> None:
    alice, bob = person("alice"), person("bob")

    for one in (alice, bob):
        one.page.goto(f"{stage.places.provider}/style.css")
    alice.page.evaluate("localStorage.setItem('of', 'alice'); document.cookie = 'of=alice'")

    seen = "[localStorage.getItem('of'), document.cookie]"
    assert alice.page.evaluate(seen) == ["alice", "of=alice"]
    assert bob.page.evaluate(seen) == [None, ""]


def test_axe_finds_what_is_wrong_and_nothing_in_what_is_right(person: PersonFactory, elsewhere: Elsewhere) -> None:
    page = person("alice", origins=(elsewhere.origin,)).page

    page.goto(elsewhere.put("/good", f"{HEAD}<button>Go</button>", Content_Security_Policy=STRICT))
    assert violations(page) == []

    page.goto(elsewhere.put("/bad", f"{HEAD}<button></button>", Content_Security_Policy=STRICT))
    [told] = violations(page)
    assert told.startswith("button-name (critical)")


@pytest.mark.parametrize("isolated", [False, True])
def test_a_provider_that_isolates_its_window_looks_closed_to_whoever_opened_it(
    person: PersonFactory, stage: Stage, backstage: Backstage, isolated: bool
) -> None:
    installation = backstage.install()
    begun = backstage.people["bob"].begin(installation)
    bob = person("bob")
    bob.page.goto(f"{stage.places.provider}/style.css")
    if isolated:
        backstage.isolate_provider()

    with bob.page.expect_popup() as opened:
        bob.page.evaluate("url => { window.theirs = window.open(url); }", begun.url)
    popup = opened.value
    fill_in(popup, "bob")
    expect(popup.get_by_role("button", name="Allow")).to_be_visible()

    assert bob.page.evaluate("window.theirs.closed") is isolated
    assert popup.evaluate("window.opener === null") is isolated


def test_what_was_done_behind_the_pages_is_seen_and_taken_back(stage: Stage) -> None:
    behind = Backstage(stage)
    installation = behind.install()
    behind.lifetimes(access=2)
    behind.connect("bob", installation)
    assert behind.status("bob", installation)["status"] == "connected"
    assert behind.look_up("bob", installation).status == 200
    behind.revoke("bob", installation)
    assert behind.status("bob", installation)["status"] == "auth_required"

    behind.tidy()

    assert behind.people["alice"].at("GET", installation).status == 404
    assert behind.pull("state")["lifetimes"]["access"] == 3600
