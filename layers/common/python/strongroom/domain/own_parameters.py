"""The query parameters of an authorization request that are ours to set, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_to_bytes

OWN_PARAMETERS: Final = frozenset(
    {
        "response_type",
        "response_mode",
        "client_id",
        "client_secret",
        "redirect_uri",
        "scope",
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


def names_own_parameter(query: str | None, also: Iterable[str] = ()) -> bool:
    """Tell whether a query names a parameter that is ours to set; `also` are names, in lower case, that are ours too.

    Names are compared as a lenient server may read them: decoded, whatever the case, with `;` as a separator, and with
    PHP's habits (brackets cut off, dots and spaces as underscores).
    """
    names = (piece.partition("=")[0] for piece in re.split("[&;]", query or ""))
    ours = OWN_PARAMETERS.union(also)
    return any(_as_read_leniently(name) in ours for name in names)


def _as_read_leniently(name: str) -> str:
    decoded = unquote_to_bytes(name.replace("+", " ")).decode("latin-1")
    return re.sub(r"[. ]", "_", decoded.strip().lower().partition("[")[0])
