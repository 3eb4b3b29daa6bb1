"""Vault keys: one that seals for each purpose, perhaps older ones that still open, each wrapped by the key service.

**The first one of a purpose.** Two functions may find at once that there is none. Each makes one and writes, in one
transaction, the key's row and the row `current` that names it, both only if they are missing. One wins; the other has
written nothing and takes the winner's. A key seals only after its row is in the table: nothing is sealed under a key
that nobody finds again.

Keys stay in memory for five minutes. Threads share what one of them was given, a failure as well: after one, nobody
asks again for a second, so that an outage costs a worker one timeout and not one for each of its threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from strongroom.domain import keys
from strongroom.domain.errors import IntegrityError, KeysUnavailable, Unavailable
from strongroom.domain.sealing import KEY_BYTES, KEY_ID_BYTES, PURPOSES, Purpose, is_key_id, new_key_id
from strongroom.domain.secretbytes import SecretBytes
from strongroom.domain.table import Committed, Item, Missing, Put, Refused
from strongroom.ports import Chance, Clock, KeyService, Table

KEEP_SECONDS = 300
PAUSE_SECONDS = 1
MOST_VAULT_KEYS = 16
MARK_BYTES = 16
NEVER = float("-inf")
CURRENT = "current"
"""Sort key of the row that names the key that seals. Ids of keys have 16 characters, so none is called so."""

Name = TypeVar("Name", bound=Hashable)
Thing = TypeVar("Thing")


class Kept(Generic[Name, Thing]):
    """Hold a bounded number of things, each for at most five minutes; when there are too many, the oldest goes."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock, self._most = clock, most
        self._things: dict[Name, tuple[float, Thing]] = {}
        self._lock = threading.Lock()

    def get(self, name: Name) -> Thing | None:
        since, thing = self._things.get(name, (NEVER, None))
        # A clock that was set back must not make a key live on.
        return thing if 0 <= self._clock.now() - since < KEEP_SECONDS else None

    def put(self, name: Name, thing: Thing, since: float) -> None:
        with self._lock:
            self._things.pop(name, None)
            while len(self._things) >= self._most:
                del self._things[next(iter(self._things))]
            self._things[name] = (since, thing)

    def __len__(self) -> int:
        return len(self._things)


@dataclass(frozen=True, slots=True)
class VaultKey:
    """An opened vault key. `since`: when the key service was asked for it."""

    id: str
    key: SecretBytes
    since: float


class VaultKeys:
    """The opened vault keys of one environment."""

    def __init__(self, table: Table, service: KeyService, clock: Clock, chance: Chance, deployment: str) -> None:
        self._table, self._service, self._clock, self._chance = table, service, clock, chance
        self._deployment = deployment
        self._opened: Kept[tuple[Purpose, str], VaultKey] = Kept(clock, MOST_VAULT_KEYS)
        self._sealing: Kept[Purpose, VaultKey] = Kept(clock, len(PURPOSES))
        self._failed_at: dict[Purpose, float] = {}
        self._asking = {purpose: threading.Lock() for purpose in PURPOSES}

    def by_id(self, purpose: Purpose, key_id: str) -> VaultKey:
        """Give the vault key that something was sealed or wrapped under.

        Raises:
            KeysUnavailable: If it cannot be opened now, or its row is missing. What was sealed under it is never lost
                for that: rows come back from a backup.
            IntegrityError: If its row was changed.
        """
        found = self._opened.get((purpose, key_id)) or self._alone(purpose, lambda: self._find(purpose, key_id))
        if found is None:
            raise KeysUnavailable("a vault key has no row")
        return found

    def current(self, purpose: Purpose) -> VaultKey:
        """Give the vault key that seals, and make the first one if there is none yet.

        Raises:
            KeysUnavailable: If it can be neither opened nor made now.
        """
        found = self._sealing.get(purpose) or self._alone(purpose, lambda: self._find_current(purpose))
        if found is None:
            raise KeysUnavailable("the current vault key has no row")
        return found

    def _alone(self, purpose: Purpose, act: Callable[[], VaultKey | None]) -> VaultKey | None:
        with self._asking[purpose]:
            if 0 <= self._clock.now() - self._failed_at.get(purpose, NEVER) < PAUSE_SECONDS:
                raise KeysUnavailable("a vault key could not be opened a moment ago", retry_after=PAUSE_SECONDS)
            try:
                return act()
            except Unavailable:
                self._failed_at[purpose] = self._clock.now()
                raise

    def _find_current(self, purpose: Purpose) -> VaultKey | None:
        if kept := self._sealing.get(purpose):
            return kept
        pointer = self._row(purpose, CURRENT)
        found = self._make(purpose) if pointer is None else self._find(purpose, _named(pointer))
        if found:
            self._sealing.put(purpose, found, found.since)
        return found

    def _find(self, purpose: Purpose, key_id: str) -> VaultKey | None:
        if kept := self._opened.get((purpose, key_id)):
            return kept
        row = self._row(purpose, key_id)
        return None if row is None else self._open(purpose, key_id, _blob(row))

    def _row(self, purpose: Purpose, name: str) -> Item | None:
        key = keys.vault_key(purpose, name)
        return self._table.read([key]).get(key)

    def _open(self, purpose: Purpose, key_id: str, blob: bytes) -> VaultKey:
        since = self._clock.now()
        key = SecretBytes(self._service.decrypt(blob, self._context(purpose, key_id)))
        return self._keep(purpose, VaultKey(key_id, key, since))

    def _make(self, purpose: Purpose) -> VaultKey | None:
        since, key_id = self._clock.now(), new_key_id(self._chance.bytes(KEY_ID_BYTES))
        key, blob = self._generate(purpose, key_id)
        pointer, row = keys.vault_key(purpose, CURRENT), keys.vault_key(purpose, key_id)
        about: Item = {"state": CURRENT, "created_at": int(since)}
        writes = [
            Put({"PK": row.pk, "SK": row.sk, "kind": "vault_key", "blob": blob, **about}, Missing()),
            Put({"PK": pointer.pk, "SK": pointer.sk, "kind": "current_vault_key", "id": key_id}, Missing()),
        ]
        match self._table.commit(writes, self._chance.bytes(MARK_BYTES).hex()):
            case Committed():
                return self._keep(purpose, VaultKey(key_id, key, since))
            case Refused(failed):
                winner = failed.get(1)
                return None if winner is None else self._find(purpose, _named(winner))

    def _generate(self, purpose: Purpose, key_id: str) -> tuple[SecretBytes, bytes]:
        key, blob = self._service.generate(self._context(purpose, key_id))
        return SecretBytes(key), blob

    def _keep(self, purpose: Purpose, key: VaultKey) -> VaultKey:
        if len(key.key) != KEY_BYTES:
            raise IntegrityError("a vault key has the wrong length")
        self._opened.put((purpose, key.id), key, key.since)
        return key

    def _context(self, purpose: Purpose, key_id: str) -> dict[str, str]:
        return {"deployment": self._deployment, "purpose": purpose, "key_id": key_id}


def _named(pointer: Item) -> str:
    key_id = pointer.get("id")
    if not isinstance(key_id, str) or not is_key_id(key_id):
        raise IntegrityError("the row of the current vault key is not of the documented form")
    return key_id


def _blob(row: Item) -> bytes:
    blob = row.get("blob")
    if not isinstance(blob, bytes):
        raise IntegrityError("the row of a vault key is not of the documented form")
    return blob
