"""An admin asks an MCP server what it needs, and reads it in plain words before anything is installed."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from strongroom.domain.deviations import DEVIATIONS
from tests.browser.admin import (
    install,
    installed,
    installing,
    look_at,
    named,
    refused_at,
    unfold,
)
from tests.browser.axe import violations
from tests.browser.between import Asked, alter
from tests.browser.conftest import PersonFactory, Picture
from tests.browser.mcp_server import Server
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import is_shown, says, signed_in

PROBE = re.compile(r"/v1/teams/acme/probe$")
REFUSED = {
    "http://files.example.com/mcp": "This address may not be called: its scheme is not https.",
    "https://files.example.com:8443/mcp": "This address may not be called: its port is not 443.",
    "https://10.0.0.1/mcp": "its host is no full name and no public address, or is our own.",
}
CLOSED = "http://127.0.0.1:9/mcp"  # nobody listens at the port of RFC 863


def said_of(page: Page) -> dict[str, str]:
    rows = "one => [...one.querySelectorAll('dl div')].map(row => [...row.children].map(cell => cell.textContent))"
    return dict(installing(page).get_by_role("article").evaluate(rows))


def steps_in(notice: Locator) -> list[list[str]]:
    """What the table says that folds out: which document, where, by which rule, and what came of it."""
    rows = unfold(notice, "What was asked, step by step (3)").locator("tbody tr")
    return list(rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"))


def test_what_the_server_says_is_shown_before_anything_is_installed(
    alice: Profile, backstage: Backstage, picture: Picture
) -> None:
    page, provider = alice.page, backstage.places.provider.removeprefix("http://")
    requests = Asked(alice.context)

    notice = look_at(page, backstage.places.mcp)

    expect(notice.get_by_text("Requires OAuth", exact=True)).to_be_visible()
    expect(notice).to_contain_text("The server wants a token of each person: they connect once at the provider")
    expect(notice.get_by_role("heading")).to_be_focused()
    assert said_of(page) == {
        "Gives tokens": backstage.places.provider,
        "People consent at": provider,
        "Tokens come from": provider,
        "Strongroom registers": "by itself, when somebody first connects",
        "Asks for": "files:read",
        "In the catalog": "No: it is expected to follow the rules.",
    }
    metadata = backstage.places.mcp.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
    issuers = f"{backstage.places.provider}/.well-known/oauth-authorization-server"
    assert steps_in(notice) == [
        ["The server's own answer to initialize", backstage.places.mcp, "mcp:D1", "as it should be"],
        ["Protected resource metadata", metadata, "mcp:D2", "as it should be"],
        ["Authorization server metadata", issuers, "mcp:D5", "as it should be"],
    ]
    assert requests.changes() == ["POST /v1/teams/acme/probe"]
    assert violations(page) == []
    picture(page, "probe")


def test_a_server_that_needs_no_oauth_is_installed_for_everybody_at_once(
    alice: Profile, person: PersonFactory, backstage: Backstage, server: Server
) -> None:
    notice = look_at(alice.page, server.mcp)
    expect(notice.get_by_text("Needs no OAuth", exact=True)).to_be_visible()
    expect(notice).to_contain_text("nobody has to connect, and gateways use it at once")
    expect(installing(alice.page).get_by_role("button", name="Install & Authorize")).to_be_hidden()
    expect(installing(alice.page).get_by_role("group", name="Who connects")).to_be_hidden()

    named(alice.page, "Open Files")
    install(alice.page)

    installation = installed(alice.page, backstage, "Open Files")
    expect(installing(alice.page)).to_contain_text("Nobody has to connect: gateways use it at once.")
    is_shown(alice.page, "Open Files", "Needs no OAuth")
    assert backstage.look_up("bob", installation).json()["access_token"] is None
    bob = person("bob")
    signed_in(bob.page, "bob")
    says(bob.page, "Open Files", "There is nothing to connect.")


def test_a_server_that_cannot_be_reached_is_told_with_what_to_do(alice: Profile, backstage: Backstage) -> None:
    notice = look_at(alice.page, CLOSED)

    expect(notice.get_by_text("Could not be found out", exact=True)).to_be_visible()
    expect(notice).to_contain_text("nobody knows whether people have to connect")
    expect(notice).to_contain_text("The MCP server gave no useful answer, whatever the reason: check its URL.")
    expect(notice).to_contain_text("It is the one that MCP clients are given, often ending in /mcp or /sse.")
    expect(installing(alice.page).get_by_role("button", name="Install & Authorize")).to_be_hidden()
    expect(installing(alice.page).get_by_role("button", name="Install", exact=True)).to_be_visible()


def test_an_address_that_may_not_be_called_is_told_at_its_field(alice: Profile, backstage: Backstage) -> None:
    alice.expect("status of 422")

    for url, why in REFUSED.items():
        notice = look_at(alice.page, url)
        refused_at(installing(alice.page).get_by_label("URL of the MCP server"), why)
        expect(notice).to_have_count(0)


def test_a_server_that_breaks_a_rule_is_told_and_can_be_installed_all_the_same(
    alice: Profile, backstage: Backstage, server: Server
) -> None:
    server.status = 401
    server.describe(code_challenge_methods_supported=None)

    notice = look_at(alice.page, server.mcp)
    expect(notice.get_by_text("Requires OAuth", exact=True)).to_be_visible()
    expect(notice).to_contain_text("as it is nobody could connect")
    expect(notice).to_contain_text("does not list PKCE with S256")
    expect(notice).to_contain_text("enter the provider by hand and say so")
    assert said_of(alice.page)["Gives tokens"] == server.origin
    expect(installing(alice.page).get_by_role("button", name="Install & Authorize")).to_be_hidden()
    named(alice.page, "Odd Files")
    install(alice.page)

    installed(alice.page, backstage, "Odd Files")
    expect(installing(alice.page)).to_contain_text("does not list PKCE with S256")
    expect(installing(alice.page)).to_contain_text("as it is nobody may be able to connect")


def test_a_server_that_publishes_nothing_is_told_to_be_for_trying(
    alice: Profile, backstage: Backstage, server: Server
) -> None:
    server.status = 401

    notice = look_at(alice.page, server.mcp)

    expect(notice.get_by_text("Requires OAuth", exact=True)).to_be_visible()
    expect(notice).to_contain_text("does not say where people would get it")
    expect(notice).to_contain_text("Only trying tells.")
    expect(installing(alice.page).get_by_role("button", name="Install & Authorize")).to_be_visible()


def test_of_a_provider_in_the_catalog_its_oddities_are_told_and_its_documentation_is_linked(
    alice: Profile, backstage: Backstage
) -> None:
    documentation = "https://files.example.com/developers"

    def catalogued(probed: Any) -> None:
        probed["provider"].update(catalog="Files", deviations=list(DEVIATIONS), documentation=documentation)

    alter(alice.context, PROBE, catalogued)  # nobody in the catalog lives on this machine
    notice = look_at(alice.page, backstage.places.mcp)

    link = notice.get_by_role("link", name="Documentation of Files")
    expect(link).to_have_attribute("href", documentation)
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")
    told = said_of(alice.page)["In the catalog"]
    assert told.startswith("Files: its MCP servers write its issuer in another way; ")
    assert not re.search("[a-z]_[a-z]", told), "each of them has words"
    assert told.count(";") == len(DEVIATIONS) - 1
