"""What an operator writes by hand, before any host can speak."""

from __future__ import annotations

from strongroom.domain import keys
from strongroom.domain.table import Item
from strongroom.domain.team import Caller


def operators_host_row(host: Caller, patterns: list[str]) -> Item:
    """Make the row with which an operator lets a host speak for teams."""
    key = keys.caller(host.account, host.role_id)
    return {
        "PK": key.pk,
        "SK": key.sk,
        "kind": "host",
        "account": host.account,
        "role_id": host.role_id,
        "teams": patterns,
    }
