"""The worker behind the renewal queue and the rescue queue."""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.aws.queue import Delivered, each, messages
from strongroom.aws.wiring import Wired, wire
from strongroom.domain import rescue
from strongroom.domain.errors import InvalidRequest, QueueUnavailable, StoreUnavailable
from strongroom.domain.identifiers import is_version
from strongroom.domain.rows import NewerRow
from strongroom.domain.table import Key
from strongroom.flows.settle import settle_patiently
from strongroom.flows.slots import Slots
from strongroom.flows.work import LookAgain, renew_one
from strongroom.ports import Queue

NEWER_IS_BACK = 300
"""Seconds after which a result is tried again whose row a newer release has rewritten: this one can do nothing for it."""
RESCUE_WITHIN = 20.0
"""Seconds in which one delivery of a result asks a silent table again and again, so that it is stored before anybody looks
a second time with the token that it replaces. Then it comes back; so it does if the function is killed while it asks."""

PORTS = wire("renew", queues=("renewal", "rescue"), people=False)


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Any:
    """Take messages that each name a connection to renew, or hold a result to store."""
    found = messages(event, context, ports.ports.journal)
    return each(found, partial(work, ports, Slots()), ports.ports.journal)


def work(wired: Wired, slots: Slots, message: Delivered) -> bool:
    """Do one message, by the queue that it came from; False lets it come back."""
    match wired.queues.get(message.queue):
        case "renewal":
            return renew(wired, slots, message)
        case "rescue":
            return store(wired, message)
        case _:
            raise InvalidRequest("not from a queue of ours")


def renew(wired: Wired, slots: Slots, message: Delivered) -> bool:
    """Renew the connection that the message names, if its version is still the present one."""
    fields = message.json()
    pk, sk, version = fields.get("pk"), fields.get("sk"), fields.get("version")
    if not isinstance(pk, str) or not isinstance(sk, str) or not isinstance(version, str) or not is_version(version):
        raise InvalidRequest("not the name of a connection")
    worked = renew_one(wired.ports, Key(pk, sk), version, message.receives, slots)
    if isinstance(worked, LookAgain):
        return _postponed(wired, wired.ports.queues.renewal, message, worked.seconds)
    return True


def store(wired: Wired, message: Delivered) -> bool:
    """Store a rescued result. While the table is silent it comes back at once, however long that lasts: it has to be in the
    table before a second look, which waits a few seconds for it, sends the token that it replaces.

    What cannot be read may be a grant all the same, written by another release: an alarm, and it comes back until it is
    put aside on the dead-letter queue. It is never dropped.
    """
    try:
        result = rescue.decode(message.body)
        settle_patiently(wired.ports, result, wired.ports.clock.now() + RESCUE_WITHIN)
    except InvalidRequest:
        wired.ports.journal.alarm("rescue_unreadable", message=message.id)
        return False
    except NewerRow:
        return _postponed(wired, wired.ports.queues.rescue, message, NEWER_IS_BACK)
    except StoreUnavailable:
        return _postponed(wired, wired.ports.queues.rescue, message, 1)
    return True


def _postponed(wired: Wired, queue: Queue, message: Delivered, seconds: int) -> bool:
    """Let this very message come back then; it stays in the queue either way."""
    try:
        queue.postpone(message.receipt, seconds)
    except QueueUnavailable:
        wired.ports.journal.note("message_not_postponed")
    return False
