"""A product on another origin, with Strongroom's list in its page: the example host, as its files stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page, Request, Route, expect

from examples import host_page
from local.plan import ROOT, Ports, origin
from tests.browser.axe import violations
from tests.browser.conftest import PersonFactory
from tests.browser.elsewhere import Elsewhere
from tests.browser.profile import Profile
from tests.browser.stage import Backstage, Stage, standing
from tests.browser.steps import card, connect, consent, deny, fill_in, is_shown, sign_in

NAME = "Host Files"
APART = 100  # ports that one system takes
TELL_COOKIES = """
const cookie = Object.getOwnPropertyDescriptor(Document.prototype, "cookie");
const told = (value) => (console.error("somebody touches the cookies"), value);
Object.defineProperty(Document.prototype, "cookie", {
  get() { return told(cookie.get.call(this)); },
  set(value) { cookie.set.call(this, told(value)); },
});
"""


@dataclass(frozen=True)
class Product:
    """The example host beside a running system, where its own page is the one that people are sent to."""

    stage: Stage
    listed: Elsewhere

    @property
    def page(self) -> str:
        return site_of(self.stage)


def site_of(stage: Stage) -> str:
    return origin(stage.places.ports.host_page)


@pytest.fixture(scope="module")
def product(stage: Stage) -> Iterator[Product]:
    """A second system, whose operator has set `WebClientUrl` to the product's page, and listed one more origin."""
    ports = Ports(stage.places.ports.first + APART)
    host = origin(ports.host_page)
    with Elsewhere() as listed:
        parameters = {"WebClientUrl": f"{host}/connected", "WebOrigins": f"{host},{listed.origin}"}
        with standing(ports, parameters=parameters) as second:
            yield Product(second, listed)


@pytest.fixture
def behind(product: Product) -> Iterator[Backstage]:
    backstage = Backstage(product.stage)
    yield backstage
    backstage.tidy()


def visitor(person: PersonFactory, product: Product, account: str, *origins: str) -> Profile:
    """Somebody who visits the second system's pages, and these."""
    return person(account, origins=(*product.stage.origins, *origins))


def signed_in_at(page: Page, address: str, account: str) -> None:
    """Open a page of the product and sign in there, at the click of its own button."""
    page.goto(address)
    sign_in(page, account)
    expect(page.get_by_text("You are signed in.")).to_be_visible()


def said(page: Page, text: str) -> None:
    expect(page.locator("#said")).to_contain_text(text)


# -- With Strongroom's own landing page


def test_on_a_products_page_a_person_connects_and_confirms_on_strongrooms_page(
    backstage: Backstage, person: PersonFactory
) -> None:
    installation = backstage.install(NAME)
    bob = person("bob")
    signed_in_at(bob.page, site_of(backstage.stage), "bob")
    is_shown(bob.page, NAME, "Not connected")
    assert violations(bob.page) == []

    popup = connect(bob.page, NAME)
    consent(popup, "bob")
    expect(popup.get_by_text("It was not begun on this page.")).to_be_visible()
    assert backstage.status("bob", installation)["status"] == "auth_required"
    popup.get_by_role("button", name="Connect as bob").click()

    is_shown(bob.page, NAME, "Connected")
    assert backstage.tool_says("bob", installation) == "bob"
    assert violations(bob.page) == []


def test_who_says_no_on_strongrooms_page_is_not_connected(backstage: Backstage, person: PersonFactory) -> None:
    installation = backstage.install(NAME)
    bob = person("bob")
    signed_in_at(bob.page, site_of(backstage.stage), "bob")

    popup = connect(bob.page, NAME)
    consent(popup, "bob")
    popup.get_by_role("button", name="Do not connect").click()

    expect(popup.get_by_text("Nothing was connected: you said no.")).to_be_visible()
    assert backstage.status("bob", installation)["reason"] == "never_connected"


# -- With a landing page of the product's own


def test_with_a_landing_page_of_its_own_a_product_asks_nothing_more(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    installation = behind.install(NAME)
    bob = visitor(person, product, "bob")
    signed_in_at(bob.page, product.page, "bob")
    loaded = loaded_by(bob, f"{product.page}/connected")

    popup = connect(bob.page, NAME)
    consent(popup, "bob")

    is_shown(bob.page, NAME, "Connected")
    expect(card(bob.page, NAME)).to_contain_text("You are connected.")
    assert behind.tool_says("bob", installation) == "bob"
    behind.until(popup.is_closed)
    places = product.stage.places
    assert {origin_of(url) for url in loaded} == {product.page, places.api, places.sign_in}


def loaded_by(profile: Profile, page: str) -> list[str]:
    """Collect what this page loads and asks from now on, in any window."""
    found: list[str] = []

    def note(request: Request) -> None:
        if not request.is_navigation_request() and request.frame.url.startswith(page):
            found.append(request.url)

    profile.context.on("request", note)
    return found


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def test_the_landing_page_keeps_the_secret_out_of_its_address_and_finishes_after_a_sign_in(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    installation = behind.install(NAME)
    bob = visitor(person, product, "bob")
    arrival = behind.people["bob"].consent(behind.people["bob"].begin(installation))

    bob.page.goto(arrival.location or "")
    fill_in(bob.page, "bob")

    expect(bob.page.get_by_role("dialog", name="Finish connecting")).to_contain_text("It was not begun on this page.")
    assert bob.page.url == f"{product.page}/connected"
    assert arrival.secret not in bob.page.evaluate("performance.getEntries().map((one) => one.name).join()")
    assert violations(bob.page) == []
    bob.page.get_by_role("button", name="Connect as bob").click()
    said(bob.page, "You are connected.")
    is_shown(bob.page, NAME, "Connected")
    assert bob.page.evaluate("sessionStorage.length + localStorage.length") == 0
    assert violations(bob.page) == []


def test_what_another_person_began_is_not_finished_on_the_landing_page(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    installation = behind.install(NAME)
    carol = visitor(person, product, "carol")
    carol.expect("status of 404")
    arrival = behind.people["bob"].consent(behind.people["bob"].begin(installation))

    carol.page.goto(arrival.location or "")
    fill_in(carol.page, "carol")

    said(carol.page, "This was begun by somebody else, or is over")
    assert behind.status("carol", installation)["reason"] == "never_connected"
    assert behind.status("bob", installation)["reason"] == "never_connected"


def test_whoever_is_signed_in_by_then_is_asked_to_be_the_one_who_began(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    installation = behind.install(NAME)
    bob = visitor(person, product, "bob")
    bob.block_popups()
    signed_in_at(bob.page, product.page, "bob")
    card(bob.page, NAME).get_by_role("button", name="Connect").click()
    bob.page.get_by_role("textbox", name="Account").wait_for()
    bob.context.clear_cookies(name=f"signin-{product.stage.places.ports.sign_in}")

    consent(bob.page, "bob")
    bob.page.get_by_role("heading", name="sign-in service").wait_for()
    fill_in(bob.page, "carol")
    said(bob.page, "bob began this in this browser. Sign in as bob to finish it.")
    bob.page.get_by_role("button", name="Sign in as bob").click()
    fill_in(bob.page, "bob")

    said(bob.page, "You are connected.")
    assert behind.status("bob", installation)["status"] == "connected"
    assert behind.status("carol", installation)["reason"] == "never_connected"


def test_a_denial_is_told_in_both_windows(product: Product, behind: Backstage, person: PersonFactory) -> None:
    installation = behind.install(NAME)
    bob = visitor(person, product, "bob")
    signed_in_at(bob.page, product.page, "bob")

    popup = connect(bob.page, NAME)
    deny(popup, "bob")

    expect(card(bob.page, NAME)).to_contain_text("Consent was denied at the provider")
    said(popup, "Consent was denied at the provider")
    popup.get_by_role("button", name="Close this window").click()
    behind.until(popup.is_closed)
    assert behind.status("bob", installation)["reason"] == "denied"


def test_a_browser_that_blocks_popups_comes_back_to_the_products_landing_page(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    behind.install(NAME)
    bob = visitor(person, product, "bob")
    bob.block_popups()
    signed_in_at(bob.page, product.page, "bob")

    card(bob.page, NAME).get_by_role("button", name="Connect").click()
    consent(bob.page, "bob")

    said(bob.page, "You are connected.")
    is_shown(bob.page, NAME, "Connected")
    assert bob.page.url == f"{product.page}/connected"
    assert violations(bob.page) == []
    bob.page.get_by_role("link", name="All your tools").click()
    expect(bob.page.get_by_role("heading", name="Your tools")).to_be_visible()


def test_a_gateways_link_leads_to_the_one_thing_to_do_and_starts_nothing(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    installation, _other = behind.install(NAME), behind.install("Other Files")
    link = behind.look_up("bob", installation).json()["link"]
    assert link.startswith(f"{product.page}/connected?")
    bob = visitor(person, product, "bob")

    signed_in_at(bob.page, link, "bob")

    is_shown(bob.page, NAME, "Not connected")
    expect(card(bob.page, "Other Files")).to_have_count(0)
    assert violations(bob.page) == []
    assert behind.status("bob", installation)["reason"] == "never_connected"
    consent(connect(bob.page, NAME), "bob")
    is_shown(bob.page, NAME, "Connected")


def test_a_gateways_link_shows_nothing_to_somebody_elses_team(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    link = behind.look_up("bob", behind.install(NAME)).json()["link"]
    mallory = visitor(person, product, "mallory")
    mallory.expect("status of 404")

    signed_in_at(mallory.page, link, "mallory")

    expect(mallory.page.get_by_text("mallory sees no team acme here.")).to_be_visible()
    expect(mallory.page.get_by_role("article")).to_have_count(0)


# -- The sign-in, which is the product's


def test_when_the_sign_in_ends_the_product_says_so_and_signs_in_again(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    behind.install(NAME)
    bob = visitor(person, product, "bob")
    bob.page.clock.install()
    signed_in_at(bob.page, product.page, "bob")
    is_shown(bob.page, NAME, "Not connected")

    bob.page.clock.fast_forward("01:00:00")
    with bob.page.expect_popup() as opened:
        card(bob.page, NAME).get_by_role("button", name="Connect").click()

    said(bob.page, "Your sign-in has ended. Sign in again to go on; nothing is lost.")
    behind.until(opened.value.is_closed)
    expect(card(bob.page, NAME)).to_be_hidden()
    assert violations(bob.page) == []
    bob.page.get_by_role("button", name="Sign in").click()
    is_shown(bob.page, NAME, "Not connected")


def test_an_answer_to_a_sign_in_that_was_not_begun_here_signs_nobody_in(
    person: PersonFactory, product: Product
) -> None:
    bob = visitor(person, product, "bob")

    bob.page.goto(f"{product.page}/?code=of-mallory&state=of-mallory&iss={product.stage.places.sign_in}")

    said(bob.page, "This sign-in was not begun here")
    expect(bob.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert bob.page.url == f"{product.page}/"


# -- Without the element


def test_one_button_of_the_products_own_design_connects(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    installation = behind.install(NAME)
    bob = visitor(person, product, "bob")
    provider = urlsplit(product.stage.places.provider).netloc

    signed_in_at(bob.page, f"{product.page}/button?team=acme&installation={installation}", "bob")
    expect(bob.page.locator("#leads")).to_contain_text(provider)
    assert violations(bob.page) == []
    with bob.page.expect_popup() as opened:
        bob.page.get_by_role("button", name="Connect", exact=True).click()
    said(bob.page, f"Go on in the window of {provider}.")
    consent(opened.value, "bob")

    said(bob.page, "You are connected.")
    assert behind.tool_says("bob", installation) == "bob"


def test_one_button_shows_what_was_found_out_before_it_goes_on(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    installation = behind.install(NAME)
    bob = visitor(person, product, "bob")
    signed_in_at(bob.page, f"{product.page}/button?team=acme&installation={installation}", "bob")
    bob.page.get_by_role("button", name="Connect", exact=True).wait_for()
    behind.change(installation, scopes=["files:read", "files:write"])

    with bob.page.expect_popup() as first:
        bob.page.get_by_role("button", name="Connect", exact=True).click()
    bob.page.get_by_role("button", name="Go on").wait_for()
    behind.until(first.value.is_closed)
    expect(bob.page.locator("#leads")).to_contain_text("files:write")
    with bob.page.expect_popup() as second:
        bob.page.get_by_role("button", name="Go on").click()
    consent(second.value, "bob")

    said(bob.page, "You are connected.")


# -- What the element takes and leaves


def test_neither_the_element_nor_its_requests_have_anything_to_do_with_cookies(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    behind.install(NAME)
    bob = visitor(person, product, "bob")
    bob.context.add_init_script(TELL_COOKIES)
    bob.context.add_cookies([{"name": "products", "value": "own", "url": product.page}])
    sent: list[Request] = []
    bob.page.on("request", lambda request: sent.append(request))
    signed_in_at(bob.page, product.page, "bob")
    before = {cookie["name"] for cookie in bob.context.cookies(product.page)}

    consent(connect(bob.page, NAME), "bob")
    is_shown(bob.page, NAME, "Connected")

    asked = [one for one in sent if origin_of(one.url) == product.stage.places.api]
    assert {one.resource_type for one in asked} >= {"script", "fetch"}
    assert [one.url for one in asked if "cookie" in one.all_headers()] == []
    assert "products=own" in sent[0].all_headers()["cookie"]  # so that they would be seen
    after = {cookie["name"] for cookie in bob.context.cookies(product.page)}
    assert after - before == {f"provider-{product.stage.places.ports.provider}"}


def test_control_a_script_that_reads_the_cookies_is_noticed(person: PersonFactory, product: Product) -> None:
    bob = visitor(person, product, "bob")
    bob.context.add_init_script(TELL_COOKIES)
    bob.expect("somebody touches the cookies")

    bob.page.goto(product.page)
    bob.page.evaluate("document.cookie")

    assert [complaint.text for complaint in bob.complaints.all] == ["somebody touches the cookies"]


def test_the_product_works_under_the_policy_that_it_says(person: PersonFactory, product: Product) -> None:
    bob = visitor(person, product, "bob")
    settings = host_page.Settings(product.stage.places.api, product.stage.places.sign_in)

    for path in host_page.PAGES:
        answer = bob.page.goto(product.page + path)
        assert answer is not None
        assert answer.headers["content-security-policy"] == settings.policy


# -- Origins that are not the product's

EMBEDS = """<!doctype html><html lang="en"><title>A page</title>
<script type="module" src="{modules}/strongroom-connections.js"></script>
<strongroom-connections api="{api}" team="acme"></strongroom-connections>"""
GIVE = "(token) => { document.querySelector('[api]').token = async () => token; }"


@pytest.mark.parametrize(("policy", "looks_closed"), [("same-origin-allow-popups", False), ("same-origin", True)])
def test_a_pages_opener_policy_decides_whether_the_providers_window_looks_closed(
    product: Product, behind: Backstage, person: PersonFactory, policy: str, looks_closed: bool
) -> None:
    behind.install(NAME)
    bob = visitor(person, product, "bob", product.listed.origin)
    token, api = jwt_of(bob, product), product.stage.places.api
    page = EMBEDS.format(modules=f"{api}/connections", api=api)
    bob.page.goto(product.listed.put("/page", page, Cross_Origin_Opener_Policy=policy))
    bob.page.evaluate(GIVE, token)

    popup = connect(bob.page, NAME)
    popup.get_by_role("textbox", name="Account").wait_for()
    for _ in range(2):
        bob.page.wait_for_event("response", lambda response: "/v1/authorizations/" in response.url)

    expect(card(bob.page, NAME).get_by_text("That window looks closed.")).to_have_count(int(looks_closed))
    consent(popup, "bob")
    popup.get_by_role("button", name="Connect as bob").click()
    is_shown(bob.page, NAME, "Connected")


ALONE = "default-src 'none'; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; connect-src"


def test_a_page_with_a_copy_of_the_modules_loads_no_script_from_the_api(
    product: Product, behind: Backstage, person: PersonFactory
) -> None:
    behind.install(NAME)
    bob = visitor(person, product, "bob", product.listed.origin)
    token, api = jwt_of(bob, product), product.stage.places.api
    bob.context.route(f"{product.listed.origin}/copy/strongroom-*.js", give_copy)

    page = EMBEDS.format(modules="/copy", api=api)
    bob.page.goto(product.listed.put("/page", page, Content_Security_Policy=f"{ALONE} {api}"))
    bob.page.evaluate(GIVE, token)

    is_shown(bob.page, NAME, "Not connected")


def give_copy(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    route.fulfill(path=ROOT / "web" / name, content_type="text/javascript")


ASKS = """async ([api, token]) => {
  const authorization = `Bearer ${token}`;
  return (await fetch(`${api}/v1/teams/acme/installations`, { headers: { authorization } })).status;
}"""
DEFINED = 'customElements.whenDefined("strongroom-connections").then(() => true)'


@pytest.mark.parametrize("listed", [False, True], ids=["an origin that nobody listed", "control: one that is listed"])
def test_only_a_listed_origin_may_load_the_element_and_call_the_api(
    product: Product, behind: Backstage, person: PersonFactory, elsewhere: Elsewhere, listed: bool
) -> None:
    site = product.listed if listed else elsewhere
    bob = visitor(person, product, "bob", site.origin)
    bob.expect("net::ERR_FAILED|blocked by CORS policy" if not listed else "nothing is expected")
    behind.install(NAME)
    token = jwt_of(bob, product)
    failed: list[str] = []
    bob.context.on("requestfailed", lambda request: failed.append(urlsplit(request.url).path))

    api = product.stage.places.api
    bob.page.goto(site.put("/page", EMBEDS.format(modules=f"{api}/connections", api=api)))

    if listed:
        assert bob.page.evaluate(DEFINED)
        assert bob.page.evaluate(ASKS, [api, token]) == 200
        assert failed == []
    else:
        with pytest.raises(Error, match="Failed to fetch"):
            bob.page.evaluate(ASKS, [api, token])
        assert bob.page.evaluate('customElements.get("strongroom-connections") === undefined')
        assert failed == ["/connections/strongroom-connections.js", "/v1/teams/acme/installations"]


def jwt_of(profile: Profile, product: Product) -> str:
    """Sign in at the product, and give the token that its page sends."""
    with profile.page.expect_request("**/v1/teams/**") as sent:
        signed_in_at(profile.page, product.page, profile.account)
    is_shown(profile.page, NAME, "Not connected")
    return sent.value.headers["authorization"].removeprefix("Bearer ")
