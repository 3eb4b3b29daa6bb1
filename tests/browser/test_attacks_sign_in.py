"""Signing in at the page: an answer that this tab did not ask for, and a code that somebody else has got hold of."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from local.signing import Reply, send
from tests.browser import altered
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Stage
from tests.browser.steps import fill_in, open_connections
from tests.browser.watch import Watch
from tests.requirements import requirement

NOT_BEGUN_HERE = "This sign-in was not begun in this window."
OWN_STATE = ('answered.get("state") !== kept.state', "false")
KEPT = 'JSON.parse(sessionStorage.getItem(KEPT) ?? "null")'


def go_to_sign_in(page: Page) -> None:
    open_connections(page, "acme")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_label("Password", exact=True).wait_for()


def intercepted(profile: Profile) -> tuple[str, dict[str, Any]]:
    """Sign in, and give the answer's address and what the tab has kept for it; no script of ours has used it."""
    profile.expect("ERR_FAILED")
    go_to_sign_in(profile.page)
    profile.context.route("**/connections/page.js", lambda route: route.abort())
    fill_in(profile.page, profile.account)
    profile.page.wait_for_url("**/connections/signed-in?*")
    return profile.page.url, json.loads(profile.page.evaluate("sessionStorage.getItem('strongroom.sign-in')"))


def token_requests(watch: Watch) -> int:
    return sum(urlsplit(request.url).path == "/token" for request in watch.asked)


@requirement("attack:A34")
def test_an_answer_for_an_attackers_account_signs_nobody_in(person: PersonFactory, stage: Stage) -> None:
    bait, _ = intercepted(person("mallory"))
    carol = person("carol")
    watch = Watch(carol)

    for under_way in (False, True):
        if under_way:
            go_to_sign_in(carol.page)
        carol.page.goto(bait)

        expect(carol.page.get_by_text(NOT_BEGUN_HERE)).to_be_visible()
        expect(carol.page.get_by_text("Signed in as")).to_have_count(0)
        assert carol.page.url == f"{stage.places.api}/connections"

    assert token_requests(watch) == 0
    assert watch.reads() == []


@requirement("attack:A34")
@pytest.mark.parametrize("verifier", ["the tab's own", "the attacker's"])
def test_control_without_the_comparison_of_state_it_is_the_verifier_that_stops_it(
    person: PersonFactory, verifier: str
) -> None:
    bait, kept = intercepted(person("mallory"))
    carol = person("carol")
    carol.expect("status of 400")
    theirs = [(KEPT, json.dumps({**kept, "place": {"team": None}}))] if verifier == "the attacker's" else []
    altered.script(carol, "signin.js", OWN_STATE, *theirs)
    go_to_sign_in(carol.page)

    carol.page.goto(bait)

    outcome = "Signed in as mallory" if theirs else "The sign-in could not be finished."
    expect(carol.page.get_by_text(outcome)).to_be_visible()


def redeem(stage: Stage, address: str, verifier: str) -> Reply:
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(address).query)["code"][0],
        "redirect_uri": f"{stage.places.api}/connections/signed-in",
        "client_id": "strongroom-web",
        "code_verifier": verifier,
    }
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return send("POST", f"{stage.places.sign_in}/token", urlencode(form).encode(), kind)


@requirement("attack:A34")
def test_a_stolen_code_is_worth_nothing_without_the_verifier_of_the_tab(person: PersonFactory, stage: Stage) -> None:
    address, kept = intercepted(person("carol"))

    assert kept["verifier"] not in address
    assert redeem(stage, address, "A" * 43).json()["error"] == "invalid_grant"
    assert redeem(stage, address, kept["verifier"]).status == 400


@requirement("attack:A34")
def test_control_with_code_and_verifier_whoever_has_them_is_signed_in(person: PersonFactory, stage: Stage) -> None:
    address, kept = intercepted(person("carol"))

    assert "access_token" in redeem(stage, address, kept["verifier"]).json()
