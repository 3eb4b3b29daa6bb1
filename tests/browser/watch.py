"""Everything that one browser asks, shows, stores and says between its windows, to look for what should not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Frame, Page, Request, Response, Route

from local.services.exchange import fingerprint
from tests.browser.profile import Profile

NOTE_STORING = """
const store = Storage.prototype.setItem;
Storage.prototype.setItem = function (key, value) {
  store.call(this, key, value);
  noted(this === localStorage ? "local storage" : "session storage", `${key}=${value}`);
};
"""
LISTEN = """
() => {
  window.channel = new BroadcastChannel("strongroom");
  channel.onmessage = ({ data }) => noted("channel", JSON.stringify(data));
}
"""
LEFT = "[...Object.entries(localStorage), ...Object.entries(sessionStorage)].map((one) => one.join('=')).join('\\n')"
_LIKE_A_TOKEN = re.compile(r"[A-Za-z0-9_.~-]{20,}")


@dataclass
class Watch:
    """`asked` are all requests, `places` the addresses of all windows, `sent_on` where redirects led; `noted` are pairs of
    where and what: what was stored at any time, and what a third tab has heard on the channel.
    """

    profile: Profile
    asked: list[Request] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    sent_on: list[str] = field(default_factory=list)
    noted: list[tuple[str, str]] = field(default_factory=list)
    answered: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        context = self.profile.context
        context.on("request", self._ask)
        context.on("response", self._redirected)
        context.on("page", self._follow)
        for page in context.pages:
            self._follow(page)

    def _ask(self, request: Request) -> None:
        self.asked.append(request)

    def _follow(self, page: Page) -> None:
        page.on("framenavigated", self._shown)

    def _shown(self, frame: Frame) -> None:
        self.places.append(frame.url)

    def _redirected(self, response: Response) -> None:
        if location := response.headers.get("location"):
            self.sent_on.append(location)

    def closely(self, origin: str) -> None:
        """Note what is stored, what is said on the channel, and the API's answers too, from the next page on."""
        context = self.profile.context
        context.expose_binding("noted", lambda _, place, text: self.noted.append((place, text)))
        context.add_init_script(NOTE_STORING)
        context.route(f"{origin}/v1/**", self._read)
        listener = context.new_page()
        listener.goto(f"{origin}/connections/pico.min.css")
        listener.evaluate(LISTEN)

    def _read(self, route: Route) -> None:
        answer = route.fetch(max_redirects=0)
        self.answered.append((_named(route.request), answer.text()))
        route.fulfill(response=answer)

    # -- What was asked

    def changes(self) -> list[str]:
        """Name the requests to the API that could change something there."""
        api = (request for request in self.asked if urlsplit(request.url).path.startswith("/v1/"))
        return [_named(request) for request in api if request.method not in ("GET", "HEAD", "OPTIONS")]

    def reads(self) -> list[str]:
        api = (request for request in self.asked if urlsplit(request.url).path.startswith("/v1/"))
        return [_named(request) for request in api if request.method == "GET"]

    def arrival(self) -> dict[str, str]:
        """Give the fragment of the newest redirect from the callback: `authorization`, and `secret` or `outcome`."""
        fragments = [urlsplit(location).fragment for location in self.sent_on]
        newest = next(fragment for fragment in reversed(fragments) if fragment.startswith("authorization="))
        return dict(pair.split("=", 1) for pair in newest.split("&"))

    def token(self) -> str:
        """Give the newest access token for the API that a page has used."""
        bearers = (request.headers.get("authorization", "") for request in reversed(self.asked))
        return next(one.removeprefix("Bearer ") for one in bearers if one.startswith("Bearer "))

    # -- What is found where

    def found(self, secret: str) -> set[str]:
        """Name the places at which a secret is, or was at any time."""
        return {place for place, text in self._everything() if secret in text}

    def found_by_hash(self, digest: str) -> set[str]:
        """The same for a secret of which only the SHA-256 is known."""
        return {
            place
            for place, text in self._everything()
            if any(fingerprint(word) == digest for word in _LIKE_A_TOKEN.findall(text))
        }

    def _everything(self) -> Iterator[tuple[str, str]]:
        for request in self.asked:
            yield "address asked", request.url.partition("#")[0]
            yield "referer", request.headers.get("referer", "")
            yield f"body of {_named(request)}", request.post_data or ""
        yield from self.noted
        yield from ((f"answer to {what}", text) for what, text in self.answered)
        for page in self.profile.context.pages:
            yield "document", page.content()
            yield "left in storage", page.evaluate(LEFT)
            yield from (("history", address) for address in history(self.profile.context, page))


def history(context: BrowserContext, page: Page) -> list[str]:
    """Give the addresses to which Back and Forward would lead, with their fragments, and the present one."""
    session = context.new_cdp_session(page)
    entries = session.send("Page.getNavigationHistory")["entries"]
    session.detach()
    return [entry["url"] for entry in entries]


def _named(request: Request) -> str:
    return f"{request.method} {urlsplit(request.url).path}"
