"""Find out from an MCP server who gives tokens for it, and believe no more of that than the rules allow.

Each step is an ask and a judgement. A document that breaks a rule is not used; the caller may try the next place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from strongroom.domain.challenge import BearerChallenge
from strongroom.domain.errors import DiscoveryFailed, ProviderFailed
from strongroom.domain.http import KIBIBYTE, Answer, Outgoing, Reply
from strongroom.domain.json_document import JsonObject, is_json, json_document
from strongroom.domain.provider import Provider, Resource
from strongroom.domain.scope import scope_tokens
from strongroom.domain.secret import Secret
from strongroom.domain.server_metadata import endpoints_of, read_provider, texts
from strongroom.domain.web_url import WebUrl, web_url

MOST_ISSUERS = 3
WITHIN = 5.0
METADATA_LIMIT = 256 * KIBIBYTE

RESOURCE_METADATA = "/.well-known/oauth-protected-resource"
SERVER_METADATA = "/.well-known/oauth-authorization-server"
OPENID_METADATA = "/.well-known/openid-configuration"

_WORTH = (
    "resource_metadata_unavailable",
    "server_metadata_unavailable",
    "resource_metadata_missing",
    "server_metadata_missing",
)


def metadata_request(url: str) -> Outgoing:
    """Ask for a metadata document. Redirects may be followed; what the document must hold does not depend on them."""
    return Outgoing("GET", url, {"accept": Secret("application/json")}, limit=METADATA_LIMIT, within=WITHIN, hops=3)


def resource_metadata_urls(
    mcp_url: str, challenge: BearerChallenge | None, *, loopback: bool = False
) -> tuple[str, ...]:
    """List where the resource metadata may be, first things first (RFC 9728 §3.1 and §5.1).

    The challenge's own URL, if it may be called at all; then the well-known places for the path and for the root. It
    may lie on another origin: what makes the document good is the `resource` in it.

    Raises:
        DiscoveryFailed: `mcp_url_refused`.
    """
    mcp = _mcp(mcp_url, loopback)
    named = web_url(challenge.resource_metadata, loopback=loopback) if challenge else None
    path = "" if mcp.path == "/" else mcp.path
    known = (f"{mcp.origin}{RESOURCE_METADATA}{path}", f"{mcp.origin}{RESOURCE_METADATA}")
    return tuple(dict.fromkeys((*((named.text,) if named else ()), *known)))


def judge_resource_metadata(answer: Answer, mcp_url: str, *, loopback: bool = False) -> Resource:
    """Read resource metadata (RFC 9728 §3.2) and check that it speaks of this MCP server.

    `resource` has the server's origin and its path or a parent of it, segment by segment: a server can speak for no
    other. Of the authorization servers, the first three that may be called count.

    Raises:
        DiscoveryFailed: `resource_metadata_missing` (4xx), `resource_metadata_unavailable`,
            `resource_metadata_unreadable`, `resource_mismatch`, `authorization_server_missing` or `mcp_url_refused`.
    """
    mcp = _mcp(mcp_url, loopback)
    document = _document(answer, "resource_metadata")
    named = web_url(document.get("resource"), loopback=loopback)
    if named is None or not _speaks_for(named, mcp):
        raise DiscoveryFailed("the metadata is that of another resource", code="resource_mismatch")
    listed = document.get("authorization_servers")
    candidates = (_issuer(text, loopback) for text in (listed if isinstance(listed, list) else ()))
    issuers = tuple(dict.fromkeys(issuer.text for issuer in candidates if issuer))[:MOST_ISSUERS]
    if not issuers:
        raise DiscoveryFailed("no authorization server is named", code="authorization_server_missing")
    return Resource(named.text, issuers, scope_tokens(document.get("scopes_supported")) or ())


def authorization_server_urls(issuer: str, *, loopback: bool = False) -> tuple[str, ...]:
    """List where the metadata of an issuer may be (RFC 8414 §3.1 and §5, OpenID Connect Discovery §4).

    Raises:
        DiscoveryFailed: `issuer_refused`.
    """
    url = _issuer(issuer, loopback)
    if url is None:
        raise DiscoveryFailed("the issuer is no URL that may be called", code="issuer_refused")
    path = url.path.removesuffix("/")
    inserted = (f"{url.origin}{SERVER_METADATA}{path}", f"{url.origin}{OPENID_METADATA}{path}")
    return (*inserted, f"{url.origin}{path}{OPENID_METADATA}") if path else inserted


def judge_authorization_server(
    answer: Answer,
    issuer: str,
    *,
    loopback: bool = False,
    known_origins: Collection[str] = (),
    pkce_vouched: bool = False,
) -> Provider:
    """Read the metadata of an authorization server (RFC 8414 §3.3) and check it.

    - `issuer` is the one asked for, as a plain string, or the document is not used.
    - S256 is listed (MCP, authorization code protection), or `pkce_vouched`: our own data says that it works.
    - The endpoints are URLs that may be called, and the one that people see has no parameter of ours in it.
    - The endpoints share the issuer's origin. A malicious server could otherwise name another's authorization endpoint
      beside its own token endpoint and be sent the other's code (RFC 9700 §4.4). `known_origins` are those that our own
      data lists for this issuer. For all else a matching `iss` must prove who answered: `iss_required`, which is of use
      only if the server announces it (RFC 9207 §3).

    Raises:
        DiscoveryFailed: `server_metadata_missing` (4xx), `server_metadata_unavailable`, `server_metadata_unreadable`,
            `issuer_mismatch`, `issuer_refused`, `pkce_unsupported`, `authorization_endpoint_refused`,
            `token_endpoint_refused`, `registration_endpoint_refused`, `revocation_endpoint_refused` or
            `endpoint_off_issuer`.
    """
    document = _document(answer, "server_metadata")
    home = _issuer(issuer, loopback)
    if home is None:
        raise DiscoveryFailed("the issuer is no URL that may be called", code="issuer_refused")
    if document.get("issuer") != issuer:
        raise DiscoveryFailed("the metadata is that of another issuer", code="issuer_mismatch")
    if not pkce_vouched and "S256" not in texts(document, "code_challenge_methods_supported"):
        raise DiscoveryFailed("the server does not list S256", code="pkce_unsupported")
    return read_provider(document, home, {home.origin, *known_origins}, loopback=loopback)


def named_endpoints(answer: Answer, *, loopback: bool = False) -> tuple[WebUrl, ...]:
    """List the endpoints that a document names, before any of it is believed; of an unusable document, none."""
    try:
        return endpoints_of(_document(answer, "server_metadata"), loopback=loopback)
    except DiscoveryFailed:
        return ()


def legacy_metadata_url(mcp_url: str, *, loopback: bool = False) -> str:
    """Where a server of MCP revision 2025-03-26 keeps its metadata: for those without resource metadata alone.

    Raises:
        DiscoveryFailed: `mcp_url_refused`.
    """
    return f"{_mcp(mcp_url, loopback).origin}{SERVER_METADATA}"


def judge_legacy(
    answer: Answer,
    mcp_url: str,
    *,
    loopback: bool = False,
    known_origins: Collection[str] = (),
    pkce_vouched: bool = False,
) -> tuple[Resource, Provider]:
    """Read what an MCP server of revision 2025-03-26 says of itself as its own authorization server.

    Its issuer is its origin, with or without a final slash. Where there is no document, the endpoints are `/authorize`,
    `/token` and `/register` (that revision, §2.3.3), which had PKCE as a duty.

    Raises:
        DiscoveryFailed: As `judge_authorization_server` does.
    """
    origin = _mcp(mcp_url, loopback).origin
    if is_missing(answer):
        endpoints = (f"{origin}/authorize", f"{origin}/token", f"{origin}/register")
        provider = Provider(
            origin, *endpoints, token_auth_methods=("none", "client_secret_post", "client_secret_basic")
        )
        return Resource("", (origin,)), provider
    named = _document(answer, "server_metadata").get("issuer")
    issuer = f"{origin}/" if named == f"{origin}/" else origin
    provider = judge_authorization_server(
        answer, issuer, loopback=loopback, known_origins=known_origins, pkce_vouched=pkce_vouched
    )
    return Resource("", (issuer,)), provider


def is_missing(answer: Answer) -> bool:
    """Whether somebody answered that there is no such document, for us."""
    return isinstance(answer, Reply) and 400 <= answer.status < 500


def most_telling(failures: Sequence[DiscoveryFailed]) -> DiscoveryFailed:
    """Choose which failure of several places to report: a broken rule before a fault, a fault before a missing document.

    So only a server that has no document anywhere counts as one without.
    """
    return min(failures, key=lambda failure: _WORTH.index(failure.public_code) if failure.public_code in _WORTH else -1)


def _mcp(mcp_url: str, loopback: bool) -> WebUrl:
    url = web_url(mcp_url, loopback=loopback)
    if url is None:
        raise DiscoveryFailed("the MCP server's URL is not of the form that is called", code="mcp_url_refused")
    return url


def _issuer(text: object, loopback: bool) -> WebUrl | None:
    url = web_url(text, loopback=loopback)
    return url if url is not None and url.query is None else None  # RFC 8414 §2


def _document(answer: Answer, what: str) -> JsonObject:
    if is_missing(answer):
        raise DiscoveryFailed("there is no such document", code=f"{what}_missing")
    if not isinstance(answer, Reply) or answer.status != 200:
        raise DiscoveryFailed("the document cannot be had just now", code=f"{what}_unavailable")
    if not is_json(answer.headers.get("content-type", ())):
        # RFC 8414 §3.2, RFC 9728 §3.2. What a host calls a page or a text may be what anybody put there.
        raise DiscoveryFailed("the document is not sent as JSON", code=f"{what}_unreadable")
    try:
        return json_document(answer.body)
    except ProviderFailed as failure:
        raise DiscoveryFailed("the document is not usable JSON", code=f"{what}_unreadable") from failure


def _speaks_for(resource: WebUrl, mcp: WebUrl) -> bool:
    parent = mcp.segments[: len(resource.segments)] == resource.segments
    return resource.origin == mcp.origin and parent and resource.query in {None, mcp.query}
