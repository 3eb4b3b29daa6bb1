"""One ciphertext, two keys: what AES-GCM allows and the commitment forbids."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.adapters.cipher import AesGcm, MessageKeys, message_keys
from strongroom.domain.errors import IntegrityError
from strongroom.domain.sealing import Box
from strongroom.domain.secretbytes import SecretBytes
from tests.requirements import requirement

BLOCK = 16
FIELD_POLYNOMIAL = 0xE1 << 120
KEYS = st.binary(min_size=32, max_size=32)


class WithoutCommitment(AesGcm):
    """The defence switched off: plain AES-GCM with derived keys."""

    def commits(self, box: Box, keys: MessageKeys) -> bool:
        return True


def times(x: int, y: int) -> int:
    """Multiply in GF(2^128) with GCM's order of bits (NIST SP 800-38D §6.3)."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (FIELD_POLYNOMIAL if y & 1 else 0)
    return product


def inverse(x: int) -> int:
    """Raise to 2^128 - 2."""
    result = 1 << 127
    for bit in range(127, -1, -1):
        result = times(result, result)
        if bit:
            result = times(result, x)
    return result


def power(x: int, exponent: int) -> int:
    result = 1 << 127
    for _ in range(exponent):
        result = times(result, x)
    return result


def ghash(subkey: int, blocks: list[int]) -> int:
    state = 0
    for block in blocks:
        state = times(state ^ block, subkey)
    return state


def blocks_of(data: bytes) -> list[int]:
    padded = data + bytes(-len(data) % BLOCK)
    return [int.from_bytes(padded[at : at + BLOCK], "big") for at in range(0, len(padded), BLOCK)]


def encrypted_block(key: bytes, block: bytes) -> int:
    encryptor = Cipher(algorithms.AES(key), modes.CBC(bytes(BLOCK))).encryptor()
    return int.from_bytes(encryptor.update(block) + encryptor.finalize(), "big")


def for_two_keys(one: MessageKeys, other: MessageKeys, chosen: bytes, data: bytes) -> bytes:
    """Make ciphertext and tag that are valid under both: one block is solved for, since the tag is linear in it."""
    lengths = (len(data) * 8) << 64 | (len(chosen) + BLOCK) * 8
    subkeys, masks = [], []
    for keys in (one, other):
        subkeys.append(encrypted_block(keys.key.reveal(), bytes(BLOCK)))
        masks.append(encrypted_block(keys.key.reveal(), keys.nonce + b"\0\0\0\1"))
    known = [*blocks_of(data), *blocks_of(chosen)]
    tags = [ghash(subkey, [*known, 0, lengths]) ^ mask for subkey, mask in zip(subkeys, masks, strict=True)]
    # The free block stands before the lengths, so it comes into the tag times the subkey squared.
    solved = times(tags[0] ^ tags[1], inverse(power(subkeys[0], 2) ^ power(subkeys[1], 2)))
    tag = ghash(subkeys[0], [*known, solved, lengths]) ^ masks[0]
    return chosen + solved.to_bytes(BLOCK, "big") + tag.to_bytes(BLOCK, "big")


def opens(cipher: AesGcm, key: SecretBytes, box: Box, data: bytes) -> bool:
    try:
        cipher.open(key, "seal", box, data)
    except IntegrityError:
        return False
    return True


@requirement("attack:C6")
@settings(max_examples=20, deadline=None)
@given(KEYS, KEYS, st.binary(min_size=32, max_size=32), st.binary(max_size=40))
def test_a_ciphertext_built_for_two_keys_opens_under_the_one_it_commits_to_and_no_other(
    first: bytes, second: bytes, salt: bytes, data: bytes
) -> None:
    one, other = SecretBytes(first), SecretBytes(second)
    if first == second:
        return
    derived = [message_keys(key, "seal", salt) for key in (one, other)]
    forged = for_two_keys(derived[0], derived[1], b"attacker's block", data)
    box, neither = Box(salt, derived[0].commitment, forged), Box(salt, bytes(32), forged)

    plain = WithoutCommitment()
    assert opens(plain, one, box, data), "negative control: without a commitment the first key opens it"
    assert opens(plain, other, box, data), "negative control: and so does the second"

    assert opens(AesGcm(), one, box, data)
    assert not opens(AesGcm(), other, box, data)
    assert not opens(AesGcm(), one, neither, data)
    assert not opens(AesGcm(), other, neither, data)


@requirement("attack:C6")
def test_the_commitment_is_checked_before_anything_is_decrypted() -> None:
    key, other = SecretBytes(b"k" * 32), SecretBytes(b"o" * 32)
    box = AesGcm().seal(key, "seal", b"s" * 32, SecretBytes(b"text"), b"")

    with pytest.raises(IntegrityError, match="under this key"):
        AesGcm().open(other, "seal", box, b"")
    with pytest.raises(IntegrityError, match="changed or moved"):
        AesGcm().open(key, "seal", box, b"other data")
