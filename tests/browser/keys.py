"""A person without a mouse: every step is a key, and at every stop it has to be seen where one is."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

MOST = 120  # stops before somebody gives up
NAME = """(one) => {
  const name = one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || one.name || one.id;
  return `${one.localName} ${name.replace(/\\s+/g, " ").trim()}`;
}"""
# What has focus; null if nothing has, as between the end of the page and its beginning.
AT = f"""() => {{
  const at = document.activeElement;
  return !at || at === document.body || at === document.documentElement ? null : ({NAME})(at);
}}"""
# Where focus can go by Tab, in the order of the document. Of radio buttons it is the one that is chosen.
STOPS = f"""() => {{
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  const there = [...all].filter((one) => one.checkVisibility({{ visibilityProperty: true }}) && !one.matches(":disabled"));
  return there.filter((one) => one.type !== "radio" || one.checked).map({NAME});
}}"""
SEEN = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  const box = at.getBoundingClientRect();
  const inView = box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return inView && outlined && !/, 0\\)$|transparent/.test(style.outlineColor);
}"""


@dataclass
class Keys:
    """The keyboard, on one page."""

    page: Page

    def at(self) -> str | None:
        """Say what has focus."""
        said: str | None = self.page.evaluate(AT)
        return said

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def to(self, wanted: Locator, most: int = MOST, key: str = "Tab") -> None:
        """Go there by Tab. Wherever it stops on the way, focus is to be seen."""
        wanted.wait_for()
        passed: list[str | None] = []
        while not self.has(wanted):
            assert len(passed) < most, f"not reached by {key}, only {passed}"
            self.press(key)
            passed.append(self.at())
            assert passed[-1] is None or self.is_seen(), f"focus is not to be seen at {passed[-1]}"
        assert self.is_seen(), f"focus is not to be seen at {self.at()}"

    def do(self, wanted: Locator, key: str = "Enter", most: int = MOST) -> None:
        """Go there and press it."""
        self.to(wanted, most)
        self.press(key)

    def write(self, wanted: Locator, text: str) -> None:
        """Go to a field and replace what is in it."""
        self.to(wanted)
        self.press("Control+A")
        self.page.keyboard.type(text)

    def has(self, wanted: Locator) -> bool:
        return bool(wanted.evaluate("(one) => one === document.activeElement"))

    def is_seen(self) -> bool:
        return bool(self.page.evaluate(SEEN))

    def round(self, key: str = "Tab") -> list[str | None]:
        """Go once through the whole page from where focus is, until that leads out of it or comes round again."""
        stops = [self.at()]
        while len(stops) < MOST:
            self.press(key)
            at = self.at()
            if at in (None, stops[0]):
                return stops
            assert self.is_seen(), f"focus is not to be seen at {at}"
            stops.append(at)
        raise AssertionError(f"{key} does not come out of it again: {stops[-8:]}")

    def stops(self) -> list[str]:
        """Say where it should stop."""
        return list(self.page.evaluate(STOPS))


def is_at(wanted: Locator) -> None:
    """Wait until focus is there."""
    expect(wanted).to_be_focused()
