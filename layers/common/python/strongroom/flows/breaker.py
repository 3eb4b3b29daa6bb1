"""Leaving a provider alone that asks for it or gives no answer. Nothing here may cost a grant.

Whether to ask is decided before the lease, from what was read with the provider client. What is learnt is written last,
after the connection's own outcome, if there is time; a fault of that write is noted and forgotten.
"""

from __future__ import annotations

from strongroom.domain import breaker
from strongroom.domain.breaker import Breaker, Trouble
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.renewal import ONE_WRITE
from strongroom.domain.renewal_outcome import Paused
from strongroom.domain.table import Committed
from strongroom.flows.attempts import fraction, fresh_id
from strongroom.ports import Ports

MOST_TRIES = 4
"""Of many that fail at once, some may go uncounted: the breaker opens all the same."""


def admit(ports: Ports, known: Breaker) -> Breaker | Paused:
    """Let a renewal ask the provider, or tell when to come again. When a pause is over, one takes the trial.

    What is given back is the breaker under which it asks, for `learn`.
    """
    now = ports.clock.now()
    match breaker.assess(known, now):
        case breaker.Closed():
            return known
        case breaker.Open(until):
            return Paused(until)
        case breaker.HalfOpen():
            trial = breaker.on_trial(known, now, fresh_id(ports))
            return trial if _taken(ports, trial, known) else Paused(int(now) + breaker.TRIAL_IS_SOON_OVER)


def _taken(ports: Ports, trial: Breaker, known: Breaker) -> bool:
    try:
        return isinstance(ports.table.commit((trial.to_put(known),), fresh_id(ports)), Committed)
    except StoreUnavailable:
        return False


def learn(ports: Ports, asked: Breaker, trouble: Trouble | None, until: float) -> None:
    """Remember what a request has shown of its provider; None: it is well. In time before `until`, or not at all."""
    try:
        if trouble is None:
            _well(ports, asked, until)
        else:
            _count(ports, asked, trouble, until)
    except Exception as error:
        # Whatever it is: the outcome of the connection stands, and the next fault or success says the same again.
        ports.journal.note("provider_breaker_not_written", kind=type(error).__name__)


def _well(ports: Ports, asked: Breaker, until: float) -> None:
    write = asked.well(fresh_id(ports))
    if write is None or _is_late(ports, until):
        return
    closed = ports.table.commit((write,), fresh_id(ports))
    if isinstance(closed, Committed) and asked.open_until:
        ports.journal.note("provider_breaker_closed", provider_key=asked.provider_key, openings=asked.openings)
        ports.journal.count("ProviderBreakerClosed")


def _count(ports: Ports, asked: Breaker, trouble: Trouble, until: float) -> None:
    known = asked
    for _ in range(MOST_TRIES):
        if _is_late(ports, until):
            return
        now = ports.clock.now()
        after = breaker.after_trouble(known, trouble, now, fraction(ports), fresh_id(ports), asked.turn)
        if after is None:
            return
        done = ports.table.commit((after.to_put(known),), fresh_id(ports))
        if isinstance(done, Committed):
            _tell(ports, after)
            return
        known = Breaker.from_item(asked.provider_key, done.failed.get(0))


def _tell(ports: Ports, after: Breaker) -> None:
    """A line and a metric, no alarm: any team's provider could ring at will."""
    if after.open_until:
        ports.journal.note(
            "provider_breaker_open",
            provider_key=after.provider_key,
            why=after.why,
            until=after.open_until,
            openings=after.openings,
        )
        ports.journal.count("ProviderBreakerOpened")


def _is_late(ports: Ports, until: float) -> bool:
    return ports.clock.now() + ONE_WRITE > until
