"""Negative controls in a browser: what our origin answers, changed on its way to one profile.

The scripts and headers are the system's own; only this one browser gets them with a defence taken out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Route

from tests.browser.profile import Profile

PAGE = "**/connections{,/signed-in}{,?*}"
# The headers of a page of ours that a browser keeps others out by.
SHIELDS = ("content-security-policy", "x-frame-options", "cross-origin-opener-policy")


def script(profile: Profile, file: str, *exchanges: tuple[str, str]) -> None:
    """Give a script of the page without its defences: each stands exactly once in it, and is replaced by what follows."""
    source = profile.context.request.get(f"/connections/{file}").text()
    for defence, without in exchanges:
        assert source.count(defence) == 1, f"the defence stands {source.count(defence)} times in {file}"
        source = source.replace(defence, without)
    kind = {"Content-Type": "text/javascript; charset=utf-8"}
    profile.context.route(f"**/connections/{file}", lambda route: route.fulfill(headers=kind, body=source))


def without_headers(profile: Profile, pattern: str, *names: str) -> None:
    """Strip headers of the answers at these addresses; not of what a redirect leads to, which nobody can get in between.

    Chromium does not know any more that such a page came from this machine, and lets it ask nobody else here.
    """

    def strip(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        route.fulfill(
            response=answer, headers={name: text for name, text in answer.headers.items() if name not in names}
        )

    profile.context.route(pattern, strip)


def answers(profile: Profile, pattern: str, change: Callable[[Any], Any]) -> None:
    """Change the JSON answers at these addresses."""

    def exchange(route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        route.fulfill(response=answer, body=json.dumps(change(answer.json())) if answer.ok else answer.body())

    profile.context.route(pattern, exchange)
