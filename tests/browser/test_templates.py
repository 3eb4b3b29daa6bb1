"""What gateways add to requests or to a server's environment: an admin enters it, and its values are shown to nobody."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Locator, expect

from tests.browser.admin import (
    answer_with,
    asked,
    by_hand,
    change,
    enter_parameter,
    folded,
    install,
    installed,
    installing,
    manage,
    named,
    refused_at,
    save,
    settle,
    told,
    unfold,
)
from tests.browser.between import Asked
from tests.browser.conftest import PersonFactory, Picture
from tests.browser.profile import Profile
from tests.browser.stage import Backstage
from tests.browser.steps import card, is_shown, signed_in
from tests.browser.watch import Watch

KEY = "a-key-that-nobody-may-see"
Refused = Sequence[tuple[str, str, str]]
HEADERS: Refused = (
    ("Host", "files.example.com", "Host is not to be set: it decides where a request goes"),
    ("Cookie", "a=b", "Cookie is not to be set: it is a browser's or a server's word"),
    ("X-Other", "{user}", "X-Other: only {access_token} is ever replaced"),
)
VARIABLES: Refused = (
    ("LD_PRELOAD", "files.so", "LD_PRELOAD is not to be set: it makes the loader"),
    ("KEY", "a key\u00a0with a hard space", "A value has 1 to 4096 characters of printable ASCII, space"),
)
FORM = "Headers and environment"
SAVED = "Headers and environment are saved."


def enter(form: Locator, kind: str, name: str, value: str, row: int = 1) -> Locator:
    """Add a header or a variable. Gives the field with its name."""
    form.get_by_role("button", name=f"Add a {kind}").click()
    field = form.get_by_label(f"Name of {kind} {row}")
    expect(field).to_be_focused()
    field.fill(name)
    form.get_by_label(f"Value of {kind} {row}").fill(value)
    return field


def test_a_header_with_the_token_in_it_is_what_gateways_send(
    alice: Profile, backstage: Backstage, picture: Picture
) -> None:
    form = unfold(settle(alice.page, backstage.places.mcp, "Keyed Files"), FORM)
    enter(form, "header", "X-Files-Token", "token=")
    form.get_by_role("button", name="Insert {access_token}").click()
    value = form.get_by_label("Value of header 1")
    expect(value).to_have_value("token={access_token}")
    expect(value).to_be_focused()
    picture(alice.page, "templates")

    install(alice.page)

    installation = installed(alice.page, backstage, "Keyed Files")
    backstage.connect("bob", installation)
    given = backstage.look_up("bob", installation).json()
    assert given["headers"] == {"X-Files-Token": f"token={given['access_token']}"}


def test_a_value_is_covered_while_it_is_typed_until_somebody_wants_to_see_it(
    alice: Profile, backstage: Backstage
) -> None:
    form = unfold(settle(alice.page, backstage.places.mcp, "Covered Files"), FORM)
    enter(form, "header", "X-Files-Key", KEY)
    value = form.get_by_label("Value of header 1")
    expect(value).to_have_accessible_name("Value of header 1")
    expect(value).to_have_attribute("type", "password")
    expect(value).to_have_attribute("autocomplete", "new-password")

    form.get_by_role("button", name="Show header 1").click()
    expect(value).to_have_attribute("type", "text")
    expect(value).to_have_value(KEY)

    form.get_by_role("button", name="Hide header 1").click()
    expect(value).to_have_attribute("type", "password")
    form.get_by_role("button", name="Add a variable").click()
    expect(form.get_by_label("Value of variable 1")).to_have_attribute("type", "password")


def test_what_members_see_anyway_is_not_covered(alice: Profile, backstage: Backstage) -> None:
    form = by_hand(alice.page, backstage, "Open Files")
    enter_parameter(form, "audience", "files")

    expect(form.get_by_label("Value of parameter 1")).to_have_attribute("type", "text")
    expect(form.get_by_role("button", name="Show parameter 1")).to_have_count(0)


def test_a_server_that_gateways_start_themselves_gets_its_variables(alice: Profile, backstage: Backstage) -> None:
    form = installing(alice.page)
    form.get_by_role("button", name="A server without a URL, started by gateways").click()
    named(alice.page, "Notes")
    expect(form.get_by_label("Does it require OAuth?")).to_have_value("false")
    enter(form, "variable", "NOTES_API_KEY", KEY)

    install(alice.page)

    installation = installed(alice.page, backstage, "Notes")
    expect(form).to_contain_text("Nobody has to connect: gateways use it at once.")
    assert backstage.look_up("bob", installation).json()["env"] == {"NOTES_API_KEY": KEY}


def test_names_are_shown_and_values_to_nobody(alice: Profile, person: PersonFactory, backstage: Backstage) -> None:
    watch = Watch(alice)
    watch.closely(backstage.places.api)
    form = unfold(settle(alice.page, backstage.places.mcp, "Sealed Files"), FORM)
    enter(form, "header", "X-Files-Key", KEY)
    enter(form, "header", "X-Files-Token", f"{KEY} {{access_token}}", row=2)
    enter(form, "variable", "FILES_KEY", KEY)
    install(alice.page)
    installation = installed(alice.page, backstage, "Sealed Files")

    panel = change(alice.page, "Sealed Files", FORM)
    expect(panel).to_contain_text("X-Files-Key (its value is not shown)")
    expect(panel).to_contain_text("X-Files-Token (its value is not shown; carries the token)")
    expect(panel).to_contain_text("FILES_KEY (its value is not shown)")
    records = unfold(alice.page.locator("#admin"), "Who changed what in the team")
    expect(records.get_by_role("row").nth(1)).to_contain_text("Sealed Files")
    bob = person("bob")
    seen = Watch(bob)
    seen.closely(backstage.places.api)
    signed_in(bob.page, "bob")
    is_shown(bob.page, "Sealed Files", "Not connected")

    assert watch.found(KEY) == {"body of POST /v1/teams/acme/installations"}
    assert seen.found(KEY) == set()
    assert alice.page.evaluate("key => [...document.querySelectorAll('input')].every(one => one.value !== key)", KEY)
    assert backstage.look_up("alice", installation).status == 409


def test_what_may_not_be_set_is_told_at_its_row(alice: Profile, backstage: Backstage) -> None:
    alice.expect("status of 400")
    backstage.install("Refused Entries")
    alice.page.reload()
    form = change(alice.page, "Refused Entries", FORM)

    def is_told(control: Locator, value: Locator, refused: Refused) -> None:
        for name, text, words in refused:
            control.fill(name)
            value.fill(text)
            save(form)
            refused_at(control, words)

    enter(form, "header", "X-Right", "as it should be")
    header = enter(form, "header", "X-Other", "another", row=2)
    is_told(header, form.get_by_label("Value of header 2"), HEADERS)
    header.fill("X-Other")
    form.get_by_label("Value of header 2").fill("another")
    is_told(enter(form, "variable", "KEY", "a key"), form.get_by_label("Value of variable 1"), VARIABLES)


def test_a_name_that_is_there_twice_is_told_before_anything_is_sent(alice: Profile, backstage: Backstage) -> None:
    form = unfold(settle(alice.page, backstage.places.mcp, "Twice Named"), FORM)
    enter(form, "header", "X-Key", "one")
    again = enter(form, "header", "X-Key", "two", row=2)
    requests = Asked(alice.context)

    install(alice.page)

    refused_at(again, "There are two rows for the header X-Key.")
    assert requests.changes() == []


def test_what_is_removed_is_said_before_it_is_saved_and_can_be_kept(alice: Profile, backstage: Backstage) -> None:
    inject = {"headers": {"X-Old": KEY, "X-Stays": KEY}}
    installation = backstage.install("Lighter Files", inject=inject)
    backstage.connect("bob", installation)
    alice.page.reload()
    form = change(alice.page, "Lighter Files", FORM)

    form.get_by_role("button", name="Remove the header X-Stays").click()
    expect(form).to_contain_text("X-Stays (will be removed when you save)")
    form.get_by_role("button", name="Keep the header X-Stays").click()
    form.get_by_role("button", name="Remove the header X-Old").click()
    save(form)
    answer_with(asked(alice.page, f"{FORM}: Lighter Files?"), "Save, and end these connections")

    told(folded(card(alice.page, "Lighter Files"), "Manage Lighter Files"), SAVED)
    form = unfold(manage(alice.page, "Lighter Files"), FORM)
    expect(form).to_contain_text("X-Stays (its value is not shown)")
    expect(form.get_by_text("X-Old")).to_have_count(0)
    backstage.connect("bob", installation)
    assert set(backstage.look_up("bob", installation).json()["headers"]) == {"Authorization", "X-Stays"}
