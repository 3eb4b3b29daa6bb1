"""AES-256-GCM under keys that are derived anew for every message.

HKDF is written out over `hmac` of the standard library, which is loaded anyway: importing the one of `cryptography`
costs a cold start more CPU than a thousand look-ups save by it. The tests hold it to RFC 5869 and to `cryptography`.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.domain.errors import IntegrityError
from strongroom.domain.sealing import COMMITMENT_BYTES, KEY_BYTES, SALT_BYTES, Box, Use
from strongroom.domain.secretbytes import SecretBytes

NONCE_BYTES = 12


class MessageKeys(NamedTuple):
    """Everything that belongs to one message and to no other."""

    key: SecretBytes
    nonce: bytes
    commitment: bytes


def hkdf(key: bytes, salt: bytes, info: bytes, length: int, digest: str = "sha512") -> bytes:
    """Derive key material (RFC 5869 §2.2 and §2.3)."""
    pseudorandom = hmac.digest(salt, key, digest)
    block, material, counter = b"", b"", 0
    while len(material) < length:
        counter += 1
        block = hmac.digest(pseudorandom, block + info + bytes((counter,)), digest)
        material += block
    return material[:length]


def message_keys(key: SecretBytes, use: Use, salt: bytes) -> MessageKeys:
    """Derive AES key, nonce and commitment of the one message that this salt is for.

    A fresh salt of 256 bits means a fresh AES key: no nonce meets the same key twice, and no limit on the messages of a
    key comes near (NIST SP 800-38D §8.3). The commitment names the key: GCM alone lets one ciphertext open under two.
    """
    info = b"strongroom 1 " + use.encode()
    material = SecretBytes(hkdf(key.reveal(), salt, info, KEY_BYTES + NONCE_BYTES + COMMITMENT_BYTES))
    return MessageKeys(
        key=SecretBytes(material.reveal()[:KEY_BYTES]),
        nonce=material.reveal()[KEY_BYTES : KEY_BYTES + NONCE_BYTES],
        commitment=material.reveal()[KEY_BYTES + NONCE_BYTES :],
    )


class AesGcm:
    """The vault's only cipher: see `strongroom.domain.sealing.Cipher` for what it promises."""

    def seal(self, key: SecretBytes, use: Use, salt: bytes, text: SecretBytes, data: bytes) -> Box:
        if len(key) != KEY_BYTES or len(salt) != SALT_BYTES:
            raise ValueError("a key has 32 bytes, and so has a salt")
        keys = message_keys(key, use, salt)
        return Box(salt, keys.commitment, AESGCM(keys.key.reveal()).encrypt(keys.nonce, text.reveal(), data))

    def open(self, key: SecretBytes, use: Use, box: Box, data: bytes) -> SecretBytes:
        keys = message_keys(key, use, box.salt)
        if not self.commits(box, keys):
            raise IntegrityError("a sealed value was not sealed under this key")
        try:
            return SecretBytes(AESGCM(keys.key.reveal()).decrypt(keys.nonce, box.ciphertext, data))
        except InvalidTag:
            raise IntegrityError("a sealed value was changed or moved") from None

    def commits(self, box: Box, keys: MessageKeys) -> bool:
        """Whether the box was made with these keys: checked before a byte is decrypted."""
        return hmac.compare_digest(box.commitment, keys.commitment)
