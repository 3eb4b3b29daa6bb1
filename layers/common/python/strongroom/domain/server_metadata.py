"""The endpoints of an authorization server, taken from a document whose issuer has been checked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from strongroom.domain.errors import DiscoveryFailed
from strongroom.domain.json_document import JsonObject
from strongroom.domain.own_parameters import names_own_parameter
from strongroom.domain.provider import Provider
from strongroom.domain.scope import scopes_among
from strongroom.domain.web_url import WebUrl, web_url

_Endpoint: TypeAlias = Literal["authorization", "token", "registration", "revocation"]
_ENDPOINTS: tuple[_Endpoint, ...] = ("authorization", "token", "registration", "revocation")


def read_provider(document: JsonObject, issuer: WebUrl, trusted: Collection[str], *, loopback: bool) -> Provider:
    """Take from the document what we use of it, and nothing else (RFC 8414 §2).

    Every endpoint lies on one of the `trusted` origins; otherwise the server must announce `iss` (RFC 9207 §3), and is
    marked `iss_required`.

    Raises:
        DiscoveryFailed: `authorization_endpoint_refused`, `token_endpoint_refused`, `registration_endpoint_refused`,
            `revocation_endpoint_refused` or `endpoint_off_issuer`.
    """
    announced = document.get("authorization_response_iss_parameter_supported") is True
    found = {name: _optional(document, name, loopback) for name in _ENDPOINTS}
    elsewhere = any(url is not None and url.origin not in trusted for url in found.values())
    if elsewhere and not announced:
        raise DiscoveryFailed("an endpoint lies off the issuer's origin", code="endpoint_off_issuer")
    authorization = _needed(found, "authorization")
    if names_own_parameter(authorization.query):
        raise _refused("authorization")
    registration, revocation = found["registration"], found["revocation"]
    return Provider(
        issuer=issuer.text,
        authorization_endpoint=authorization.text,
        token_endpoint=_needed(found, "token").text,
        registration_endpoint=registration.text if registration else None,
        revocation_endpoint=revocation.text if revocation else None,
        # RFC 8414 §2: where the list is missing, it is this one.
        token_auth_methods=texts(document, "token_endpoint_auth_methods_supported") or ("client_secret_basic",),
        scopes_supported=scopes_among(texts(document, "scopes_supported")),
        iss_supported=announced,
        iss_required=elsewhere,
        signing_algorithms=texts(document, "token_endpoint_auth_signing_alg_values_supported"),
        client_metadata_documents=document.get("client_id_metadata_document_supported") is True,
    )


def endpoints_of(document: JsonObject, *, loopback: bool) -> tuple[WebUrl, ...]:
    """List the endpoints that a document names, as far as they are URLs that may be called."""
    found = (web_url(document.get(f"{name}_endpoint"), loopback=loopback) for name in _ENDPOINTS)
    return tuple(url for url in found if url is not None)


def texts(document: JsonObject, name: str) -> tuple[str, ...]:
    """The texts of a list; anything else counts as an empty one."""
    value = document.get(name)
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def _optional(document: JsonObject, name: _Endpoint, loopback: bool) -> WebUrl | None:
    text = document.get(f"{name}_endpoint")
    url = web_url(text, loopback=loopback)
    if url is None and text is not None:
        raise _refused(name)
    return url


def _needed(found: dict[_Endpoint, WebUrl | None], name: _Endpoint) -> WebUrl:
    url = found[name]
    if url is None:
        raise _refused(name)
    return url


def _refused(name: _Endpoint) -> DiscoveryFailed:
    return DiscoveryFailed(f"the {name} endpoint is no URL that may be used", code=f"{name}_endpoint_refused")
