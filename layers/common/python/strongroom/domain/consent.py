"""How long a consent lasts, and when a person should hear that it ends.

Nothing here ends anything. A provider's clock may differ, and only its `invalid_grant` ends a grant.
"""

from __future__ import annotations

from strongroom.domain.policy import DAY, Policy
from strongroom.domain.sealed_tokens import SealedTokens

ANNOUNCED_AHEAD = 7 * DAY
ANNOUNCED_PART = 5
TRIED_AT_PART = 4


def ends_soon(tokens: SealedTokens, now: int) -> bool:
    """Whether the person should connect again before access ends: a week ahead, or in the last fifth of a shorter life.

    A renewal was tried before that (`tried_by`). If the end still stands, nothing but a new consent puts it off. An access
    token without end needs no refresh token to go on.
    """
    ends_at = tokens.refresh_expires_at
    if ends_at is None or tokens.refresh is None or tokens.endless:
        return False
    return now >= _announced_at(tokens, ends_at)


def has_ended(tokens: SealedTokens, now: int) -> bool:
    """Whether, by all that was told, nothing can be renewed any more."""
    ends_at = tokens.refresh_expires_at
    return ends_at is not None and tokens.refresh is not None and ends_at <= now


def tried_by(tokens: SealedTokens, policy: Policy) -> int | None:
    """By when a renewal is worth trying for the refresh token's own sake (epoch seconds); None: at no certain time.

    At a quarter of its life, whatever its kind: then it is known whether a renewal puts its end off. Where none did, once
    more when the end is to be announced. What lives more briefly than the schedule can follow is left to look-ups.
    """
    ends_at, extended_at = tokens.refresh_expires_at, _extended_at(tokens)
    if ends_at is None or ends_at - extended_at < policy.short_lived:
        return None
    if tokens.obtained_at <= extended_at:
        return extended_at + (ends_at - extended_at) // TRIED_AT_PART
    announced_at = _announced_at(tokens, ends_at)
    return announced_at if tokens.obtained_at < announced_at else None


def _announced_at(tokens: SealedTokens, ends_at: int) -> int:
    return ends_at - min(ANNOUNCED_AHEAD, max(0, ends_at - _extended_at(tokens)) // ANNOUNCED_PART)


def _extended_at(tokens: SealedTokens) -> int:
    return tokens.refresh_extended_at if tokens.refresh_extended_at is not None else tokens.obtained_at
