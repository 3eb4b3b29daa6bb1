"""A satellite reports that the MCP server rejected a token."""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain.challenge import bearer_challenge
from strongroom.domain.errors import InsufficientScope
from strongroom.flows.look_up import Ask, Released, admit, look_up, person_must_act
from strongroom.ports import Ports


@dataclass(frozen=True, slots=True)
class Rejection:
    """Which version was answered 401 or 403, and with which `WWW-Authenticate`."""

    version: str
    status: int
    challenge: str | None


def report(ports: Ports, ask: Ask, rejection: Rejection) -> Released:
    """Take a report and answer like a look-up.

    A 403 `insufficient_scope` is no fault of the token: the person may step up, and look-ups go on. Anything else counts
    against the version that was rejected and forces one renewal of it; a second version rejected within fifteen minutes
    means `rejected` for fifteen minutes. A report of an older version changes nothing.

    Raises:
        AuthorizationRequired: `insufficient_scope` with a link, or as a look-up does.
    """
    challenge = bearer_challenge([rejection.challenge]) if rejection.challenge else None
    if rejection.status == 403 and challenge is not None and challenge.error == "insufficient_scope":
        admitted = admit(ports, ask)
        if admitted.connection is not None and admitted.connection.tokens is not None:
            raise person_must_act(ports, ask, admitted, "insufficient_scope", InsufficientScope)
    return look_up(ports, replace(ask, wish=replace(ask.wish, not_version=rejection.version)))
