"""What the doctor sees besides: how an address answered. It runs on the machine of who asks; a deployment tells nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Final

from strongroom.domain.destinations import Rules
from strongroom.domain.errors import EgressRefused, ProviderFailed
from strongroom.domain.http import Answer, NotSent, Outgoing, Reply
from strongroom.domain.json_document import json_document
from strongroom.domain.redirects import onward_url, redirection
from strongroom.ports import Egress, Line

MOST_HOPS = 3

REASONS: Final[Mapping[str, str]] = {
    "not_resolved": "the name does not resolve",
    "not_connected": "connection refused, or no route there",
    "timed_out": "timed out",
    "tls_failed": "TLS failed: the certificate, its name or the version",
    "address_refused": "it leads to an address that is not called, such as one inside a network",
    "broken_off": "the connection broke off",
    "malformed": "the answer is no plain HTTP",
    "too_large": "the answer is longer than is read",
    "encoded": "the answer is compressed, which was not asked for",
    "too_many_redirects": "too many redirects",
}

_PLAIN = re.compile(r"[!-~]{1,500}")  # what moves no cursor


class Sight:
    """A way to the outside that remembers the last answer of each URL."""

    def __init__(self, egress: Egress, rules: Rules) -> None:
        self._egress, self._rules = egress, rules
        self._answers: dict[str, Answer] = {}

    def send(self, request: Outgoing) -> Answer:
        """Send it, and remember what came of it."""
        try:
            answer = self._egress.send(request)
        except EgressRefused:
            self._answers[request.url] = NotSent("address_refused")
            raise
        self._answers[request.url] = answer
        return answer

    def dial(self, url: str, within: float) -> AbstractContextManager[Line]:
        """Open a connection; a discovery never does."""
        return self._egress.dial(url, within)

    def seen(self, url: str) -> str:
        """Say how a URL answered, and those that it led on to. Never a body."""
        said = [_words(answer) for answer in self._answers_from(url)]
        return "; there: ".join(said) or "not asked, since the server had given no answer before"

    def called(self, url: str) -> str:
        """Say what the resource metadata at a URL calls its server: nothing else of the document."""
        last = [*self._answers_from(url)][-1:]
        return next((_resource(answer.body) for answer in last if isinstance(answer, Reply)), "nothing")

    def _answers_from(self, url: str) -> Iterator[Answer]:
        for _ in range(1 + MOST_HOPS):
            answer = self._answers.get(url)
            if answer is None:
                return
            yield answer
            location = redirection(answer)
            if location is None:
                return
            try:
                url = onward_url(location, url, self._rules)
            except EgressRefused:
                return


def _words(answer: Answer) -> str:
    if not isinstance(answer, Reply):
        return REASONS.get(answer.reason, answer.reason)
    location = redirection(answer)
    return f"HTTP status {answer.status}" + (f", redirect to {_shown(location)}" if location is not None else "")


def _resource(body: bytes) -> str:
    try:
        return _shown(json_document(body).get("resource"))
    except ProviderFailed:
        return "nothing"


def _shown(text: object) -> str:
    """Show a stranger's URL, if a terminal shows it as it is."""
    return text if isinstance(text, str) and _PLAIN.fullmatch(text) else "(no plain URL)"
