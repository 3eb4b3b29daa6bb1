"""Whether a page looks right: nothing cut off, nothing over something else, large enough to hit, and axe content."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from playwright.sync_api import Page

from tests.browser.axe import violations

Scheme = Literal["light", "dark"]


class Look(NamedTuple):
    """One way to see a page. `text`: the size of its text, in percent; `axe`: whether axe looks at it too."""

    width: int
    scheme: Scheme
    text: int = 100
    axe: bool = False

    def __str__(self) -> str:
        return f"{self.width} px, {self.scheme}, text at {self.text} %"


# Once in light and once in dark is enough for axe, which is slow: it measures colours, and not where things are.
LOOKS = (Look(1280, "light", axe=True), Look(1280, "dark", 200), Look(320, "light", 200), Look(320, "dark", axe=True))
LEAST = 24  # pixels of a target, in each direction (WCAG 2.2, 2.5.8)

# Measures what is there to see: in a dialog only that, since the rest is out of reach. Text is measured line by line,
# and lines may touch a little: a font's boxes are taller than its letters.
MEASURE = """(least) => {
  const place = document.querySelector("dialog[open]") ?? document.body;
  const wide = document.documentElement.clientWidth;
  const isSeen = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest(".strongroom-unseen");
  const scrolls = (one) => one.closest(".overflow-auto, dialog article");
  const words = (one) => (one.getAttribute("aria-label") || one.innerText || one.id).replace(/\\s+/g, " ").slice(0, 60);
  const told = (one) => `${one.localName} "${words(one)}"`;
  const across = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const down = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  const faults = [];

  if (document.documentElement.scrollWidth > wide) {
    faults.push(`the page is ${document.documentElement.scrollWidth} px wide, and ${wide} px are there`);
  }

  const controls = [...place.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(isSeen);
  const boxOf = (one) => {
    const label = ["radio", "checkbox"].includes(one.type) ? one.closest("label") : null;
    return (label ?? one).getBoundingClientRect();
  };
  for (const one of controls) {
    const box = boxOf(one);
    if (!scrolls(one) && (box.left < -1 || box.right > wide + 1)) faults.push(`${told(one)} is cut off`);
    if (one.localName === "button" && one.scrollWidth > one.clientWidth + 1) faults.push(`${told(one)} is too narrow`);
    const inText = one.localName === "a";
    if (!inText && (box.width < least || box.height < least - 0.5)) {
      faults.push(`${told(one)} is ${Math.round(box.width)} x ${Math.round(box.height)} px`);
    }
  }
  controls.forEach((one, at) => {
    for (const other of controls.slice(at + 1)) {
      if (one.contains(other) || other.contains(one)) continue;
      const [a, b] = [boxOf(one), boxOf(other)];
      if (across(a, b) > 1 && down(a, b) > 1) faults.push(`${told(one)} and ${told(other)} overlap`);
    }
  });

  const lines = [];
  const walker = document.createTreeWalker(place, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!text.data.trim() || !isSeen(text.parentElement) || text.parentElement.closest("noscript, option")) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) lines.push({ text, box });
  }
  for (const [at, { text, box }] of lines.entries()) {
    const short = text.data.trim().slice(0, 40);
    if (!scrolls(text.parentElement) && (box.left < -1 || box.right > wide + 1)) faults.push(`"${short}" is cut off`);
    for (const other of lines.slice(at + 1)) {
      if (other.text === text || across(box, other.box) < 2) continue;
      const least = Math.min(box.height, other.box.height);
      if (down(box, other.box) > least / 3) faults.push(`"${short}" lies over "${other.text.data.trim().slice(0, 40)}"`);
    }
  }
  return [...new Set(faults)];
}"""


def faults(page: Page) -> list[str]:
    """Give one sentence for each fault in how the page is laid out, as it stands."""
    return list(page.evaluate(MEASURE, LEAST))


@contextmanager
def seen_as(page: Page, look: Look) -> Iterator[None]:
    """See the page so, and afterwards as before. Doubled text is what people set who need it larger."""
    before = page.viewport_size
    page.set_viewport_size({"width": look.width, "height": 800})
    page.emulate_media(color_scheme=look.scheme, reduced_motion="reduce")  # or colours change by and by
    page.evaluate("(percent) => { document.documentElement.style.fontSize = percent; }", f"{look.text}%")
    try:
        yield
    finally:
        page.evaluate("document.documentElement.style.fontSize = ''")
        page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        if before:
            page.set_viewport_size(before)


def looks_right(page: Page, *looks: Look) -> None:
    """Fail with every fault in every look."""
    told: list[str] = []
    for look in looks or LOOKS:
        with seen_as(page, look):
            told += [f"{look}: {fault}" for fault in (*faults(page), *(violations(page) if look.axe else ()))]
    assert not told, "\n".join(told)


def computed(page: Page, selector: str, *names: str) -> list[Any]:
    """Give the computed style of each element that is found, as a list of values."""
    return list(
        page.locator(selector).evaluate_all(
            "(all, names) => all.map((one) => names.map((name) => getComputedStyle(one)[name]))", list(names)
        )
    )
