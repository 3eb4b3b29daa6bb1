"""One person begins, another one's browser consents: the main attack on this kind of product, played in two browsers.

Bob attacks carol from within her team, mallory from a team of her own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import expect

from tests.browser import altered
from tests.browser.conftest import PersonFactory
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, connect, consent, is_shown, open_connections, sign_in, signed_in
from tests.browser.watch import Watch
from tests.requirements import requirement

NAME = "Fixation Files"
BEGUN_BY_ANOTHER = "This was begun by somebody else, or is over, so nothing was connected."
TELLS_THE_API = ("await strongroom.complete(arrival.id, { secret: arrival.secret });", "")


@dataclass(frozen=True)
class Lured:
    """What the attacker has after the victim's consent. `secret` is what only the victim's browser was given."""

    installation: str
    id: str
    secret: str


def lure(backstage: Backstage, attacker: Profile | str, victim: Profile) -> Lured:
    """Let the victim consent at an address of the attacker's, who began at the page, or else by the API alone."""
    account = attacker if isinstance(attacker, str) else attacker.account
    installation = backstage.install(NAME, by="mallory" if account == "mallory" else "alice")
    bait = backstage.people[account].begin(installation).url if isinstance(attacker, str) else begun_at_page(attacker)
    watch = Watch(victim)
    victim.page.goto(bait)
    consent(victim.page, victim.account)
    victim.page.wait_for_url("**/connections")
    arrival = watch.arrival()
    return Lured(installation, arrival["authorization"], arrival["secret"])


def begun_at_page(attacker: Profile) -> str:
    """Give the address to which the page led the attacker's window."""
    signed_in(attacker.page, attacker.account)
    window = connect(attacker.page, NAME)
    window.wait_for_url("**/authorize?*")
    return window.url


def seen_by(backstage: Backstage, account: str, authorization: str) -> dict[str, Any]:
    return dict(backstage.people[account].ask("GET", f"/v1/authorizations/{authorization}").json())


def is_untouched(backstage: Backstage, account: str, installation: str) -> bool:
    return bool(backstage.status(account, installation)["reason"] == "never_connected")


def destroyed(backstage: Backstage, admin: str, installation: str) -> list[tuple[str, str]]:
    """Read from the team's records whose authorizations were destroyed there, and by whom."""
    team = backstage.people[admin].team
    records = backstage.people[admin].ask("GET", f"/v1/teams/{team}/records").json()["records"]
    ended = (
        one for one in records if one["event"] == "authorization_destroyed" and one["installation"] == installation
    )
    return [(one["user"], one["by"]) for one in ended]


# -- A5: the consent alone


@requirement("attack:A5")
def test_a_consent_at_a_link_of_somebody_else_gives_them_nothing_and_is_ended_once_the_victim_signs_in(
    person: PersonFactory, backstage: Backstage
) -> None:
    bob, carol = person("bob"), person("carol")
    carol.expect("status of 404")
    lured = lure(backstage, bob, carol)

    expect(carol.page.get_by_role("textbox", name="Account")).to_be_visible()
    seen = seen_by(backstage, "bob", lured.id)
    assert seen["state"] == "returned"
    assert lured.secret not in str(seen)
    assert is_untouched(backstage, "bob", lured.installation)
    assert [backstage.look_up(account, lured.installation).status for account in ("bob", "carol")] == [409, 409]

    sign_in(carol.page, "carol")

    expect(carol.page.get_by_text(BEGUN_BY_ANOTHER)).to_be_visible()
    assert destroyed(backstage, "alice", lured.installation) == [("bob", "carol")]
    expect(card(bob.page, NAME)).to_contain_text("It could not be finished, and nothing of it was kept.")
    assert is_untouched(backstage, "bob", lured.installation)
    assert backstage.people["bob"].complete(lured.id, lured.secret).status == 400


@requirement("attack:A5")
@requirement("attack:A26")
def test_control_with_the_secret_of_the_victims_browser_the_attacker_would_have_the_victims_account(
    person: PersonFactory, backstage: Backstage
) -> None:
    lured = lure(backstage, "bob", person("carol"))

    assert backstage.people["bob"].complete(lured.id, lured.secret).status == 200

    assert backstage.tool_says("bob", lured.installation) == "carol"


# -- A6: the victim is signed in at our page


@requirement("attack:A6")
def test_a_signed_in_victims_page_ends_what_an_attacker_of_another_team_began(
    person: PersonFactory, backstage: Backstage
) -> None:
    mallory, carol = person("mallory"), person("carol")
    carol.expect("status of 404")
    signed_in(carol.page, "carol")
    lured = lure(backstage, mallory, carol)

    expect(carol.page.get_by_text(BEGUN_BY_ANOTHER)).to_be_visible()
    expect(carol.page.get_by_text("somebody may have tried to use your account")).to_be_visible()
    assert seen_by(backstage, "carol", lured.id)["error"] == "not_found"
    assert seen_by(backstage, "mallory", lured.id)["state"] == "failed"
    assert backstage.people["mallory"].complete(lured.id, lured.secret).status == 400
    assert destroyed(backstage, "mallory", lured.installation) == [("mallory", "carol")]
    expect(card(mallory.page, NAME)).to_contain_text("It could not be finished")
    assert is_untouched(backstage, "mallory", lured.installation)


@requirement("attack:A6")
def test_control_a_page_that_told_nobody_would_leave_the_attackers_authorization_open(
    person: PersonFactory, backstage: Backstage
) -> None:
    carol = person("carol")
    carol.expect("status of 404")
    altered.script(carol, "strongroom-connect.js", TELLS_THE_API)
    signed_in(carol.page, "carol")
    lured = lure(backstage, "bob", carol)

    expect(carol.page.get_by_text(BEGUN_BY_ANOTHER)).to_be_visible()

    assert seen_by(backstage, "bob", lured.id)["state"] == "returned"
    assert destroyed(backstage, "alice", lured.installation) == []


# -- A7: our own link

STARTS_BY_ITSELF = ("this.#arrived = true;", "if (!this.#arrived && found) this.#flows.connect(found, { seen: true });")


@requirement("attack:A7")
def test_a_link_starts_nothing_and_what_the_victim_starts_is_the_victims(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install(NAME)
    carol = person("carol")
    watch = Watch(carol)

    signed_in(carol.page, "carol", installation)
    is_shown(carol.page, NAME, "Not connected")
    assert watch.changes() == []
    consent(connect(carol.page, NAME), "carol")

    is_shown(carol.page, NAME, "Connected")
    begun, finished = watch.changes()
    assert begun.endswith(f"/{installation}/authorize")
    assert finished.endswith("/complete")
    assert backstage.tool_says("carol", installation) == "carol"
    assert is_untouched(backstage, "bob", installation)
    assert backstage.look_up("bob", installation).status == 409


@requirement("attack:A7")
def test_control_a_page_that_started_by_itself_would_be_seen(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install(NAME)
    carol = person("carol")
    altered.script(carol, "strongroom-connections.js", (STARTS_BY_ITSELF[0], "".join(reversed(STARTS_BY_ITSELF))))
    watch = Watch(carol)

    open_connections(carol.page, "acme", installation)
    sign_in(carol.page, "carol")
    expect(card(carol.page, NAME)).to_contain_text("Go on in the window of")

    assert watch.changes() == [f"POST /v1/teams/acme/installations/{installation}/authorize"]


# -- A8: the attacker's own answer


@requirement("attack:A8")
def test_an_attackers_own_answer_in_the_victims_browser_leaves_the_victims_connection_as_it_is(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install(NAME)
    backstage.connect("carol", installation)
    version = backstage.look_up("carol", installation).json()["version"]
    bob, carol = backstage.people["bob"], person("carol")
    carol.expect("status of 404")
    signed_in(carol.page, "carol")

    for followed in (False, True):
        begun = bob.begin(installation)
        callback = bob.browser.answer(begun.url)
        carol.page.goto(bob.browser.visit(callback).location or "" if followed else callback)

        expect(carol.page.get_by_text(BEGUN_BY_ANOTHER)).to_be_visible()
        assert seen_by(backstage, "bob", begun.id)["state"] == "failed"

    after = backstage.look_up("carol", installation).json()["version"]
    assert (after, backstage.tool_says("carol", installation)) == (version, "carol")
    assert is_untouched(backstage, "bob", installation)


@requirement("attack:A8")
def test_control_the_same_answer_is_good_in_the_browser_of_who_began_and_even_there_it_is_asked_for(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install(NAME)
    page = person("bob").page
    signed_in(page, "bob")

    arrival = backstage.people["bob"].consent(backstage.people["bob"].begin(installation))
    page.goto(arrival.location or "")

    expect(page.get_by_text("It was not begun on this page.")).to_be_visible()
    assert is_untouched(backstage, "bob", installation)
    page.get_by_role("button", name="Connect as bob", exact=True).click()
    is_shown(page, NAME, "Connected")


# -- A26 and A14: every other secret


@requirement("attack:A14")
@requirement("attack:A26")
def test_who_began_cannot_finish_with_a_guess_nor_with_a_secret_of_before_nor_of_another_authorization(
    person: PersonFactory, backstage: Backstage
) -> None:
    installation = backstage.install(NAME)
    bob, carol = backstage.people["bob"], person("carol")
    stale = bob.consent(bob.begin(installation))
    assert bob.complete(stale.authorization or "", stale.secret or "").status == 200
    other = bob.consent(bob.begin(backstage.install()))
    version = backstage.look_up("bob", installation).json()["version"]

    for secret in ("A" * 43, stale.secret or "", other.secret or ""):
        begun, watch = bob.begin(installation), Watch(carol)
        carol.page.goto(begun.url)
        consent(carol.page, "carol")
        carol.page.wait_for_url("**/connections")

        assert bob.complete(begun.id, secret).json()["error"] == "authorization_refused"
        assert bob.complete(begun.id, watch.arrival()["secret"]).json()["error"] == "authorization_over"

    assert destroyed(backstage, "alice", installation) == [("bob", "bob")] * 3
    assert (
        backstage.look_up("bob", installation).json()["version"],
        seen_by(backstage, "bob", other.authorization or "")["state"],
    ) == (version, "returned")


@requirement("attack:A14")
@requirement("attack:A26")
def test_an_attackers_own_page_with_another_secret_ends_the_authorization_and_says_so(
    person: PersonFactory, backstage: Backstage
) -> None:
    bob = person("bob")
    bob.expect("status of 400")
    lured = lure(backstage, "bob", person("carol"))
    other = backstage.people["bob"].consent(backstage.people["bob"].begin(backstage.install()))

    bob.page.goto(f"/connections#authorization={lured.id}&secret={other.secret}")
    sign_in(bob.page, "bob")
    bob.page.get_by_role("button", name="Connect as bob", exact=True).click()

    expect(bob.page.get_by_text("It was not finished in the browser that consented")).to_be_visible()
    assert destroyed(backstage, "alice", lured.installation) == [("bob", "bob")]
    assert is_untouched(backstage, "bob", lured.installation)
    assert backstage.people["bob"].complete(lured.id, lured.secret).status == 400
