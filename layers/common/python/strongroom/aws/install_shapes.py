"""What goes over the wire after installing, beside the installation itself."""

from __future__ import annotations

from typing import Any

from strongroom.domain.trail import sentence_of
from strongroom.flows.install import Installed


def next_step(new: Installed) -> dict[str, Any] | None:
    """What the admin does now: authorize, for the own person, or in shared mode for the whole team; None, if nobody has to.

    `confirm_shared`: whether completing it has to say that the whole team will use this account.
    """
    one = new.entry.installation
    if one.requires_oauth is False:
        return None
    path = f"/v1/teams/{one.team}/installations/{one.id}/authorize"
    return {"action": "authorize", "method": "POST", "path": path, "confirm_shared": one.sharing == "shared"}


def lacking(new: Installed) -> dict[str, Any]:
    """What could not be found out of the server, or keeps people from connecting: our code, and our sentence."""
    return {"discovery": {"code": new.lack, "text": sentence_of(new.lack)}} if new.lack else {}
