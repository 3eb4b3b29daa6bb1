"""The plain model of who may get what: a few dictionaries that know nothing of rows, versions, leases and queues."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tests.world import Consented

Owner: TypeAlias = tuple[str, str]
"""Installation and user; "" stands for the team."""
UNKNOWN: Literal["unknown"] = "unknown"


@dataclass
class Consent:
    """One account that a person has given us, for one installation. `tried`: the right person has called `complete`;
    `destroyed`: somebody else has.

    `done`: it has been told that this is connected; `open`: it may become so still, by a result that is on its way.
    """

    account: str
    user: str
    owner: Owner
    proof: Consented
    tried: bool = False
    destroyed: bool = False
    done: bool = False
    open: bool = False


@dataclass
class Expectations:
    """`over` are accounts of which no look-up that begins from now on may give a token. `serving` is what an owner's
    connection is expected to be: an account, None for nothing, or not known. `member`: None is not known."""

    shared: frozenset[str]
    consents: dict[str, Consent] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    serving: dict[Owner, str | None] = field(default_factory=dict)
    member: dict[str, bool | None] = field(default_factory=dict)
    withdrawn: set[str] = field(default_factory=set)
    reported: set[Owner] = field(default_factory=set)

    def owner(self, user: str, installation: str) -> Owner:
        return (installation, "" if installation in self.shared else user)

    def of(self, owner: Owner) -> list[Consent]:
        return [consent for consent in self.consents.values() if consent.owner == owner]

    def expected(self, owner: Owner) -> str | None:
        """What serves this owner now. Nothing is certain while something of theirs may still be stored."""
        if any(consent.open and consent.account not in self.over for consent in self.of(owner)):
            return UNKNOWN
        return self.serving.get(owner)

    def consented(self, account: str, user: str, owner: Owner, proof: Consented) -> Consent:
        self.consents[account] = Consent(account, user, owner, proof)
        return self.consents[account]

    def by(self, user: str) -> list[Consent]:
        """What a person has consented to for themselves."""
        return [consent for consent in self.consents.values() if consent.owner[1] == user]

    def completed(self, consent: Consent, *, alone: bool) -> None:
        """It is connected; if nobody did anything at the same time, what was connected before is over."""
        consent.done, consent.open = True, False
        if alone:
            self.over |= {other.account for other in self.of(consent.owner) if other.done and other is not consent}
        self.serving[consent.owner] = consent.account if alone else UNKNOWN

    def not_certain(self, owner: Owner) -> None:
        """What serves this owner is not known."""
        self.serving[owner] = UNKNOWN

    def ended(self, owner: Owner, begun: list[Consent]) -> None:
        """What was begun for this owner is over."""
        self.over |= {consent.account for consent in begun}
        self.serving[owner] = None

    def left(self, user: str, begun: list[Consent]) -> None:
        for owner in {consent.owner for consent in begun}:
            self.ended(owner, begun)
        self.member[user] = False

    def came(self, user: str) -> None:
        self.member[user] = True

    def unsure_of(self, user: str) -> None:
        """Whether they are a member, and were one all the time, is not known."""
        self.member[user] = None
        for owner in {consent.owner for consent in self.by(user)}:
            self.not_certain(owner)

    def changed(self, installation: str) -> None:
        for owner in {consent.owner for consent in self.consents.values() if consent.owner[0] == installation}:
            self.ended(owner, self.of(owner))

    def may_be_given(self, account: str, user: str, installation: str) -> bool:
        """Whether a token of this account is this person's to use here at all."""
        consent = self.consents.get(account)
        return consent is not None and consent.tried and consent.owner == self.owner(user, installation)
