"""A browser without a screen: one person's cookies, real pages, real forms, redirects followed by hand.

By hand, because the last redirect carries what matters in its fragment, and HTTP clients drop fragments.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx2

from local.services.exchange import s256
from local.services.page_reader import Form, forms_of
from local.services.visits import DEMO_PASSWORD

MOST_STEPS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Stuck(Exception):
    """The pages did not lead where they should. Holds the status and no address: addresses hold codes."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a callback left the browser.

    `status` and `text` are the last answer's. If it was a redirect with a fragment, `location` is its address and
    `fragment` what it says: `authorization`, and `secret` or `outcome`.
    """

    status: int
    text: str = field(repr=False)
    location: str | None = field(default=None, repr=False)
    fragment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def authorization(self) -> str | None:
        return self.fragment.get("authorization")

    @property
    def secret(self) -> str | None:
        return self.fragment.get("secret")

    @property
    def outcome(self) -> str | None:
        return self.fragment.get("outcome")


class Browser:
    """The browser of one demo account; its cookies are its own."""

    def __init__(self, account: str, password: str = DEMO_PASSWORD) -> None:
        self.account, self.password = account, password
        self._http = httpx2.Client(trust_env=False, follow_redirects=False, timeout=30)

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def open(self, url: str) -> httpx2.Response:
        """Open a page and follow no redirect."""
        return self._http.get(url)

    def submit(self, url: str, sent: Mapping[str, str]) -> httpx2.Response:
        """Send a form that no page showed, with this browser's cookies: what another site's page could try."""
        return self._http.post(url, data=dict(sent))

    def sign_in(self, issuer: str, redirect_uri: str, client_id: str = "strongroom-web") -> str:
        """Sign in to the web client and return the access token for Strongroom's API."""
        return self.tokens(issuer, redirect_uri, client_id)["access_token"]

    def tokens(self, issuer: str, redirect_uri: str, client_id: str = "strongroom-web") -> dict[str, str]:
        """Sign in as the web client does, with code and PKCE, and return the token endpoint's whole answer.

        Raises:
            Stuck: If the sign-in service does not play along.
        """
        known = _json(self._http.get(f"{issuer}/.well-known/openid-configuration"))
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        asked = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid strongroom",
            "state": state,
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        page = self._http.get(known["authorization_endpoint"] + "?" + urlencode(asked))
        back = self._until_away(page, issuer, ("", ""))
        answered = dict(parse_qsl(urlsplit(back).query))
        if answered.get("state") != state or answered.get("iss") != issuer or "code" not in answered:
            raise Stuck("the sign-in service sent back something else than a code")
        exchange = {
            "grant_type": "authorization_code",
            "code": answered["code"],
            "redirect_uri": redirect_uri,
            "client_id": client_id,
            "code_verifier": verifier,
        }
        return _json(self._http.post(known["token_endpoint"], data=exchange))

    def answer(self, authorization_url: str, allow: bool = True) -> str:
        """Open the provider's page, sign in there, allow or deny; return the callback's address without visiting it.

        Raises:
            Stuck: If the provider does not lead to a consent page and back.
        """
        button = ("decision", "allow" if allow else "deny")
        return self._until_away(self._http.get(authorization_url), authorization_url, button)

    def visit(self, callback_url: str) -> Arrival:
        """Open a callback's address and follow its redirects, up to one with a fragment, which is read and not opened.

        Raises:
            Stuck: If the redirects do not end.
        """
        address = callback_url
        for _ in range(MOST_STEPS):
            response = self._http.get(address)
            if response.status_code not in REDIRECTS:
                return Arrival(response.status_code, response.text)
            address = urljoin(address, response.headers["location"])
            if fragment := urlsplit(address).fragment:
                return Arrival(response.status_code, response.text, address, dict(parse_qsl(fragment)))
        raise Stuck("too many redirects")

    def consent(self, authorization_url: str, allow: bool = True) -> Arrival:
        """Do what a person does with an authorization URL: sign in at the provider, answer, arrive back."""
        return self.visit(self.answer(authorization_url, allow))

    def _until_away(self, page: httpx2.Response, home: str, decision: tuple[str, str]) -> str:
        """Answer page after page of one service until it redirects to somebody else; return that address."""
        for _ in range(MOST_STEPS):
            if page.status_code in REDIRECTS:
                address = urljoin(str(page.url), page.headers["location"])
                if _origin(address) != _origin(home):
                    return address
                page = self._http.get(address)
            else:
                page = self._submit(page, decision)
        raise Stuck("too many pages")

    def _submit(self, page: httpx2.Response, decision: tuple[str, str]) -> httpx2.Response:
        forms = forms_of(page.text, str(page.url)) if page.status_code == 200 else []
        if len(forms) != 1 or forms[0].method != "post":
            raise Stuck(f"no page to go on with (status {page.status_code})")
        return self._http.post(forms[0].action, data=self._fill(forms[0], decision))

    def _fill(self, form: Form, decision: tuple[str, str]) -> dict[str, str]:
        if "password" in form.inputs:
            return form.filled({"username": self.account, "password": self.password})
        return form.filled({}, decision)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _json(response: httpx2.Response) -> dict[str, str]:
    if response.status_code != 200:
        raise Stuck(f"no answer to go on with (status {response.status_code})")
    content: dict[str, str] = response.json()
    return content
