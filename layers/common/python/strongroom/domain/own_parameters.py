"""The query parameters of an authorization request that are ours to set, and nobody else's."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

OWN_PARAMETERS: Final = frozenset(
    {
        "response_type",
        "response_mode",
        "client_id",
        "client_secret",
        "redirect_uri",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "resource",
        "request",
        "request_uri",
        "authorization_details",
        "client_assertion",
        "client_assertion_type",
        "code_verifier",
        "dpop_jkt",
        "grant_type",
        "iss",
        "code",
        "error",
    }
)


def names_own_parameter(query: str | None) -> bool:
    """Tell whether a query names a parameter that is ours to set: one of `OWN_PARAMETERS`, or whatever is about scopes.

    Providers take scopes under many names (`scope`, `user_scope`, `optional_scope`, `include_granted_scopes`), and people
    are shown those that we ask for: so every name with `scope` in it is ours.

    Names are compared as a lenient server may read them: decoded, whatever the case, with `;` as a separator, and with
    PHP's habits (brackets cut off, dots and spaces as underscores).
    """
    names = (_decoded(piece.partition("=")[0]) for piece in re.split("[&;]", query or ""))
    return any("scope" in name or _as_php_reads_it(name) in OWN_PARAMETERS for name in names)


def _decoded(name: str) -> str:
    return unquote_to_bytes(name.replace("+", " ")).decode("latin-1").strip().lower()


def _as_php_reads_it(name: str) -> str:
    return re.sub(r"[. ]", "_", name.partition("[")[0])
