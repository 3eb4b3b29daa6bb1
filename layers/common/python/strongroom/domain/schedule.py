"""When a connection is due, and how long to leave a failing one alone."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.policy import HOUR, Policy

USUAL_LIFETIME = HOUR
WIDEST_SPREAD = 1800
FIRST_RETRY = 30
LONGEST_RETRY = 900
SECOND_LOOK_AFTER = 30
USED_GRANULARITY = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Life:
    """What the schedule knows of an access token. Unknown expiry or lifetime is None."""

    obtained_at: int
    expires_at: int | None
    lifetime: int | None


def due_at(life: Life, last_used_at: int, now: int, policy: Policy, chance: float) -> int:
    """Say when the schedule renews this connection.

    The moment is spread over a window that ends `renew_ahead` before expiry (a fifth of the lifetime, at most half an
    hour), so that tokens obtained together are not renewed together. What nobody uses, and what lives too briefly to be
    renewed on schedule, is only exercised. `chance` is in [0, 1). An unknown lifetime is taken for an hour, here only.
    """
    lifetime = life.lifetime if life.lifetime is not None else USUAL_LIFETIME
    if lifetime < policy.short_lived or now - last_used_at >= policy.idle_after:
        return life.obtained_at + policy.exercise_after
    expires_at = life.expires_at if life.expires_at is not None else life.obtained_at + lifetime
    spread = min(lifetime // 5, WIDEST_SPREAD)
    return expires_at - policy.renew_ahead - int(spread * chance)


def retry_after(failures: int, chance: float) -> int:
    """Seconds to wait after the given number of failures in a row (1 or more): doubling, with full jitter above a half."""
    longest = min(FIRST_RETRY * 2 ** min(failures - 1, 10), LONGEST_RETRY)
    return int(longest / 2 + longest / 2 * chance)


def second_look_at(intent_at: int) -> int:
    """When a request whose answer was lost may be repeated, once: providers with a grace window still take the token."""
    return intent_at + SECOND_LOOK_AFTER


def use_is_worth_a_write(last_used_at: int, now: int) -> bool:
    return now - last_used_at >= USED_GRANULARITY
