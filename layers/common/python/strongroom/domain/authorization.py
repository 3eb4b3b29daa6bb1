"""One consent in flight, bound to the person who began it and to the browser that consented.

`pending` -> `returned` -> `redeeming` -> `completed`; or `denied`, `failed`, `expired`. Ten minutes, each step once: every
arrow is one conditional write on the state it leaves.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from strongroom.domain import identifiers, keys
from strongroom.domain.connection import Owner, Standing
from strongroom.domain.installation import Sharing
from strongroom.domain.rows import number, optional_number, optional_text, texts
from strongroom.domain.sealed_tokens import Destination
from strongroom.domain.sealing import Place
from strongroom.domain.secret import Secret
from strongroom.domain.table import Change, Is, Item, Key, Value, every

State: TypeAlias = Literal["pending", "returned", "redeeming", "completed", "denied", "failed", "expired"]

LIFETIME = 600
REDEEMING_ENDS_AFTER = 60
KEPT_FOR = 86_400


@dataclass(frozen=True, slots=True)
class Authorization:
    """The row. `id` is the SHA-256 of the state, base64url: one consistent read from either side, and no index.

    `member_epoch` is the membership of the person who began, in shared mode too, and `admission` the installation's: both
    have to be the same when it is completed.
    """

    id: str
    state: State
    user: str
    team: str
    installation: str
    standing: Standing
    sharing: Sharing
    destination: Destination
    redirect_uri: str
    authorization_host: str
    mcp_url: str | None
    scopes: tuple[str, ...]
    iss_supported: bool
    iss_required: bool
    begun_at: int
    expires_at: int
    verifier: bytes
    member_epoch: str = ""
    admission: str = ""
    revocation: str = ""
    return_to: str | None = None
    secret_hash: str | None = None
    code: bytes | None = None
    redeeming_at: int | None = None
    error: str | None = None

    @property
    def key(self) -> Key:
        return keys.authorization(self.id)

    @property
    def owner(self) -> Owner:
        """Whose connection it would make."""
        return Owner(self.team, None if self.sharing == "shared" else self.user, self.installation)

    @property
    def issuer(self) -> str:
        return self.destination.issuer

    @property
    def provider_key(self) -> str:
        return self.destination.provider_key

    @property
    def state_hash(self) -> str:
        return self.id

    @property
    def mcp_host(self) -> str | None:
        return urlsplit(self.mcp_url).netloc if self.mcp_url is not None else None

    def place(self, field: str) -> Place:
        """What the verifier and the code are sealed to: where they may be sent, and whose connection they may make."""
        context = (self.destination.hash(), self.redirect_uri, *self._for_whom)
        return Place("authorization", "authorization", self.key, field, context)

    @property
    def _for_whom(self) -> tuple[str, ...]:
        return (self.user, self.member_epoch, self.team, self.installation, str(self.standing), self.sharing)

    def with_verifier(self, sealed: bytes) -> Authorization:
        return replace(self, verifier=sealed)

    def now_redeeming(self, now: int) -> Authorization:
        return replace(self, state="redeeming", redeeming_at=now, code=None, verifier=b"")

    def state_at(self, now: int) -> State:
        """The state that holds now: the table's TTL only collects garbage, so time is checked here."""
        if self.state in ("pending", "returned") and now >= self.expires_at:
            return "expired"
        if self.state == "redeeming" and now >= (self.redeeming_at or 0) + REDEEMING_ENDS_AFTER:
            return "failed"
        return self.state

    def step(self, to: State, *drop: str, **put: Value) -> Change:
        """The one conditional write that leaves the present state."""
        return Change(self.key, every(Is("state", self.state)), put={"state": to, **put}, drop=drop)

    def fail(self, error: str) -> Change:
        """End it, and forget what could still be redeemed. `error` is a stable code of ours."""
        return self.step("failed", "code", "verifier", "secret_hash", error=error)

    @classmethod
    def from_item(cls, item: Item) -> Authorization:
        return cls(
            id=str(item["authorization"]),
            state=_state(item["state"]),
            user=str(item["user"]),
            team=str(item["team"]),
            installation=str(item["installation"]),
            standing=Standing(str(item["epoch"]), str(item["binding"])),
            sharing="shared" if item["sharing"] == "shared" else "per_user",
            destination=Destination.from_item(item),
            redirect_uri=str(item["redirect_uri"]),
            authorization_host=str(item["authorization_host"]),
            mcp_url=optional_text(item, "mcp_url"),
            scopes=texts(item, "scopes"),
            iss_supported=bool(item["iss_supported"]),
            iss_required=bool(item["iss_required"]),
            begun_at=number(item, "begun_at"),
            expires_at=number(item, "expires_at"),
            verifier=_bytes(item.get("verifier")) or b"",
            member_epoch=str(item.get("member_epoch") or ""),
            admission=str(item.get("admission") or ""),
            revocation=str(item.get("revocation") or ""),
            return_to=optional_text(item, "return_to"),
            secret_hash=optional_text(item, "secret_hash"),
            code=_bytes(item.get("code")),
            redeeming_at=optional_number(item, "redeeming_at"),
            error=optional_text(item, "error"),
        )

    def to_item(self) -> Item:
        row: Mapping[str, Value] = {
            "PK": self.key.pk,
            "SK": self.key.sk,
            "kind": "authorization",
            "authorization": self.id,
            "state": self.state,
            "user": self.user,
            "team": self.team,
            "installation": self.installation,
            "epoch": self.standing.epoch,
            "binding": self.standing.binding,
            "sharing": self.sharing,
            "redirect_uri": self.redirect_uri,
            "authorization_host": self.authorization_host,
            "mcp_url": self.mcp_url,
            "scopes": list(self.scopes),
            "iss_supported": self.iss_supported,
            "iss_required": self.iss_required,
            "begun_at": self.begun_at,
            "expires_at": self.expires_at,
            "verifier": self.verifier,
            "member_epoch": self.member_epoch,
            "admission": self.admission,
            "revocation": self.revocation,
            "return_to": self.return_to,
            "ttl": self.expires_at + KEPT_FOR,
            **self.destination.to_item(),
        }
        return {name: value for name, value in row.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Redeem:
    """The right person, in the browser that consented: the code may be redeemed, once."""


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """A repetition by the right person with the right secret: tell the state again."""


@dataclass(frozen=True, slots=True)
class NotYet:
    """The provider has not sent the browser back. Nothing changes."""


@dataclass(frozen=True, slots=True)
class Destroy:
    """Somebody holds one of the two halves only: the authorization ends here and is audited. `stranger`: the person is
    not the one who began, and must not learn that it exists."""

    stranger: bool


@dataclass(frozen=True, slots=True)
class Unknown:
    """To this person there is no such authorization. Nothing changes."""


@dataclass(frozen=True, slots=True)
class Over:
    """It ended without a connection, or its time is up."""


Completion: TypeAlias = Redeem | AlreadyDone | NotYet | Destroy | Unknown | Over


def judge_completion(authorization: Authorization, user: str, secret: Secret, now: int) -> Completion:
    """Decide what a call of `complete` is, from its two halves: who is finishing, and in which browser.

    The JWT says who; the completion secret, given only to the browser that consented, says where. Without the secret, an
    attacker who began could complete after a victim consented (cross-user session fixation); without the JWT, a victim's
    page could complete what an attacker began.
    """
    right_user = hmac.compare_digest(authorization.user.encode(), user.encode())
    issued = authorization.secret_hash is not None
    right_secret = issued and hmac.compare_digest(authorization.secret_hash or "", identifiers.hashed(secret.reveal()))
    match authorization.state_at(now):
        case "pending":
            return NotYet() if right_user else Unknown()
        case "returned":
            return _judge_returned(right_user, right_secret)
        case "redeeming" | "completed":
            return AlreadyDone() if right_user and right_secret else Unknown()
        case "denied" | "failed" | "expired":
            return Over() if right_user else Unknown()


def _judge_returned(right_user: bool, right_secret: bool) -> Completion:
    if right_user and right_secret:
        return Redeem()
    if right_user or right_secret:
        return Destroy(stranger=not right_user)
    return Unknown()


def _state(value: object) -> State:
    match value:
        case "pending" | "returned" | "redeeming" | "completed" | "denied" | "failed" | "expired":
            return value
    raise ValueError("the row holds no state that we know")


def _bytes(value: object) -> bytes | None:
    return value if isinstance(value, bytes) else None
