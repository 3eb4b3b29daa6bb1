"""Who exists on the local machine: fixed fake callers, members and the fake keys of the functions themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REGION = "us-east-1"
ACCOUNT = "123456789012"

FAKE_KEYS: Mapping[str, str] = {
    "AWS_ACCESS_KEY_ID": "AKIDSTRONGROOMLOCAL1",
    "AWS_SECRET_ACCESS_KEY": "local-function-secret",
    "AWS_SESSION_TOKEN": "local-function-session",
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with IAM credentials, as AWS would know them: a role, assumed under a session name; without one, a user.

    `policy` is the IAM policy that is attached to it; without one it may call every route.
    """

    name: str
    access_key: str
    secret: str = field(repr=False)
    role_id: str
    session: str
    account: str = ACCOUNT
    policy: Mapping[str, Any] | None = field(default=None, repr=False, hash=False)

    @property
    def caller_id(self) -> str:
        return f"{self.role_id}:{self.session}" if self.session else self.role_id

    @property
    def arn(self) -> str:
        if not self.session:
            return f"arn:aws:iam::{self.account}:user/{self.name}"
        return f"arn:aws:sts::{self.account}:assumed-role/{self.name}/{self.session}"


HOST = Caller("local-host", "AKIDSTRONGROOMHOST01", "local-host-secret", "AROALOCALHOST0000001", "host")
SATELLITE = Caller("local-gateway", "AKIDSTRONGROOMGATE01", "local-gateway-secret", "AROALOCALGATEWAY0001", "gateway")
STRANGER = Caller("local-stranger", "AKIDSTRONGROOMNONE01", "local-stranger-secret", "AROALOCALSTRANGER001", "stranger")
CALLERS = (HOST, SATELLITE, STRANGER)


@dataclass(frozen=True, slots=True)
class Member:
    """A demo account of the sign-in service and what it is in its team."""

    team: str
    user: str
    role: str


MEMBERS = (
    Member("acme", "alice", "team_admin"),
    Member("acme", "bob", "team_user"),
    Member("acme", "carol", "team_user"),
    Member("lab", "carol", "team_admin"),
    Member("rivals", "mallory", "team_admin"),
)
