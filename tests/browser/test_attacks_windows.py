"""Windows of somebody else: pages that hold ours in a frame or by a handle, and what is said between windows."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page, expect

from tests.browser import altered
from tests.browser.conftest import PersonFactory
from tests.browser.elsewhere import Elsewhere
from tests.browser.profile import Profile
from tests.browser.stage import Backstage, Stage
from tests.browser.steps import card, connect, consent, is_shown, signed_in
from tests.browser.watch import Watch
from tests.requirements import requirement

NAME = "Window Files"
HEAD = "<!doctype html><html lang=en><meta charset=utf-8><title>A page of mallory's</title>"

# -- A19: frames


def trap(elsewhere: Elsewhere, *addresses: str) -> str:
    frames = "".join(f'<iframe src="{address}"></iframe>' for address in addresses)
    return elsewhere.put("/trap", f"{HEAD}{frames}")


def pages_of_ours(stage: Stage) -> tuple[str, ...]:
    api, sign_in, provider = stage.places.api, stage.places.sign_in, stage.places.provider
    return (
        f"{api}/connections?team=acme",
        f"{api}/connections/signed-in",
        f"{api}/oauth/callback/{'a' * 20}?state=none&code=none",
        f"{sign_in}/authorize?client_id=nobody",
        f"{provider}/authorize?client_id=nobody",
    )


def framed(page: Page) -> list[str]:
    """Give the headings that can be read, or clicked, in frames of this page."""
    page.wait_for_load_state()
    frames = [frame for frame in page.frames if frame != page.main_frame]
    return [heading for frame in frames for heading in frame.get_by_role("heading", level=1).all_inner_texts()]


@requirement("attack:A19")
def test_no_page_of_ours_is_shown_in_a_frame(person: PersonFactory, stage: Stage, elsewhere: Elsewhere) -> None:
    carol = person("carol", origins=(elsewhere.origin,))
    carol.expect("Refused to (frame|display)|Framing .* violates|status of 400")

    carol.page.goto(trap(elsewhere, *pages_of_ours(stage)))

    frames = carol.page.frames[1:]
    assert [frame.url for frame in frames] == ["chrome-error://chromewebdata/"] * len(pages_of_ours(stage))


@requirement("attack:A19")
def test_control_without_the_headers_every_one_of_them_would_be(
    person: PersonFactory, stage: Stage, elsewhere: Elsewhere
) -> None:
    carol = person("carol", origins=(elsewhere.origin,))
    carol.expect("")
    for address in pages_of_ours(stage):
        altered.without_headers(carol, f"{address.partition('?')[0]}{{,?*}}", *altered.SHIELDS)

    carol.page.goto(trap(elsewhere, *pages_of_ours(stage)))

    assert len(framed(carol.page)) == len(pages_of_ours(stage))


# -- A20: a page that has opened ours

OPEN = "<button onclick=\"window.theirs = window.open('{address}')\">Win a prize</button>"


def opened(visitor: Profile, elsewhere: Elsewhere, address: str) -> Page:
    """Let somebody click at a page that opens ours and keeps the handle."""
    visitor.page.goto(elsewhere.put("/prize", f"{HEAD}{OPEN.format(address=address)}"))
    with visitor.page.expect_popup() as window:
        visitor.page.get_by_role("button").click()
    expect(window.value.get_by_role("button", name="Sign in")).to_be_visible()
    return window.value


@requirement("attack:A20")
@pytest.mark.parametrize("shielded", [True, False], ids=["as it is", "control: without its opener policy"])
def test_a_page_that_opens_ours_has_no_hold_on_it(
    person: PersonFactory, stage: Stage, elsewhere: Elsewhere, shielded: bool
) -> None:
    carol = person("carol", origins=(elsewhere.origin,))
    elsewhere.put("/phish", f"{HEAD}<h1>Sign in here instead</h1>")
    if not shielded:
        altered.without_headers(carol, altered.PAGE, "cross-origin-opener-policy")

    window = opened(carol, elsewhere, f"{stage.places.api}/connections?team=acme")

    assert carol.page.evaluate("theirs.closed") is shielded
    assert window.evaluate("opener === null") is shielded
    carol.page.evaluate("try { theirs.location = '/phish' } catch {}")
    lost = window.get_by_role("heading", name="Sign in here instead")
    expect(lost).to_have_count(0 if shielded else 1)


# -- A20: the provider's page, in the window that we have opened

CUT_LOOSE = ("opened.opener = null;", "")


@requirement("attack:A20")
@pytest.mark.parametrize("cut", [True, False], ids=["as it is", "control: not cut loose"])
def test_the_providers_page_cannot_lead_ours_away(
    person: PersonFactory, backstage: Backstage, elsewhere: Elsewhere, cut: bool
) -> None:
    backstage.install(NAME)
    bob = person("bob", origins=(elsewhere.origin,))
    if not cut:
        altered.script(bob, "strongroom-connect.js", CUT_LOOSE)
    phish = elsewhere.put("/phish", f"{HEAD}<h1>Sign in here instead</h1>")
    signed_in(bob.page, "bob")
    popup = connect(bob.page, NAME)
    popup.wait_for_url("**/authorize?*")

    assert popup.evaluate("opener === null") is cut
    popup.evaluate(f"try {{ opener.location = {json.dumps(phish)} }} catch {{}}")

    if cut:
        expect(card(bob.page, NAME)).to_contain_text("Go on in the window of")
    else:
        bob.page.wait_for_url(phish)


# -- A20: what windows say to each other

BELIEVES = ("const state = await this.#state();", "const state = nudges.code ?? (await this.#state());")
SHAPES = """
(id) => [
  "completed", 7, null, [], [id], { authorization: id }, { authorization: id, result: { state: "completed" } },
  { authorization: id, result: "constructor" }, { authorization: [id], result: "completed" },
  { authorization: id, result: "<img src=x onerror=alert(1)>" }, { authorization: id, secret: "A".repeat(43) },
  { authorization: "../../teams/acme", result: "completed" }, { state: "completed", authorization: id, token: "x" },
  { authorization: id, result: "completed" },
]
"""
FORGE = f"""
(id) => {{
  const channel = new BroadcastChannel("strongroom");
  for (const shape of ({SHAPES})(id)) channel.postMessage(shape);
}}
"""
DECLINE = "(id) => new BroadcastChannel('strongroom').postMessage({ authorization: id, result: 'declined' })"
POST = f"(id) => {{ for (const shape of ({SHAPES})(id)) postMessage(shape, '*'); }}"


def under_way(backstage: Backstage, bob: Profile) -> tuple[Page, str, Watch]:
    """Let bob be waited for at the provider; give the provider's window and the authorization's id."""
    backstage.install(NAME)
    signed_in(bob.page, "bob")
    watch = Watch(bob)
    popup = connect(bob.page, NAME)
    popup.wait_for_url("**/authorize?*")
    expect(card(bob.page, NAME)).to_contain_text("Go on in the window of")
    [key] = bob.page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('strongroom.begun.'))")
    return popup, str(key).removeprefix("strongroom.begun."), watch


def forge(bob: Profile, authorization: str) -> Page:
    """Say everything that could be said, from another tab of our origin, which is given back, and to the window itself."""
    forger = bob.tab()
    forger.goto("/connections/pico.min.css")
    with bob.page.expect_response("**/v1/teams/acme/installations?*"):
        forger.evaluate(FORGE, authorization)
    bob.page.evaluate(POST, authorization)
    return forger


@requirement("attack:A20")
def test_forged_messages_make_the_page_read_again_or_at_most_wait_no_longer(
    person: PersonFactory, backstage: Backstage
) -> None:
    bob = person("bob")
    popup, authorization, watch = under_way(backstage, bob)
    changed = watch.changes()

    forger = forge(bob, authorization)
    with bob.page.expect_response(f"**/v1/authorizations/{authorization}"):
        pass
    expect(card(bob.page, NAME)).to_contain_text("Go on in the window of")
    is_shown(bob.page, NAME, "Not connected")

    forger.evaluate(DECLINE, authorization)
    expect(card(bob.page, NAME)).not_to_contain_text("Go on in the window of")

    seen = {f"GET /v1/authorizations/{authorization}", "GET /v1/teams/acme/installations"}
    assert set(watch.reads()) <= seen
    assert watch.changes() == changed
    consent(popup, "bob")
    is_shown(bob.page, NAME, "Connected")


@requirement("attack:A20")
def test_control_a_page_that_believed_them_would_say_what_is_not_so(
    person: PersonFactory, backstage: Backstage
) -> None:
    bob = person("bob")
    altered.script(bob, "strongroom-connect.js", BELIEVES)
    _, authorization, _ = under_way(backstage, bob)

    forge(bob, authorization)

    expect(card(bob.page, NAME)).not_to_contain_text("Go on in the window of")
