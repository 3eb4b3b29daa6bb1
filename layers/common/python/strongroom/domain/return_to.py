"""Where the web client may be asked to go after an authorization."""

from __future__ import annotations

import re
from collections.abc import Collection

from strongroom.domain.errors import InvalidRequest

LONGEST = 2048

# RFC 3986's characters. The path starts with one slash only: a client that keeps no more than the path must not be led
# to another host by it.
_CHARACTER = r"[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-Fa-f]{2}"
_REST = re.compile(
    rf"(?:/(?:(?:{_CHARACTER})(?:{_CHARACTER}|/)*)?)?(?:\?(?:{_CHARACTER}|[/?])*)?(?:#(?:{_CHARACTER}|[/?])*)?"
)
_ORIGIN = re.compile(r"https?://[^/?#]*")
_IN_DISGUISE = re.compile(r"%(?:[01][0-9A-F]|7F|2F|5C|25)|/\.{1,2}(?:[/?#]|\Z)|/%2E", re.IGNORECASE)


def checked_return_to(text: str, origins: Collection[str]) -> str:
    """Give back a URL of one of these origins, unchanged.

    The origin is compared as text, letter by letter: no other case, no default port, no user, no other spelling. The
    rest has no backslash, no control character, no second slash at the start of the path and no dot segment, in the
    path also not in an encoded form, because what follows us may decode once more (RFC 9700 §4.11).

    Raises:
        InvalidRequest: If it is anything else, with code `return_to_refused`.
    """
    match = _ORIGIN.match(text)
    if match is None or len(text) > LONGEST or match[0] not in origins or not _is_plain(text[match.end() :]):
        raise InvalidRequest("return_to is not a URL of an allowed origin", code="return_to_refused")
    return text


def _is_plain(rest: str) -> bool:
    path = re.split("[?#]", rest, maxsplit=1)[0]
    return _REST.fullmatch(rest) is not None and _IN_DISGUISE.search(path) is None
