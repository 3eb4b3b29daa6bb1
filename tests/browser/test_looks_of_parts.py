"""Single parts of the page are where the eye looks for them."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import FloatRect, Locator, expect

from tests.browser.admin import answer_with, asked, unfold
from tests.browser.axe import violations
from tests.browser.conftest import PersonFactory
from tests.browser.looks import Look, faults, seen_as
from tests.browser.stage import Backstage
from tests.browser.steps import card, press, signed_in

# How far the words of a line end before the line does, which is where its mark stands.
BEHIND_ITS_WORDS = """(line) => {
  const words = document.createRange();
  words.selectNodeContents(line);
  return line.getBoundingClientRect().right - words.getBoundingClientRect().right;
}"""

COLOURS = "(one) => { const { color, borderColor } = getComputedStyle(one); return `${color} ${borderColor}`; }"


def box(one: Locator) -> FloatRect:
    found = one.bounding_box()
    assert found is not None
    return found


def test_the_mark_that_folds_out_the_other_team_stands_beside_its_words(
    person: PersonFactory, backstage: Backstage
) -> None:
    page = person("bob").page
    signed_in(page, "bob")

    assert page.get_by_text("Another team").evaluate(BEHIND_ITS_WORDS) < 40


@pytest.mark.parametrize("width", [320, 360])
def test_on_a_narrow_screen_the_buttons_of_a_question_stand_below_each_other(
    person: PersonFactory, backstage: Backstage, width: int
) -> None:
    backstage.connect("bob", backstage.install("Narrow Files"))
    page = person("bob", viewport={"width": width, "height": 800}).page
    signed_in(page, "bob")

    press(page, "Narrow Files", "Revoke")

    question = asked(page, "Revoke Narrow Files?")
    first, second = (box(one) for one in question.get_by_role("button").all())
    assert second["y"] >= first["y"] + first["height"]
    assert (first["x"], first["width"]) == (second["x"], second["width"])
    answer_with(question, "Keep it")


def test_the_records_are_as_wide_as_the_window_and_no_wider(person: PersonFactory, backstage: Backstage) -> None:
    backstage.install("Wide Files")
    page = person("alice").page
    signed_in(page, "alice")
    unfold(page.locator("#admin"), "Who changed what in the team")
    records = page.get_by_role("region", name="Records of the team")
    expect(records).to_be_visible()

    for look, least in ((Look(1200, "light"), 1000), (Look(1600, "light"), 1300), (Look(360, "light"), 280)):
        with seen_as(page, look):
            found = box(records)
            assert least < found["width"] < look.width
            assert abs(found["x"] * 2 + found["width"] - look.width) < 30, "it stands in the middle"
            assert faults(page) == []
            scrolls = records.evaluate("(one) => one.scrollWidth > one.clientWidth")
            assert scrolls is (look.width < 500)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_ends_something_for_good_looks_like_nothing_else(
    person: PersonFactory, backstage: Backstage, scheme: Literal["light", "dark"]
) -> None:
    backstage.install("Ending Files")
    page = person("alice", color_scheme=scheme, reduced_motion="reduce").page  # no colour is on its way to another
    signed_in(page, "alice")
    panel = unfold(card(page, "Ending Files"), "Manage Ending Files")

    def named(label: str) -> Locator:
        return panel.get_by_role("button", name=f"{label}: Ending Files", exact=True)

    def look(label: str) -> str:
        return str(named(label).evaluate(COLOURS))

    expect(named("Uninstall")).to_be_visible()
    ending = look("Uninstall")
    assert look("Revoke all connections") == ending
    assert look("Disable") != ending
    assert violations(page) == []
    named("Uninstall").hover()
    assert look("Uninstall") == ending
