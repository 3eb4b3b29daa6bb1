"""The messages that workers get: each names a row, and holds nothing that could be believed."""

from __future__ import annotations

import json

from strongroom.domain.connection import Version
from strongroom.domain.table import Key
from strongroom.ports import Message

FORM = 1


def sweep_message(shard: int) -> Message:
    return Message(json.dumps({"form": FORM, "shard": shard}))


def renewal_message(key: Key, version: Version, group: str, delay: int = 0) -> Message:
    """Ask for one connection, if it still has these tokens.

    `group` is its provider's key, so that no provider waits behind another; `delay` is in seconds.
    """
    body = {"form": FORM, "pk": key.pk, "sk": key.sk, "version": str(version)}
    return Message(json.dumps(body), group=group, delay=delay)


def chore_message(chore: str) -> Message:
    return Message(json.dumps({"form": FORM, "chore": chore}))
