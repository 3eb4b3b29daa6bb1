"""Renewing because a look-up asks for it: what to make of the outcome while a satellite waits for an answer."""

from __future__ import annotations

from strongroom.domain.connection import Connection
from strongroom.domain.errors import Unavailable
from strongroom.domain.lookup import LONGEST_WAIT
from strongroom.flows import renew
from strongroom.flows.reads import Admitted
from strongroom.ports import Ports


def will_do(outcome: renew.Renewal | None, good_enough: bool) -> bool:
    """Whether what is there is handed out although more was wished for: it is new, or could not be renewed just now."""
    return isinstance(outcome, renew.Renewed) or (outcome is not None and good_enough)


def renewal(ports: Ports, admitted: Admitted, connection: Connection, until: float, good_enough: bool) -> renew.Renewal:
    """Renew on demand. After an ambiguous outcome, one delayed message takes the second look."""
    try:
        outcome = renew.renew(ports, admitted.team, connection, "look_up", until)
    except Unavailable as error:
        if not good_enough:
            raise
        ports.journal.note("not_renewed", code=error.public_code)
        return renew.Failed(error.public_code, 0)
    if isinstance(outcome, renew.Unclear) and outcome.again:
        delay = max(1, outcome.until - int(ports.clock.now()))
        renew.ask_for_second_look(ports, connection, delay)
    return outcome


def worth_waiting(outcome: renew.Renewal, now: float, started: float) -> bool:
    """Whether reading again soon can help: somebody else is at it, or has just finished."""
    match outcome:
        case renew.Adopted() | renew.Refused():
            return True
        case renew.Waiting():
            return now - started < LONGEST_WAIT
        case _:
            return False


def not_now(outcome: renew.Renewal, now: float) -> Exception:
    match outcome:
        case renew.Failed(_, until) | renew.Unclear(until, _) | renew.Waiting(until):
            return Unavailable("not renewed in time", retry_after=max(1, min(int(until - now), 60)))
        case _:
            return Unavailable("not renewed", retry_after=5)
