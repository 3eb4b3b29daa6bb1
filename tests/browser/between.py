"""Between a browser and what it asks: what was asked, and how a test holds answers back, alters or replaces them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import APIResponse, BrowserContext, Request, Route

AUTHORIZE = re.compile(r"/v1/teams/[^/]+/installations/[^/]+/authorize$")
AUTHORIZATION = re.compile(r"/v1/authorizations/[^/]+$")
COMPLETE = re.compile(r"/v1/authorizations/[^/]+/complete$")
LIST = re.compile(r"/v1/teams/[^/]+/installations\?")
TIMELINE = re.compile(r"/v1/teams/[^/]+/installations/[^/]+/timeline$")


class Asked:
    """What all windows of a profile have asked of the API, as `GET /v1/...`, in order."""

    def __init__(self, context: BrowserContext) -> None:
        self.all: list[str] = []
        context.on("request", self._note)

    def _note(self, request: Request) -> None:
        path = urlsplit(request.url).path
        if path.startswith("/v1/"):
            self.all.append(f"{request.method} {path}")

    def changes(self) -> list[str]:
        """Everything but what only reads."""
        return [asked for asked in self.all if not asked.startswith("GET ")]

    def count(self, method: str, pattern: re.Pattern[str]) -> int:
        return sum(asked.startswith(f"{method} ") and bool(pattern.search(asked)) for asked in self.all)


@dataclass
class Held:
    """Requests that stay on their way until `go`: all of them, or so many."""

    context: BrowserContext
    pattern: re.Pattern[str]
    times: int | None = None
    waiting: list[Route] = field(default_factory=list)

    def __post_init__(self) -> None:
        # A method of a list takes no names.
        self.context.route(self.pattern, lambda route: self.waiting.append(route), times=self.times)

    def go(self) -> None:
        """Let all go on that wait, and hold no more."""
        for route in self.waiting:
            route.continue_()
        self.context.unroute(self.pattern)


@dataclass
class HeldAnswers:
    """Answers that the API has given, and that stay on their way until `go`."""

    context: BrowserContext
    pattern: re.Pattern[str]
    waiting: list[tuple[Route, APIResponse]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.route(self.pattern, lambda route: self.waiting.append((route, route.fetch())))

    def go(self) -> None:
        """Let all arrive that wait, and hold no more."""
        for route, answered in self.waiting:
            route.fulfill(response=answered)
        self.context.unroute(self.pattern)


def answer(context: BrowserContext, pattern: re.Pattern[str], status: int, body: Any, times: int | None = None) -> None:
    """Answer in the API's place."""
    told = json.dumps(body)
    context.route(
        pattern,
        lambda route: route.fulfill(status=status, content_type="application/json", body=told),
        times=times,
    )


def alter(context: BrowserContext, pattern: re.Pattern[str], change: Callable[[Any], None]) -> None:
    """Change the API's own answers on their way back."""

    def altered(route: Route) -> None:
        answered = route.fetch()
        body = answered.json()
        change(body)
        route.fulfill(response=answered, json=body)

    context.route(pattern, altered)


def cut_off(context: BrowserContext, pattern: re.Pattern[str]) -> None:
    """Let no such request come through."""
    context.route(pattern, lambda route: route.abort("internetdisconnected"))
