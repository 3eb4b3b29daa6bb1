"""What an admin enters about a provider that cannot be found out, or not all of it.

What an admin may choose is where tokens go. So everything is checked before it is kept, and members see the hosts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias
from urllib.parse import quote, unquote_to_bytes, urlencode, urlsplit

from strongroom.domain.catalog import CatalogEntry, Endpoints
from strongroom.domain.destinations import Rules, judge
from strongroom.domain.errors import DiscoveryFailed, EgressRefused, InvalidRequest
from strongroom.domain.installation import Installation
from strongroom.domain.own_parameters import names_own_parameter
from strongroom.domain.provider import Provider, ProviderClient
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.secret import Secret
from strongroom.domain.table import Value
from strongroom.domain.web_url import WebUrl, web_url

EnteredMethod: TypeAlias = Literal["none", "client_secret_basic", "client_secret_post"]
WITH_SECRET: Final[tuple[EnteredMethod, ...]] = ("client_secret_basic", "client_secret_post")
MOST_PARAMETERS = 20

_PLAIN = re.compile(rb"[\x20-\x7E]{0,512}")


@dataclass(frozen=True, slots=True)
class EnteredClient:
    """Us, as an admin has registered us at the provider. `auth_method` None: the admin leaves it to us."""

    client_id: str
    client_secret: Secret | None = None
    auth_method: EnteredMethod | None = None


@dataclass(frozen=True, slots=True)
class Entered:
    """What an admin enters. None of it is believed yet, but each part has its documented form.

    `draft` made the callback URL that the admin has registered. Without `endpoints`, `issuer` is named.
    """

    draft: str
    client: EnteredClient
    issuer: str | None = None
    endpoints: Endpoints | None = None
    iss: bool = False
    pkce_unlisted: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ByHand:
    """What an admin has entered about the provider of one installation; its client is kept under `provider_key`.

    `endpoints` None: they are discovered, and only the client is the admin's. `iss_supported`: the provider names itself in
    its answers, says the admin. `pkce_unlisted`: the admin vouches that S256 works. `parameters` are added to the
    authorization request.
    """

    provider_key: str
    issuer: str
    client_id: str
    endpoints: Endpoints | None = None
    iss_supported: bool = False
    pkce_unlisted: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def authorization_host(self) -> str | None:
        return urlsplit(self.endpoints.authorization).netloc if self.endpoints else None

    @property
    def token_host(self) -> str | None:
        return urlsplit(self.endpoints.token).netloc if self.endpoints else None

    def to_value(self) -> dict[str, Value]:
        """The shape in which an installation's row keeps it."""
        ends = self.endpoints
        return {
            "provider_key": self.provider_key,
            "issuer": self.issuer,
            "client_id": self.client_id,
            "authorization_endpoint": ends.authorization if ends else None,
            "token_endpoint": ends.token if ends else None,
            "revocation_endpoint": ends.revocation if ends else None,
            "iss_supported": self.iss_supported,
            "pkce_unlisted": self.pkce_unlisted,
            "parameters": dict(self.parameters),
        }

    @classmethod
    def from_value(cls, value: Mapping[str, Value]) -> ByHand:
        endpoints, parameters = None, value["parameters"]
        if value["authorization_endpoint"] is not None:
            revocation = value["revocation_endpoint"]
            named = (str(value["authorization_endpoint"]), str(value["token_endpoint"]))
            endpoints = Endpoints(*named, str(revocation) if revocation is not None else None)
        return cls(
            provider_key=str(value["provider_key"]),
            issuer=str(value["issuer"]),
            client_id=str(value["client_id"]),
            endpoints=endpoints,
            iss_supported=value["iss_supported"] is True,
            pkce_unlisted=value["pkce_unlisted"] is True,
            parameters={name: str(text) for name, text in parameters.items()}
            if isinstance(parameters, Mapping)
            else {},
        )


class KnownProviders(Protocol):
    """What our own data and the operator know of providers."""

    def entry(self, issuer: str, token_endpoint: str) -> CatalogEntry: ...

    def knows_pair(self, issuer: str, *endpoints: str) -> bool: ...


def by_hand(installation: Installation) -> ByHand | None:
    """What an admin has entered for this installation, if anything."""
    return ByHand.from_value(installation.entered) if installation.entered is not None else None


def accept(entered: Entered, provider_key: str, known: KnownProviders, rules: Rules) -> ByHand:
    """Check what an admin enters, and give what is kept of it. No server is asked.

    - The issuer is a URL without a query (RFC 8414 §2). If it is left out, the origin of the authorization endpoint stands
      for it: a provider that calls itself otherwise in `iss` is refused later, and the admin enters its name. Where the
      catalog says that MCP servers write an issuer otherwise than its own metadata does, the latter counts.
    - The endpoints are URLs that may be called.
    - Authorization and token endpoint share an origin. Otherwise whoever runs the one might have codes sent to the other
      (RFC 9700 §4.4): so the catalog or the operator has to know both as one provider's, or the provider names itself
      (RFC 9207), under the name that the admin has entered. The revocation endpoint, where refresh tokens go, adds no third
      place.
    - Neither the query of the authorization endpoint nor the added parameters name one that is ours to set.

    Raises:
        InvalidRequest: `invalid_request`, or `parameter_refused`.
        DiscoveryFailed: `issuer_refused`, `authorization_endpoint_refused`, `token_endpoint_refused`,
            `revocation_endpoint_refused` or `endpoint_off_issuer`.
    """
    accepted = ByHand(
        provider_key=provider_key,
        issuer=_issuer(entered, known, rules),
        client_id=entered.client.client_id,
        endpoints=entered.endpoints,
        iss_supported=entered.iss,
        pkce_unlisted=entered.pkce_unlisted,
        parameters=dict(entered.parameters),
    )
    ours = _scope_parameter(accepted, known)
    if accepted.endpoints is not None:
        _check_endpoints(accepted, accepted.endpoints, known, rules, ours)
        if needs_proof(accepted, accepted.endpoints, known) and not (entered.iss and entered.issuer is not None):
            raise _off_issuer()
    if names_own_parameter(urlencode(accepted.parameters, quote_via=quote), ours):
        raise InvalidRequest("a parameter of this name is ours to set", code="parameter_refused")
    return accepted


def client_of(entered: Entered, accepted: ByHand, known: KnownProviders, redirect_uri: str) -> KeptClient:
    """Make the first and only generation of the client that an admin has entered, at the issuer that was accepted."""
    client = ProviderClient(
        provider_key=accepted.provider_key,
        generation=1,
        client_id=entered.client.client_id,
        client_secret=entered.client.client_secret,
        auth_method=entered.client.auth_method or _usual_method(entered, accepted, known),
        redirect_uri=redirect_uri,
    )
    return KeptClient(client, "by_hand", accepted.issuer)


def provider_of(accepted: ByHand, endpoints: Endpoints, known: KnownProviders) -> Provider:
    """Make of what was entered what discovery would have found."""
    return Provider(
        issuer=accepted.issuer,
        authorization_endpoint=endpoints.authorization,
        token_endpoint=endpoints.token,
        revocation_endpoint=endpoints.revocation,
        iss_supported=accepted.iss_supported,
        iss_required=needs_proof(accepted, endpoints, known),
    )


def needs_proof(accepted: ByHand, endpoints: Endpoints, known: KnownProviders) -> bool:
    """Whether only a matching `iss` shows that whoever answers belongs to the token endpoint."""
    apart = _origin(endpoints.authorization) != _origin(endpoints.token)
    return apart and not known.knows_pair(accepted.issuer, endpoints.authorization, endpoints.token)


def _issuer(entered: Entered, known: KnownProviders, rules: Rules) -> str:
    if entered.issuer is None and entered.endpoints is not None:
        return _endpoint("authorization", entered.endpoints.authorization, rules).origin
    if entered.issuer is None:
        raise InvalidRequest("whose client it is has to be said: name the issuer, or the endpoints")
    url = web_url(entered.issuer, loopback=rules.loopback)
    if url is None or url.query is not None:
        raise DiscoveryFailed("the issuer is no URL that may be called", code="issuer_refused")
    return known.entry(entered.issuer, entered.issuer).issuer_aliases.get(entered.issuer, entered.issuer)


def _check_endpoints(
    accepted: ByHand, endpoints: Endpoints, known: KnownProviders, rules: Rules, ours: tuple[str, ...]
) -> None:
    authorization = _endpoint("authorization", endpoints.authorization, rules)
    token = _endpoint("token", endpoints.token, rules)
    if names_own_parameter(authorization.query, ours) or not _is_plain(authorization.query or ""):
        raise _refused("authorization")
    if endpoints.revocation is None:
        return
    revocation = _endpoint("revocation", endpoints.revocation, rules)
    theirs = (endpoints.authorization, endpoints.token, endpoints.revocation)
    if revocation.origin not in {authorization.origin, token.origin} and not known.knows_pair(accepted.issuer, *theirs):
        raise _off_issuer()


def _endpoint(name: str, text: str, rules: Rules) -> WebUrl:
    url = web_url(text, loopback=rules.loopback)
    if url is None:
        raise _refused(name)
    try:
        judge(text, rules)
    except EgressRefused as refusal:
        raise _refused(name) from refusal
    return url


def _is_plain(query: str) -> bool:
    pieces = re.split("[&;]", query)
    decoded = (unquote_to_bytes(part) for piece in pieces for part in piece.split("=", 1))
    return len(pieces) <= MOST_PARAMETERS and all(map(_PLAIN.fullmatch, decoded))


def _scope_parameter(accepted: ByHand, known: KnownProviders) -> tuple[str, ...]:
    """The name under which this provider takes scopes: what goes under it is shown to people, and has a ceiling."""
    return (_entry(accepted, known).asking.scope_parameter,)


def _usual_method(entered: Entered, accepted: ByHand, known: KnownProviders) -> EnteredMethod:
    """The catalog's method comes first, then Basic, which every provider has to know (RFC 6749 §2.3.1)."""
    if entered.client.client_secret is None:
        return "none"
    listed = _entry(accepted, known).authenticating.methods
    return next((method for known_one in listed for method in WITH_SECRET if method == known_one), WITH_SECRET[0])


def _entry(accepted: ByHand, known: KnownProviders) -> CatalogEntry:
    return known.entry(accepted.issuer, accepted.endpoints.token if accepted.endpoints else accepted.issuer)


def _origin(text: str) -> str | None:
    url = web_url(text, loopback=True)
    return url.origin if url is not None else None


def _refused(name: str) -> DiscoveryFailed:
    return DiscoveryFailed(f"the {name} endpoint is no URL that may be used", code=f"{name}_endpoint_refused")


def _off_issuer() -> DiscoveryFailed:
    return DiscoveryFailed("an endpoint lies off the origin of the others", code="endpoint_off_issuer")
