"""What a look-up answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from strongroom_satellite.secret import Secret

LATEST = 2**53
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 §5.6.2
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?")  # RFC 9110 §5.5, without obs-text
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # POSIX.1-2017 §8.1
_VARIABLE_VALUE = re.compile(r"[\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Release:
    """A token that was handed out, and where it may go. Times are whole seconds since the epoch, by Strongroom's clock.

    An installation without OAuth has no access token and no version, but may have headers and variables.

    Attributes:
        url: The MCP server's. The token goes to its origin and nowhere else; None for a server that is started, not called.
        headers: What to send with each request, ready made.
        env: What a server that is started finds in its environment.
        cache_until: From then on it has to be looked up again.
        expiry: What is known of the end: `known` (`expires_at`), `unknown` (the provider does not say) or `never`.
    """

    access_token: Secret | None
    token_type: str | None
    expires_at: int | None
    scopes: tuple[str, ...]
    version: str | None
    cache_until: int
    url: str | None
    headers: Mapping[str, Secret] = field(default_factory=dict)
    env: Mapping[str, Secret] = field(default_factory=dict)
    expiry: str | None = None


def read_release(body: Mapping[str, Any]) -> Release:
    """Read the answer of a look-up.

    Headers and variables are held against their grammars here, as Strongroom has done before: what an HTTP client or a
    system says about a bad one repeats it.

    Raises:
        ValueError: If it is not of the form that Strongroom gives it.
    """
    token = _optional(body, "access_token", str)
    return Release(
        access_token=Secret(token) if token is not None else None,
        token_type=_optional(body, "token_type", str),
        expires_at=_whole(body, "expires_at") if body.get("expires_at") is not None else None,
        scopes=tuple(_texts(body.get("scopes"))),
        version=_optional(body, "version", str),
        cache_until=_whole(body, "cache_until"),
        url=_optional(body, "url", str),
        headers=_secrets(body.get("headers"), _HEADER, _HEADER_VALUE),
        env=_secrets(body.get("env"), _VARIABLE, _VARIABLE_VALUE),
        expiry=_optional(body, "expiry", str),
    )


def _optional(body: Mapping[str, Any], name: str, kind: type) -> Any:
    value = body.get(name)
    if value is None or isinstance(value, kind):
        return value
    raise ValueError(f"{name} has another form")


def _whole(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LATEST:
        return value
    raise ValueError(f"{name} has another form")


def _texts(value: object) -> list[str]:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    raise ValueError("scopes has another form")


def _secrets(value: object, names: re.Pattern[str], values: re.Pattern[str]) -> dict[str, Secret]:
    if isinstance(value, dict) and all(
        isinstance(text, str) and names.fullmatch(name) and values.fullmatch(text) for name, text in value.items()
    ):
        return {name: Secret(text) for name, text in value.items()}
    raise ValueError("headers or env has another form")
