"""Our client ID metadata document: by what a provider knows us that has never registered us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.domain.client_authentication import SIGNING_ALGORITHM, PublicKey, key_id
from strongroom.domain.json_document import JsonObject
from strongroom.domain.provider import AuthMethod
from strongroom.domain.registration import client_metadata

CACHED_FOR: Final = 300
"""Seconds for which a provider may keep the document."""


@dataclass(frozen=True, slots=True)
class Published:
    """What everybody may know of one generation."""

    client_id: str
    auth_method: AuthMethod
    redirect_uri: str
    public_key: PublicKey | None


def client_document(generations: Sequence[Published], client_uri: str) -> JsonObject:
    """Write the document that lies at the URL which is our client id (OAuth Client ID Metadata Document §4).

    It speaks for the newest generation, the first one, and lists the public keys of all that may still sign. It holds no
    secret that we and a provider could share, since everybody reads it.
    """
    newest = generations[0]
    document = {
        "client_id": newest.client_id,
        "client_uri": client_uri,
        **client_metadata(newest.redirect_uri, newest.auth_method),
    }
    if newest.auth_method != "private_key_jwt":
        return document
    keys = [_jwk(one.public_key) for one in generations if one.public_key is not None]
    return {**document, "token_endpoint_auth_signing_alg": SIGNING_ALGORITHM, "jwks": {"keys": keys}}


def _jwk(key: PublicKey) -> JsonObject:
    """A public key as it is published (RFC 7517 §4)."""
    return {**key, "kid": key_id(key), "use": "sig", "alg": SIGNING_ALGORITHM}
