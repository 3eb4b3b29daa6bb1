"""A 403 that wants more scopes: what the person is asked for next, and when asking again is of no use."""

from __future__ import annotations

from collections.abc import Iterable

from strongroom.domain.connection import Connection, Standing, Version
from strongroom.domain.scope import OFFLINE, are_few


def asks_for_more(connection: Connection, challenge: Iterable[str]) -> tuple[str, ...]:
    """Give all that the server has challenged for since the person consented, if this challenge names a scope that was not
    asked for then; else nothing.

    Where all of them were asked for, consenting again gives no other grant: a client that went on would send the person
    round for ever (MCP 2026-07-28, authorization, scope challenge handling). So every round asks for a scope more, and
    there is a highest number of them.
    """
    wanted = tuple(challenge)
    if {*wanted} <= {*connection.requested_scopes}:
        return ()
    together = tuple(dict.fromkeys((*connection.challenged, *wanted)))
    everything = {*connection.requested_scopes, *together}
    return together if are_few(everything) else ()


def lies_above(challenge: Iterable[str], ceiling: Iterable[str]) -> bool:
    """Whether a challenge wants a scope that the admin does not allow. Without a ceiling, nothing does."""
    allowed = {*ceiling}
    return bool(allowed) and not {*challenge} <= allowed


def is_of_an_older_grant(version: str, connection: Connection) -> bool:
    """Whether a report is of tokens from before the person's latest consent. A renewal does not change the scopes."""
    return Version.parse(version).grant != connection.version.grant


def scopes_to_ask_again(
    found: tuple[str, ...],
    connection: Connection | None,
    standing: Standing,
    issuer: str,
    ceiling: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Choose the scopes of a further authorization: after a challenge for more, the union of what was asked for then, of
    what is found now, and of the challenge (MCP 2026-07-28, authorization, scope challenge handling).

    Only of what was asked for at this issuer, under this standing: another one's scopes mean nothing here.
    `offline_access` follows what was found, as everywhere. Scopes that an admin has entered are asked for from the first
    time on, and are the `ceiling`: cut to it, every union is the ceiling itself.
    """
    if ceiling:
        return ceiling
    if connection is None or not connection.challenged or connection.standing != standing:
        return found
    if connection.destination is None or connection.destination.issuer != issuer:
        return found
    union = dict.fromkeys((*connection.requested_scopes, *connection.challenged, *found))
    plain = _first_few(scope for scope in union if scope != OFFLINE)
    return (*plain, OFFLINE) if OFFLINE in found else plain


def _first_few(scopes: Iterable[str]) -> tuple[str, ...]:
    """As many as may be asked for, with room for `offline_access`."""
    kept = list(scopes)
    while not are_few((*kept, OFFLINE)):
        kept.pop()
    return tuple(kept)
