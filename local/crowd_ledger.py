"""What came by on both sides of a gateway: what it asked Strongroom, and which tokens it showed to the MCP server. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from local.peers.wire import Exchange
from local.services.exchange import fingerprint

_BEARER = re.compile(r"bearer (\S+)", re.IGNORECASE)
LOOK_UP, REPORT = "look-up", "report"
BUSY = frozenset({"unavailable", "429", "500", "502", "503", "504"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One question about a user's token, and its answer. `word` is "token", or why there is none.

    `token` is the SHA-256 of what was released. Times are seconds since the epoch.
    """

    kind: str
    user: str
    came_at: float
    answered_at: float
    word: str
    token: str | None = None
    cache_until: float = 0.0
    about: str = ""
    """The version that a report is about."""

    @property
    def is_busy(self) -> bool:
        """Whether it is worth asking again (as of now nothing is known about the token)."""
        return self.word in BUSY


@dataclass(frozen=True, slots=True)
class Use:
    """A token that came to the MCP server, by its SHA-256; what the tool said, if one was called."""

    token: str = field(repr=False)
    came_at: float
    status: int
    said: str | None = None


def asks_of(exchanges: Iterable[Exchange]) -> Iterator[Ask]:
    """Read look-ups and reports, the oldest first."""
    for one in sorted(exchanges, key=lambda one: one.came_at):
        kind = {"token": LOOK_UP, "rejected": REPORT}.get(one.path.rpartition("/")[2])
        if kind is not None:
            yield _ask(kind, one)


def _ask(kind: str, one: Exchange) -> Ask:
    sent, given = one.sent, one.given
    user, about = str(sent.get("user")), str(sent.get("version", ""))
    if one.status != 200:
        word = str(given.get("reason") or given.get("error") or one.status)
        return Ask(kind, user, one.came_at, one.answered_at, word, about=about)
    token, until = fingerprint(given["access_token"]), float(given["cache_until"])
    return Ask(kind, user, one.came_at, one.answered_at, "token", token, until, about)


def uses_of(exchanges: Iterable[Exchange]) -> Iterator[Use]:
    """Read what was shown to an MCP server, the oldest first."""
    for one in sorted(exchanges, key=lambda one: one.came_at):
        shown = {name.lower(): value for name, value in one.headers.items()}.get("authorization", "")
        found = _BEARER.fullmatch(shown)
        if found is not None:
            said = _said(one) if one.sent.get("method") == "tools/call" else None
            yield Use(fingerprint(found[1]), one.came_at, one.status, said)


def _said(one: Exchange) -> str | None:
    """Read what a tool said: as JSON, or as the event of a stream that holds it."""
    text = one.answer.decode("utf-8", "replace")
    for line in (text, *(line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:"))):
        parts = _parts(line)
        if parts:
            return str(parts[0].get("text"))
    return None


def _parts(text: str) -> list[dict[str, Any]]:
    try:
        return list(json.loads(text)["result"]["content"])
    except (ValueError, KeyError, TypeError):
        return []
