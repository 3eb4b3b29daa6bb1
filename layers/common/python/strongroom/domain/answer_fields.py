"""Single fields of a token endpoint's answer, as deployed providers write them."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from strongroom.domain.json_document import JsonValue
from strongroom.domain.secret import Secret

LONGEST_TOKEN = 16 * 1024
YEAR = 365 * 86_400
LONGEST_PAUSE = 900

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
    if isinstance(value, str):
        digits = _SECONDS.fullmatch(value)
        value = float(digits[1]) if digits else None
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        return None
    return max(1, min(int(value), YEAR))


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
