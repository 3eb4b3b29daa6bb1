"""The provider catalog: in what known providers deviate from the rules, as data.

Without an entry the rules hold strictly. An entry says what is odd, with the page of the provider's documentation that says
so and the day on which somebody read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Literal, TypeAlias

from strongroom.domain.provider import AuthMethod
from strongroom.domain.web_url import web_url

Ends: TypeAlias = Literal["token", "grant"]
Body: TypeAlias = Literal["form", "json"]
Registration: TypeAlias = Literal["discovered", "by_hand"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Endpoints of a provider without metadata, as its documentation names them: a suggestion for an admin."""

    authorization: str
    token: str
    revocation: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """How an authorization request deviates.

    `parameters` are added. `resource` False: the provider refuses RFC 8707's parameter, so it is never sent.
    `pkce_unlisted`: S256 works although the metadata does not list it.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    scope_parameter: str = "scope"
    scope_separator: str = " "
    resource: bool = True
    pkce_unlisted: bool = False


@dataclass(frozen=True, slots=True)
class Authenticating:
    """How we are a client there. `methods`: those that work, best first; empty: those that the metadata lists.

    `body` is the form of requests to the token endpoint, `headers` are added to them.
    """

    registration: Registration = "discovered"
    methods: tuple[AuthMethod, ...] = ()
    body: Body = "form"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """Where in an answer the tokens are: the way from the top to the object that holds them.

    `success_flag` names a member that must be true. `expiry` names the member with the seconds of life;
    `never_expires`: an answer without it means a token without end, not one of unknown end. `refused` and `client_rejected`
    are a provider's own words for `invalid_grant` and `invalid_client`, in one of the members `errors`; `token_types` are
    its words for Bearer, in lower case. `account`: the way to the member that names the account to people, from the top.
    """

    exchange: tuple[str, ...] = ()
    refresh: tuple[str, ...] = ()
    success_flag: str | None = None
    expiry: str = "expires_in"
    never_expires: bool = False
    scope_separator: str = " "
    errors: tuple[str, ...] = ("error",)
    refused: tuple[str, ...] = ()
    client_rejected: tuple[str, ...] = ()
    token_types: tuple[str, ...] = ()
    account: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refreshing:
    """How refresh tokens behave; times in seconds, None: not documented.

    `offered` False: there are none. `rotates`: each refresh gives another one. `reuse_detected`: a second use of a spent one
    ends the grant. `grace`: how long a spent one still works. `lifetime`: how long one lives; `idle`: how long unused.
    `from_consent`: the lifetime counts from the consent, so that no refresh puts its end off.
    `endpoint`: where to refresh, if that is not the token endpoint; it lies on the same origin.
    """

    offered: bool = True
    rotates: bool | None = None
    reuse_detected: bool | None = None
    grace: int | None = None
    lifetime: int | None = None
    from_consent: bool = False
    idle: int | None = None
    endpoint: str | None = None


@dataclass(frozen=True, slots=True)
class Revoking:
    """What a revocation `ends`: the one token, or the person's whole grant at our client. None: no page says it, and neither
    is relied upon. `body` is the form of the request, `page` where a person ends there what an app may do."""

    ends: Ends | None = None
    body: Body = "form"
    page: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """What is known of one provider. `origins` are those of its endpoints; `https://*.` stands for one label of a tenant.

    `issuer_aliases`: how the provider's MCP servers write its issuer, and how its own metadata does. `second_hand`: the
    members that come from no page of the provider, but from clients that are known to work, or from memory.
    """

    name: str = ""
    documentation: str = ""
    verified: date | None = None
    second_hand: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    issuer_aliases: Mapping[str, str] = field(default_factory=dict)
    origins: tuple[str, ...] = ()
    endpoints: Endpoints | None = None
    asking: Asking = Asking()
    authenticating: Authenticating = Authenticating()
    reading: Reading = Reading()
    refreshing: Refreshing = Refreshing()
    revoking: Revoking = Revoking()

    @property
    def is_listed(self) -> bool:
        return bool(self.name)

    def has_origin(self, url: str) -> bool:
        """Whether the URL lies on an origin of this provider; `*.` stands for exactly one label."""
        found = web_url(url)
        if found is None:
            return False
        label, _, rest = found.origin.removeprefix("https://").partition(".")
        return found.origin in self.origins or bool(label and f"https://*.{rest}" in self.origins)

    def page_to_end_at(self, issuer: str, *, loopback: bool) -> str | None:
        """Where a person ends what an app may do: the page that is known, or else where the issuer itself is.

        An issuer is a provider's own text: no more of it than an origin is kept, and nothing of one that is no web address.
        """
        found = web_url(issuer, loopback=loopback)
        return self.revoking.page or (found.origin if found is not None else None)

    def is_exactly(self, issuer: str) -> bool:
        """Whether the issuer is this provider itself, and not just some tenant of it."""
        found = web_url(issuer)
        return issuer in self.issuers or (found is not None and found.origin in self.origins)


STRICT = CatalogEntry()
"""Of an unlisted provider nothing is known: the rules hold, and the worst is assumed."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All entries."""

    entries: tuple[CatalogEntry, ...] = ()

    def entry(self, issuer: str, token_endpoint: str) -> CatalogEntry:
        """Find a provider by its exact issuer, or else by the origin of its token endpoint.

        Before both comes the exact token endpoint, where a provider has several that answer differently.
        """
        by_endpoint = (entry for entry in self.entries if entry.endpoints and entry.endpoints.token == token_endpoint)
        by_issuer = (entry for entry in self.entries if issuer in entry.issuers)
        by_origin = (entry for entry in self.entries if entry.has_origin(token_endpoint))
        return next(chain(by_endpoint, by_issuer, by_origin), STRICT)

    def of_issuer(self, issuer: str) -> CatalogEntry:
        """Find a provider before its endpoints are known: by its exact issuer, or by the issuer's own origin."""
        return self.entry(issuer, issuer)

    def knows_pair(self, issuer: str, *endpoints: str) -> bool:
        """Whether these belong together although they share no origin (RFC 9700 §4.4): all are one provider's own.

        Tenants of a provider do not vouch for each other: the issuer is listed letter by letter, and endpoints on a tenant's
        host share it.
        """
        return any(entry.is_exactly(issuer) and _are_one_tenants(entry, endpoints) for entry in self.entries)


def _are_one_tenants(entry: CatalogEntry, endpoints: Iterable[str]) -> bool:
    found = [(endpoint, web_url(endpoint)) for endpoint in endpoints]
    of_tenants = {url.origin for _, url in found if url is not None and url.origin not in entry.origins}
    return len(of_tenants) <= 1 and all(entry.has_origin(endpoint) for endpoint, _ in found)
