"""In what a provider deviates from the rules, in stable words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from strongroom.domain.catalog import STRICT, CatalogEntry

DEVIATIONS: Final[Mapping[str, tuple[str, Callable[[CatalogEntry], object]]]] = {
    "issuer_alias": ("its MCP servers write its issuer in another way", lambda it: it.issuer_aliases),
    "pkce_unlisted": ("S256 works although its metadata does not list it", lambda it: it.asking.pkce_unlisted),
    "resource_refused": ("it refuses the parameter `resource` (RFC 8707)", lambda it: it.asking.resource),
    "extra_parameters": ("it wants parameters of its own", lambda it: it.asking.parameters),
    "scope_parameter": ("it has a parameter of its own for scopes", lambda it: it.asking.scope_parameter),
    "scope_separator": ("scopes are not separated by spaces", lambda it: _separators(it)),
    "registered_by_hand": ("an admin registers the client", lambda it: it.authenticating.registration),
    "authentication_methods": ("its methods of client authentication are fixed", lambda it: it.authenticating.methods),
    "json_body": ("its token endpoint takes JSON", lambda it: it.authenticating.body),
    "tokens_nested": ("tokens lie deeper in its answers", lambda it: (it.reading.exchange, it.reading.refresh)),
    "success_flag": ("a member of its own says whether an answer is a success", lambda it: it.reading.success_flag),
    "expiry_member": ("a member of its own says when a token ends", lambda it: it.reading.expiry),
    "never_expires": ("a token without `expires_in` has no end", lambda it: it.reading.never_expires),
    "own_error_codes": ("its error codes are its own", lambda it: (it.reading.refused, it.reading.client_rejected)),
    "own_token_types": ("its token types are its own", lambda it: it.reading.token_types),
    "no_refresh_tokens": ("it gives no refresh tokens", lambda it: it.refreshing.offered),
}
"""Each word, what it means, and the part of an entry that says so where it is not as in the rules."""


def deviations(entry: CatalogEntry) -> tuple[str, ...]:
    """List what is odd about a provider; nothing, if it is not listed or keeps the rules."""
    return tuple(word for word, (_, part) in DEVIATIONS.items() if part(entry) != part(STRICT))


def _separators(entry: CatalogEntry) -> tuple[str, str]:
    return entry.asking.scope_separator, entry.reading.scope_separator
