"""What admins read of who changed what in the team; and that nobody else is even sent the code for it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from tests.browser.admin import unfold
from tests.browser.axe import violations
from tests.browser.between import LIST, alter, answer
from tests.browser.conftest import PersonFactory, Picture
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, is_shown, signed_in

WHO = "Who changed what in the team"
DISABLED = "An installation was disabled: nothing of it is given out until an admin enables it"
UNINSTALLED = "An MCP server was uninstalled, and everything that was connected there has ended"


def records(page: Page) -> Locator:
    """Open the records. Gives their rows, without the heads."""
    part = unfold(page.locator("#admin"), WHO)
    expect(part.get_by_role("table")).to_be_visible()
    return part.locator("tbody").get_by_role("row")


def told(rows: Locator) -> list[list[str]]:
    """What each row says behind the time: what, by whom, about whom, which server, and more."""
    texts = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
    return [cells[1:] for cells in texts]


def read(backstage: Backstage, after: str = "") -> dict[str, Any]:
    """Read one page of the records from the API itself."""
    return dict(backstage.people["alice"].ask("GET", f"/v1/teams/acme/records{after and f'?next={after}'}").json())


def are_newest_first(rows: Locator) -> bool:
    times = rows.evaluate_all("rows => rows.map(row => row.querySelector('time').dateTime)")
    return bool(times) and times == sorted(times, reverse=True)


def scripts(profile: Profile) -> list[str]:
    """Collect the names of our scripts that a browser asks for from now on."""
    asked: list[str] = []
    profile.context.on("request", lambda request: asked.append(urlsplit(request.url).path.rpartition("/")[2]))
    return asked


def test_records_say_who_did_what_to_which_server_newest_first(
    person: PersonFactory, backstage: Backstage, picture: Picture
) -> None:
    gone, renamed = backstage.unused("Struck Off Files"), backstage.unused("Recorded Files")
    backstage.uninstall(backstage.install(gone))
    kept = backstage.install()
    backstage.change(kept, name=renamed, scopes=["files:write"])
    backstage.connect("bob", kept)
    backstage.change(kept, enabled=False)
    alice = person("alice")
    signed_in(alice.page, "alice")

    rows = records(alice.page)

    found = told(rows)  # other tests' chores may come between
    assert [row[:4] for row in found if row[3] in (renamed, gone)] == [
        [f"{DISABLED}.", "alice", "", renamed],
        ["Connected.", "bob", "", renamed],
        ["An authorization was begun.", "bob", "", renamed],
        ["An installation was changed.", "alice", "", renamed],
        ["An MCP server was installed.", "alice", "", renamed],
        [f"{UNINSTALLED}.", "alice", "", gone],
        ["An MCP server was installed.", "alice", "", gone],
    ]
    [changed] = (row[4] for row in found if row[0] == "An installation was changed." and row[3] == renamed)
    assert "changed: name, scopes" in changed
    assert "scopes: files:write" in changed
    assert are_newest_first(rows)
    assert violations(alice.page) == []
    picture(alice.page, "records")


def test_records_say_whom_it_is_about(person: PersonFactory, backstage: Backstage) -> None:
    backstage.put_member("carol", "team_admin")
    alice = person("alice")
    signed_in(alice.page, "alice")

    newest = next(row for row in told(records(alice.page)) if row[0].startswith("Who is in the team"))

    assert newest[2:] == ["carol", "", "role: admin"]


def test_older_records_follow_on_a_click_until_there_are_none(person: PersonFactory, backstage: Backstage) -> None:
    renamed = backstage.install("Often Renamed")
    while not read(backstage)["next"]:
        backstage.change(renamed, name=f"Often Renamed {len(read(backstage)['records'])}")
    first, second = read(backstage), read(backstage, read(backstage)["next"])
    alice = person("alice")
    signed_in(alice.page, "alice")
    rows = records(alice.page)
    expect(rows).to_have_count(len(first["records"]))
    older = alice.page.get_by_role("button", name="Older")

    while older.is_visible():
        shown = rows.count()
        older.click()
        expect(rows.nth(shown)).to_be_focused()

    assert rows.count() >= len(first["records"]) + len(second["records"])
    assert are_newest_first(rows)
    assert told(rows)[-1][0].startswith("Who is in the team"), "the team began with its members"


def test_the_records_are_read_again_on_a_click(person: PersonFactory, backstage: Backstage) -> None:
    installation = backstage.install("Watched Files")
    alice = person("alice")
    signed_in(alice.page, "alice")
    rows = records(alice.page)
    before = rows.count()
    backstage.change(installation, enabled=False)
    again = alice.page.get_by_role("button", name="Refresh")

    again.click()

    expect(rows.first).to_contain_text(DISABLED)
    assert rows.count() == min(before + 1, len(read(backstage)["records"]))
    assert are_newest_first(rows)
    expect(again).to_be_focused()
    expect(alice.page.get_by_text(re.compile(r"^As of \d{1,2} "))).to_be_visible()


def test_what_was_renamed_and_removed_is_called_as_it_was_last(person: PersonFactory, backstage: Backstage) -> None:
    first, second = backstage.unused("First Name"), backstage.unused("Second Name")
    installation = backstage.install(first)
    alice = person("alice")
    signed_in(alice.page, "alice")
    is_shown(alice.page, first, "Not connected")
    backstage.change(installation, name=second)
    backstage.uninstall(installation)

    found = told(records(alice.page))

    names = [row[3] for row in found if row[0].startswith(("An installation was changed", UNINSTALLED))]
    assert names.count(second) == 2
    assert first not in names


def test_what_is_gone_is_named_as_soon_as_a_record_says_its_name(person: PersonFactory, backstage: Backstage) -> None:
    name = backstage.unused("Long Gone")
    gone = backstage.install(name)
    backstage.uninstall(gone)
    [removed] = (
        one for one in read(backstage)["records"] if one["installation"] == gone and one["event"] == "uninstalled"
    )
    ended = {**removed, "event": "revocation_ended", "text": "The provider has ended the old grant.", "facts": {}}
    alice = person("alice")
    answer(alice.context, re.compile(r"/records$"), 200, {"records": [ended], "next": "older"})
    answer(alice.context, re.compile(r"/records\?next=older$"), 200, {"records": [removed], "next": None})
    signed_in(alice.page, "alice")
    rows = records(alice.page)
    assert told(rows)[0][3] == f"not there any more ({gone})"

    alice.page.get_by_role("button", name="Older").click()

    expect(rows).to_have_count(2)
    assert [row[3] for row in told(rows)] == [name, name]


def test_who_is_no_admin_sees_no_forms_panels_or_records_and_asks_for_no_such_script(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Plain Files")
    alice, bob = person("alice"), person("bob")
    asked_by_alice, asked_by_bob = scripts(alice), scripts(bob)

    for profile in (alice, bob):
        signed_in(profile.page, profile.account)
        is_shown(profile.page, "Plain Files", "Not connected")
    expect(alice.page.get_by_text(WHO)).to_be_visible()
    expect(card(alice.page, "Plain Files").get_by_text("Manage Plain Files")).to_be_visible()
    expect(alice.page.get_by_role("button", name="Check")).to_be_visible()

    expect(bob.page.locator("#admin")).to_be_empty()
    expect(bob.page.get_by_text(re.compile("admin", re.IGNORECASE))).to_have_count(0)
    expect(bob.page.get_by_text("Manage")).to_have_count(0)
    expect(bob.page.get_by_text("Install", exact=False)).to_have_count(0)
    admins = {"admin-install.js", "admin-manage.js", "admin-records.js"}
    assert admins <= set(asked_by_alice)
    assert "strongroom-connections.js" in asked_by_bob
    assert [name for name in asked_by_bob if name.startswith("admin-")] == []
    assert "records" not in asked_by_bob


def test_a_page_that_takes_somebody_for_an_admin_learns_nothing_that_the_api_would_not_tell(
    person: PersonFactory, backstage: Backstage
) -> None:
    backstage.install("Guarded Files")
    bob = person("bob")
    bob.expect("status of 403")

    def promoted(listed: Any) -> None:
        listed["role"] = "team_admin"

    alter(bob.context, LIST, promoted)
    signed_in(bob.page, "bob")
    unfold(bob.page.locator("#admin"), WHO)
    expect(bob.page.get_by_text("Only an admin of the team may do this: ask one.")).to_be_visible()
    unfold(card(bob.page, "Guarded Files"), "Manage Guarded Files")

    expect(card(bob.page, "Guarded Files").get_by_text("Only an admin of the team may do this")).to_be_visible()
    expect(bob.page.get_by_role("table")).to_have_count(0)
    expect(bob.page.get_by_text("members is connected")).to_have_count(0)
