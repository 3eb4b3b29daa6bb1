"""The back channel's requests: redeem a code, refresh, revoke. What their answers mean is decided in `exchange`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import urlencode

from strongroom.domain.authorization_request import AuthorizationCode
from strongroom.domain.catalog import STRICT, Body, CatalogEntry
from strongroom.domain.client_authentication import Proof, proof_of
from strongroom.domain.http import Outgoing
from strongroom.domain.provider import ProviderClient
from strongroom.domain.secret import Secret
from strongroom.domain.web_url import web_url


def code_request(
    token_endpoint: str,
    client: ProviderClient,
    code: AuthorizationCode,
    verifier: Secret,
    redirect_uri: str,
    resource: str,
    entry: CatalogEntry = STRICT,
    assertion: Secret | None = None,
) -> Outgoing:
    """Ask for tokens against a code (RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 8707 §2.2). `resource` may be empty."""
    form = {
        "grant_type": "authorization_code",
        "code": code.code.reveal(),
        "redirect_uri": redirect_uri,
        "code_verifier": verifier.reveal(),
        "resource": resource if entry.asking.resource else "",
    }
    proof = proof_of(client, assertion)
    return _post(token_endpoint, form, proof, entry.authenticating.body, entry.authenticating.headers)


def refresh_request(
    token_endpoint: str,
    client: ProviderClient,
    refresh_token: Secret,
    resource: str,
    scopes: Iterable[str] = (),
    entry: CatalogEntry = STRICT,
    assertion: Secret | None = None,
) -> Outgoing:
    """Ask for new tokens (RFC 6749 §6, RFC 8707 §2.2). Without `scopes`, they are those of the grant.

    A provider of the catalog may have an endpoint of its own for this, on the origin of its token endpoint and on no other.
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token.reveal(),
        "resource": resource if entry.asking.resource else "",
        "scope": entry.asking.scope_separator.join(scopes),
    }
    proof = proof_of(client, assertion)
    url = _refresh_endpoint(token_endpoint, entry)
    return _post(url, form, proof, entry.authenticating.body, entry.authenticating.headers)


def _refresh_endpoint(token_endpoint: str, entry: CatalogEntry) -> str:
    other, pinned = web_url(entry.refreshing.endpoint), web_url(token_endpoint)
    same = other is not None and pinned is not None and other.origin == pinned.origin
    return other.text if other is not None and same else token_endpoint


def revocation_request(
    revocation_endpoint: str,
    client: ProviderClient,
    unwanted: Secret,
    hint: Literal["refresh_token", "access_token"],
    entry: CatalogEntry = STRICT,
    assertion: Secret | None = None,
) -> Outgoing:
    """Tell the provider that a token is no longer wanted (RFC 7009 §2.1)."""
    form = {"token": unwanted.reveal(), "token_type_hint": hint}
    proof = proof_of(client, assertion)
    return _post(revocation_endpoint, form, proof, entry.revoking.body, entry.authenticating.headers)


def _post(url: str, form: Mapping[str, str], proof: Proof, body: Body, more: Mapping[str, str]) -> Outgoing:
    sent = {name: value for name, value in {**form, **proof.form}.items() if value}
    kind = "application/json" if body == "json" else "application/x-www-form-urlencoded"
    headers = {name.lower(): Secret(text) for name, text in more.items()}
    headers |= {"accept": Secret("application/json"), "content-type": Secret(kind)}
    if proof.header is not None:
        headers["authorization"] = proof.header
    return Outgoing("POST", url, headers, Secret(json.dumps(sent) if body == "json" else urlencode(sent)))
