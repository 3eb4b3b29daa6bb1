"""Who answered, and what is asked for: issuers, scopes, S256."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import strategies as st
from mcp.client.auth import utils
from mcp.shared.auth import OAuthMetadata, ProtectedResourceMetadata

from strongroom.domain.authorization_response import CallbackParameters, accept_response
from strongroom.domain.discovery import judge_authorization_server
from strongroom.domain.identifiers import hashed
from strongroom.domain.scope import OFFLINE, scope_list, scopes_to_ask
from strongroom.domain.secret import Secret
from strongroom.domain.step_up import scopes_to_ask_again
from tests.unit.connections import DESTINATION, FRESH
from tests.unit.pending import Pending
from tests.unit.sdk.comparison import Comparison, Difference, code_of, may_be_called, or_refused
from tests.unit.sdk.documents import ISSUER, answer, server_document

# What an SDK model makes of a URL: host in lower case, no default port, and more

STRANGE_HOST = re.compile(r"[a-z]+://[^/]*[A-Z][^/]*(/.*)?|[a-z]*[A-Z].*|[a-z]+://[^/]*:443(/.*)?")
ISSUERS = (
    ISSUER,
    f"{ISSUER}/",
    f"{ISSUER}/p",
    f"{ISSUER}/p/",
    f"{ISSUER}:8443",
    "https://PROVIDER.example",
    f"{ISSUER}:443",
    "https://evil.example",
    "http://provider.example",
    f"{ISSUER}#x",
    f"{ISSUER}?x=1",
)
_ISSUER = st.sampled_from(ISSUERS)


def written_otherwise(issuer: str) -> bool:
    return STRANGE_HOST.fullmatch(issuer) is not None


# The issuer in a document: asked are the document's and the one that was expected

Pair = tuple[str, str]


def ours_of_document(pair: Pair) -> bool:
    code = code_of(lambda: judge_authorization_server(answer(server_document(pair[0])), pair[1]))
    assert code in {"", "issuer_mismatch", "issuer_refused", "endpoint_off_issuer"}
    return code in {"", "endpoint_off_issuer"}  # the issuer has been checked by then


def sdk_of_document(pair: Pair) -> bool:
    metadata = OAuthMetadata.model_validate(server_document(pair[0]))
    return or_refused(lambda: utils.validate_metadata_issuer(metadata, pair[1])) is None


DOCUMENT: Comparison[Pair] = Comparison(
    "whether a document is that of the expected issuer",
    ours_of_document,
    sdk_of_document,
    tuple((named, expected) for named in ISSUERS for expected in ISSUERS),
    st.tuples(_ISSUER, _ISSUER),
    (
        Difference(
            "document-issuer:plain-string",
            "Issuers are compared as they stand there, not as a parser of URLs would write them.",
            "RFC 8414 §3.3; RFC 3986 §6.2.1",
            lambda pair: written_otherwise(pair[0]),
        ),
        Difference(
            "document-issuer:refused",
            "An issuer with http, a query or a fragment is none, identical or not.",
            "RFC 8414 §2",
            lambda pair: not may_be_called(pair[1]) or "?" in pair[1],
        ),
    ),
)


# `iss` in an authorization response: asked are `iss`, the chosen issuer, whether `iss` is announced, whether we need it

Asked = tuple[str | None, str, bool, bool]


def ours_of_response(asked: Asked) -> bool:
    iss, issuer, announced, needed = asked
    pending = Pending(hashed("s" * 43), issuer=issuer, iss_supported=announced, iss_required=needed)
    params = CallbackParameters(Secret("s" * 43), Secret("code"), iss)
    code = code_of(lambda: accept_response(params, pending, pending.provider_key, 0))
    assert code in {"", "issuer_mismatch", "issuer_missing"}
    return code == ""


def sdk_of_response(asked: Asked) -> bool:
    iss, issuer, announced, _ = asked
    document = server_document(issuer, authorization_response_iss_parameter_supported=announced)
    metadata = OAuthMetadata.model_validate(document)
    return or_refused(lambda: utils.validate_authorization_response_iss(iss, metadata)) is None


RESPONSE: Comparison[Asked] = Comparison(
    "whether an authorization response came from the chosen issuer",
    ours_of_response,
    sdk_of_response,
    (
        *(
            (iss, issuer, announced, False)
            for iss in (None, *ISSUERS)
            for issuer in ISSUERS
            for announced in (True, False)
        ),
        (None, ISSUER, False, True),
        (ISSUER, ISSUER, False, True),
    ),
    st.tuples(st.none() | _ISSUER, _ISSUER, st.booleans(), st.booleans()),
    (
        Difference(
            "response-issuer:plain-string",
            "The issuer in a response is compared with the chosen one as it was given, not as a parser of URLs writes it.",
            "RFC 9207 §2.4; RFC 3986 §6.2.1",
            lambda asked: written_otherwise(asked[1]),
        ),
        Difference(
            "response-issuer:needed",
            "Where an endpoint lies off the issuer's origin, `iss` is needed, whatever the metadata announces by now.",
            "RFC 9700 §4.4.2",
            lambda asked: asked[3] and asked[0] is None,
        ),
    ),
)


# Scopes: asked are the challenge's, the resource's and the authorization server's; None where they are not named

Scopes = tuple[str | None, tuple[str, ...] | None, tuple[str, ...] | None]


def in_any_order(scopes: object) -> tuple[str, ...]:
    """RFC 6749 §3.3: the order does not matter."""
    return tuple(sorted({*scopes})) if isinstance(scopes, tuple | list) else ()


def ours_of_scopes(asked: Scopes) -> object:
    challenged = scope_list(asked[0]) or () if asked[0] is not None else ()
    return in_any_order(scopes_to_ask(challenged, asked[1] or (), asked[2] or ()))


def sdk_of_scopes(asked: Scopes) -> object:
    listed = {"scopes_supported": list(asked[1])} if asked[1] is not None else {}
    resource = ProtectedResourceMetadata.model_validate(
        {"resource": "https://files.example/mcp", "authorization_servers": [ISSUER], **listed}
    )
    supported = {"scopes_supported": list(asked[2])} if asked[2] is not None else {}
    server = OAuthMetadata.model_validate(server_document(**supported))
    grants = ["authorization_code", "refresh_token"]
    return in_any_order((utils.get_client_metadata_scopes(asked[0], resource, server, grants) or "").split())


def _elsewhere(asked: Scopes) -> tuple[str, ...]:
    """The scopes that would be asked for, before `offline_access` is looked at."""
    return tuple(asked[0].split()) if asked[0] else asked[1] or ()


_SETS = st.none() | st.lists(st.sampled_from(["read", "write", OFFLINE]), max_size=3).map(tuple)

SCOPES: Comparison[Scopes] = Comparison(
    "the scopes that are asked for",
    ours_of_scopes,
    sdk_of_scopes,
    (
        (None, None, None),
        (None, ("read",), None),
        (None, (), None),
        ("read write", ("admin",), ("all",)),
        ("read", None, None),
        ("read", None, ("read", OFFLINE)),
        (f"read {OFFLINE}", None, ("read", OFFLINE)),
        (None, ("read",), (OFFLINE,)),
        ("read read", None, None),
        (None, None, ("read", "write")),
        (None, None, ("read", OFFLINE)),
        ("", ("read",), None),
        (f"read {OFFLINE}", None, ("read",)),
        (f"read {OFFLINE}", None, None),
        (None, ("read", OFFLINE), ("read",)),
        (None, None, (OFFLINE,)),
    ),
    st.tuples(_SETS.map(lambda scopes: None if scopes is None else " ".join(scopes)), _SETS, _SETS),
    (
        Difference(
            "scopes:not-the-servers",
            "What the authorization server can do for everybody is not asked for, only what the MCP server names.",
            "MCP 2026-07-28, scope selection strategy; RFC 9700 §2.3",
            lambda asked: asked[0] is None and asked[1] is None and any(scope != OFFLINE for scope in asked[2] or ()),
        ),
        Difference(
            "scopes:empty-challenge",
            "A challenge with an empty scope names none; the resource's are asked for.",
            "RFC 6749 §3.3; RFC 6750 §3",
            lambda asked: asked[0] == "" and bool(asked[1]),
        ),
        Difference(
            "scopes:offline-unlisted",
            "offline_access is asked for only where the authorization server lists it, whoever else names it.",
            "MCP 2026-07-28, refresh tokens; OpenID Connect Core §11",
            lambda asked: OFFLINE in _elsewhere(asked) and OFFLINE not in (asked[2] or ()),
        ),
    ),
)


# Step-up: asked are the scopes of the consent and those of the challenge

Sets = tuple[tuple[str, ...], tuple[str, ...]]


def ours_of_union(asked: Sets) -> object:
    connection = replace(FRESH, requested_scopes=asked[0], challenged=asked[1])
    return in_any_order(scopes_to_ask_again((), connection, FRESH.standing, DESTINATION.issuer))


_NAMES = st.lists(st.sampled_from(["read", "write", "mail", OFFLINE]), max_size=4, unique=True).map(tuple)

UNION: Comparison[Sets] = Comparison(
    "the scopes of a step-up",
    ours_of_union,
    lambda asked: in_any_order((utils.union_scopes(" ".join(asked[0]), " ".join(asked[1])) or "").split()),
    (
        ((), ()),
        (("read",), ("write",)),
        (("read", "write"), ("write", "mail")),
        ((), ("read",)),
        (("read", OFFLINE), ("write",)),
        (("read",), ()),
        (tuple(map(str, range(90))), tuple(map(str, range(80, 120)))),
    ),
    st.tuples(_NAMES, _NAMES),
    (
        Difference(
            "step-up:offline",
            "offline_access follows the authorization server's list at each authorization, not the last consent.",
            "MCP 2026-07-28, refresh tokens",
            lambda asked: OFFLINE in {*asked[0], *asked[1]} and asked[1] != (),
        ),
        Difference(
            "step-up:no-challenge",
            "Without a challenge there is no step-up, and what is found now is asked for.",
            "MCP 2026-07-28, scope challenge handling",
            lambda asked: asked[1] == () and asked[0] != (),
        ),
        Difference(
            "step-up:most",
            "There is a highest number of scopes.",
            "MCP 2026-07-28, scope challenge handling",
            lambda asked: len({*asked[0], *asked[1]}) > 99,
        ),
    ),
)
