"""Work that must be finished some day and survives a crash: here, one revocation at a provider.

The row holds the ciphertexts unchanged, with the key and the fields that they were sealed under, so that they open
under those alone and go nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from strongroom.domain import keys
from strongroom.domain.connection import Connection, Owner, Standing, Version, token_place
from strongroom.domain.policy import DAY, Policy
from strongroom.domain.rows import OF_OUR_FORM, number, optional_number, readable
from strongroom.domain.sealed_tokens import Destination, SealedTokens
from strongroom.domain.sealing import Place
from strongroom.domain.table import Change, Is, Item, Key, Missing, Put, Value, every

RevocationOutcome: TypeAlias = Literal["revoked", "unsupported", "refused_by_provider", "unreachable", "kept_for_other"]

FIRST_RETRY = 60
LONGEST_RETRY = 6 * 3600
GIVE_UP_AFTER = 7 * DAY
KEPT_FOR = 30 * DAY
LOOKS_AGAIN_AFTER = 7 * DAY
"""Seconds after which a parked chore looks by itself whether it is kept still. A keeper that its provider has refused ends
without a chore that could wake it."""


def listing(team: str) -> str:
    """The partition of the index `g1` that names the chores of a team."""
    return f"{keys.team(team).pk}#V"


@dataclass(frozen=True, slots=True)
class RevocationChore:
    """Tell the provider that a grant has ended (RFC 7009). `user` is who had authorized it.

    `woken_at`: when it was last taken up again after it had been parked; 0: never. `due_at`: when the
    schedule takes it up, or looks whether it is kept still; 0: it does not.
    """

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
    woken_at: int = 0
    due_at: int = 0

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
            "g1pk": listing(self.owner.team),
            "g1sk": self.id,
            **self.tokens.to_item(),
            **self.destination.to_item(),
        }
        return Put({name: value for name, value in row.items() if value is not None}, require=Missing())

    @classmethod
    def from_item(cls, item: Item) -> RevocationChore | None:
        """Read an open chore; None while it is parked, and once it has ended.

        Raises:
            NewerRow: If a newer release wrote it.
        """
        return cls._read(item) if item.get("state") == "open" else None

    @classmethod
    def parked_in(cls, item: Item) -> RevocationChore | None:
        """Read a parked chore."""
        return cls._read(item) if item.get("state") == "parked" else None

    @classmethod
    def _read(cls, item: Item) -> RevocationChore | None:
        readable(item)
        owner = keys.parse_connection(Key(str(item.get("owner_pk")), str(item.get("owner_sk"))))
        tokens = SealedTokens.from_item(item)
        if owner is None or tokens is None:
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
            woken_at=optional_number(item, "woken_at") or 0,
            due_at=optional_number(item, "due_at") or 0,
        )

    def ended(self, outcome: RevocationOutcome, now: int) -> Change:
        """Forget the tokens, keep the outcome."""
        drop = ("access", "refresh", "due_shard", "due_at")
        put = {"state": "ended", "outcome": outcome, "ended_at": now, "ttl": now + KEPT_FOR}
        return Change(self.key, every(Is("state", "open"), OF_OUR_FORM), put=put, drop=drop)

    def parked(self, now: int) -> Change:
        """Leave it until what keeps it ends; the tokens stay, and nothing is due until it looks by itself."""
        as_read = every(Is("state", "open"), Is("attempts", self.attempts), OF_OUR_FORM)
        return Change(self.key, as_read, put={"state": "parked", "due_at": now + LOOKS_AGAIN_AFTER})

    def is_to_look(self, now: int) -> bool:
        """Whether a parked one is to look by itself."""
        return 0 < self.due_at <= now

    def sleeps_on(self, now: int) -> Change:
        """It has looked, and is kept still. Whoever has woken it meanwhile was right."""
        as_read = every(Is("state", "parked"), Is("due_at", self.due_at), OF_OUR_FORM)
        return Change(self.key, as_read, put={"due_at": now + LOOKS_AGAIN_AFTER})

    def may_wait_for(self, ended: RevocationChore) -> bool:
        """Whether the grant of that chore may have been what keeps this one."""
        same_person = (self.owner.team, self.user) == (ended.owner.team, ended.user)
        return same_person and _is_one_client(self.destination, ended.destination)

    def woken(self, policy: Policy, now: int) -> Change:
        """Take a parked one up again, at once, with as much patience as a new one has."""
        due: dict[str, Value] = {"due_shard": policy.shard(self.key.pk), "due_at": now}
        put = {"state": "open", "attempts": 0, "woken_at": now, **due}
        return Change(self.key, every(Is("state", "parked"), OF_OUR_FORM), put=put)

    def postponed(self, now: int) -> Change:
        """Try again later, doubling up to six hours; the tokens stay."""
        wait = min(FIRST_RETRY * 2 ** min(self.attempts, 10), LONGEST_RETRY)
        put = {"attempts": self.attempts + 1, "due_at": now + wait}
        as_read = every(Is("state", "open"), Is("attempts", self.attempts), OF_OUR_FORM)
        return Change(self.key, as_read, put=put)

    def is_hopeless(self, now: int) -> bool:
        return now - max(self.made_at, self.woken_at) >= GIVE_UP_AFTER


def is_kept(chore: RevocationChore, others: Iterable[Connection]) -> bool:
    """Whether something still hangs on this grant, and would be taken away by ending it at the provider.

    Many providers end the user's whole grant at our client when one of its tokens is revoked, so a token is not revoked
    while a newer grant of the same row, or another live connection of the same person, uses the same client.
    """
    return any(_keeps(other, chore) for other in others)


def _keeps(other: Connection, chore: RevocationChore) -> bool:
    return (
        other.tokens is not None
        and other.reason is None
        and other.destination is not None
        and _is_one_client(other.destination, chore.destination)
        and other.version.grant != chore.version.grant
    )


def _is_one_client(one: Destination, other: Destination) -> bool:
    """Whether a provider takes us for the same client: whatever generation, and whatever row of ours, an id is known by."""
    one_server = one.issuer == other.issuer or one.token_endpoint == other.token_endpoint
    return one_server and one.client_id == other.client_id
