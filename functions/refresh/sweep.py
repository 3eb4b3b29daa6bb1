"""The schedule: ask for each shard, and queue what is due in one. It has no keys and speaks to no provider."""

from __future__ import annotations

from functools import partial
from typing import Any

from strongroom.aws.queue import Delivered, each, is_schedule, messages
from strongroom.aws.wiring import Wired, wire
from strongroom.domain.errors import InvalidRequest
from strongroom.flows.sweep import sweep_shard, tick

PORTS = wire("sweep", queues=("sweep", "renewal", "chore"), vault=False, people=False)


def lambda_handler(event: Any, context: Any, ports: Wired = PORTS) -> Any:
    """Take a tick of the schedule, or messages that each name a shard."""
    if is_schedule(event, context):
        return {"shards": tick(ports.ports)}
    found = messages(event, context, ports.ports.journal)
    return each(found, partial(sweep, ports), ports.ports.journal)


def sweep(wired: Wired, message: Delivered) -> bool:
    """Queue what is due in the shard that the message names."""
    shard, ours = message.json().get("shard"), wired.queues.get(message.queue) == "sweep"
    if not ours or type(shard) is not int or not 0 <= shard < wired.ports.policy.shards:
        raise InvalidRequest("not the number of a shard")
    sweep_shard(wired.ports, shard)
    return True
