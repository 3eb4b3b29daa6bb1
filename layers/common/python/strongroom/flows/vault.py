"""The vault: vault key of a purpose -> team key -> keys of one message. A ring is what a journey holds of it.

Take rings and open what is needed before a lease is taken or anything is sent: only then does a missing key cost
nothing. Nothing is read, asked or drawn before the first ring is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from strongroom.domain import keys
from strongroom.domain.errors import IntegrityError, KeysUnavailable, NotFound
from strongroom.domain.sealing import (
    KEY_BYTES,
    KEY_ID_BYTES,
    SALT_BYTES,
    TEAM_PURPOSES,
    Cipher,
    Envelope,
    Place,
    Purpose,
    TeamKeys,
    WrappedKey,
    additional_data,
    keys_attribute,
    new_key_id,
    wrapping_data,
)
from strongroom.domain.secret import Secret
from strongroom.domain.secretbytes import SecretBytes
from strongroom.domain.table import Change, Committed, Is, Item, Lacks, Refused, every
from strongroom.flows.vaultkeys import MARK_BYTES, Kept, VaultKeys
from strongroom.ports import Chance, Clock, KeyService, Table

MOST_TEAM_KEYS = 1024


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key at hand, and the ids that envelopes sealed under it carry. `team_key_id` of an authorization: ""."""

    vault_key_id: str
    team_key_id: str
    key: SecretBytes

    def serves(self, envelope: Envelope) -> bool:
        """Whether the envelope names this key. Team keys are wrapped anew at times; their own id stays."""
        if self.team_key_id:
            return self.team_key_id == envelope.team_key_id
        return (self.vault_key_id, "") == (envelope.vault_key_id, envelope.team_key_id)


class Vault:
    """Everything that one environment has opened. Threads may share it."""

    def __init__(
        self, table: Table, keys: KeyService, cipher: Cipher, clock: Clock, chance: Chance, deployment: str
    ) -> None:
        self._table, self._cipher, self._chance = table, cipher, chance
        self._vault_keys = VaultKeys(table, keys, clock, chance, deployment)
        # The name holds the wrapped bytes: a key that was changed in the table is not found here.
        self._team_keys: Kept[tuple[Purpose, str, WrappedKey], SecretBytes] = Kept(clock, MOST_TEAM_KEYS)

    def ring(self, purpose: Purpose, team: TeamKeys | None) -> Ring:
        """Give what opens the secrets of one team, or all authorizations (`team` None). It does not seal.

        The team's current key is at hand when this returns. Another one is fetched when something is opened that names
        it, so that a missing old key stops no other record.

        Raises:
            KeysUnavailable: If the key service does not answer.
        """
        _check(purpose, team)
        current = team.current(purpose) if team else None
        return Ring(self, purpose, team, self._held(purpose, team, current) if team and current else None)

    def sealing_ring(self, purpose: Purpose, team: TeamKeys | None) -> Ring:
        """Give what seals and opens. The sealing key is at hand when this returns; it is made if there was none.

        Raises:
            KeysUnavailable: If the key service does not answer. Nothing was sealed.
            NotFound: If the team is gone.
        """
        _check(purpose, team)
        if team is None:
            vault_key = self._vault_keys.current(purpose)
            return Ring(self, purpose, None, HeldKey(vault_key.id, "", vault_key.key), seals=True)
        team, current = self._with_current(purpose, team)
        return Ring(self, purpose, team, self._held(purpose, team, current), seals=True)

    def opening_key(self, purpose: Purpose, team: TeamKeys | None, envelope: Envelope) -> SecretBytes:
        """Give the key that the envelope names.

        Raises:
            KeysUnavailable: If there is no such key, or it cannot be opened now.
            IntegrityError: If the envelope is not one of this purpose, or the key was changed.
        """
        if (team is None) != (envelope.team_key_id == ""):
            raise IntegrityError("a sealed value names keys of another purpose")
        if team is None:
            return self._vault_keys.by_id(purpose, envelope.vault_key_id).key
        wrapped = team.find(purpose, envelope.team_key_id)
        if wrapped is None:
            raise KeysUnavailable("the team does not have the key that a sealed value names")
        return self.team_key(purpose, team.team, wrapped)

    def team_key(self, purpose: Purpose, team: str, wrapped: WrappedKey) -> SecretBytes:
        """Unwrap a team key. It is forgotten together with the vault key that unwrapped it."""
        name = (purpose, team, wrapped)
        if (kept := self._team_keys.get(name)) is not None:
            return kept
        vault_key = self._vault_keys.by_id(purpose, wrapped.vault_key_id)
        data = wrapping_data(purpose, team, wrapped.id, wrapped.vault_key_id)
        key = self._cipher.open(vault_key.key, "wrap", wrapped.box, data)
        self._team_keys.put(name, key, vault_key.since)
        return key

    def seal(self, held: HeldKey, secret: Secret, place: Place) -> bytes:
        data = additional_data(place, held.vault_key_id, held.team_key_id)
        text = SecretBytes(secret.reveal().encode("utf-8", "surrogatepass"))
        box = self._cipher.seal(held.key, "seal", self._chance.bytes(SALT_BYTES), text, data)
        return Envelope(held.vault_key_id, held.team_key_id, box).encode()

    def open(self, key: SecretBytes, envelope: Envelope, place: Place) -> Secret:
        data = additional_data(place, envelope.vault_key_id, envelope.team_key_id)
        text = self._cipher.open(key, "seal", envelope.box, data)
        return Secret(text.reveal().decode("utf-8", "surrogatepass"))

    def _held(self, purpose: Purpose, team: TeamKeys, wrapped: WrappedKey) -> HeldKey:
        return HeldKey(wrapped.vault_key_id, wrapped.id, self.team_key(purpose, team.team, wrapped))

    def _with_current(self, purpose: Purpose, team: TeamKeys) -> tuple[TeamKeys, WrappedKey]:
        """Give the team with a key that seals for the purpose: its own, a new one, or that of whoever was faster."""
        if current := team.current(purpose):
            return team, current
        made = self._make_team_key(purpose, team.team)
        match self._table.commit([_first_key(purpose, team.team, made)], self._chance.bytes(MARK_BYTES).hex()):
            case Committed():
                return replace(team, wrapped={**team.wrapped, purpose: (made,)}), made
            case Refused(failed):
                return _adopted(purpose, failed.get(0))

    def _make_team_key(self, purpose: Purpose, team: str) -> WrappedKey:
        vault_key = self._vault_keys.current(purpose)
        key_id, key = new_key_id(self._chance.bytes(KEY_ID_BYTES)), SecretBytes(self._chance.bytes(KEY_BYTES))
        data = wrapping_data(purpose, team, key_id, vault_key.id)
        box = self._cipher.seal(vault_key.key, "wrap", self._chance.bytes(SALT_BYTES), key, data)
        return WrappedKey.current(key_id, vault_key.id, box)


class Ring:
    """Open and seal the secrets of one purpose and team."""

    def __init__(
        self, vault: Vault, purpose: Purpose, team: TeamKeys | None, held: HeldKey | None, *, seals: bool = False
    ) -> None:
        self._vault, self._purpose, self._team, self._held, self._seals = vault, purpose, team, held, seals

    def seal(self, secret: Secret, place: Place) -> bytes:
        """Seal a secret to its place. Every call uses keys of its own."""
        self._check(place)
        if self._held is None or not self._seals:
            raise ValueError("this ring opens; take a sealing ring to seal")
        return self._vault.seal(self._held, secret, place)

    def open(self, sealed: bytes, place: Place) -> Secret:
        """Open what was sealed to exactly this place. Compare the plain fields first: see `domain.sealing`.

        Raises:
            IntegrityError: If it was sealed to another place, or was changed. An alarm, and never a reason to delete.
            KeysUnavailable: If a key is missing or cannot be opened now. Never a reason to think that nothing is there.
        """
        self._check(place)
        envelope = Envelope.parse(sealed)
        return self._vault.open(self._key_of(envelope), envelope, place)

    def _key_of(self, envelope: Envelope) -> SecretBytes:
        if self._held and self._held.serves(envelope):
            return self._held.key
        return self._vault.opening_key(self._purpose, self._team, envelope)

    def _check(self, place: Place) -> None:
        if place.purpose != self._purpose:
            raise ValueError(f"a ring of {self._purpose} does not serve {place.purpose}")


def _check(purpose: Purpose, team: TeamKeys | None) -> None:
    if (team is not None) != (purpose in TEAM_PURPOSES):
        raise ValueError("authorizations have no team key; everything else has one")


def _first_key(purpose: Purpose, team: str, key: WrappedKey) -> Change:
    """Give the team its first key for a purpose, if it still has none and still is a team."""
    attribute = keys_attribute(purpose)
    return Change(keys.team(team), every(Is("state", "active"), Lacks(attribute)), put={attribute: [key.to_value()]})


def _adopted(purpose: Purpose, row: Item | None) -> tuple[TeamKeys, WrappedKey]:
    if row is None or row.get("state") != "active":
        raise NotFound("the team is gone")
    team = TeamKeys.from_item(row)
    current = team.current(purpose)
    if current is None:
        raise KeysUnavailable("the team has keys, but none that seals")
    return team, current
