"""What is known of the parties of an authorization: the resource, its authorization server, and us as its client."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from strongroom.domain.identifiers import url_safe
from strongroom.domain.secret import Secret

AuthMethod: TypeAlias = Literal["none", "client_secret_post", "client_secret_basic", "private_key_jwt"]
AUTH_METHODS: tuple[AuthMethod, ...] = get_args(AuthMethod)


@dataclass(frozen=True, slots=True)
class Resource:
    """An MCP server as its metadata describes it (RFC 9728 §2).

    `resource` is sent exactly as the server wrote it; it is empty, and not sent, where there is no such metadata.
    `issuers` are at most three, in the server's order.
    """

    resource: str
    issuers: tuple[str, ...]
    scopes_supported: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """An authorization server as its checked metadata describes it (RFC 8414 §2).

    `iss_supported`: it announces `iss` in every authorization response (RFC 9207 §3). `iss_required`: an endpoint lies
    off the issuer's origin and nobody vouches for that, so that only a matching `iss` proves who answered.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None = None
    revocation_endpoint: str | None = None
    token_auth_methods: tuple[str, ...] = ("client_secret_basic",)
    scopes_supported: tuple[str, ...] = ()
    iss_supported: bool = False
    iss_required: bool = False
    client_metadata_documents: bool = False
    signing_algorithms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderClient:
    """Our registration at a provider. It belongs to one team and to one issuer, both of which make its key.

    `secret_expires_at` is in seconds since the epoch; None: the provider names no end. Of a client that signs, the secret is
    its private key, and `public_key` the other half.

    Raises:
        ValueError: If there is a secret that the method does not use, or none that it needs.
    """

    provider_key: str
    generation: int
    client_id: str
    client_secret: Secret | None
    auth_method: AuthMethod
    redirect_uri: str
    secret_expires_at: int | None = None
    public_key: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if (self.client_secret is None) != (self.auth_method == "none"):
            raise ValueError("a client has a secret exactly when its authentication method uses one")
        if (self.public_key is None) != (self.auth_method != "private_key_jwt"):
            raise ValueError("a client has a public key exactly when it signs")


def provider_key(team: str, issuer: str) -> str:
    """Name an issuer as one team knows it: 32 URL-safe characters that tell nothing about either.

    Part of the redirect URI, so that no two issuers share one (RFC 9700 §4.4.2), and of the key of our registration, so
    that no two teams and no two issuers ever share a client. Each part goes in with its length, which keeps apart what
    plain joining would confuse.
    """
    return _key_of("provider-key-1", team, issuer)


def document_key(team: str, issuer: str, method: AuthMethod) -> str:
    """Name an issuer as `provider_key` does, for a client by metadata document that authenticates in one way.

    A document can be read by anybody, so that a malicious provider may have a code made for it by an honest one. With a
    callback URL of its own such a code fits no authorization of another client; with one for each method, none that relies
    on a signature is made for a document without one.
    """
    return _key_of("document-key-1", team, issuer, method)


def drafted_key(team: str, draft: str) -> str:
    """Name a provider that an admin enters by hand, before it is saved: the callback URL can be shown, and registered at the
    provider, first. The draft is a random value; with another team it gives another key."""
    return _key_of("drafted-key-1", team, draft)


def _key_of(*parts: str) -> str:
    encoded = [part.encode() for part in parts]
    digest = hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in encoded)).digest()
    return url_safe(digest)[:32]
