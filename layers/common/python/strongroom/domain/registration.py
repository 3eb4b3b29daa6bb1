"""Register at a provider (RFC 7591), and keep of its answer only what we asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NoReturn, TypeAlias

from strongroom.domain.catalog import STRICT, CatalogEntry
from strongroom.domain.client_authentication import SIGNING_ALGORITHM
from strongroom.domain.errors import DiscoveryFailed, ProviderFailed
from strongroom.domain.http import Answer, Outgoing, Reply
from strongroom.domain.json_document import JsonObject, JsonValue, json_document
from strongroom.domain.policy import Policy
from strongroom.domain.provider import AuthMethod, Provider, ProviderClient
from strongroom.domain.secret import Secret

CLIENT_NAME: Final = "Strongroom"
PREFERRED: tuple[AuthMethod, ...] = ("client_secret_basic", "client_secret_post", "none")

SHORTEST_LIFE: Final = 900
"""Seconds that a client's secret must live: an authorization may take ten minutes."""

_CLIENT_ID = re.compile(r"[\x20-\x7E]{1,2048}")
_CLIENT_SECRET = re.compile(r"[\x20-\x7E]{1,4096}")


@dataclass(frozen=True, slots=True)
class ByDocument:
    """The provider reads our client ID metadata document."""

    method: AuthMethod


@dataclass(frozen=True, slots=True)
class ByRegistration:
    """The provider registers us (RFC 7591)."""

    method: AuthMethod


Way: TypeAlias = ByDocument | ByRegistration


def choose(provider: Provider, entry: CatalogEntry, policy: Policy) -> Way:
    """Choose how we become a client, if no admin has entered one: by metadata document, if the provider takes it and it
    is safe there; else by dynamic registration; else an admin has to enter one (MCP 2026-07-28, client registration
    approaches).

    Raises:
        DiscoveryFailed: `registration_unsupported` or `client_authentication_unsupported`.
    """
    if entry.authenticating.registration == "by_hand":
        raise DiscoveryFailed("by the catalog, an admin registers us there", code="registration_unsupported")
    readable = provider.client_metadata_documents and _is_public(policy)
    method = document_method(provider, policy) if readable else None
    if method is not None:
        return ByDocument(method)
    if provider.registration_endpoint is None:
        raise DiscoveryFailed("the provider registers nobody by itself", code="registration_unsupported")
    return ByRegistration(choose_auth_method(provider, entry))


def _is_public(policy: Policy) -> bool:
    """Whether a provider can read our document: its URL is an https one (Client ID Metadata Document §3)."""
    return policy.client_metadata_url("any").startswith("https://")


def document_method(provider: Provider, policy: Policy) -> AuthMethod | None:
    """How a client by metadata document authenticates: it signs, or has no secret; None if neither is safe here.

    Any server may read the document, so that a malicious provider can have a code made for this id by an honest one
    (RFC 9700 §4.4). It gains nothing if we sign, or if the answer has to name who made it (`iss`).
    """
    if "private_key_jwt" in provider.token_auth_methods and _takes_our_signatures(provider):
        return "private_key_jwt"
    vouched = provider.iss_supported or policy.conformance_client is not None
    return "none" if vouched and "none" in provider.token_auth_methods else None


def _takes_our_signatures(provider: Provider) -> bool:
    # RFC 8414 §2: where the list is missing, the algorithms are not known.
    return not provider.signing_algorithms or SIGNING_ALGORITHM in provider.signing_algorithms


def choose_auth_method(provider: Provider, entry: CatalogEntry = STRICT) -> AuthMethod:
    """Choose how we authenticate: Basic before a secret in the body before no secret.

    What the catalog says comes first: the best that the metadata lists too, or else the best.

    Raises:
        DiscoveryFailed: `client_authentication_unsupported`, if the provider lists none of them.
    """
    known = tuple(method for method in entry.authenticating.methods if method in PREFERRED)
    listed = tuple(method for method in known or PREFERRED if method in provider.token_auth_methods)
    for method in (*listed, *known):
        return method
    raise DiscoveryFailed("no common method of authentication", code="client_authentication_unsupported")


def registration_request(
    provider: Provider, redirect_uri: str, method: AuthMethod, scopes: Iterable[str] = ()
) -> Outgoing:
    """Ask for a client of our own (RFC 7591 §3.1).

    Raises:
        DiscoveryFailed: `registration_unsupported`.
    """
    if provider.registration_endpoint is None:
        raise DiscoveryFailed("the provider registers nobody by itself", code="registration_unsupported")
    scope = " ".join(scopes)
    wanted = {**client_metadata(redirect_uri, method), **({"scope": scope} if scope else {})}
    headers = {"accept": Secret("application/json"), "content-type": Secret("application/json")}
    return Outgoing("POST", provider.registration_endpoint, headers, Secret(json.dumps(wanted)))


def client_metadata(redirect_uri: str, method: AuthMethod) -> JsonObject:
    """Say what we are, to whom registers us and to whom reads our document (RFC 7591 §2; `application_type` as MCP demands,
    OpenID Connect Registration §2)."""
    return {
        "client_name": CLIENT_NAME,
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": method,
        "application_type": "web",
    }


def judge_registration(
    answer: Answer, *, asked: AuthMethod, provider_key: str, generation: int, redirect_uri: str
) -> ProviderClient:
    """Read the client that the provider made (RFC 7591 §3.2.1).

    Kept are id, secret with its end, and method, each of bounded size; `registration_client_uri` and its token, and all
    else, are dropped and never fetched. The method may be another than the one asked for, if we know it. A secret that
    the method does not use is dropped. Redirect URIs other than exactly ours are refused.

    Raises:
        DiscoveryFailed: `redirect_uri_rejected`, `registration_refused` or `registration_unusable`.
        ProviderFailed: If there was no definite answer. Asking again makes a second client, which harms nobody.
    """
    document = _registered(answer)
    listed = document.get("redirect_uris")
    if listed is not None and listed != [redirect_uri]:
        raise DiscoveryFailed("the provider changed the redirect URIs", code="redirect_uri_rejected")
    method = _method(document.get("token_endpoint_auth_method"), asked)
    return ProviderClient(
        provider_key=provider_key,
        generation=generation,
        client_id=_matching(_CLIENT_ID, document.get("client_id")),
        client_secret=None if method == "none" else Secret(_matching(_CLIENT_SECRET, document.get("client_secret"))),
        auth_method=method,
        redirect_uri=redirect_uri,
        secret_expires_at=None if method == "none" else _end(document.get("client_secret_expires_at")),
    )


def require_a_life(client: ProviderClient, now: float) -> None:
    """Refuse a secret that ends before an authorization with it could: each of them would need a client of its own.

    An end that has passed already says nothing: some servers mean "never" by it.

    Raises:
        DiscoveryFailed: `registration_unusable`.
    """
    ends = client.secret_expires_at
    if ends is not None and 0 < ends - now < SHORTEST_LIFE:
        _unusable()


def may_dislike_scopes(answer: Answer) -> bool:
    """Whether a refusal may be about the scopes that were named (RFC 7591 §3.2.2)."""
    if not isinstance(answer, Reply) or not 400 <= answer.status < 500:
        return False
    try:
        return json_document(answer.body).get("error") in {"invalid_client_metadata", "invalid_scope"}
    except ProviderFailed:
        return False


def _registered(answer: Answer) -> JsonObject:
    if not isinstance(answer, Reply) or answer.status == 429 or answer.status >= 500:
        raise ProviderFailed("the provider did not register us just now", code="registration_unavailable")
    try:
        document = json_document(answer.body, odd_numbers_are_null=True)
    except ProviderFailed:
        document = {}
    if answer.status in {200, 201}:
        return document
    if document.get("error") == "invalid_redirect_uri":
        raise DiscoveryFailed("the provider does not take our redirect URI", code="redirect_uri_rejected")
    raise DiscoveryFailed("the provider refused to register us", code="registration_refused")


def _method(named: JsonValue, asked: AuthMethod) -> AuthMethod:
    if named is None:
        return asked
    return next((method for method in PREFERRED if method == named), None) or _unusable()


def _matching(grammar: re.Pattern[str], text: JsonValue) -> str:
    return text if isinstance(text, str) and grammar.fullmatch(text) else _unusable()


def _end(seconds: JsonValue) -> int | None:
    # RFC 7591 §3.2.1: 0 means never.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return int(seconds) if 0 < seconds < 2**53 else None


def _unusable() -> NoReturn:
    raise DiscoveryFailed("the registration's answer cannot be used", code="registration_unusable")
