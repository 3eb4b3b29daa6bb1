"""Query strings, read as strictly as bodies: each member is one that is known, and stands there once."""

from __future__ import annotations

from urllib.parse import parse_qsl

from strongroom.domain import listing
from strongroom.domain.errors import InvalidRequest


def members(query: str, *known: str) -> dict[str, str]:
    """Read the members of a raw query string.

    Raises:
        InvalidRequest: For one that does not belong there, stands there twice, or cannot be decoded.
    """
    told = f"the query is at most {', '.join(known)}, each once"
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, max_num_fields=len(known), errors="strict"
        )
    except ValueError:
        raise InvalidRequest(told) from None
    found = dict(pairs)
    if len(found) < len(pairs) or not found.keys() <= {*known}:
        raise InvalidRequest(told)
    return found


def wanted_in(query: str) -> listing.Wanted:
    """Read which installations are wanted.

    Raises:
        InvalidRequest: If the query has another form.
    """
    given = members(query, "status", "limit", "next")
    return listing.Wanted(
        shown=listing.checked_shown(given["status"]) if "status" in given else None,
        limit=listing.checked_limit(given["limit"]) if "limit" in given else listing.PAGE,
        after=listing.checked_position(given["next"]) if "next" in given else None,
    )


def position_in(query: str) -> listing.Position | None:
    """Read where to begin; None: at the beginning.

    Raises:
        InvalidRequest: If the query holds anything else.
    """
    given = members(query, "next")
    return listing.checked_position(given["next"]) if "next" in given else None
