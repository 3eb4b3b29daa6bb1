"""What one user (or, in shared mode, the team) allowed at one installation, with its sealed tokens.

A row answers three questions that are kept apart. May it be used: `standing`, compared with what was just read. Which
tokens are these: `version`. And what stands against it: `reason`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from strongroom.domain import keys
from strongroom.domain.rows import OF_OUR_FORM, number, optional_number, optional_text, readable, texts
from strongroom.domain.sealed_tokens import Destination, SealedTokens
from strongroom.domain.sealing import Place
from strongroom.domain.table import Condition, Is, Item, Key, Value, every

RENEWAL_ATTRIBUTES = (
    *("lease", "lease_until", "intent_at", "intents"),
    *("retry_at", "failures", "failing_since", "last_error"),
)
NO_ANSWER = "no_answer"


@dataclass(frozen=True, slots=True)
class Version:
    """A random grant id, new with every completed authorization, and a number that rises with every change of tokens.

    Opaque on the wire. Every conditional write, message and seal binds both, so that nothing old fits something new.
    """

    grant: str
    n: int

    def __str__(self) -> str:
        return f"{self.grant}.{self.n}"

    @classmethod
    def parse(cls, text: str) -> Version:
        grant, _, number = text.rpartition(".")
        return cls(grant, int(number))

    def next(self) -> Version:
        return Version(self.grant, self.n + 1)

    def unchanged(self) -> Condition:
        """The row still holds exactly these tokens, in the form in which they were read."""
        return every(Is("grant", self.grant), Is("n", self.n), OF_OUR_FORM)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose connection it is. `user` None: the team's, in shared mode."""

    team: str
    user: str | None
    installation: str

    @property
    def key(self) -> Key:
        if self.user is None:
            return keys.shared_connection(self.team, self.installation)
        return keys.connection(self.team, self.user, self.installation)


@dataclass(frozen=True, slots=True)
class Standing:
    """Epoch and binding at the time of consent. Shared connections have no epoch.

    `rebound`: where it is what a connection must have just now, why the binding before it ended. It is compared with nothing
    and sealed nowhere.
    """

    epoch: str
    binding: str
    rebound: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.epoch}/{self.binding}"


@dataclass(frozen=True, slots=True)
class Renewal:
    """What is known of attempts to renew the present version.

    `lease`, `lease_until`: the right to renew, now. `intent_at`, `intents`: when and how often a request with this refresh
    token may have left without a definite answer. `retry_at`: not before. `failures` in a row, `failing_since` the first of
    them; None: none. `due_at`: when the schedule takes it up. Times are seconds since the epoch.
    """

    lease: str | None = None
    lease_until: int = 0
    intent_at: int | None = None
    intents: int = 0
    retry_at: int = 0
    failures: int = 0
    failing_since: int | None = None
    last_error: str | None = None
    due_at: int = 0

    @property
    def is_unanswered(self) -> bool:
        """Whether the last attempt got no answer. A lease that is still there when it is over was left by a dead worker."""
        return self.lease is not None or self.last_error == NO_ANSWER

    @classmethod
    def from_item(cls, item: Item) -> Renewal:
        return cls(
            lease=optional_text(item, "lease"),
            lease_until=optional_number(item, "lease_until") or 0,
            intent_at=optional_number(item, "intent_at"),
            intents=optional_number(item, "intents") or 0,
            retry_at=optional_number(item, "retry_at") or 0,
            failures=optional_number(item, "failures") or 0,
            failing_since=optional_number(item, "failing_since"),
            last_error=optional_text(item, "last_error"),
            due_at=optional_number(item, "due_at") or 0,
        )


@dataclass(frozen=True, slots=True)
class Connection:
    """One row. `reason` says why a person has to act, None that nobody has to. `tokens` None: there is nothing to give.
    `begun_at` is when the authorization that gave it began: no older one may replace it. `revocation` is a random id, new
    with every revoke: an authorization that was begun under another one cannot be completed. `challenged` are the scopes
    that the MCP server has asked for since the person consented. `authorizer_left_at`: when whoever authorized a shared one
    left the team; it ends with the next completed authorization.

    `account`: who it is at the provider, where that was told with the grant; it goes with the tokens. It is personal, and in
    no log line or record. It decides nothing, so that no seal binds it: whoever can write rows can show another name, and
    gets no token by that.
    """

    owner: Owner
    version: Version
    standing: Standing
    reason: str | None
    since: int
    tokens: SealedTokens | None
    destination: Destination | None
    requested_scopes: tuple[str, ...] = ()
    authorized_by: str = ""
    begun_at: int = 0
    revocation: str = ""
    last_used_at: int = 0
    rejected: tuple[tuple[str, int], ...] = ()
    challenged: tuple[str, ...] = ()
    renewal: Renewal = Renewal()
    authorizer_left_at: int | None = None
    account: str | None = field(default=None, repr=False)

    @property
    def key(self) -> Key:
        return self.owner.key

    def place(self, field: str, version: Version | None = None) -> Place:
        """What a token of this connection is sealed to; `version` if it is not the present one.

        Callers compare the plain fields first; after that, only a damaged or moved ciphertext fails to open.
        """
        return token_place(self.key, field, self.standing, version or self.version, self.required_destination())

    def required_destination(self) -> Destination:
        if self.destination is None:
            raise ValueError("a connection without tokens has no destination")
        return self.destination

    @classmethod
    def from_item(cls, item: Item) -> Connection:
        """Read a row.

        Raises:
            NewerRow: If a newer release wrote it.
        """
        readable(item)
        owner = keys.parse_connection(Key(str(item["PK"]), str(item["SK"])))
        if owner is None:
            raise ValueError("the row's key is not one of a connection")
        tokens = SealedTokens.from_item(item)
        return cls(
            owner=Owner(*owner),
            version=Version(str(item["grant"]), number(item, "n")),
            standing=Standing(str(item["epoch"]), str(item["binding"])),
            reason=optional_text(item, "status_reason"),
            since=number(item, "since"),
            tokens=tokens,
            destination=Destination.from_item(item) if tokens else None,
            requested_scopes=texts(item, "requested_scopes"),
            authorized_by=str(item.get("authorized_by") or ""),
            begun_at=optional_number(item, "begun_at") or 0,
            revocation=str(item.get("revocation") or ""),
            last_used_at=optional_number(item, "last_used_at") or 0,
            rejected=_rejections(item.get("rejected")),
            challenged=texts(item, "challenged_scopes"),
            renewal=Renewal.from_item(item),
            authorizer_left_at=optional_number(item, "authorizer_left_at"),
            account=optional_text(item, "account"),
        )

    def to_item(self, due: Mapping[str, Value] | None = None) -> Item:
        """Make the whole row, as it is written when an authorization is completed or a fact without tokens is kept."""
        row: dict[str, Value] = {
            "PK": self.key.pk,
            "SK": self.key.sk,
            "kind": "connection",
            "team": self.owner.team,
            "installation": self.owner.installation,
            "grant": self.version.grant,
            "n": self.version.n,
            "epoch": self.standing.epoch,
            "binding": self.standing.binding,
            "status_reason": self.reason,
            "since": self.since,
            "requested_scopes": list(self.requested_scopes),
            "authorized_by": self.authorized_by,
            "begun_at": self.begun_at,
            "revocation": self.revocation,
            "last_used_at": self.last_used_at,
            "authorizer_left_at": self.authorizer_left_at,
            "account": self.account,
            "g1pk": f"{keys.installation(self.owner.team, self.owner.installation).pk}#C",
            "g1sk": f"{self.owner.installation}#{self.key.pk}",
        }
        for part in (self.tokens, self.destination):
            row |= part.to_item() if part else {}
        return {name: value for name, value in (row | dict(due or {})).items() if value is not None}

    def holding(self, tokens: SealedTokens) -> Connection:
        return replace(self, tokens=tokens)

    def with_nothing_to_give(self, reason: str, now: int, grant: str) -> Connection:
        """The row after a revoke: no tokens, a new grant id, so that nothing that is under way can fit it."""
        gone = replace(self, version=Version(grant, 0), reason=reason, since=now, tokens=None, destination=None)
        return replace(gone, renewal=Renewal(), rejected=(), challenged=(), revocation=grant, account=None)


def token_place(key: Key, field: str, standing: Standing, version: Version, destination: Destination) -> Place:
    """What an access or refresh token is sealed to: row, field, standing, version and where it may be sent."""
    context = (str(standing), str(version), destination.hash())
    return Place(purpose="connection", kind="connection", key=key, field=field, context=context)


def _rejections(value: Value) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, list):
        return ()
    return tuple((str(entry["version"]), number(entry, "at")) for entry in value if isinstance(entry, Mapping))
