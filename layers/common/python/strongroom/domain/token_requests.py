"""The back channel's requests: redeem a code, refresh, revoke. What their answers mean is decided in `exchange`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias
from urllib.parse import urlencode

from strongroom.domain.authorization_response import AuthorizationCode
from strongroom.domain.catalog import STRICT, Body, CatalogEntry
from strongroom.domain.client_authentication import proof_of
from strongroom.domain.http import Outgoing
from strongroom.domain.provider import ProviderClient
from strongroom.domain.secret import Secret
from strongroom.domain.web_url import web_url

TokenHint: TypeAlias = Literal["refresh_token", "access_token"]
"""Which kind of token a revocation is about (RFC 7009 §2.1)."""


@dataclass(frozen=True, slots=True)
class BackChannel:
    """One request to an endpoint of a provider: where to, as which client, and in what the provider deviates.

    `assertion` is what a client that signs proves itself with; it is good once.
    """

    endpoint: str
    client: ProviderClient
    entry: CatalogEntry = STRICT
    assertion: Secret | None = None


def code_request(
    channel: BackChannel, code: AuthorizationCode, verifier: Secret, redirect_uri: str, resource: str
) -> Outgoing:
    """Ask for tokens against a code (RFC 6749 §4.1.3, RFC 7636 §4.5, RFC 8707 §2.2). `resource` may be empty."""
    form = {
        "grant_type": "authorization_code",
        "code": code.code.reveal(),
        "redirect_uri": redirect_uri,
        "code_verifier": verifier.reveal(),
        "resource": resource if channel.entry.asking.resource else "",
    }
    return _post(channel, channel.endpoint, form, channel.entry.authenticating.body)


def refresh_request(channel: BackChannel, refresh_token: Secret, resource: str) -> Outgoing:
    """Ask for new tokens with the scopes of the grant (RFC 6749 §6, RFC 8707 §2.2). `resource` may be empty.

    A provider of the catalog may have an endpoint of its own for this, on the origin of its token endpoint and on no other.
    """
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token.reveal(),
        "resource": resource if channel.entry.asking.resource else "",
    }
    return _post(channel, _refresh_endpoint(channel.endpoint, channel.entry), form, channel.entry.authenticating.body)


def _refresh_endpoint(token_endpoint: str, entry: CatalogEntry) -> str:
    other, pinned = web_url(entry.refreshing.endpoint), web_url(token_endpoint)
    same = other is not None and pinned is not None and other.origin == pinned.origin
    return other.text if other is not None and same else token_endpoint


def revocation_request(channel: BackChannel, unwanted: Secret, hint: TokenHint) -> Outgoing:
    """Tell the provider that a token is no longer wanted (RFC 7009 §2.1)."""
    form = {"token": unwanted.reveal(), "token_type_hint": hint}
    return _post(channel, channel.endpoint, form, channel.entry.revoking.body)


def _post(channel: BackChannel, url: str, form: Mapping[str, str], body: Body) -> Outgoing:
    proof = proof_of(channel.client, channel.assertion)
    sent = {name: value for name, value in {**form, **proof.form}.items() if value}
    kind = "application/json" if body == "json" else "application/x-www-form-urlencoded"
    headers = {name.lower(): Secret(text) for name, text in channel.entry.authenticating.headers.items()}
    headers |= {"accept": Secret("application/json"), "content-type": Secret(kind)}
    if proof.header is not None:
        headers["authorization"] = proof.header
    return Outgoing("POST", url, headers, Secret(json.dumps(sent) if body == "json" else urlencode(sent)))
