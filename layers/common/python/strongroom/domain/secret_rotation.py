"""Another secret for a client that an admin has entered.

The one before it is tried for a day: nobody can change a secret at the provider and here in the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.domain.policy import DAY
from strongroom.domain.rows import optional_number
from strongroom.domain.secret import Secret
from strongroom.domain.table import Change, Every, Is, Item, Key, Lacks, every

PREVIOUS_KEPT_FOR = DAY


@dataclass(frozen=True, slots=True)
class Rotation:
    """The last of `number` rotations of a client's secret, and when it was. Times are seconds since the epoch.

    `previous` is tried until `until`; each is None when that is over, or was forgotten. `proven`: the provider has taken the
    present secret since it was entered.
    """

    number: int
    at: int
    until: int | None = None
    previous: Secret | None = None
    proven: bool = False

    def tried(self, now: float) -> Secret | None:
        """Give the previous secret, while its time lasts."""
        return self.previous if self.until is not None and now < self.until else None

    def after_success(self, key: Key, now: float) -> Change | None:
        """What is written when the provider takes the present secret: that it does; later, that the previous one is over."""
        if self.until is None:
            return None
        if now >= self.until:
            return Change(key, as_read(self), drop=("previous_secret", "previous_until"))
        return None if self.proven else Change(key, as_read(self), put={"secret_proven": True})


@dataclass(frozen=True, slots=True)
class SecretState:
    """What an admin may know of a client secret: when it was last rotated, and until when the one before it is tried.

    Seconds since the epoch; None: never, and not any more.
    """

    rotated_at: int | None = None
    previous_until: int | None = None

    @classmethod
    def from_item(cls, item: Item, now: float) -> SecretState:
        until = optional_number(item, "previous_until")
        return cls(optional_number(item, "rotated_at"), until if until is not None and now < until else None)


def as_read(rotation: Rotation | None) -> Every:
    """The client's row is there, and its secret is the one that was read."""
    number = Lacks("rotations") if rotation is None else Is("rotations", rotation.number)
    return every(Is("source", "by_hand"), number)


def kept_back(present: Secret, rotation: Rotation | None, entered: Secret, now: float) -> Secret:
    """Choose the secret that is tried beside the one that is entered now: of those that we have, the last known to work."""
    older = rotation.tried(now) if rotation is not None and not rotation.proven else None
    # The present one has been here for less than a day and nothing has succeeded with it: who corrects a slip so must not
    # lose the secret that the provider takes. It may be that nobody has tried yet, and the present one is right there: then
    # renewals fail until the new one is, and that costs no grant. A return to the older one leaves only the present one.
    return present if older is None or older == entered else older


def rotated(key: Key, rotation: Rotation | None, now: int, *, sealed: bytes, previous: bytes, until: int) -> Change:
    """The write that puts another secret in the place of the one that was read, and keeps one back."""
    put: Item = {
        "client_secret": sealed,
        "previous_secret": previous,
        "previous_until": until,
        "rotations": next_number(rotation),
        "rotated_at": now,
    }
    return Change(key, as_read(rotation), put=put, drop=("secret_proven",))


def next_number(rotation: Rotation | None) -> int:
    return rotation.number + 1 if rotation is not None else 1
