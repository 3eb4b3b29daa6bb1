"""Single fields of a token endpoint's answer, as deployed providers write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from strongroom.domain.json_document import JsonObject, JsonValue
from strongroom.domain.secret import Secret

LONGEST_TOKEN = 16 * 1024
YEAR = 365 * 86_400
LONGEST_PAUSE = 900
LONGEST_CONSENT = 10 * YEAR
"""What ends later than that in seconds, or is told so, has no end that anybody needs to know."""

REFRESH_LIVES = (
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
    "refresh_token_timeout",
    "authorization_expires_in",
)
"""Seconds until a refresh token or the consent behind it ends. RFC 6749 has no such member. The first is the widest spread
(GitHub, Google, LinkedIn, Zendesk), the second Keycloak's and Airtable's, the third QuickBooks'; the last two are those of
draft-ietf-oauth-refresh-token-expiration: unused, and the consent's own."""
REFRESH_ENDS = ("refresh_token_expires_at",)
"""The moment itself, in ISO 8601 (Square) or as seconds since the epoch."""

_TOKEN = re.compile(r"[\x21-\x7E]+")
_REFRESH_TOKEN = re.compile(r"[\x20-\x7E]+")
_SECONDS = re.compile(r" *([0-9]{1,40}(?:\.[0-9]{1,40})?) *")
_PAUSE = re.compile(r"[0-9]+")


def token(value: JsonValue) -> Secret | None:
    """A token that can stand in a header: printable ASCII without space, at most 16 KiB (RFC 6750 §2.1). Else None."""
    if not isinstance(value, str) or len(value) > LONGEST_TOKEN or not _TOKEN.fullmatch(value):
        return None
    return Secret(value)


def refresh_token(value: JsonValue) -> Secret | None:
    """A refresh token: printable ASCII, spaces too (RFC 6749 A.17), at most 16 KiB. Else None.

    Stricter would lose grants: the old token is dead once a provider has sent the new one.
    """
    if not isinstance(value, str) or len(value) > LONGEST_TOKEN or not _REFRESH_TOKEN.fullmatch(value):
        return None
    return Secret(value)


def lifetime(value: JsonValue) -> int | None:
    """Seconds, rounded down, 1 to a year; also from a text of digits. What is no positive number is unknown: None."""
    seconds = _positive(value)
    return None if seconds is None else max(1, min(int(seconds), YEAR))


def _positive(value: JsonValue) -> float | None:
    if isinstance(value, str):
        digits = _SECONDS.fullmatch(value)
        value = float(digits[1]) if digits else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return value


def refresh_end(document: JsonObject, asked_at: int) -> int | None:
    """When the refresh token ends, in seconds since the epoch: the earliest end that is told. None: none is.

    Zero is Keycloak's word for a session without a last day, which may still end unused: as good as nothing told.
    """
    return min(_refresh_ends(document, asked_at), default=None)


def _refresh_ends(document: JsonObject, asked_at: int) -> Iterator[int]:
    for name in REFRESH_LIVES:
        seconds = _positive(document.get(name))
        if seconds is not None and seconds <= LONGEST_CONSENT:
            yield asked_at + max(1, int(seconds))
    for name in REFRESH_ENDS:
        moment = _moment(document.get(name))
        if moment is not None and asked_at < moment <= asked_at + LONGEST_CONSENT:
            yield int(moment)


def _moment(value: JsonValue) -> float | None:
    """A moment in seconds since the epoch; one without a zone is UTC."""
    number = _positive(value)
    if number is not None or not isinstance(value, str) or len(value) > 40:
        return number
    try:
        date = datetime.fromisoformat(value.strip())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def odd_refresh_ends(document: JsonObject, asked_at: int) -> tuple[str, ...]:
    """Name the members that were there for an end and told none; a zero says that there is none."""
    named = (name for name in (*REFRESH_LIVES, *REFRESH_ENDS) if document.get(name, 0) != 0)
    return tuple(name for name in named if refresh_end({name: document[name]}, asked_at) is None)


def pause(text: str, now: float) -> int | None:
    """Read `Retry-After` (RFC 9110 §10.2.3): seconds or a date, 1 to 900 seconds from now. None if it is neither."""
    seconds = float(text[:12]) if _PAUSE.fullmatch(text) else _until(text, now)
    return None if seconds is None else int(max(1, min(seconds, LONGEST_PAUSE)))


def _until(text: str, now: float) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
