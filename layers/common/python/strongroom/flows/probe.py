"""Looking at an MCP server without connecting: does it need OAuth, and how would we become a client there?"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain import registration
from strongroom.domain.catalog import STRICT, CatalogEntry
from strongroom.domain.destinations import judge
from strongroom.domain.errors import DiscoveryFailed, Forbidden
from strongroom.domain.found import Found, Registration
from strongroom.domain.provider import drafted_key
from strongroom.domain.trail import GUESSED, Step, is_guessed, issuer_of, wants_token
from strongroom.flows import quota
from strongroom.flows.attempts import fresh_id
from strongroom.flows.discover import Discovered, Reach, discover
from strongroom.flows.reads import team_and_member
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found. `code` says what keeps us from connecting, or that nobody can know; None: nothing does."""

    url: str
    steps: tuple[Step, ...]
    code: str | None = None
    found: Discovered | None = None
    entry: CatalogEntry = STRICT
    registration: Registration | None = None

    @property
    def requires_oauth(self) -> bool | None:
        """Whether the server asked for a token, whatever came after that; None, if it never gave a usable answer."""
        return wants_token(self.steps)

    @property
    def connects(self) -> bool | None:
        """Whether people could connect as it is; None, if that is found out by trying alone."""
        return None if self.code == GUESSED else self.code is None

    @property
    def issuer(self) -> str | None:
        """Who gives tokens for it, or whose metadata cannot be used, as far as the server says."""
        return self.found.provider.issuer if self.found else issuer_of(self.steps, self.code or "")

    @property
    def finding(self) -> Found | None:
        """What an installation of this server keeps of it."""
        return Found.at(self.found.provider, self.found.scopes, self.registration) if self.found else None


@dataclass(frozen=True, slots=True)
class Probed:
    """What an admin is shown. With `draft`, Strongroom can be registered at the provider by hand: under `callback_url`."""

    examined: Examined
    draft: str
    callback_url: str


def probe(ports: Ports, user: str, team: str, url: str) -> Probed:
    """Look at an MCP server for an admin. Nobody consents, nobody is registered, nothing is stored.

    Raises:
        NotFound: If the person is not a member. Nothing was asked of any server.
        Forbidden: If the person is not an admin. Nothing was asked of any server.
        TooMany: If the person, or the team, has had as many discoveries in this minute as may be. Nothing was asked either.
        EgressRefused: If the URL may not be called; of the class that says which part of it is against the rules.
    """
    _, member = team_and_member(ports.table, team, user)
    if not member.is_admin:
        raise Forbidden("only an admin probes", code="admin_required")
    judge(url, ports.policy.destinations())
    quota.count_discovery(ports, team, user)
    draft = fresh_id(ports)
    return Probed(examine(ports, url), draft, ports.policy.redirect_uri(drafted_key(team, draft)))


def examine(ports: Reach, url: str) -> Examined:
    """Discover, and choose how we would become a client."""
    trail: list[Step] = []
    try:
        found = discover(ports, url, trail=trail)
    except DiscoveryFailed as failure:
        return Examined(url, tuple(trail), failure.public_code)
    entry = ports.catalog.entry(found.provider.issuer, found.provider.token_endpoint)
    way, code = _way(ports, found, entry)
    untried = GUESSED if is_guessed(trail) else None
    return Examined(url, tuple(trail), code or untried, found, entry, way)


def finding(ports: Reach, found: Discovered) -> Found:
    """What an installation keeps of a discovery."""
    way, _ = _way(ports, found, ports.catalog.entry(found.provider.issuer, found.provider.token_endpoint))
    return Found.at(found.provider, found.scopes, way)


def _way(ports: Reach, found: Discovered, entry: CatalogEntry) -> tuple[Registration | None, str | None]:
    try:
        chosen = registration.choose(found.provider, entry, ports.policy)
    except DiscoveryFailed as failure:
        by_hand = failure.public_code == "registration_unsupported"
        return "by_hand" if by_hand else None, failure.public_code
    return "metadata_document" if isinstance(chosen, registration.ByDocument) else "dynamic", None
