"""The rules for what an admin enters about a provider.

What an admin may choose is where tokens go. So everything is checked before it is kept, and members see the hosts.
"""

from __future__ import annotations

import re
from typing import Protocol
from urllib.parse import quote, unquote_to_bytes, urlencode

from strongroom.domain.by_hand import MOST_PARAMETERS, WITH_SECRET, ByHand, Entered, EnteredMethod
from strongroom.domain.catalog import CatalogEntry, Endpoints
from strongroom.domain.destinations import Rules, judge
from strongroom.domain.errors import DiscoveryFailed, EgressRefused, InvalidRequest
from strongroom.domain.own_parameters import names_own_parameter
from strongroom.domain.provider import Provider, ProviderClient
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.web_url import WebUrl, web_url

_PLAIN = re.compile(rb"[\x20-\x7E]{0,512}")


class KnownProviders(Protocol):
    """What our own data and the operator know of providers."""

    def entry(self, issuer: str, token_endpoint: str) -> CatalogEntry: ...

    def knows_pair(self, issuer: str, *endpoints: str) -> bool: ...


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
    if accepted.endpoints is not None:
        _check_endpoints(accepted, accepted.endpoints, known, rules)
        if needs_proof(accepted, accepted.endpoints, known) and not (entered.iss and entered.issuer is not None):
            raise _off_issuer()
    if names_own_parameter(urlencode(accepted.parameters, quote_via=quote)):
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


def _check_endpoints(accepted: ByHand, endpoints: Endpoints, known: KnownProviders, rules: Rules) -> None:
    authorization = _endpoint("authorization", endpoints.authorization, rules)
    token = _endpoint("token", endpoints.token, rules)
    if names_own_parameter(authorization.query) or not _is_plain(authorization.query or ""):
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
