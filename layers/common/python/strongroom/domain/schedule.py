"""When a connection is due, and how long to leave a failing one alone."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.policy import HOUR, Policy

USUAL_LIFETIME = HOUR
WIDEST_SPREAD = 1800
FIRST_RETRY = 30
LONGEST_RETRY = 900
SECOND_LOOK_AFTER = 30
SECOND_LOOK_BY_THE_WARY = 120
EXERCISES_PER_LIFE = 4
USED_GRANULARITY = 6 * HOUR


@dataclass(frozen=True, slots=True)
class Life:
    """What the schedule knows of tokens. Unknown expiry or lifetime is None; `endless`: the access token has no end.

    `unused`: for how many seconds the provider keeps a refresh token that nobody uses; None: not documented.
    """

    obtained_at: int
    expires_at: int | None
    lifetime: int | None
    endless: bool = False
    unused: int | None = None


def due_at(life: Life, last_used_at: int, now: int, policy: Policy, chance: float) -> int:
    """Say when the schedule renews this connection.

    The moment is spread over a window that ends `renew_ahead` before expiry (a fifth of the lifetime, at most half an
    hour), so that tokens obtained together are not renewed together. What nobody uses, what has no end, and what lives too
    briefly to be renewed on schedule, is only exercised. `chance` is in [0, 1). An unknown lifetime is taken for an hour,
    here only.
    """
    lifetime = life.lifetime if life.lifetime is not None else USUAL_LIFETIME
    if life.endless or lifetime < policy.short_lived or now - last_used_at >= policy.idle_after:
        return life.obtained_at + _exercised_after(life, policy)
    expires_at = life.expires_at if life.expires_at is not None else life.obtained_at + lifetime
    spread = min(lifetime // 5, WIDEST_SPREAD)
    in_time = expires_at - policy.renew_ahead - int(spread * chance)
    return in_time if life.unused is None else min(in_time, life.obtained_at + life.unused // EXERCISES_PER_LIFE)


def _exercised_after(life: Life, policy: Policy) -> int:
    """Seconds after which a refresh token is used for its own sake: as the operator says, or sooner where it lapses sooner.

    A quarter of a known life leaves three more tries, and days for whoever has to mend what is in the way. A long life never
    makes it later: documentation may be out of date, an exercise costs two writes, and a lapsed grant a person's consent.
    """
    return (
        policy.exercise_after if life.unused is None else min(policy.exercise_after, life.unused // EXERCISES_PER_LIFE)
    )


def retry_after(failures: int, chance: float) -> int:
    """Seconds to wait after the given number of failures in a row (1 or more): doubling, with full jitter above a half."""
    longest = min(FIRST_RETRY * 2 ** min(failures - 1, 10), LONGEST_RETRY)
    return int(longest / 2 + longest / 2 * chance)


def second_look_after(reuse_detected: bool | None, grace: int | None) -> int:
    """Seconds after which a request whose answer was lost may be repeated, once.

    Soon, since a provider with a grace window still takes the token then. Two minutes where the second use of a spent token
    is known to end the grant, so that a result on the rescue queue comes first; unless its grace window is known to be open.
    """
    open_still = grace is not None and grace >= 2 * SECOND_LOOK_AFTER
    return SECOND_LOOK_BY_THE_WARY if reuse_detected and not open_still else SECOND_LOOK_AFTER


def use_is_worth_a_write(last_used_at: int, now: int) -> bool:
    return now - last_used_at >= USED_GRANULARITY
