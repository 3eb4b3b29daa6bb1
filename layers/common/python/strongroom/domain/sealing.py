"""What is sealed, what it is bound to, and its bytes. Keys, ciphers and chance are elsewhere.

A sealed secret is bound to its place: purpose, kind, full primary key, field and key ids; for a connection also
standing, version and a hash of where its tokens may be sent. In any other place it does not open. Callers compare the
plain fields with what they expect *before* they open: a difference there is a torn read, to be read once more; after
that, whatever fails to open was damaged or moved.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from strongroom.domain.errors import IntegrityError
from strongroom.domain.identifiers import url_safe
from strongroom.domain.secretbytes import SecretBytes
from strongroom.domain.table import Item, Key, Value

Purpose: TypeAlias = Literal["connection", "authorization", "installation"]
Use: TypeAlias = Literal["seal", "wrap"]

PURPOSES: tuple[Purpose, ...] = ("connection", "authorization", "installation")
TEAM_PURPOSES: tuple[Purpose, ...] = ("connection", "installation")
"""Purposes with a key per team. Authorizations live ten minutes and are sealed under their vault key."""

VERSION = b"\x01"
KEY_BYTES = 32
KEY_ID_BYTES = 12
SALT_BYTES = 32
COMMITMENT_BYTES = 32
TAG_BYTES = 16

_ID_LENGTH = 16
_KEY_ID = re.compile(r"[A-Za-z0-9_-]{16}", re.ASCII)
_SMALLEST_BOX = SALT_BYTES + COMMITMENT_BYTES + TAG_BYTES
_CONNECTION_CONTEXT = 3


@dataclass(frozen=True, slots=True)
class Place:
    """What a ciphertext is bound to, besides the keys.

    `key` is the full primary key of the row that it lies in, `field` what it is ("access_token", "client_secret").
    `context` of a connection: standing, version, hash of the destination; of everything else: what its owner chooses.
    """

    purpose: Purpose
    kind: str
    key: Key
    field: str
    context: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.purpose == "connection" and len(self.context) != _CONNECTION_CONTEXT:
            raise ValueError("a connection is bound to standing, version and destination")


def additional_data(place: Place, vault_key_id: str, team_key_id: str) -> bytes:
    """Write down what the ciphertext is bound to: different places or key ids never give the same bytes."""
    row = (place.purpose, place.kind, place.key.pk, place.key.sk, place.field)
    return _listed("strongroom seal 1", *row, vault_key_id, team_key_id, *place.context)


def wrapping_data(purpose: Purpose, team: str, team_key_id: str, vault_key_id: str) -> bytes:
    """Write down what a wrapped team key is bound to."""
    return _listed("strongroom wrap 1", purpose, team, team_key_id, vault_key_id)


def destination_hash(parts: Sequence[str]) -> str:
    """Hash the parts that decide where a token may be sent: SHA-256 in hex."""
    return hashlib.sha256(_listed("strongroom destination 1", *parts)).hexdigest()


def _listed(*parts: str) -> bytes:
    """Join texts so that no two lists give the same bytes: each is preceded by its length.

    No text is normalised: "é" in one code point and in two are different users. Lone surrogates, which JSON can carry,
    keep a form of their own.
    """
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


@dataclass(frozen=True, slots=True)
class Box:
    """What a cipher makes: the salt of this one message's keys, the commitment to them, ciphertext and tag."""

    salt: bytes
    commitment: bytes
    ciphertext: bytes

    def encode(self) -> bytes:
        return self.salt + self.commitment + self.ciphertext

    @classmethod
    def parse(cls, raw: bytes) -> Box:
        if len(raw) < _SMALLEST_BOX:
            raise IntegrityError("a sealed value is too short")
        body = SALT_BYTES + COMMITMENT_BYTES
        return cls(raw[:SALT_BYTES], raw[SALT_BYTES:body], raw[body:])


class Cipher(Protocol):
    """Seal and open one message. The keys of a message come from `key`, a fresh salt of 32 bytes and the use."""

    def seal(self, key: SecretBytes, use: Use, salt: bytes, text: SecretBytes, data: bytes) -> Box:
        """Encrypt the text, bound to the additional data. One salt serves one message."""

    def open(self, key: SecretBytes, use: Use, box: Box, data: bytes) -> SecretBytes:
        """Check that the box commits to this key, then decrypt.

        Raises:
            IntegrityError: If the key, the use, the additional data or any byte of the box differs.
        """


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed secret as it is stored: version, id of the vault key, id of the team key (none: ""), box."""

    vault_key_id: str
    team_key_id: str
    box: Box

    def encode(self) -> bytes:
        team_key_id = self.team_key_id.encode()
        ids = self.vault_key_id.encode() + bytes((len(team_key_id),)) + team_key_id
        return VERSION + ids + self.box.encode()

    @classmethod
    def parse(cls, raw: bytes) -> Envelope:
        """Read the one format that there is. No other version, and no plain text, is ever accepted.

        Raises:
            IntegrityError: If the bytes are not an envelope.
        """
        rest = _without_version(raw)
        if len(rest) <= _ID_LENGTH:
            raise IntegrityError("a sealed value is too short")
        vault_key_id, team_id_length, rest = rest[:_ID_LENGTH], rest[_ID_LENGTH], rest[_ID_LENGTH + 1 :]
        team_key_id = _checked_id(rest[:team_id_length]) if team_id_length else ""
        return cls(_checked_id(vault_key_id), team_key_id, Box.parse(rest[team_id_length:]))


def _without_version(raw: bytes) -> bytes:
    if not raw.startswith(VERSION):
        raise IntegrityError("a sealed value has an unknown version")
    return raw[len(VERSION) :]


def _checked_id(raw: bytes) -> str:
    text = raw.decode("ascii", "replace")
    if not is_key_id(text):
        raise IntegrityError("a sealed value names no key that could be ours")
    return text


def new_key_id(fresh: bytes) -> str:
    """Make the id of a key from 12 fresh bytes."""
    return url_safe(fresh[:KEY_ID_BYTES])


def is_key_id(text: object) -> bool:
    return isinstance(text, str) and bool(_KEY_ID.fullmatch(text))


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A team key as it lies in the team's item. `current` seals; `previous` only opens what it once sealed."""

    id: str
    vault_key_id: str
    wrapped: bytes
    state: Literal["current", "previous"]

    @property
    def box(self) -> Box:
        """Raises: IntegrityError: the wrapping is not of our format."""
        return Box.parse(_without_version(self.wrapped))

    @classmethod
    def current(cls, key_id: str, vault_key_id: str, box: Box) -> WrappedKey:
        return cls(key_id, vault_key_id, VERSION + box.encode(), "current")

    def to_value(self) -> Value:
        return {"id": self.id, "vault_key": self.vault_key_id, "wrapped": self.wrapped, "state": self.state}

    @classmethod
    def from_value(cls, value: Value) -> WrappedKey:
        match value:
            case {"id": str(key_id), "vault_key": str(vault_key_id), "wrapped": bytes(wrapped), "state": str(state)}:
                if is_key_id(key_id) and is_key_id(vault_key_id):
                    return cls(key_id, vault_key_id, wrapped, "current" if state == "current" else "previous")
        raise IntegrityError("a team's wrapped key is not of the documented form")


@dataclass(frozen=True, slots=True)
class TeamKeys:
    """The wrapped keys of one team, by purpose, as they come with the team's row."""

    team: str
    wrapped: Mapping[Purpose, tuple[WrappedKey, ...]] = field(default_factory=dict)

    def current(self, purpose: Purpose) -> WrappedKey | None:
        """Give the key that seals. None: no function has sealed for this purpose yet."""
        return next((key for key in self.wrapped.get(purpose, ()) if key.state == "current"), None)

    def find(self, purpose: Purpose, key_id: str) -> WrappedKey | None:
        return next((key for key in self.wrapped.get(purpose, ()) if key.id == key_id), None)

    @classmethod
    def from_item(cls, item: Item) -> TeamKeys:
        """Read a team's row.

        Raises:
            IntegrityError: If its keys are not of the documented form.
        """
        return cls(str(item["team"]), {purpose: _wrapped_keys(item, purpose) for purpose in TEAM_PURPOSES})


def keys_attribute(purpose: Purpose) -> str:
    """Name the attribute of a team's row that holds its keys for a purpose."""
    return f"keys_{purpose}"


def _wrapped_keys(item: Item, purpose: Purpose) -> tuple[WrappedKey, ...]:
    listed = item.get(keys_attribute(purpose), ())
    if not isinstance(listed, list | tuple):
        raise IntegrityError("a team's wrapped keys are not a list")
    return tuple(WrappedKey.from_value(value) for value in listed)
