"""A request that is sent twice, by somebody who did not get the first answer."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from strongroom.domain import identifiers, keys
from strongroom.domain.errors import InvalidRequest
from strongroom.domain.rows import number, optional_text
from strongroom.domain.table import Below, Item, Key, Missing, Put, either

REMEMBERED_FOR: Final = 86_400
_KEY = re.compile(r"[\x21-\x7E]{1,128}")


@dataclass(frozen=True, slots=True)
class Intent:
    """What one person means to do once: where it is remembered, and a mark of the body.

    The body may hold a client secret, and the key of the request is chosen by the client and kept nowhere: it keys the mark,
    so that nobody who reads the table can try bodies against it.
    """

    key: Key
    team: str
    user: str
    body: str

    def done(self, installation: str, lack: str | None, now: int) -> Put:
        """Remember that it was done. `lack`: the code of what the first answer said could not be found out."""
        row = {
            "PK": self.key.pk,
            "SK": self.key.sk,
            "kind": "idempotency",
            "team": self.team,
            "user": self.user,
            "installation": installation,
            "body": self.body,
            "lack": lack,
            "ends_at": now + REMEMBERED_FOR,
            "ttl": now + REMEMBERED_FOR,
        }
        forgotten = either(Missing(), Below("ends_at", now + 1))
        return Put({name: value for name, value in row.items() if value is not None}, require=forgotten)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it the first time."""

    installation: str
    lack: str | None
    body: str

    @classmethod
    def from_item(cls, item: Item | None, now: int) -> Done | None:
        """Read it back; None if it was never done, or is a day ago: TTL only collects garbage."""
        if item is None or number(item, "ends_at") <= now:
            return None
        return cls(str(item["installation"]), optional_text(item, "lack"), str(item["body"]))

    def is_of(self, intent: Intent) -> bool:
        """Whether the same body was sent then."""
        return hmac.compare_digest(self.body, intent.body)


def intent(team: str, user: str, header: str, body: Mapping[str, Any]) -> Intent:
    """Read the header `Idempotency-Key`. Two people never meet under one key, nor two teams.

    Raises:
        InvalidRequest: If it is not 1 to 128 visible ASCII characters.
    """
    if not _KEY.fullmatch(header):
        raise InvalidRequest("idempotency-key has 1 to 128 visible ASCII characters")
    place = keys.idempotency(team, identifiers.hashed(json.dumps([user, header])))
    text = json.dumps([team, user, body], sort_keys=True)
    mark = hmac.new(header.encode(), text.encode(), hashlib.sha256).digest()
    return Intent(place, team, user, identifiers.url_safe(mark))
