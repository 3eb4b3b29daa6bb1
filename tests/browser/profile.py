"""One person's browser: a profile of its own, with its own cookies, storage and windows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from tests.browser.complaints import Complaints

PATIENCE = 20_000  # milliseconds: a function may start cold, on a busy machine


@dataclass
class Profile:
    """`page` is the first tab. What the browser complains of is in `complaints`, and fails the test in the end unless it
    was expected."""

    account: str
    context: BrowserContext
    complaints: Complaints
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE)
        self.complaints.listen(self.context)
        self.page = self.context.new_page()

    def tab(self) -> Page:
        """Open another tab of the same profile."""
        return self.context.new_page()

    def expect(self, pattern: str) -> None:
        """Expect a complaint, such as `status of 409`: Chromium writes each refused request to the console."""
        self.complaints.expect(pattern)

    def block_popups(self) -> None:
        """Let `window.open` give nothing from the next page on, as browsers do that block popups."""
        self.context.add_init_script("window.open = () => null;")

    def block_second_popup(self) -> None:
        """Let each page from the next one on open its first window, and no other."""
        self.context.add_init_script(
            "const open = window.open; let wanted = 0; window.open = (...wish) => (wanted++ ? null : open(...wish));"
        )

    def show(self, folder: Path, name: str) -> None:
        """Keep a picture of every window, for somebody who asks why a test has failed."""
        for number, page in enumerate(self.context.pages):
            page.screenshot(path=folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}-{self.account}-{number}.png")

    def close(self) -> list[str]:
        """Close all windows, and give the complaints that nobody expected."""
        self.context.unroute_all(behavior="ignoreErrors")
        self.context.close()
        return [f"{self.account}'s browser: {text}" for text in self.complaints.unexpected()]
