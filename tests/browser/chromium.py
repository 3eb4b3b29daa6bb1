"""The machine's own Chromium, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Whatever a page asks for, nothing leaves this machine. `localhost` is another site than 127.0.0.1, for attackers' pages.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"


def found() -> str | None:
    """Give the path of this machine's Chromium, if it has one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running(path: str, headed: bool) -> Iterator[Browser]:
    """Start one browser; each person gets a context of their own in it, which shares nothing with the others'."""
    arguments = [ALONE, *(["--no-sandbox"] if os.geteuid() == 0 else [])]  # its sandbox refuses to be root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=not headed, args=arguments)
        try:
            yield browser
        finally:
            browser.close()
