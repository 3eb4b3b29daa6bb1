"""What a screen reader would read out by itself: every change of a live region."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

# A region that is set to the words it has already is read out again, so that counts too.
LISTEN = """() => {
  window.announced = [];
  const live = "[role=status], [role=alert], [aria-live=polite], [aria-live=assertive]";
  const heard = ({ target, addedNodes }) => {
    const region = (target.nodeType === Node.TEXT_NODE ? target.parentElement : target)?.closest?.(live);
    const added = addedNodes.length ? [...addedNodes] : [target];
    const words = added.map((node) => node.textContent.trim()).filter(Boolean);
    if (region && words.length) window.announced.push(words.join(" "));
  };
  new MutationObserver((changes) => changes.forEach(heard))
    .observe(document.body, { childList: true, characterData: true, subtree: true });
}"""


@dataclass
class Announced:
    """Listens from now on, until the page is left."""

    page: Page

    def __post_init__(self) -> None:
        self.page.evaluate(LISTEN)

    @property
    def all(self) -> list[str]:
        return list(self.page.evaluate("window.announced"))

    def take(self) -> list[str]:
        """Give what was read out, and begin anew."""
        return list(self.page.evaluate("window.announced.splice(0)"))
