"""Teams, members and callers: who belongs where, and who may ask.

Strongroom's own rows decide, never a claim of a JWT and never a name that a caller chose.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from strongroom.domain import keys
from strongroom.domain.errors import Forbidden, NotFound
from strongroom.domain.rows import optional_number, texts
from strongroom.domain.sealing import TeamKeys
from strongroom.domain.table import Item

Role: TypeAlias = Literal["team_admin", "team_user"]


@dataclass(frozen=True, slots=True)
class Caller:
    """An IAM caller: the account and the unique id of its role, never a session's name."""

    account: str
    role_id: str

    def __str__(self) -> str:
        return f"{self.account}/{self.role_id}"


@dataclass(frozen=True, slots=True)
class Team:
    """A team's own row."""

    id: str
    active: bool
    satellites: frozenset[str]
    sealing_keys: TeamKeys
    created_at: int = 0

    @classmethod
    def from_item(cls, item: Item) -> Team:
        return cls(
            id=str(item["team"]),
            active=item["state"] == "active",
            satellites=frozenset(texts(item, "satellites")),
            sealing_keys=TeamKeys.from_item(item),
            created_at=optional_number(item, "created_at") or 0,
        )


@dataclass(frozen=True, slots=True)
class Member:
    """A membership. `epoch` is new with every (re)join, so that what belonged to an earlier membership stays dead."""

    user: str
    role: Role
    epoch: str

    @classmethod
    def from_item(cls, item: Item) -> Member | None:
        if item["state"] != "active":
            return None
        role: Role = "team_admin" if item["role"] == "team_admin" else "team_user"
        return cls(user=str(item["user"]), role=role, epoch=str(item["epoch"]))

    @property
    def is_admin(self) -> bool:
        return self.role == "team_admin"


def new_team(team_id: str, now: int) -> Item:
    key = keys.team(team_id)
    return {
        "PK": key.pk,
        "SK": key.sk,
        "kind": "team",
        "team": team_id,
        "state": "active",
        "created_at": now,
        "satellites": [],
        "revision": 0,
        "g1pk": "T",
        "g1sk": team_id,
    }


def new_member(team_id: str, user: str, role: Role, epoch: str, now: int) -> Item:
    key = keys.member(team_id, user)
    return {
        "PK": key.pk,
        "SK": key.sk,
        "kind": "member",
        "team": team_id,
        "user": user,
        "role": role,
        "epoch": epoch,
        "state": "active",
        "since": now,
        "g1pk": keys.team(team_id).pk,
        "g1sk": f"U#{key.pk}",
    }


def speaks_for(host_row: Item | None, team_id: str) -> bool:
    """Whether the operator let this host speak for the team. Patterns are shell-like: `acme`, `acme-*`, `*`."""
    if host_row is None or host_row.get("kind") != "host":
        return False
    return any(fnmatch.fnmatchcase(team_id, pattern) for pattern in texts(host_row, "teams"))


def admit_satellite(team: Team | None, caller: Caller, known: Mapping[str, object] | None) -> Team:
    """Let a registered satellite of this team pass.

    `known` is the caller's own row, read only when the team does not list the caller. It decides which refusal is told: a
    caller that we know hears what a missing team would say, one that nobody registered hears that.

    Raises:
        NotFound: If the caller belongs elsewhere, or the team is missing or gone.
        Forbidden: If nobody registered this caller.
    """
    if team is not None and team.active and str(caller) in team.satellites:
        return team
    if known is None:
        raise Forbidden("this IAM role is not registered", code="unknown_caller")
    raise NotFound("not a satellite of this team")
