"""The secrets of a provider client in its row: each sealed in a field of its own, bound to its place there."""

from __future__ import annotations

from strongroom.domain.provider_client import KeptClient
from strongroom.domain.rows import number, optional_number
from strongroom.domain.sealing import Place
from strongroom.domain.secret import Secret
from strongroom.domain.secret_rotation import PREVIOUS_KEPT_FOR, Rotation, kept_back, next_number, rotated
from strongroom.domain.table import Change, Item, Key
from strongroom.ports import Ring


def secret_place(key: Key, rotations: int = 0) -> Place:
    """Where the present secret is sealed to; one that was rotated out does not open in its successor's place."""
    return Place("installation", "provider_client", key, "client_secret", (str(rotations),) if rotations else ())


def previous_place(key: Key, until: int) -> Place:
    """Where the secret before it is sealed to: nobody without the key makes its time longer."""
    return Place("installation", "provider_client", key, "previous_secret", (str(until),))


def opened(ring: Ring, row: Item, key: Key) -> Secret | None:
    """Open the present secret, if there is one."""
    sealed = row.get("client_secret")
    if not isinstance(sealed, bytes):
        return None
    return ring.open(sealed, secret_place(key, optional_number(row, "rotations") or 0))


def rotation_in(ring: Ring, row: Item, key: Key, now: float) -> Rotation | None:
    """Read the last rotation; the previous secret is opened while it is tried, and not a moment longer."""
    at, until = optional_number(row, "rotated_at"), optional_number(row, "previous_until")
    if at is None:
        return None
    sealed, previous = row.get("previous_secret"), None
    if until is not None and now < until and isinstance(sealed, bytes):
        previous = ring.open(sealed, previous_place(key, until))
    return Rotation(number(row, "rotations"), at, until, previous, row.get("secret_proven") is True)


def replaced(kept: KeptClient, present: Secret, entered: Secret, ring: Ring, now: int) -> Change:
    """Make the write that puts the entered secret in the place of the present one."""
    key, until = kept.key, now + PREVIOUS_KEPT_FOR
    older = kept_back(present, kept.rotation, entered, now)
    sealed = ring.seal(entered, secret_place(key, next_number(kept.rotation)))
    return rotated(
        key, kept.rotation, now, sealed=sealed, previous=ring.seal(older, previous_place(key, until)), until=until
    )
