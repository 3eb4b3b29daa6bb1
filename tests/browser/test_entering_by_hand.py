"""An admin registers Strongroom at a provider, and enters the client, the endpoints and the scopes in the page."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.admin import (
    answer_with,
    asked,
    by_hand,
    change,
    enter_client,
    enter_endpoints,
    enter_parameter,
    folded,
    install,
    install_and_authorize,
    installed,
    installing,
    manage,
    named,
    refused_at,
    register,
    save,
    settle,
    told,
    unfold,
)
from tests.browser.axe import violations
from tests.browser.between import Asked, alter
from tests.browser.conftest import PersonFactory, Picture
from tests.browser.mcp_server import Server
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import connect, consent, deny, facts, is_shown, says, signed_in
from tests.browser.watch import Watch

PROBE = re.compile(r"/v1/teams/[^/]+/probe$")
WRONG = "the provider does not take Strongroom's client, so nothing was connected"


# -- How the client authenticates


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        (None, "The usual one is in the header, or none without a secret. For a provider in the catalog,"),
        ("Example Files", "For Example Files, the usual one is what the catalog says."),
    ],
)
def test_it_is_said_what_is_usual_for_a_client_and_the_catalog_only_where_it_knows_the_provider(
    alice: Profile, backstage: Backstage, catalog: str | None, words: str
) -> None:
    alter(alice.context, PROBE, lambda probed: probed["provider"].update(catalog=catalog))

    form = by_hand(alice.page, backstage, "Usual Files")

    method = form.get_by_label("How the client authenticates")
    expect(method.get_by_role("option").first).to_have_text("The usual one")
    expect(method).to_have_accessible_description(re.compile(re.escape(words)))


# -- The callback URL


def test_the_callback_url_is_copied_and_the_same_afterwards(alice: Profile, backstage: Backstage) -> None:
    alice.context.grant_permissions(["clipboard-write"], origin=backstage.places.api)
    form = by_hand(alice.page, backstage, "Copied Files")
    shown = form.get_by_label("Callback URL", exact=True)
    assert shown.input_value().startswith(f"{backstage.places.api}/oauth/callback/")

    form.get_by_role("button", name="Copy: Callback URL").click()
    expect(form.get_by_text("Copied.", exact=True)).to_be_visible()
    form.get_by_label("Issuer").fill("")
    form.get_by_label("Issuer").press("Control+V")

    expect(form.get_by_label("Issuer")).to_have_value(shown.input_value())
    expect(shown).to_have_attribute("readonly", "")
    callback = shown.input_value()
    form.get_by_label("Issuer").fill(backstage.places.provider)
    enter_client(form, register(form, backstage))
    install(alice.page)
    installed(alice.page, backstage, "Copied Files")
    entered = unfold(manage(alice.page, "Copied Files"), "The provider that was entered")
    expect(entered.get_by_label("Callback URL", exact=True)).to_have_value(callback)


def test_where_nothing_can_be_copied_the_callback_url_is_selected(alice: Profile, backstage: Backstage) -> None:
    alice.page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error(); }; }")
    form = by_hand(alice.page, backstage, "Selected Files")
    shown = form.get_by_label("Callback URL", exact=True)

    form.get_by_role("button", name="Copy: Callback URL").click()

    expect(form.get_by_text("It could not be copied from here.")).to_be_visible()
    expect(shown).to_be_focused()
    assert alice.page.evaluate("getSelection().toString()") == shown.input_value()


def test_where_a_provider_registers_nobody_the_form_for_the_client_is_open_at_once(
    alice: Profile, backstage: Backstage, server: Server
) -> None:
    server.status = 401
    server.describe(registration_endpoint=None)

    form = settle(alice.page, server.mcp, "Registering Nobody")

    expect(form.get_by_role("article")).to_contain_text(
        "Register Strongroom at the provider with the callback URL below"
    )
    expect(form.get_by_label("Enter the provider by hand")).to_be_checked()
    expect(form.get_by_label("Callback URL", exact=True)).to_be_visible()
    expect(form.get_by_label("Issuer")).to_have_value(server.origin)


def test_a_callback_url_is_made_where_the_server_was_not_asked(alice: Profile, backstage: Backstage) -> None:
    form = installing(alice.page)
    form.get_by_label("URL of the MCP server").fill(backstage.places.mcp)
    form.get_by_role("button", name="Install without asking the server").click()
    named(alice.page, "Made Files")
    form.get_by_label("Enter the provider by hand").check()
    enter_client(form, {"client_id": "somebody", "client_secret": ""})
    requests = Asked(alice.context)

    install(alice.page)
    make = form.get_by_role("button", name="Make a callback URL")
    refused_at(make, "Make a callback URL first, and register it at the provider.")
    assert requests.changes() == []
    make.click()

    expect(form.get_by_label("Callback URL", exact=True)).to_be_focused()
    assert requests.changes() == ["POST /v1/teams/acme/probe"]


# -- The client


def test_a_client_that_was_entered_connects_and_its_secret_is_shown_to_nobody(
    alice: Profile, person: PersonFactory, backstage: Backstage, picture: Picture
) -> None:
    provider = backstage.places.provider.removeprefix("http://")
    watch = Watch(alice)
    watch.closely(backstage.places.api)
    form = by_hand(alice.page, backstage, "Entered Files")
    client = register(form, backstage)
    enter_client(form, client)
    enter_endpoints(form, backstage)
    enter_parameter(form, "audience", "files")
    assert violations(alice.page) == []
    picture(alice.page, "by-hand")

    install(alice.page, "Install & Authorize")
    question = asked(alice.page, f"Go to {provider}?")
    expect(question).to_contain_text("It is not, or not all of it, what you were shown before.")
    expect(question).to_contain_text("No scopes are named: the provider decides.")
    expect(question).to_contain_text("Added to the request: audience=files.")
    with alice.page.expect_popup() as opened:
        answer_with(question, f"Go to {provider}")
    installation = installed(alice.page, backstage, "Entered Files")
    consent(opened.value, "alice")
    is_shown(alice.page, "Entered Files", "Connected")

    assert backstage.tool_says("alice", installation) == "alice"
    entered = unfold(manage(alice.page, "Entered Files"), "The provider that was entered")
    expect(entered).to_contain_text(client["client_id"])
    expect(entered).to_contain_text("set, and not changed since it was first entered")
    expect(entered).to_contain_text("audience=files")
    assert watch.found(client["client_secret"]) == {"body of POST /v1/teams/acme/installations"}
    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Entered Files", "Not connected")
    shown = facts(bob.page, "Entered Files")
    assert (shown["You go to"], shown["An admin has added"]) == (provider, "audience=files")
    popup = connect(bob.page, "Entered Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    assert parse_qs(urlsplit(popup.url).query)["audience"] == ["files"]


def test_a_wrong_secret_is_told_and_another_one_mends_it_without_the_client(
    alice: Profile, backstage: Backstage
) -> None:
    alice.expect("status of 502")
    form = by_hand(alice.page, backstage, "Slipped Files")
    client = register(form, backstage)
    enter_client(form, client, secret="not that one")
    enter_endpoints(form, backstage)
    unfold(form, "Scopes").get_by_label("Scopes").fill("files:read")
    popup = install_and_authorize(alice.page)
    installation = installed(alice.page, backstage, "Slipped Files")
    consent(popup, "alice")
    expect(popup.get_by_text(WRONG)).to_be_visible()
    says(alice.page, "Slipped Files", WRONG)
    popup.close()

    again = change(alice.page, "Slipped Files", "Enter another secret")
    expect(again).to_contain_text("It is the same client, so nobody has to connect again.")
    again.get_by_label("Another client secret").fill(client["client_secret"])
    save(again)
    told(folded(alice.page.locator("body"), "Manage Slipped Files"), "The client secret is saved.")
    consent(connect(alice.page, "Slipped Files"), "alice")

    is_shown(alice.page, "Slipped Files", "Connected")
    assert backstage.tool_says("alice", installation) == "alice"


def test_another_secret_is_entered_while_everybody_stays_connected(alice: Profile, backstage: Backstage) -> None:
    form = by_hand(alice.page, backstage, "Rotated Files")
    client = register(form, backstage)
    enter_client(form, client)
    install(alice.page)
    installation = installed(alice.page, backstage, "Rotated Files")
    backstage.connect("bob", installation)
    grants = len(backstage.provider.grants("bob"))
    newer = backstage.provider.rotate(client["client_id"])
    watch = Watch(alice)
    watch.closely(backstage.places.api)

    again = change(alice.page, "Rotated Files", "Enter another secret")
    again.get_by_label("Another client secret").fill(newer)
    save(again)

    panel = manage(alice.page, "Rotated Files")
    told(panel, "The client secret is saved.")
    entered = unfold(panel, "The provider that was entered")
    expect(entered).to_contain_text("set; another one was entered")
    expect(entered).to_contain_text("and the one before is tried until")
    assert watch.found(newer) == {f"body of PUT /v1/teams/acme/installations/{installation}/client_secret"}
    backstage.provider.end_old_secrets(client["client_id"])
    before = backstage.look_up("bob", installation).json()["version"]
    assert backstage.look_up("bob", installation, not_version=before).status == 200
    assert len(backstage.provider.grants("bob")) == grants, "nobody has consented again"


# -- Scopes


def test_exactly_the_scopes_that_were_entered_are_asked_for(
    alice: Profile, person: PersonFactory, backstage: Backstage
) -> None:
    form = settle(alice.page, backstage.places.mcp, "Scoped Files")
    unfold(form, "Scopes").get_by_label("Scopes").fill("files:read  files:write\nfiles:read")

    popup = install_and_authorize(alice.page)
    installed(alice.page, backstage, "Scoped Files")
    popup.wait_for_url(f"{backstage.places.provider}/authorize?*")
    assert parse_qs(urlsplit(popup.url).query)["scope"] == ["files:read files:write"]
    deny(popup, "alice")

    bob = person("bob")
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Scoped Files", "Not connected")
    assert facts(bob.page, "Scoped Files")["Asks for"].startswith("files:read, files:write,")
