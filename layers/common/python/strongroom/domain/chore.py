"""Work that must be finished some day and survives a crash: here, one revocation at a provider.

The row holds the ciphertexts unchanged, with the key and the fields that they were sealed under, so that they open
under those alone and go nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from strongroom.domain import keys
from strongroom.domain.connection import (
    Connection,
    Destination,
    Owner,
    SealedTokens,
    Standing,
    Version,
    token_place,
)
from strongroom.domain.policy import DAY, Policy
from strongroom.domain.rows import number, optional_number
from strongroom.domain.sealing import Place
from strongroom.domain.table import Change, Is, Item, Key, Missing, Put, every

RevocationOutcome: TypeAlias = Literal["revoked", "unsupported", "refused_by_provider", "unreachable", "kept_for_other"]

FIRST_RETRY = 60
LONGEST_RETRY = 6 * 3600
GIVE_UP_AFTER = 7 * DAY
KEPT_FOR = 30 * DAY


@dataclass(frozen=True, slots=True)
class RevocationChore:
    """Tell the provider that a grant has ended (RFC 7009). `user` is who had authorized it."""

    id: str
    owner: Owner
    user: str
    standing: Standing
    version: Version
    destination: Destination
    tokens: SealedTokens
    why: str
    made_at: int
    attempts: int = 0

    @property
    def key(self) -> Key:
        return keys.chore(self.id)

    def place(self, field: str) -> Place:
        """Where the ciphertext lay when it was sealed."""
        return token_place(self.owner.key, field, self.standing, self.version, self.destination)

    @classmethod
    def of(cls, connection: Connection, why: str, id: str, now: int) -> RevocationChore | None:
        """Make the chore for what this connection holds, if it holds anything."""
        if connection.tokens is None:
            return None
        destination = connection.required_destination()
        by = connection.authorized_by or connection.owner.user or ""
        where = (connection.owner, by, connection.standing, connection.version, destination)
        return cls(id, *where, tokens=connection.tokens, why=why, made_at=now)

    def to_put(self, policy: Policy) -> Put:
        row = {
            "PK": self.key.pk,
            "SK": self.key.sk,
            "kind": "chore",
            "chore": self.id,
            "work": "revoke",
            "state": "open",
            "team": self.owner.team,
            "user": self.user,
            "owner_pk": self.owner.key.pk,
            "owner_sk": self.owner.key.sk,
            "epoch": self.standing.epoch,
            "binding": self.standing.binding,
            "grant": self.version.grant,
            "n": self.version.n,
            "why": self.why,
            "made_at": self.made_at,
            "attempts": 0,
            "due_shard": policy.shard(self.key.pk),
            "due_at": self.made_at,
            "g1pk": f"{keys.team(self.owner.team).pk}#V",
            "g1sk": self.id,
            **self.tokens.to_item(),
            **self.destination.to_item(),
        }
        return Put({name: value for name, value in row.items() if value is not None}, require=Missing())

    @classmethod
    def from_item(cls, item: Item) -> RevocationChore | None:
        """Read an open chore; None once it has ended."""
        owner = keys.parse_connection(Key(str(item.get("owner_pk")), str(item.get("owner_sk"))))
        tokens = SealedTokens.from_item(item)
        if item.get("state") != "open" or owner is None or tokens is None:
            return None
        return cls(
            id=str(item["chore"]),
            owner=Owner(*owner),
            user=str(item["user"]),
            standing=Standing(str(item["epoch"]), str(item["binding"])),
            version=Version(str(item["grant"]), number(item, "n")),
            destination=Destination.from_item(item),
            tokens=tokens,
            why=str(item["why"]),
            made_at=number(item, "made_at"),
            attempts=optional_number(item, "attempts") or 0,
        )

    def ended(self, outcome: RevocationOutcome, now: int) -> Change:
        """Forget the tokens, keep the outcome."""
        drop = ("access", "refresh", "due_shard", "due_at")
        put = {"state": "ended", "outcome": outcome, "ended_at": now, "ttl": now + KEPT_FOR}
        return Change(self.key, every(Is("state", "open")), put=put, drop=drop)

    def postponed(self, now: int) -> Change:
        """Try again later, doubling up to six hours; the tokens stay."""
        wait = min(FIRST_RETRY * 2 ** min(self.attempts, 10), LONGEST_RETRY)
        put = {"attempts": self.attempts + 1, "due_at": now + wait}
        return Change(self.key, every(Is("state", "open"), Is("attempts", self.attempts)), put=put)

    def is_hopeless(self, now: int) -> bool:
        return now - self.made_at >= GIVE_UP_AFTER


def is_kept_for_other(chore: RevocationChore, others: Iterable[Connection]) -> bool:
    """Whether ending this grant at the provider would take away what somebody still uses.

    Many providers end the user's whole grant at our client when one of its tokens is revoked, so a token is not revoked
    while another live connection of the same person, or a newer grant of the same row, uses the same client.
    """
    return any(
        other.tokens is not None
        and other.reason is None
        and other.destination is not None
        and _is_one_client(other.destination, chore.destination)
        and other.version.grant != chore.version.grant
        for other in others
    )


def _is_one_client(one: Destination, other: Destination) -> bool:
    """Whether a provider takes us for the same client: whatever generation, and whatever row of ours, an id is known by."""
    one_server = one.issuer == other.issuer or one.token_endpoint == other.token_endpoint
    return one_server and one.client_id == other.client_id
