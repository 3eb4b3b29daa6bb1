"""Renewing because a look-up asks for it: what to make of the outcome while a satellite waits for an answer."""

from __future__ import annotations

from math import ceil

from strongroom.domain.connection import Connection
from strongroom.domain.errors import QueueUnavailable, Unavailable
from strongroom.domain.lookup import LONGEST_WAIT
from strongroom.domain.renewal_outcome import Adopted, Failed, Outcome, Paused, Refused, Renewed, Unclear, Waiting
from strongroom.flows.messages import renewal_message
from strongroom.flows.reads import Admitted
from strongroom.flows.renew import renew
from strongroom.ports import Ports


def will_do(outcome: Outcome | None, good_enough: bool) -> bool:
    """Whether what is there is handed out although more was wished for: it is new, or could not be renewed just now."""
    return isinstance(outcome, Renewed) or (outcome is not None and good_enough)


def renewal(ports: Ports, admitted: Admitted, connection: Connection, until: float, good_enough: bool) -> Outcome:
    """Renew on demand. After an ambiguous outcome, one delayed message takes the second look."""
    try:
        outcome = renew(ports, admitted.team, connection, "look_up", until)
    except Unavailable as error:
        if not good_enough:
            raise
        ports.journal.note("not_renewed", code=error.public_code)
        return Failed(error.public_code, 0)
    if isinstance(outcome, Unclear) and outcome.again:
        _ask_for_second_look(ports, connection, delay=max(1, outcome.until - int(ports.clock.now())))
    return outcome


def _ask_for_second_look(ports: Ports, connection: Connection, delay: int) -> None:
    """Send the one delayed message that repeats a request whose answer was lost. The sweep would find it later anyway."""
    group = connection.required_destination().provider_key
    try:
        ports.queues.renewal.send([renewal_message(connection.key, connection.version, group, delay)])
    except QueueUnavailable:
        ports.journal.note("second_look_not_queued")


def worth_waiting(outcome: Outcome, now: float, started: float) -> bool:
    """Whether reading again soon can help: somebody else is at it, or has just finished."""
    match outcome:
        case Adopted() | Refused():
            return True
        case Waiting():
            return now - started < LONGEST_WAIT
        case _:
            return False


def not_now(outcome: Outcome, now: float) -> Exception:
    match outcome:
        case Paused(until):
            return Unavailable("the provider is left alone", retry_after=max(1, ceil(until - now)))
        case Failed(_, until) | Unclear(until, _) | Waiting(until):
            return Unavailable("not renewed in time", retry_after=max(1, min(int(until - now), 60)))
        case _:
            return Unavailable("not renewed", retry_after=5)
