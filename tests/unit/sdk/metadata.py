"""What is taken from the metadata of a resource and of an authorization server."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from mcp.client.auth import utils
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

from strongroom.domain.discovery import judge_authorization_server, judge_resource_metadata
from tests.unit.sdk.comparison import REFUSED, Comparison, Difference, at_once, may_be_called, or_refused
from tests.unit.sdk.documents import ISSUER, Document, answer, changed, response, server_document

MCP = "https://files.example/mcp"


# Resource metadata

LISTS: tuple[list[str] | None, ...] = (None, [], ["read"], ["read", "read"], ["a b"], [""])
RESOURCES = changed(
    {"resource": MCP, "authorization_servers": [ISSUER], "scopes_supported": ["read", "write"]},
    {"resource": "https://files.example"},
    {"scopes_supported": None},
    {"scopes_supported": ["read", "read"]},
    {"authorization_servers": [f"{ISSUER}/p", ISSUER]},
    {"authorization_servers": []},
    {"authorization_servers": None},
    {"authorization_servers": ISSUER},
    {"resource": None},
    {"resource": "no URL"},
    {"scopes_supported": "read"},
    {"authorization_servers": [f"https://p{number}.example" for number in range(5)]},
    {"authorization_servers": ["http://p.example", ISSUER]},
    {"authorization_servers": ["no URL", ISSUER]},
    {"authorization_servers": [ISSUER, ISSUER]},
    {"resource": "https://FILES.example/mcp"},
    {"authorization_servers": ["https://PROVIDER.example"]},
    {"scopes_supported": ["a b"]},
    {"jwks_uri": "no URL"},
    {"resource_name": 7},
)


def ours_of_resource(document: Document) -> object:
    found = or_refused(lambda: judge_resource_metadata(answer(document), MCP))
    return found if isinstance(found, str) else (found.resource, list(found.issuers), list(found.scopes_supported))


def sdk_of_resource(document: Document) -> object:
    found = at_once(utils.handle_protected_resource_response(response(document)))
    if not isinstance(found, ProtectedResourceMetadata):
        return REFUSED
    scopes = list(dict.fromkeys(found.scopes_supported or []))
    return (str(found.resource), [str(issuer) for issuer in found.authorization_servers], scopes)


def _servers(document: Document) -> list[Any]:
    listed = document.get("authorization_servers")
    return listed if isinstance(listed, list) else []


def _has_capitals(*urls: object) -> bool:
    return any(isinstance(url, str) and url.startswith("https:") and url != url.lower() for url in urls)


RESOURCE_DOCUMENT: Comparison[Document] = Comparison(
    "what resource metadata says",
    ours_of_resource,
    sdk_of_resource,
    RESOURCES,
    st.sampled_from(RESOURCES).flatmap(
        lambda document: st.sampled_from(LISTS).map(lambda scopes: document | {"scopes_supported": scopes})
    ),
    (
        Difference(
            "resource-document:three-servers",
            "Of the authorization servers that are listed, the first three count.",
            "RFC 9728 §7.6 and §7.7",
            lambda document: len(_servers(document)) > 3,
        ),
        Difference(
            "resource-document:unusable-server",
            "An authorization server that cannot be called is left out; the others count.",
            "RFC 8414 §2; RFC 9728 §7.7",
            lambda document: any(not may_be_called(str(url)) for url in _servers(document)),
        ),
        Difference(
            "resource-document:server-twice",
            "An authorization server that is listed twice is asked once.",
            "RFC 9728 §2",
            lambda document: len({*_servers(document)}) < len(_servers(document)),
        ),
        Difference(
            "resource-document:to-the-letter",
            "Resource and issuers are kept as they stand there, since both are sent or compared as plain strings.",
            "RFC 8707 §2; RFC 8414 §3.3",
            lambda document: _has_capitals(document.get("resource"), *_servers(document)),
        ),
        Difference(
            "resource-document:scopes",
            "A list of scopes with something else in it is none; it spoils nothing else.",
            "RFC 6749 §3.3",
            lambda document: (
                not isinstance(document.get("scopes_supported", []), list | None)
                or any(not scope or " " in scope for scope in document.get("scopes_supported") or [])
            ),
        ),
        Difference(
            "resource-document:unused-members",
            "A member that we do not use spoils nothing.",
            "RFC 9728 §3.2",
            lambda document: not {"jwks_uri", "resource_name"}.isdisjoint(document),
        ),
    ),
)


# Authorization server metadata

SERVERS = changed(
    server_document(),
    {"registration_endpoint": None},
    {"scopes_supported": ["read"]},
    {"authorization_endpoint": f"{ISSUER}/authorize?tenant=7"},
    {"authorization_endpoint": None},
    {"token_endpoint": "javascript:alert(1)"},
    {"authorization_endpoint": "data:text/html,x"},
    {"token_endpoint": 7},
    {"code_challenge_methods_supported": None},
    {"code_challenge_methods_supported": ["plain"]},
    {"code_challenge_methods_supported": ["s256"]},
    {"authorization_endpoint": "http://provider.example/authorize"},
    {"token_endpoint": f"{ISSUER}/token#x"},
    {"authorization_endpoint": "https://user@provider.example/authorize"},
    {"authorization_endpoint": f"{ISSUER}/authorize?state=x"},
    {"authorization_endpoint": f"{ISSUER}/authorize?a=1&client%5Fid=x"},
    {"token_endpoint": "https://evil.example/token"},
    {"authorization_endpoint": "https://PROVIDER.example/authorize"},
    {"jwks_uri": "no URL", "service_documentation": "no URL"},
)
OWN = ("state=", "client%5Fid=", "redirect_uri=")


def ours_of_server(document: Document) -> object:
    found = or_refused(lambda: judge_authorization_server(answer(document), ISSUER))
    if isinstance(found, str):
        return found
    return (found.authorization_endpoint, found.token_endpoint, found.registration_endpoint)


def sdk_of_server(document: Document) -> object:
    goes_on, found = at_once(utils.handle_auth_metadata_response(response(document)))
    if not isinstance(found, OAuthMetadata):
        assert goes_on
        return REFUSED
    registration = str(found.registration_endpoint) if found.registration_endpoint else None
    return (str(found.authorization_endpoint), str(found.token_endpoint), registration)


def _endpoints(document: Document) -> list[str]:
    return [str(value) for name, value in document.items() if name.endswith("_endpoint")]


_ENDPOINTS = st.sampled_from(
    [f"{ISSUER}/x", f"{ISSUER}/x?y=1", f"{ISSUER}/x?redirect_uri=z", "https://evil.example/", "/x", "http://p.example/"]
)

SERVER_DOCUMENT: Comparison[Document] = Comparison(
    "what authorization server metadata says",
    ours_of_server,
    sdk_of_server,
    SERVERS,
    st.builds(
        lambda one, other: server_document(authorization_endpoint=one, token_endpoint=other), _ENDPOINTS, _ENDPOINTS
    ),
    (
        Difference(
            "server-document:s256",
            "Without S256 in the list the server is refused.",
            "MCP 2026-07-28, authorization code protection; RFC 9700 §2.1.1",
            lambda document: "S256" not in document.get("code_challenge_methods_supported", ()),
        ),
        Difference(
            "server-document:safe-url",
            "An endpoint is https, without user and fragment.",
            "RFC 6749 §3.1 and §3.2; RFC 8414 §2",
            lambda document: any(not may_be_called(url) for url in _endpoints(document)),
        ),
        Difference(
            "server-document:own-parameters",
            "An authorization endpoint that sets a parameter of ours is refused.",
            "RFC 6749 §3.1",
            lambda document: any(own in str(document.get("authorization_endpoint")) for own in OWN),
        ),
        Difference(
            "server-document:one-origin",
            "Endpoints lie on the issuer's origin, or `iss` is announced.",
            "RFC 9700 §4.4",
            lambda document: any("//evil.example" in url for url in _endpoints(document)),
        ),
        Difference(
            "server-document:to-the-letter",
            "Endpoints are kept as they stand there.",
            "RFC 3986 §6.2.1",
            lambda document: _has_capitals(*_endpoints(document)),
        ),
        Difference(
            "server-document:unused-members",
            "A member that we do not use spoils nothing.",
            "RFC 8414 §3.2",
            lambda document: "jwks_uri" in document,
        ),
    ),
)
