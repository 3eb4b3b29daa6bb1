"""Where an answer sends us on to, and whether we go there."""

from __future__ import annotations

from typing import Final

from strongroom.domain.destinations import Rules, follow, judge
from strongroom.domain.http import Answer, Reply

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def redirection(answer: Answer) -> str | None:
    """Return where an answer points, or None. Two Location headers are no direction."""
    if not isinstance(answer, Reply) or answer.status not in REDIRECTS:
        return None
    match answer.headers.get("location", ()):
        case (location,):
            return location
        case _:
            return None


def onward_url(location: str, url: str, rules: Rules) -> str:
    """Give the URL that a redirect from `url` leads to, judged as `follow` does.

    Raises:
        EgressRefused: If it may not be followed.
    """
    there = follow(location, judge(url, rules), rules)
    return f"{there.scheme}://{there.authority}{there.target}"
