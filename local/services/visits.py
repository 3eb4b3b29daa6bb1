"""Who sits in front of which browser: demo accounts, session cookies, and requests that wait for a person."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from starlette.requests import Request
from starlette.responses import Response

ACCOUNTS = ("alice", "bob", "carol", "mallory")
DEMO_PASSWORD = "demo"  # noqa: S105 - printed on the sign-in page; these accounts protect nothing
MOST_WAITING = 50
_ONE_OF_MANY = re.compile(rf"({'|'.join(ACCOUNTS)})-[1-9][0-9]{{0,2}}", re.ASCII)

Waiting = TypeVar("Waiting")


def is_known(account: str) -> bool:
    """Whether there is this demo account. There are as many of each as a crowd needs: `alice-1`, `alice-2`."""
    return account in ACCOUNTS or _ONE_OF_MANY.fullmatch(account) is not None


def recognises(account: str, password: str) -> bool:
    """Check a demo account's password."""
    return is_known(account) and hmac.compare_digest(password.encode(), DEMO_PASSWORD.encode())


@dataclass(slots=True)
class Visit(Generic[Waiting]):
    """One browser: who is signed in, when that was, and the requests that it brought."""

    account: str | None = None
    since: int = 0
    waiting: dict[str, Waiting] = field(default_factory=dict)


class Visits(Generic[Waiting]):
    """All browsers of one service, by its own cookie.

    A waiting request is kept with the browser that brought it and is taken out by a random id once: that id is what
    protects the forms from being submitted by another site's page.
    """

    def __init__(self, cookie: str, fresh: Callable[[], str]) -> None:
        self._cookie, self._fresh = cookie, fresh
        self._visits: dict[str, Visit[Waiting]] = {}

    def of(self, request: Request) -> Visit[Waiting] | None:
        return self._visits.get(request.cookies.get(self._cookie, ""))

    def begin(self, response: Response, visit: Visit[Waiting]) -> None:
        """Give the browser a new id for this visit. SameSite=Lax: it is sent when another site links here, not with
        another site's forms. Not `Secure`: loopback is plain http."""
        self._visits = {known: kept for known, kept in self._visits.items() if kept is not visit}
        identifier = self._fresh()
        self._visits[identifier] = visit
        response.set_cookie(self._cookie, identifier, path="/", httponly=True, samesite="lax")

    def wait(self, visit: Visit[Waiting], request: Waiting) -> str:
        """Keep a request until the person has answered; the oldest gives way."""
        if len(visit.waiting) >= MOST_WAITING:
            del visit.waiting[next(iter(visit.waiting))]
        identifier = self._fresh()
        visit.waiting[identifier] = request
        return identifier
