"""What a person is told who has to act, and which form of it an MCP client understands. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

from strongroom_satellite.errors import AuthorizationRequired, WrongOrigin
from strongroom_satellite.origin import parse_origin

LONGEST_NAME = 80

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_NO_USERINFO = re.compile(r"[a-z]+://[^/?#@\\]+([/?#].*)?", re.IGNORECASE)


class Way(Enum):
    """How an MCP client takes a link that a person has to open."""

    ERROR = "the error -32042"
    INPUT_REQUIRED = "a result that asks for input"
    WORDS = "a sentence"


_WAYS = {"2025-11-25": Way.ERROR, "2026-07-28": Way.INPUT_REQUIRED}


def understood_by(revision: str | None, capabilities: Mapping[str, Any] | None) -> Way:
    """Tell the way for a client by its revision and the capabilities that it declared, as they are on the wire.

    Links are for clients that declared `elicitation.url` (MCP 2025-11-25 and 2026-07-28, elicitation): one that declares
    `elicitation` alone takes forms. A revision that we do not know gets words.
    """
    elicitation = (capabilities or {}).get("elicitation")
    if not isinstance(elicitation, Mapping) or not isinstance(elicitation.get("url"), Mapping):
        return Way.WORDS
    return _WAYS.get(revision or "", Way.WORDS)


def required_in(error: BaseException) -> AuthorizationRequired | None:
    """Find the `AuthorizationRequired` in an error: itself, in a group, or what it was raised from.

    The stock transports of `mcp` send in task groups, so that it comes out of them in an `ExceptionGroup`.
    """
    ahead: list[BaseException | None] = [error]
    seen: set[int] = set()
    while ahead:
        one = ahead.pop(0)
        if one is None or id(one) in seen:
            continue
        if isinstance(one, AuthorizationRequired):
            return one
        seen.add(id(one))
        ahead += [*(one.exceptions if isinstance(one, BaseExceptionGroup) else ()), one.__cause__]
    return None


def link_of(required: AuthorizationRequired) -> str | None:
    """Give the link if a person may be sent there: https, or http on this machine, and plainly written."""
    link = required.link
    if link is None or not _PRINTABLE.fullmatch(link) or not _NO_USERINFO.fullmatch(link):
        return None
    try:
        parse_origin(link)
    except WrongOrigin:
        return None
    return link


def elicitation_of(
    required: AuthorizationRequired, name: str, elicitation_id: str | None = None
) -> dict[str, str] | None:
    """Make the parameters of `elicitation/create` in URL mode. None if there is no link to open.

    `elicitationId` belongs to revision 2025-11-25 alone.
    """
    link = link_of(required)
    if link is None:
        return None
    identified = {} if elicitation_id is None else {"elicitationId": elicitation_id}
    return {"mode": "url", "message": invitation(required, name), "url": link, **identified}


def invitation(required: AuthorizationRequired, name: str) -> str:
    """Say what the link beside it is for. It names the installation, and nobody."""
    if required.code == "insufficient_scope":
        return f"{shown(name)} needs more permissions than were allowed: allow them to go on."
    return f"To use {shown(name)}, connect your account first."


def words(required: AuthorizationRequired, name: str) -> str:
    """Say in one sentence who has to do what, with the link if there is one for this person."""
    link, place = link_of(required), "on the Connections page" if required.link else None
    if link is None and place is None:
        return _for_others(required, name)
    where = f"at {link}" if link else place
    if required.code == "insufficient_scope":
        return f"{shown(name)} needs more permissions than were allowed: allow them {where} and then ask again."
    return f"To use {shown(name)}, connect your account {where} and then ask again."


def declined(name: str) -> str:
    """Say that nothing was done, since the person did not want to connect."""
    return f"{shown(name)} was not connected, so that nothing was done; ask again for a new link."


def shown(name: str) -> str:
    """Quote an installation's name, without what would not print or would end the quotation."""
    printable = "".join(one if one.isprintable() and one != '"' else " " for one in name)
    return f'"{" ".join(printable.split())[:LONGEST_NAME] or "this MCP server"}"'


def _for_others(required: AuthorizationRequired, name: str) -> str:
    if required.reason == "admin_must_connect":
        return f"An admin of the team has to connect {shown(name)} before it can be used."
    return f"{shown(name)} cannot be used now, and connecting again would not help: an admin of the team has to look at it."
