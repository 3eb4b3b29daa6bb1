"""The front channel's request: the URL that a person is sent to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode

from strongroom.domain.catalog import STRICT, CatalogEntry
from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.identifiers import hashed
from strongroom.domain.own_parameters import names_own_parameter
from strongroom.domain.provider import Provider, ProviderClient
from strongroom.domain.scope import OFFLINE
from strongroom.domain.secret import Secret

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def code_challenge(verifier: Secret) -> str:
    """Derive the S256 challenge (RFC 7636 §4.2).

    Raises:
        ValueError: If the verifier is not of the form that §4.1 demands.
    """
    if not _VERIFIER.fullmatch(verifier.reveal()):
        raise ValueError("a verifier has 43 to 128 unreserved characters")
    return hashed(verifier.reveal())


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What is asked for, where and as whom. `resource` may be empty.

    `entry` is what is odd about this provider, `extra` what an admin has entered for it.
    """

    provider: Provider
    client: ProviderClient
    scopes: tuple[str, ...]
    resource: str
    entry: CatalogEntry = STRICT
    extra: Mapping[str, str] = field(default_factory=dict)


def authorization_url(request: AuthorizationRequest, state: Secret, challenge: str) -> str:
    """Build the address of the consent page (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).

    A query that the endpoint already has is kept as it is. `offline_access` goes with `prompt=consent`, without which an
    OpenID provider ignores it (OpenID Connect Core §11), unless a prompt is named already.

    Raises:
        DiscoveryFailed: If that query or `extra` names a parameter of ours.
    """
    asking, client, scopes = request.entry.asking, request.client, request.scopes
    endpoint, _, kept = request.provider.authorization_endpoint.partition("?")
    added = urlencode({**asking.parameters, **request.extra}, quote_via=quote)
    if names_own_parameter(kept) or names_own_parameter(added):
        raise DiscoveryFailed("a parameter of ours is already named", code="authorization_endpoint_refused")
    prompted = "prompt" in dict(parse_qsl(f"{kept}&{added}", keep_blank_values=True))
    wanted = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "state": state.reveal(),
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        asking.scope_parameter: asking.scope_separator.join(scopes),
        "resource": request.resource if asking.resource else "",
        "prompt": "consent" if OFFLINE in scopes and not prompted else "",
    }
    ours = urlencode({name: value for name, value in wanted.items() if value}, quote_via=quote)
    return endpoint + "?" + "&".join(part for part in (kept, added, ours) if part)
