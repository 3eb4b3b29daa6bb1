"""Scopes as values: how they are read, and which ones are asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

MOST = 100
LONGEST = 4096  # characters, with the spaces between them: every look-up reads the row that holds them
OFFLINE = "offline_access"

_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,512}")


def scope_list(value: object, separator: str = " ") -> tuple[str, ...] | None:
    """Read a scope text: tokens between spaces, each kept once, in order (RFC 6749 §3.3). None if it is none.

    Some providers write commas: `separator` is then one, and spaces still separate.
    """
    return scope_tokens(value.replace(separator, " ").split(" ")) if isinstance(value, str) else None


def scope_tokens(value: object) -> tuple[str, ...] | None:
    """Read a list of scopes, as in metadata. None if it is no list of scopes, or an absurdly long one."""
    if not isinstance(value, list) or not all(isinstance(token, str) for token in value):
        return None
    tokens = tuple(dict.fromkeys(token for token in value if token))
    return tokens if are_few(tokens) and all(map(_TOKEN.fullmatch, tokens)) else None


def scopes_among(texts: Iterable[str]) -> tuple[str, ...]:
    """Give those texts that are scopes, of a list of any length: it is searched, and not kept."""
    return tuple(filter(_TOKEN.fullmatch, texts))


def are_few(scopes: Collection[str]) -> bool:
    """Whether so many scopes, and so long ones, are asked for, kept and shown."""
    return len(scopes) <= MOST and len(" ".join(scopes)) <= LONGEST


def scopes_to_ask(
    challenged: Iterable[str], resource_supports: Iterable[str], provider_supports: Iterable[str]
) -> tuple[str, ...]:
    """Choose the scopes of an authorization request.

    Those of the challenge; else all that the resource lists; else none. `offline_access` is asked for exactly when the
    authorization server lists it, whoever else names it (MCP 2026-07-28, authorization, scope selection).
    """
    wanted = tuple(challenged) or tuple(resource_supports)
    plain = tuple(scope for scope in dict.fromkeys(wanted) if scope != OFFLINE)
    return (*plain, OFFLINE) if OFFLINE in provider_supports else plain
