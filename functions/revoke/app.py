"""The worker behind the chore queue: it tells providers that grants have ended."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from strongroom.aws.queue import Delivered, each, messages
from strongroom.aws.wiring import Wired, wire
from strongroom.domain.errors import InvalidRequest
from strongroom.flows.chores import do_chore

PORTS = wire("revoke", queues=("chore",), people=False)
_CHORE = re.compile(r"[A-Za-z0-9]{8,40}", re.ASCII)


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Any:
    """Take messages that each name a chore."""
    found = messages(event, context, ports.ports.journal)
    return each(found, partial(work, ports), ports.ports.journal)


def work(wired: Wired, message: Delivered) -> bool:
    """Do the chore. What does not work now stays in its row, and the sweep names it again."""
    chore = message.json().get("chore")
    if wired.queues.get(message.queue) != "chore" or not isinstance(chore, str) or not _CHORE.fullmatch(chore):
        raise InvalidRequest("not the name of a chore")
    if do_chore(wired.ports, chore) is None:
        wired.ports.journal.count("DroppedMessage")
    return True
