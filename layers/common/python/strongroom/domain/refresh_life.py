"""What is known of the life of a refresh token, after a consent and after each renewal.

Providers tell it in their answers, the catalog knows it of some, and of most nobody knows.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.catalog import Refreshing
from strongroom.domain.exchange import Issued
from strongroom.domain.sealed_tokens import SealedTokens

LEAST_EXTENSION = 60
"""Seconds by which an end must move to have been put off: less is rounding, and time on the way."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """When the refresh token ends, and when that end was last put off: by the consent, or by a renewal (epoch seconds).

    None: nobody has said.
    """

    ends_at: int | None = None
    extended_at: int | None = None


UNKNOWN = Lasting()


def of_consent(issued: Issued, asked_at: int, known: Refreshing) -> Lasting:
    """What a new grant is known to last: as the provider told, else as the catalog says."""
    if issued.refresh_token is None:
        return UNKNOWN
    ends_at = issued.refresh_expires_at or _of_new_token(asked_at, known)
    return Lasting(ends_at, asked_at) if ends_at is not None else UNKNOWN


def after_renewal(old: SealedTokens | None, issued: Issued, kept: bool, asked_at: int, known: Refreshing) -> Lasting:
    """What is known after a renewal; `kept`: the refresh token is the one from before.

    What the provider tells counts. Otherwise a kept token ends when it did, and so does a life that counts from the consent;
    of another token it is known only what the catalog knows.
    """
    before = Lasting(old.refresh_expires_at, old.refresh_extended_at) if old is not None else UNKNOWN
    if issued.refresh_expires_at is not None:
        return _moved(before, issued.refresh_expires_at, asked_at)
    if kept or known.from_consent:
        return before
    ends_at = _of_new_token(asked_at, known)
    return _moved(before, ends_at, asked_at) if ends_at is not None else UNKNOWN


def _of_new_token(asked_at: int, known: Refreshing) -> int | None:
    return asked_at + known.lifetime if known.lifetime is not None else None


def _moved(before: Lasting, ends_at: int, now: int) -> Lasting:
    """Take the new end; it was put off unless it only stayed where it was, or came nearer."""
    if before.ends_at is None or before.extended_at is None or ends_at >= before.ends_at + LEAST_EXTENSION:
        return Lasting(ends_at, now)
    return Lasting(ends_at, before.extended_at)
