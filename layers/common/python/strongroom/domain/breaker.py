"""When a provider is left alone for a while: it asks for that, or it gives no answer.

One row per provider key, which is one team at one provider: nobody else waits for it. A healthy provider has no row. A few
faults in a row open the breaker, with pauses that grow; a 429 opens it at once, for as long as it says. When the time is
over, one renewal may try: success removes the row, a fault opens it again, and who dies while trying keeps nobody for long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from strongroom.domain import exchange, keys
from strongroom.domain.policy import DAY
from strongroom.domain.rows import optional_number, optional_text
from strongroom.domain.table import Condition, Is, Item, Key, Missing, Put, Remove, Value

RATE_LIMITED = "rate_limited"
FAULTS_TO_OPEN = 5
"""One that falls over now and then stays open to all; one that is away costs five tries, not one per connection."""
FIRST_PAUSE = 30
LONGEST_PAUSE = 900
TRIAL = 30
"""Seconds after which nobody waits for a trial any more: the function that made it has ended (25 s)."""
TRIAL_IS_SOON_OVER = 5
"""Seconds after which whoever met somebody else's trial may come again: most take less than one."""
FORGOTTEN_AFTER = 1800
"""Seconds without a fault after which earlier ones do not count: twice the longest pause."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What speaks against asking this provider again at once. `wait` is what it asked for, in seconds; `at_once`: it said so
    itself, and need not be asked five times. `by`: whose renewal it was."""

    why: str
    wait: int | None = None
    at_once: bool = False
    by: str = ""


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing stands against asking."""


@dataclass(frozen=True, slots=True)
class Open:
    """Ask nothing before `until`."""

    until: int


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """The pause is over: one may try."""


State: TypeAlias = Closed | Open | HalfOpen


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of one provider's health. Times are seconds since the epoch.

    `turn` is new with each write, None if there is no row: who writes or removes it names what was read. `faults` and
    `openings` count in a row; `open_until` 0: it is not open; `trial_until` 0: nobody tries. `by`: whose renewal met the
    last trouble.
    """

    provider_key: str
    turn: str | None = None
    faults: int = 0
    faulted_at: int = 0
    openings: int = 0
    open_until: int = 0
    trial_until: int = 0
    why: str = ""
    by: str = ""

    @property
    def key(self) -> Key:
        return keys.breaker(self.provider_key)

    @classmethod
    def from_item(cls, provider_key: str, item: Item | None) -> Breaker:
        if item is None:
            return cls(provider_key)
        return cls(
            provider_key=provider_key,
            turn=optional_text(item, "turn"),
            faults=optional_number(item, "faults") or 0,
            faulted_at=optional_number(item, "faulted_at") or 0,
            openings=optional_number(item, "openings") or 0,
            open_until=optional_number(item, "open_until") or 0,
            trial_until=optional_number(item, "trial_until") or 0,
            why=str(item.get("why") or ""),
            by=str(item.get("by") or ""),
        )

    def to_put(self, read: Breaker) -> Put:
        """Write this state over the one that was read, and over no other."""
        row: dict[str, Value] = {
            "PK": self.key.pk,
            "SK": self.key.sk,
            "kind": "breaker",
            "provider_key": self.provider_key,
            "turn": self.turn,
            "faults": self.faults,
            "faulted_at": self.faulted_at,
            "openings": self.openings,
            "open_until": self.open_until,
            "trial_until": self.trial_until,
            "why": self.why,
            "by": self.by,
            "ttl": max(self.faulted_at, self.open_until, self.trial_until) + DAY,
        }
        return Put(row, require=read.as_read())

    def removal(self) -> Remove | None:
        """What is written when the provider is well: nothing, if there was no row."""
        return Remove(self.key, self.as_read()) if self.turn is not None else None

    def well(self, turn: str) -> Put | Remove | None:
        """What is written when the provider is well: nothing, if there was no row.

        Who was told to wait by name stays remembered for a while, so that the same one cannot hold up all others again.
        """
        if self.why != RATE_LIMITED or self.turn is None:
            return self.removal()
        closed = replace(self, turn=turn, faults=0, open_until=0, trial_until=0)
        return closed.to_put(self) if (self.open_until or self.trial_until or self.faults) else None

    def as_read(self) -> Condition:
        return Missing() if self.turn is None else Is("turn", self.turn)

    def remembered(self, now: float) -> Breaker:
        """What of it still counts."""
        over = now >= max(self.faulted_at, self.open_until) + FORGOTTEN_AFTER
        return Breaker(self.provider_key, self.turn) if over else self


def trouble_in(outcome: exchange.Outcome) -> Trouble | None:
    """What an outcome says about the provider. None: it is well, whatever it thinks of this grant or of this client.

    A success that cannot be used is trouble: each further one may spend another refresh token for nothing.
    """
    match outcome:
        case exchange.RateLimited(wait):
            return Trouble(RATE_LIMITED, wait, at_once=True)
        case exchange.Transient("unreachable" | "provider_error" as code, retry_after=wait):
            return Trouble(code, wait)
        case exchange.Ambiguous(code):
            return Trouble(code)
        case _:
            return None


def assess(breaker: Breaker, now: float) -> State:
    """Say whether this provider may be asked now."""
    known = breaker.remembered(now)
    if now < known.open_until:
        return Open(known.open_until)
    if now < known.trial_until:
        return Open(min(known.trial_until, int(now) + TRIAL_IS_SOON_OVER))
    return HalfOpen() if known.open_until else Closed()


def on_trial(breaker: Breaker, now: float, turn: str) -> Breaker:
    """Somebody tries; for the others it stays open until that has ended, or its time has."""
    return replace(breaker, turn=turn, trial_until=int(now) + TRIAL)


def after_trouble(
    known: Breaker, trouble: Trouble, now: float, chance: float, turn: str, mine: str | None
) -> Breaker | None:
    """What becomes of the breaker after one more fault; None if it says already what it has to say.

    A wish to wait is kept to the second. Whoever repeats it at each trial is left alone for longer: it may ask for one
    second, for hours. But if it says so to one and the same connection again and again, that one alone is meant, which waits
    by itself: to the others it is open then.

    `mine` is the turn under which the provider was asked: the trial of somebody else decides without us. `chance` is in
    [0, 1).
    """
    before, at = known.remembered(now), int(now)
    wanted = at + (trouble.wait or 0)
    if now < before.open_until:
        return _opened(before, trouble, at, wanted, turn) if trouble.at_once and wanted > before.open_until else None
    if now < before.trial_until and known.turn != mine and not trouble.at_once:
        return None
    if trouble.at_once and trouble.by and (before.why, before.by) == (RATE_LIMITED, trouble.by) and before.openings:
        return replace(before, turn=turn, faulted_at=at, open_until=0, trial_until=0)
    if before.openings or trouble.at_once or before.faults + 1 >= FAULTS_TO_OPEN:
        openings = before.openings if trouble.at_once else before.openings + 1
        least = at + pause(openings, chance) if openings else at
        return _opened(before, trouble, at, max(wanted, least), turn)
    return Breaker(known.provider_key, turn, before.faults + 1, at, why=trouble.why, by=trouble.by)


def _opened(before: Breaker, trouble: Trouble, at: int, until: int, turn: str) -> Breaker:
    counted = (before.faults + 1, at, before.openings + 1, until)
    return Breaker(before.provider_key, turn, *counted, why=trouble.why, by=trouble.by)


def pause(openings: int, chance: float) -> int:
    """Seconds for which it stays open after so many openings in a row (1 or more): doubling, with up to a half more."""
    shortest = FIRST_PAUSE * 2 ** min(openings - 1, 10)
    return int(min(shortest * (1 + chance / 2), LONGEST_PAUSE))
