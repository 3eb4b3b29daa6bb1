"""Where secrets are in a browser, and where they never are: addresses, referrers, history, storage, messages, answers."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Route, expect

from local.services.exchange import fingerprint
from tests.browser import altered
from tests.browser.conftest import PersonFactory
from tests.browser.elsewhere import Elsewhere
from tests.browser.profile import Profile
from tests.browser.stage import Backstage, Stage
from tests.browser.steps import card, consent, is_shown, signed_in
from tests.browser.watch import Watch
from tests.requirements import requirement

NAME = "Secret Files"


@dataclass(frozen=True)
class Secrets:
    """The secrets of one journey; of the refresh token the provider itself keeps nothing but the SHA-256."""

    completion: str
    jwt: str
    access_token: str
    refresh_hash: str


def journey(backstage: Backstage, bob: Profile) -> tuple[Watch, Secrets]:
    """Let bob sign in and connect, all of it in one tab, where history keeps what popups would take with them."""
    installation = backstage.install(NAME)
    bob.block_popups()
    watch = Watch(bob)
    watch.closely(backstage.places.api)
    signed_in(bob.page, "bob")
    card(bob.page, NAME).get_by_role("button", name="Connect").click()
    consent(bob.page, "bob")
    is_shown(bob.page, NAME, "Connected")
    bob.page.wait_for_load_state("networkidle")
    token = backstage.look_up("bob", installation).json()["access_token"]
    newest = backstage.provider.grants("bob")[-1]["newest_refresh_sha256"]
    return watch, Secrets(watch.arrival()["secret"], watch.token(), token, newest)


def completing(watch: Watch) -> str:
    [completed] = [change for change in watch.changes() if change.endswith("/complete")]
    return f"body of {completed}"


def codes(watch: Watch) -> list[str]:
    """Give the codes that came back to our pages, in order."""
    return [parse_qs(urlsplit(led).query)["code"][0] for led in watch.sent_on if "code=" in led]


@requirement("attack:A21")
@requirement("attack:A28")
@requirement("attack:C10")
@requirement("attack:D8")
def test_a_whole_journey_leaves_no_secret_where_it_could_be_found(person: PersonFactory, backstage: Backstage) -> None:
    bob = person("bob")
    watch, secrets = journey(backstage, bob)

    assert watch.found(secrets.completion) == {completing(watch), "session storage"}
    assert watch.found(secrets.jwt) == set()
    assert watch.found(secrets.access_token) == set()
    assert watch.found_by_hash(secrets.refresh_hash) == set()
    said = [text for place, text in watch.noted if place == "channel"]
    assert said == [f'{{"authorization":"{watch.arrival()["authorization"]}","result":"completed"}}']
    signing_in, consenting, signing_in_again = codes(watch)
    assert watch.found(consenting) == {"address asked"}
    for code in (signing_in, signing_in_again):
        assert watch.found(code) == {"address asked", "body of POST /token"}


CARELESS = {
    "strongroom-connect.js": (
        ('history.replaceState(history.state, "", location.pathname + location.search);', ""),
        ("dropArrival();\n  forget(arrival.id);", "forget(arrival.id);"),
        ("nudge(arrival.id, code ?? state);", "nudge(arrival.id, arrival);"),
    ),
    "signin.js": (('sessionStorage.setItem(WAS, "yes");', "sessionStorage.setItem(WAS, this.#token);"),),
    "strongroom-api.js": (
        ("`/v1/authorizations/${part(id)}/complete`", "`/v1/authorizations/${part(id)}/complete?${proof.secret}`"),
    ),
}


@requirement("attack:A21")
@requirement("attack:A28")
@requirement("attack:C10")
@requirement("attack:D8")
def test_control_a_careless_page_and_a_talkative_api_would_be_found_out(
    person: PersonFactory, backstage: Backstage
) -> None:
    bob = person("bob")
    for file, exchanges in CARELESS.items():
        altered.script(bob, file, *exchanges)
    watch, secrets = journey(backstage, bob)
    watch.answered.append(("GET /v1/a/planted/one", f'{{"token":"{secrets.access_token}"}}'))

    everywhere = {completing(watch), "session storage", "left in storage", "history", "channel", "address asked"}
    assert watch.found(secrets.completion) == everywhere
    assert watch.found_by_hash(fingerprint(secrets.completion)) == everywhere
    assert watch.found(secrets.jwt) == {"session storage", "left in storage"}
    assert watch.found(secrets.access_token) == {"answer to GET /v1/a/planted/one"}


# -- Addresses that lead away


NAMES = ("next", "return_to", "url", "redirect_uri", "redirect", "continue", "link", "place", "issuer", "origin")
FIRST = "let arrival = takeArrival();"
OBEYS = """
const next = new URLSearchParams(location.search).get("next");
if (next) {
  location.assign(next);
  await new Promise(() => {});
}
"""


@requirement("attack:A28")
@pytest.mark.parametrize("obeying", [False, True], ids=["as it is", "control: a page that goes where it is told"])
def test_nothing_in_the_pages_address_leads_anywhere_else(
    person: PersonFactory, stage: Stage, elsewhere: Elsewhere, obeying: bool
) -> None:
    carol = person("carol", origins=(elsewhere.origin,))
    away = elsewhere.put("/away", "<!doctype html><title>Away</title><h1>Away</h1>")
    signed_in(carol.page, "carol")
    if obeying:
        altered.script(carol, "page.js", (FIRST, f"{OBEYS}{FIRST}"))
    watch = Watch(carol)

    for address in (away,) if obeying else ("javascript:alert(1)", away):
        query = "&".join(f"{name}={address}" for name in NAMES)
        carol.page.goto(f"/connections?team=acme&installation=..%2F..%2Frivals&{query}", wait_until="commit")
        shown = carol.page.get_by_role("heading", name="Away" if obeying else "Team acme")
        expect(shown).to_be_visible()

    led = [place for place in watch.places if not place.startswith((stage.places.api, stage.places.sign_in))]
    assert led == ([away] if obeying else [])
    assert set(watch.reads()) <= {"GET /v1/teams/acme/installations"}


def heed(profile: Profile, return_to: str) -> None:
    """Stand in for a callback that sends the browser, with what it brings, to where who began wanted it."""

    def consented(route: Route) -> None:
        back = route.fetch(max_redirects=0).headers["location"]
        brought = profile.context.request.get(back, max_redirects=0).headers["location"].partition("#")[2]
        route.fulfill(status=303, headers={"location": f"{return_to}#{brought}"})

    profile.context.route("**/consent", consented)


@requirement("attack:A28")
@pytest.mark.parametrize(
    "heeding", [False, True], ids=["as it is", "control: a callback that heeds the return address"]
)
def test_the_secret_arrives_at_the_one_configured_url_whatever_return_address_was_asked_for(
    person: PersonFactory, backstage: Backstage, stage: Stage, heeding: bool
) -> None:
    return_to = f"http://127.0.0.1:{stage.places.ports.host_page}/?next=http://localhost:9/"
    asked = {"return_to": return_to}
    begun = backstage.people["bob"].at("POST", backstage.install(), "/authorize", asked).json()
    bob = person("bob")
    watch = Watch(bob)
    if heeding:
        heed(bob, return_to)

    bob.page.goto(begun["authorization_url"])
    consent(bob.page, "bob")
    expected = return_to if heeding else f"{stage.places.api}/connections"
    bob.page.wait_for_url(lambda url: url.partition("#")[0] == expected)

    arrived = {place.partition("#")[0] for place in (*watch.sent_on, *watch.places) if "secret=" in place}
    assert arrived == {expected}
