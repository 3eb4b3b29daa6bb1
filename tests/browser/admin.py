"""What an admin does in the page's own forms, as sentences."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.stage import Backstage
from tests.browser.steps import card

INSTALLATIONS = re.compile(r"/v1/teams/[^/]+/installations$")


# -- Installing


def installing(page: Page) -> Locator:
    """The part of the page where an admin installs."""
    return page.locator(".strongroom-install")


def look_at(page: Page, url: str) -> Locator:
    """Enter a URL and press Check. Gives what is said of the server."""
    installing(page).get_by_label("URL of the MCP server").fill(url)
    installing(page).get_by_role("button", name="Check").click()
    return installing(page).get_by_role("article")


def settle(page: Page, url: str, name: str) -> Locator:
    """Look at a server, and give it a name. Gives the form."""
    expect(look_at(page, url)).to_be_visible()
    named(page, name)
    return installing(page)


def named(page: Page, name: str) -> None:
    installing(page).get_by_label("Name", exact=True).fill(name)


def install(page: Page, how: str = "Install") -> None:
    """Press one of the two buttons: `Install` or `Install & Authorize`."""
    installing(page).get_by_role("button", name=how, exact=True).click()


def install_and_authorize(page: Page) -> Page:
    """Give the window that opens inside the click."""
    with page.expect_popup() as opened:
        install(page, "Install & Authorize")
    return opened.value


def installed(page: Page, backstage: Backstage, name: str) -> str:
    """Wait until the page says that it is installed. Gives its id."""
    expect(page.get_by_role("heading", name=f"{name} is installed")).to_be_visible()
    [found] = found_as(backstage, name)
    return found


def found_as(backstage: Backstage, name: str) -> list[str]:
    """Give the ids of all installations of this name."""
    return [installation for installation, its_name in backstage.installed().items() if its_name == name]


# -- A provider by hand


def by_hand(page: Page, backstage: Backstage, name: str) -> Locator:
    """Look at Team Files, give it a name, and say that the provider is entered by hand. Gives the form."""
    form = settle(page, backstage.places.mcp, name)
    form.get_by_label("Enter the provider by hand").check()
    return form


def register(form: Locator, backstage: Backstage) -> dict[str, str]:
    """Register a client at the provider with the callback URL that the form shows."""
    return backstage.provider.register(form.get_by_label("Callback URL", exact=True).input_value())


def enter_client(form: Locator, client: dict[str, str], secret: str | None = None) -> None:
    form.get_by_label("Client id").fill(client["client_id"])
    form.get_by_label("Client secret").fill(client["client_secret"] if secret is None else secret)


def enter_endpoints(form: Locator, backstage: Backstage) -> Locator:
    ends = unfold(form, "Endpoints by hand")
    ends.get_by_label("Authorization endpoint").fill(f"{backstage.places.provider}/authorize")
    ends.get_by_label("Token endpoint").fill(f"{backstage.places.provider}/token")
    ends.get_by_label("The provider names itself in each answer").check()
    return ends


def enter_parameter(form: Locator, name: str, value: str) -> None:
    form.get_by_role("button", name="Add a parameter").click()
    form.get_by_label("Name of parameter 1").fill(name)
    form.get_by_label("Value of parameter 1").fill(value)


# -- What folds out


def folded(place: Locator, summary: str) -> Locator:
    """The part with exactly this line to fold it out."""
    return place.locator(f"details:has(> summary:text-is({_quoted(summary)}))")


def unfold(place: Locator, summary: str) -> Locator:
    part = folded(place, summary)
    if part.get_attribute("open") is None:
        part.locator("> summary").click()
    return part


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


# -- Managing


def manage(page: Page, name: str) -> Locator:
    """Open what an admin sees of an installation."""
    panel = unfold(card(page, name), f"Manage {name}")
    expect(panel.get_by_role("heading", name="How everybody stands")).to_be_visible()
    return panel


def change(page: Page, name: str, what: str) -> Locator:
    """Open one of the forms that change an installation."""
    return unfold(manage(page, name), what)


def save(form: Locator, label: str = "Save") -> None:
    form.get_by_role("button", name=label, exact=True).click()


def asked(page: Page, title: str) -> Locator:
    """The question that stands before everything else."""
    return page.get_by_role("dialog", name=title)


def answer_with(question: Locator, label: str) -> None:
    question.get_by_role("button", name=label, exact=True).click()
    expect(question).to_have_count(0)


def told(panel: Locator, words: str) -> None:
    """Wait until an open panel says, first of all and with the focus on it, what has come of a change."""
    said = panel.locator(".strongroom-notice").first
    expect(said).to_have_text(words)
    expect(said).to_be_focused()


# -- What is refused


def refused_at(control: Locator, words: str) -> None:
    """Wait until a form says what is wrong: at the control that is meant, where the focus goes."""
    expect(control).to_be_focused()
    expect(control).to_have_attribute("aria-invalid", "true")
    expect(control).to_have_accessible_description(re.compile(re.escape(words)))
    expect(control.page.get_by_role("alert").get_by_text(words)).to_be_visible()
