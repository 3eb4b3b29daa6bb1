"""A browser for pages that were written by others."""

from __future__ import annotations

from local.peers.servers import Documents
from local.services.browser import Arrival, Browser
from local.services.page_reader import Form

NAMES_OF_THE_ACCOUNT = ("username", "login")


class PeerBrowser(Browser):
    """Signs in and agrees on each server's own pages, which have one form each."""

    def __init__(self, account: str, documents: Documents) -> None:
        super().__init__(account)
        self._documents = documents

    def visit(self, callback_url: str) -> Arrival:
        """Find Strongroom where it is, if its public address is one at which nobody listens."""
        public, reached = self._documents.public, self._documents.reached
        return super().visit(callback_url.replace(public, reached, 1) if public else callback_url)

    def _fill(self, form: Form, decision: tuple[str, str]) -> dict[str, str]:
        if "password" in form.inputs:
            typed = {name: self.account for name in NAMES_OF_THE_ACCOUNT if name in form.inputs}
            return form.filled({**typed, "password": self.password})
        return form.filled({}, decision if decision in form.buttons else None)
