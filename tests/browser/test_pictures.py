"""The pictures of the documents: `dev.py browser --screenshots` writes them to docs/screenshots."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.browser.conftest import PersonFactory, Picture
from tests.browser.stage import Backstage, Stage
from tests.browser.steps import card, is_shown, signed_in

WIDE, NARROW = {"width": 1080, "height": 600}, {"width": 360, "height": 600}
# This machine's addresses and the time of day would make every run's picture another one.
TIDY = """([hosts, date]) => {
  const tidy = (text) => hosts.reduce((all, [host, name]) => all.replaceAll(host, name), text);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) walker.currentNode.data = tidy(walker.currentNode.data);
  for (const input of document.querySelectorAll("input")) input.value = tidy(input.value);
  for (const time of document.querySelectorAll("time")) time.textContent = date;
  document.activeElement.blur();
}"""
DATE = "12 Mar 2027, 09:30"


def tidied(page: Page, stage: Stage) -> Page:
    """Name the hosts as if they were somewhere, and let everything happen at one time."""
    mcp, provider = (urlsplit(place).netloc for place in (stage.places.mcp, stage.places.provider))
    hosts = [[mcp, "mcp.files.example"], [provider, "login.files.example"]]
    page.evaluate(TIDY, [[*hosts, *[[f"http://{name}", f"https://{name}"] for _host, name in hosts]], DATE])
    return page


def test_pictures_of_the_list(person: PersonFactory, backstage: Backstage, stage: Stage, picture: Picture) -> None:
    backstage.connect("bob", backstage.install("Team Files"))
    backstage.install("Team Notes", scopes=["files:read", "files:write"])
    backstage.install("Team Search", sharing="shared")
    page = person("bob", viewport=WIDE).page
    signed_in(page, "bob")
    is_shown(page, "Team Files", "Connected")
    is_shown(page, "Team Notes", "Not connected")
    is_shown(page, "Team Search", "Waits for an admin")

    picture(tidied(page, stage), "connections")


def test_pictures_of_one_server_on_a_narrow_screen_in_the_dark(
    person: PersonFactory, backstage: Backstage, stage: Stage, picture: Picture
) -> None:
    installation = backstage.install("Team Notes", scopes=["files:read", "files:write"])
    bob = person("bob", viewport=NARROW, color_scheme="dark")
    signed_in(bob.page, "bob", installation)
    is_shown(bob.page, "Team Notes", "Not connected")

    picture(tidied(bob.page, stage), "before-the-click")


def test_pictures_of_what_a_server_says(
    person: PersonFactory, backstage: Backstage, stage: Stage, picture: Picture
) -> None:
    page = person("alice", viewport=WIDE).page
    signed_in(page, "alice")
    page.get_by_role("textbox", name="URL of the MCP server").fill(stage.places.mcp)
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="Requires OAuth")).to_be_visible()
    page.get_by_role("textbox", name="Name").fill("Team Files")

    picture(tidied(page, stage), "requires-oauth")


def test_pictures_of_what_an_admin_manages(
    person: PersonFactory, backstage: Backstage, stage: Stage, picture: Picture
) -> None:
    installation = backstage.install("Team Files")
    for account in ("alice", "bob"):
        backstage.connect(account, installation)
    page = person("alice", viewport=WIDE).page
    signed_in(page, "alice", installation)
    card(page, "Team Files").get_by_text("Manage Team Files").click()
    expect(page.get_by_role("heading", name="How everybody stands")).to_be_visible()

    picture(tidied(page, stage), "manage")
