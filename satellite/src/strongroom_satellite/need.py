"""Whose token, for what."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_INSTALLATION = re.compile(r"[a-z2-7]{20}", re.ASCII)
_USER = re.compile(r"[\x20-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Need:
    """One user of one installation of one team. `user` is exactly the `sub` of the sign-in service.

    Raises:
        ValueError: If one of them has a form that Strongroom never gives out. Team and installation stand in paths, so that
            nothing else may get there.
    """

    team: str
    installation: str
    user: str

    def __post_init__(self) -> None:
        checked_team(self.team)
        checked_installation(self.installation)
        checked_user(self.user)


def checked_team(team: str) -> str:
    return _matching(_TEAM, team, "a team is named by lower-case letters, digits and hyphens, at most 63")


def checked_installation(installation: str) -> str:
    return _matching(
        _INSTALLATION, installation, "an installation has an id of twenty letters and digits, not its name"
    )


def checked_user(user: str) -> str:
    return _matching(_USER, user, "a user id has 1 to 255 printable ASCII characters")


def _matching(grammar: re.Pattern[str], text: str, rule: str) -> str:
    if not isinstance(text, str) or not grammar.fullmatch(text):
        raise ValueError(rule)
    return text
