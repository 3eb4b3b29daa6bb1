"""What a browser complains of, or does unasked: each of it fails a test that did not expect it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Request, WebError

# Chromium writes a violation to the console itself, but in its own words and not for every kind.
VIOLATED = "violated the policy:"
TELL_VIOLATIONS = f"""
addEventListener("securitypolicyviolation", (event) =>
  console.error("{VIOLATED}", event.effectiveDirective, event.blockedURI || "inline", event.sample));
"""
UNASKED = "/favicon.ico"  # what Chromium asks of every site that names no icon, and is no wish of the page's
WITHIN = frozenset({"about", "blob", "chrome-error", "data"})


@dataclass(frozen=True, slots=True)
class Complaint:
    """`kind` is console, policy, error, dialog or foreign; `page` is where, without query and fragment."""

    kind: str
    text: str
    page: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text} (at {self.page})"


@dataclass
class Complaints:
    """Collected from every page of a context, popups included. `ours` are the origins that may be asked."""

    ours: Collection[str]
    all: list[Complaint] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)
        context.on("dialog", self._dialog)
        context.on("request", self._request)

    def expect(self, pattern: str) -> None:
        """Take no offence at complaints in which this regular expression is found."""
        self.expected.append(pattern)

    def unexpected(self) -> list[str]:
        told = (str(complaint) for complaint in self.all)
        return [text for text in told if not any(re.search(pattern, text) for pattern in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and urlsplit(message.location["url"]).path != UNASKED:
            kind = "policy" if message.text.startswith(VIOLATED) else "console"
            self._add(kind, message.text, message.location["url"])

    def _error(self, error: WebError) -> None:
        self._add("error", error.error.message, error.page.url if error.page else "")

    def _dialog(self, dialog: Dialog) -> None:
        # Nobody here confirms anything in a dialog of the browser: one that opens is somebody's script.
        self.dialogs.append(dialog.message)
        self._add("dialog", f"{dialog.type} {dialog.message}", dialog.page.url if dialog.page else "")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in WITHIN and f"{parts.scheme}://{parts.netloc}" not in self.ours:
            self._add("foreign", f"{parts.scheme}://{parts.netloc}{parts.path}", request.headers.get("referer", ""))

    def _add(self, kind: str, text: str, url: str) -> None:
        self.all.append(Complaint(kind, text, url.partition("#")[0].partition("?")[0]))
