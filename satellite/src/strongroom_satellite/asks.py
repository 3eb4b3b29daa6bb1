"""What a gateway or an operator asks, as a request of HTTP or as a payload of direct invoke."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from strongroom_satellite.need import Need, checked_installation, checked_team, checked_user

MOST_CHALLENGE, MOST_VALIDITY = 8192, 600


class Ask(Protocol):
    """A request that may be sent twice: each is a question, or a report that counts once for each version."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def body(self) -> Mapping[str, Any] | None: ...
    @property
    def payload(self) -> Mapping[str, Any] | None:
        """The same for direct invoke; None if that way does not know the question."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """The token of one need. `min_validity` in seconds, at most ten minutes; None leaves it to Strongroom (60).

    Raises:
        ValueError: If it is more, or less than nothing.
    """

    need: Need
    min_validity: int | None = None
    method = "POST"

    def __post_init__(self) -> None:
        if self.min_validity is not None and not 0 <= self.min_validity <= MOST_VALIDITY:
            raise ValueError(f"min_validity is 0 to {MOST_VALIDITY} seconds")

    @property
    def path(self) -> str:
        return f"{_at(self.need)}/token"

    @property
    def body(self) -> Mapping[str, Any]:
        validity = {} if self.min_validity is None else {"min_validity": self.min_validity}
        return {"user": self.need.user, **validity}

    @property
    def payload(self) -> Mapping[str, Any]:
        return {"form": 1, "team": self.need.team, "installation": self.need.installation, **self.body}


@dataclass(frozen=True, slots=True)
class Rejected:
    """This version was answered 401 or 403, with this challenge. It is answered like a look-up."""

    need: Need
    version: str
    status: int
    challenge: str | None = None
    method = "POST"

    @property
    def path(self) -> str:
        return f"{_at(self.need)}/rejected"

    @property
    def body(self) -> Mapping[str, Any]:
        return {"user": self.need.user, **self._rejection}

    @property
    def payload(self) -> Mapping[str, Any]:
        return {**LookUp(self.need).payload, "rejected": self._rejection}

    @property
    def _rejection(self) -> dict[str, Any]:
        challenge = {} if self.challenge is None else {"challenge": self.challenge}
        return {"version": self.version, "status": self.status, **challenge}


@dataclass(frozen=True, slots=True)
class Installations:
    """The team's installations as one user sees them, a page at a time."""

    team: str
    user: str
    after: str | None = None
    method = "POST"
    payload = None

    def __post_init__(self) -> None:
        checked_team(self.team)
        checked_user(self.user)

    @property
    def path(self) -> str:
        return f"/v1/satellite/teams/{self.team}/installations"

    @property
    def body(self) -> Mapping[str, Any]:
        return {"user": self.user, **({"next": self.after} if self.after else {})}


@dataclass(frozen=True, slots=True)
class Connections:
    """How everybody of a team stands at one installation, a page at a time: for a host."""

    team: str
    installation: str
    after: str | None = None
    method = "GET"
    payload = None
    body = None

    def __post_init__(self) -> None:
        checked_team(self.team)
        checked_installation(self.installation)

    @property
    def path(self) -> str:
        page = f"?next={quote(self.after, safe='')}" if self.after else ""
        return f"/v1/host/teams/{self.team}/installations/{self.installation}/connections{page}"


def _at(need: Need) -> str:
    return f"/v1/satellite/teams/{need.team}/installations/{need.installation}"
