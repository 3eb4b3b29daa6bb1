"""A Strongroom that a test holds in its hand: it answers what gateways ask, keeps what was asked, and fails when told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from strongroom_satellite.answers import Reply
from strongroom_satellite.asks import Ask, Connections, Installations, LookUp, Rejected
from strongroom_satellite.errors import Unavailable
from strongroom_satellite.need import Need

NOW = 1_800_000_000.0
URL = "https://mcp.example/mcp"
LINK = "https://app.example/connections"


@dataclass(slots=True)
class Held:
    """What is held for one need. Its version rises when it is renewed, and its token changes with it."""

    token: str | None
    url: str | None = URL
    headers: Mapping[str, str] = field(default_factory=lambda: {"Authorization": "Bearer {access_token}"})
    env: Mapping[str, str] = field(default_factory=dict)
    scopes: tuple[str, ...] = ("files:read",)
    lasts: int = 3600
    cached: int = 60
    renews: bool = True
    n: int = 1

    @property
    def version(self) -> str | None:
        return f"grant.{self.n}" if self.token is not None else None

    @property
    def access_token(self) -> str | None:
        return self.token if self.token is None or self.n == 1 else f"{self.token}-{self.n}"

    def released(self, now: float) -> dict[str, Any]:
        token = self.access_token
        return {
            "access_token": token,
            "token_type": "Bearer" if token is not None else None,
            "expires_at": int(now) + self.lasts if token is not None else None,
            "expiry": "told" if token is not None else None,
            "scopes": list(self.scopes),
            "version": self.version,
            "cache_until": int(now) + self.cached,
            "url": self.url,
            "headers": {name: value.replace("{access_token}", token or "") for name, value in self.headers.items()},
            "env": {name: value.replace("{access_token}", token or "") for name, value in self.env.items()},
        }


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered in place of a token."""

    status: int
    error: str
    more: Mapping[str, Any] = field(default_factory=dict)


class FakeStrongroom:
    """A `Transport` with a memory. Threads may share it.

    `asks` holds every question in the order that it came. `meanwhile` is called with each before it is answered, while
    nothing is locked: what it raises or waits for, the asker does. `page` is how many rows a page holds.
    """

    def __init__(self, now: Callable[[], float] = lambda: NOW) -> None:
        self._now, self._lock = now, threading.Lock()
        self._needs: dict[Need, Held | Told] = {}
        self._passing: list[Reply | None] = []
        self._instead: Reply | None = None
        self.asks: list[Ask] = []
        self.lists: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.members: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.meanwhile: Callable[[Ask], None] = lambda _: None
        self.page = 50
        self.closed = False

    # -- what there is

    def connect(self, need: Need, token: str | None, **more: Any) -> Held:
        """Hold this token for a need; without one, an installation that needs no OAuth. `more` as `Held` has it."""
        held = Held(token, **more)
        with self._lock:
            self._needs[need] = held
        return held

    def require(self, need: Need, reason: str = "never_connected", link: str | None = LINK) -> None:
        """A person has to act first."""
        self._tell(need, Told(409, "authorization_required", {"reason": reason, "link": link}))

    def disable(self, need: Need) -> None:
        self._tell(need, Told(409, "installation_disabled"))

    def forget(self, need: Need) -> None:
        """Not found, from now on: as every need is that nobody has said anything about."""
        with self._lock:
            self._needs.pop(need, None)

    def renew(self, need: Need) -> None:
        """Another version, and another token."""
        with self._lock:
            held = self._needs[need]
            assert isinstance(held, Held)
            held.n += 1

    # -- what goes wrong

    def busy(self, times: int = 1, status: int = 503, retry_after: int | None = None) -> None:
        """Answer the next questions with a fault that passes."""
        headers = {} if retry_after is None else {"retry_after": str(retry_after)}
        reply = self.reply(status, {"error": "busy", "message": "Try again.", "request_id": "request-0"}, **headers)
        with self._lock:
            self._passing += [reply] * times

    def silent(self, times: int = 1) -> None:
        """Do not answer the next questions."""
        with self._lock:
            self._passing += [None] * times

    def instead(self, status: int, body: Any = None) -> None:
        """Answer everything so, from now on: as API Gateway does that refuses a signature, or another service."""
        self._instead = self.reply(status, body)

    def refuse(self, error: str, status: int = 403) -> None:
        """Refuse every caller, from now on."""
        self.instead(status, {"error": error, "message": "Refused.", "request_id": "request-0"})

    # -- what was asked

    def count(self, kind: type | None = None, need: Need | None = None) -> int:
        """Count the questions of a kind (`LookUp`, `Rejected`...), or all; of one need, or of all."""
        with self._lock:
            return sum(
                isinstance(ask, kind or object) and need in (None, getattr(ask, "need", None)) for ask in self.asks
            )

    # -- the transport

    def send(self, ask: Ask, within: float) -> Reply:
        with self._lock:
            self.asks.append(ask)
        self.meanwhile(ask)
        with self._lock:
            if self._passing:
                return _or_silence(self._passing.pop(0))
            return self._instead or self._answered(ask)

    def close(self) -> None:
        self.closed = True

    # -- answers

    def _tell(self, need: Need, told: Told) -> None:
        with self._lock:
            self._needs[need] = told

    def _answered(self, ask: Ask) -> Reply:
        match ask:
            case LookUp(need=need):
                return self._released(need)
            case Rejected(need=need):
                return self._after(ask, self._needs.get(need))
            case Installations(team=team, user=user, after=after):
                return self._listed("installations", self.lists.get((team, user)), after)
            case Connections(team=team, installation=installation, after=after):
                return self._listed("connections", self.members.get((team, installation)), after)
        return self.reply(404, {"message": "Not Found"})

    def _released(self, need: Need) -> Reply:
        match self._needs.get(need):
            case Held() as held:
                return self.reply(200, held.released(self._now()))
            case Told(status=status, error=error, more=more):
                return self.reply(status, {"error": error, "message": "Told.", "request_id": "request-0", **more})
        return self._missing()

    def _after(self, report: Rejected, held: Held | Told | None) -> Reply:
        """Renew what is rejected with 401 once for each version. What lacks a scope is a good token, and is kept."""
        if isinstance(held, Held) and report.status == 403 and "insufficient_scope" in (report.challenge or ""):
            more = {"reason": "insufficient_scope", "link": LINK}
            return self.reply(
                409, {"error": "insufficient_scope", "message": "Told.", "request_id": "request-0", **more}
            )
        if isinstance(held, Held) and report.status == 401 and report.version == held.version and held.renews:
            held.n += 1
        return self._released(report.need)

    def _listed(self, name: str, rows: list[dict[str, Any]] | None, after: str | None) -> Reply:
        if rows is None:
            return self._missing()
        begin = int(after or 0)
        end = begin + self.page
        return self.reply(200, {name: rows[begin:end], "next": str(end) if end < len(rows) else None})

    def _missing(self) -> Reply:
        return self.reply(404, {"error": "not_found", "message": "No such thing.", "request_id": "request-0"})

    def reply(self, status: int, body: Any = None, **headers: str) -> Reply:
        """Make an answer with this Strongroom's date."""
        sent = {"date": formatdate(self._now(), usegmt=True), "content-type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Reply(status, {**sent, **named}, b"" if body is None else json.dumps(body).encode())


def _or_silence(reply: Reply | None) -> Reply:
    if reply is None:
        raise Unavailable("nothing answers")
    return reply


def stands(status: str = "connected", **more: Any) -> dict[str, Any]:
    """A connection as the lists show it."""
    return {"status": status, "reason": None, "since": int(NOW) - 7200, "next": "none", "expires_at": None, **more}


def listed(installation: str, name: str, connection: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    """A row of a user's list."""
    return {
        "installation": installation,
        "name": name,
        "url": URL,
        "sharing": "per_user",
        "enabled": True,
        "connection": connection,
        **more,
    }
