"""Where documents lie, and whether a resource is the one that was asked about."""

from __future__ import annotations

from urllib.parse import urlsplit

from hypothesis import strategies as st
from mcp.client.auth import utils
from mcp.shared.auth_utils import check_resource_allowed

from strongroom.domain import discovery
from strongroom.domain.challenge import BearerChallenge
from strongroom.domain.provider import provider_key
from tests.unit.sdk.comparison import (
    Comparison,
    Difference,
    code_of,
    host_is_plain,
    last_step_has_parameters,
    may_be_called,
    or_refused,
)
from tests.unit.sdk.documents import resource_document

URLS = (
    "https://files.example",
    "https://files.example/",
    "https://files.example/mcp",
    "https://files.example/mcp/",
    "https://files.example/team/mcp",
    "https://files.example/team//mcp",
    "https://files.example:8443/mcp",
    "https://files.example/a;b/mcp",
    "https://files.example/%7Euser/mcp",
    "https://FILES.example/mcp",
    "https://files.example:443/mcp",
    "https://files.example/mcp;v=1",
    "https://files.example/mcp?tenant=1",
    "https://files.example/mcp//",
    "https://files.example//evil.example/mcp",
    "http://files.example/mcp",
    "https://user@files.example/mcp",
    "https://files.example/mcp#x",
    "https://files.example/a/../mcp",
    "https://files.example/a/%2e%2e/mcp",
    "https://files.example/mcp\\x",
    "https://files.example/m cp",
    "https://files.ex\u00e4mple/mcp",
    "files.example/mcp",
    "javascript:alert(1)",
)
_SCHEMES = st.sampled_from(["https", "https", "https", "https", "http", "HTTPS"])
_HOSTS = st.sampled_from(["files.example", "files.example", "files.example:8443", "files.example:443", "Files.example"])
_STEPS = st.sampled_from(["mcp", "team", "", "a;b", "%41", ".", "%2E", "..", "mcp2"])
_PATHS = st.lists(_STEPS, max_size=3).map(lambda steps: "".join(f"/{step}" for step in steps))
_QUERIES = st.sampled_from(["", "", "?tenant=1", "?tenant=2", "#x"])
MADE = st.builds("{}://{}{}{}".format, _SCHEMES, _HOSTS, _PATHS, _QUERIES)


# Resource metadata: asked are the URL in the challenge and the MCP server's

Asked = tuple[str | None, str]
NAMED = "https://files.example/.well-known/oauth-protected-resource/mcp"

RESOURCE: Comparison[Asked] = Comparison(
    "the places of resource metadata",
    lambda asked: or_refused(
        lambda: list(discovery.resource_metadata_urls(asked[1], BearerChallenge(asked[0]) if asked[0] else None))
    ),
    lambda asked: or_refused(lambda: utils.build_protected_resource_metadata_discovery_urls(*asked)),
    (
        *((None, url) for url in URLS),
        ("https://elsewhere.example/m", "https://files.example/mcp"),
        (NAMED, "https://files.example/mcp"),
        *((url, "https://files.example/mcp") for url in URLS if not may_be_called(url)),
    ),
    st.tuples(st.none() | MADE | st.just(NAMED), MADE),
    (
        Difference(
            "resource-place:refused-url",
            "A URL that is not called at all has no metadata either.",
            "MCP 2026-07-28, security considerations; RFC 9728 §7.7",
            lambda asked: not may_be_called(asked[1]),
        ),
        Difference(
            "resource-place:refused-challenge",
            "A place in the challenge that is not called is left out; the well-known ones remain.",
            "RFC 9728 §5.1 and §7.7",
            lambda asked: asked[0] is not None and not may_be_called(asked[0]),
        ),
        Difference(
            "resource-place:origin",
            "The places are made of the origin, in lower case and without the default port.",
            "RFC 6454 §6.2; RFC 3986 §6.2.3",
            lambda asked: not host_is_plain(asked[1]),
        ),
        Difference(
            "resource-place:semicolon",
            "What follows a semicolon is part of the path and stays.",
            "RFC 3986 §3.3; RFC 9728 §3.1",
            lambda asked: last_step_has_parameters(asked[1]),
        ),
        Difference(
            "resource-place:once",
            "A place that the challenge names and that is well-known too is asked once.",
            "RFC 9728 §5.1",
            lambda asked: asked[0] is not None and asked[0] in _well_known(asked[1]),
        ),
    ),
)


def _well_known(url: str) -> list[str]:
    return utils.build_protected_resource_metadata_discovery_urls(None, url)


# Authorization server metadata

SERVER: Comparison[str] = Comparison(
    "the places of authorization server metadata",
    lambda issuer: or_refused(lambda: list(discovery.authorization_server_urls(issuer))),
    lambda issuer: or_refused(
        lambda: utils.build_oauth_authorization_server_metadata_discovery_urls(issuer, "https://files.example/mcp")
    ),
    URLS,
    MADE,
    (
        Difference(
            "server-place:refused-url",
            "An issuer that is not called at all is refused.",
            "RFC 8414 §2; MCP 2026-07-28, security considerations",
            lambda issuer: not may_be_called(issuer),
        ),
        Difference(
            "server-place:query",
            "An issuer has no query.",
            "RFC 8414 §2",
            lambda issuer: "?" in issuer,
        ),
        Difference(
            "server-place:origin",
            "The places are made of the origin, in lower case and without the default port.",
            "RFC 6454 §6.2; RFC 3986 §6.2.3",
            lambda issuer: not host_is_plain(issuer),
        ),
        Difference(
            "server-place:semicolon",
            "What follows a semicolon is part of the path and stays.",
            "RFC 3986 §3.3; RFC 8414 §3.1",
            last_step_has_parameters,
        ),
        Difference(
            "server-place:slashes",
            "One final slash is left out, not all of them.",
            "RFC 8414 §3.1",
            lambda issuer: urlsplit(issuer).path.endswith("//"),
        ),
        Difference(
            "server-place:other-host",
            "A path that begins with two slashes is a path, and no other host.",
            "RFC 3986 §3.3 and §4.2",
            lambda issuer: urlsplit(issuer).path.startswith("//"),
        ),
    ),
)

OLD: Comparison[str] = Comparison(
    "the place of an older server's metadata",
    lambda url: or_refused(lambda: [discovery.legacy_metadata_url(url)]),
    lambda url: or_refused(lambda: utils.build_oauth_authorization_server_metadata_discovery_urls(None, url)),
    URLS,
    MADE,
    (
        Difference(
            "old-place:refused-url",
            "A URL that is not called at all has no metadata either.",
            "MCP 2025-03-26, authorization §2.3; RFC 9728 §7.7",
            lambda url: not may_be_called(url),
        ),
        Difference(
            "old-place:origin",
            "The place is made of the origin, in lower case and without the default port.",
            "RFC 6454 §6.2; RFC 3986 §6.2.3",
            lambda url: not host_is_plain(url),
        ),
    ),
)


# Whether the resource in a document speaks for the MCP server: asked are the two URLs

Pair = tuple[str, str]


def ours_fits(pair: Pair) -> bool:
    mcp, resource = pair
    code = code_of(lambda: discovery.judge_resource_metadata(resource_document(resource), mcp))
    assert code in {"", "resource_mismatch", "mcp_url_refused"}
    return code == ""


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


FITS: Comparison[Pair] = Comparison(
    "whether a resource speaks for the MCP server",
    ours_fits,
    lambda pair: check_resource_allowed(requested_resource=pair[0], configured_resource=pair[1]),
    tuple(
        ("https://files.example/team/mcp", resource)
        for resource in (
            *URLS,
            "https://files.example/team",
            "https://files.example/team/",
            "https://files.example/team/mc",
            "https://files.example/team/mcp2",
            "https://files.example/team/mcp/deeper",
            "https://files.example/team/MCP",
            "https://evil.example/team/mcp",
            "https://files.example.evil.example/team/mcp",
            "https://files.example/team/../team/mcp",
            "https://files.example/team/mcp#x",
            "https://files.example/team/mcp?tenant=1",
            "https://files.example:443/team/mcp",
            "https://files.example/team;x",
            "https://files.example/team/mcp;x",
        )
    ),
    st.tuples(MADE, MADE),
    (
        Difference(
            "resource-fits:refused-url",
            "A URL with a fragment, dot segments or another oddity fits nothing.",
            "RFC 9728 §2; RFC 8707 §2; RFC 3986 §3.3",
            lambda pair: not all(map(may_be_called, pair)),
        ),
        Difference(
            "resource-fits:default-port",
            "An origin with the default port is the origin without it.",
            "RFC 6454 §4 and §6.2",
            lambda pair: _origin(pair[0]) != _origin(pair[1]) and any(url.count(":443") for url in pair),
        ),
        Difference(
            "resource-fits:query",
            "A resource with a query is that of this very query.",
            "RFC 9728 §2 and §3.3",
            lambda pair: "?" in pair[1] and urlsplit(pair[0]).query != urlsplit(pair[1]).query,
        ),
        Difference(
            "resource-fits:semicolon",
            "What follows a semicolon is part of the path, and another one is another path.",
            "RFC 3986 §3.3",
            lambda pair: any(map(last_step_has_parameters, pair)),
        ),
    ),
)


# Whether two issuers are one, for what is registered there

ISSUERS = (
    "https://provider.example",
    "https://provider.example/",
    "https://provider.example/p",
    "https://provider.example/p/",
    "https://PROVIDER.example",
    "https://provider.example:443",
    "http://provider.example",
)

SAME: Comparison[Pair] = Comparison(
    "whether a registration at one issuer serves another",
    lambda pair: provider_key("acme", pair[0]) == provider_key("acme", pair[1]),
    lambda pair: utils.issuers_match(*pair),
    tuple((one, other) for one in ISSUERS for other in ISSUERS),
    st.tuples(MADE, MADE) | MADE.map(lambda url: (url, url)),
    (
        Difference(
            "same-issuer:final-slash",
            "Issuers are plain strings: a final slash makes another one, which costs a registration of its own.",
            "RFC 8414 §3.3; RFC 3986 §6.2.1",
            lambda pair: (
                pair[0] != pair[1] and {*pair} == {min(pair), f"{min(pair)}/"} and urlsplit(min(pair)).path == ""
            ),
        ),
    ),
)
