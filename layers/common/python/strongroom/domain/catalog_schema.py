"""Read an entry of the provider catalog, and refuse what is not of its form."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, TypeVar, get_args

from strongroom.domain.catalog import (
    Asking,
    Authenticating,
    Body,
    CatalogEntry,
    Endpoints,
    Ends,
    Reading,
    Refreshing,
    Registration,
    Revoking,
)
from strongroom.domain.own_parameters import names_own_parameter
from strongroom.domain.provider import AUTH_METHODS
from strongroom.domain.web_url import web_url

Check = Callable[[object], bool]
Section = TypeVar("Section")

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_SECONDS: Final = 10 * 366 * 86_400
_ABOUT_THE_ENTRY: Final = frozenset({"name", "documentation", "verified", "second_hand"})
_OUR_HEADERS: Final = frozenset(
    {
        *("accept", "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host"),
        *("proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade"),
    }
)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 512 and value.isprintable()


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_url(value: object) -> bool:
    return web_url(value) is not None


def _is_origin(value: object) -> bool:
    """An origin, or `https://*.` before a host of at least two labels: `*.com` would be everybody."""
    if not isinstance(value, str):
        return False
    plain = value.replace("https://*.", "https://", 1)
    url = web_url(plain)
    return url is not None and url.origin == plain and (plain == value or "." in url.host)


def _is_seconds(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST_SECONDS


def _is_switch(value: object) -> bool:
    return isinstance(value, bool)


def _is_day(value: object) -> bool:
    return type(value) is date


def _is_separator(value: object) -> bool:
    return value in (" ", ",")


def _is_lower_name(value: object) -> bool:
    return _is_name(value) and value == str(value).lower()


def _is_free_name(value: object) -> bool:
    """A parameter that an authorization request may be given: none that OAuth itself uses."""
    return isinstance(value, str) and _is_name(value) and not names_own_parameter(value)


def _is_scope_parameter(value: object) -> bool:
    """A name that `own_parameters` knows for ours by the word in it: nobody else may add it."""
    return _is_lower_name(value) and "scope" in str(value)


def _are_parameters(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_free_name(name) and _is_text(text) for name, text in value.items())


def _are_aliases(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_url(name) and _is_url(text) for name, text in value.items())


def _are_headers(value: object) -> bool:
    """Headers of a provider's own, such as a version: none that HTTP or OAuth uses."""
    if not isinstance(value, Mapping):
        return False
    return all(_is_name(name) and name.lower() not in _OUR_HEADERS and _is_ascii(text) for name, text in value.items())


def _is_ascii(value: object) -> bool:
    return _is_text(value) and str(value).isascii()


def _one_of(*allowed: str) -> Check:
    return lambda value: value in allowed


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


_TOP: Mapping[str, Check] = {
    "name": _is_text,
    "documentation": _is_url,
    "verified": _is_day,
    "second_hand": _list_of(_is_name),
    "issuers": _list_of(_is_url),
    "issuer_aliases": _are_aliases,
    "origins": _list_of(_is_origin),
}
_SECTIONS: Mapping[type, Mapping[str, Check]] = {
    Endpoints: {"authorization": _is_url, "token": _is_url, "revocation": _is_url},
    Asking: {
        "parameters": _are_parameters,
        "scope_parameter": _is_scope_parameter,
        "scope_separator": _is_separator,
        "resource": _is_switch,
        "pkce_unlisted": _is_switch,
    },
    Authenticating: {
        "registration": _one_of(*get_args(Registration)),
        "methods": _list_of(_one_of(*AUTH_METHODS)),
        "body": _one_of(*get_args(Body)),
        "headers": _are_headers,
    },
    Reading: {
        "exchange": _list_of(_is_name),
        "refresh": _list_of(_is_name),
        "success_flag": _is_name,
        "expiry": _is_name,
        "never_expires": _is_switch,
        "scope_separator": _is_separator,
        "errors": _list_of(_is_name),
        "refused": _list_of(_is_text),
        "client_rejected": _list_of(_is_text),
        "token_types": _list_of(_is_lower_name),
        "account": _list_of(_is_name),
    },
    Refreshing: {
        "offered": _is_switch,
        "rotates": _is_switch,
        "reuse_detected": _is_switch,
        "grace": _is_seconds,
        "lifetime": _is_seconds,
        "from_consent": _is_switch,
        "idle": _is_seconds,
        "endpoint": _is_url,
    },
    Revoking: {"ends": _one_of(*get_args(Ends)), "body": _one_of(*get_args(Body)), "page": _is_url},
}


def read_entry(document: Mapping[str, Any]) -> CatalogEntry:
    """Read one entry; every member is known and of its form, and name, documentation, verified and origins are there.

    Endpoints lie on the entry's own origins: what vouches for a pair of endpoints vouches for these. `second_hand` names
    members of this very entry, so that it cannot outlive what it doubts.

    Raises:
        ValueError: With the member that is wrong.
    """
    sections = {kind.__name__.lower(): kind for kind in _SECTIONS}
    plain = {name: value for name, value in document.items() if name not in sections}
    missing = {"name", "documentation", "verified", "origins"} - plain.keys()
    if missing:
        raise ValueError(f"missing: {', '.join(sorted(missing))}")
    parts: dict[str, Any] = {
        name: _section(kind, document[name]) for name, kind in sections.items() if name in document
    }
    entry = CatalogEntry(**_checked(_TOP, plain), **parts)
    ends = entry.endpoints or Endpoints("", "")
    named = (ends.authorization, ends.token, ends.revocation, entry.refreshing.endpoint)
    astray = [url for url in named if url and not entry.has_origin(url)]
    if astray:
        raise ValueError(f"off its origins: {', '.join(astray)}")
    if not {*entry.issuer_aliases.values()} <= {*entry.issuers}:
        raise ValueError("issuer_aliases leads to no issuer of its own")
    unknown = {*entry.second_hand} - claims(document)
    if unknown:
        raise ValueError(f"second_hand names no member: {', '.join(sorted(unknown))}")
    return entry


def claims(document: Mapping[str, Any]) -> set[str]:
    """Name all that an entry says of its provider, members of sections with a dot: what can be known at second hand."""
    sections = {kind.__name__.lower() for kind in _SECTIONS} & document.keys()
    return {*document} - sections - _ABOUT_THE_ENTRY | {
        f"{section}.{member}" for section in sections for member in document[section]
    }


def _section(kind: type[Section], members: object) -> Section:
    name = kind.__name__.lower()
    if not isinstance(members, Mapping):
        raise ValueError(f"{name} is no table")
    if kind is Endpoints and not {"authorization", "token"} <= members.keys():
        raise ValueError(f"missing in {name}: authorization or token")
    return kind(**_checked(_SECTIONS[kind], members))


def _checked(form: Mapping[str, Check], members: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in members.items():
        check = form.get(name)
        if check is None or not check(value):
            raise ValueError(f"{name} does not belong there, or is not of its form")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in members.items()}
