"""The last consent at an installation for which the provider gave no token: an admin sees it, whoever it was.

Nothing was connected by it, so no connection can tell.
"""

from __future__ import annotations

from typing import Final

from strongroom.domain import keys
from strongroom.domain.rows import number
from strongroom.domain.status import LastError
from strongroom.domain.table import Item, Put

KEPT_FOR: Final = 7 * 86_400


def noted(team: str, installation: str, code: str, now: int) -> Put:
    """Remember it, in place of the one before."""
    key = keys.failed_consent(team, installation)
    row: Item = {"PK": key.pk, "SK": key.sk, "kind": "failed_consent", "code": code, "at": now}
    return Put({**row, "ttl": now + KEPT_FOR}, require=None)


def told(row: Item | None, now: int) -> LastError | None:
    """Give it for as long as it is kept."""
    if row is None or number(row, "at") + KEPT_FOR <= now:
        return None
    return LastError(str(row["code"]), number(row, "at"))
