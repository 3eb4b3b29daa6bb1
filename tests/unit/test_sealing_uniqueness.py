"""No two messages share a key, whatever was forked or restored; and what happens when chance repeats itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import strongroom
from strongroom.adapters.cipher import message_keys
from strongroom.domain.sealing import Envelope
from strongroom.domain.secret import Secret
from strongroom.domain.secretbytes import SecretBytes
from tests.fakes.vaults import VaultWorld, token_place
from tests.requirements import requirement

MANY = 20_000
ROOT = Path(__file__).parents[2]


class OperatingSystem:
    def bytes(self, length: int) -> bytes:
        return os.urandom(length)


class StuckChance:
    """Chance as a restored snapshot or a fork of a seeded generator would give it."""

    def bytes(self, length: int) -> bytes:
        return b"\x07" * length


@requirement("attack:C7")
def test_many_messages_have_as_many_keys_nonces_and_commitments() -> None:
    key = SecretBytes(b"k" * 32)
    made = [message_keys(key, "seal", os.urandom(32)) for _ in range(MANY)]

    assert len({keys.key.reveal() for keys in made}) == MANY
    assert len({keys.nonce for keys in made}) == MANY
    assert len({keys.commitment for keys in made}) == MANY


@requirement("attack:C7")
@pytest.mark.parametrize("byte", range(32))
def test_every_byte_of_the_salt_counts(byte: int) -> None:
    salt = bytes(32)
    other = salt[:byte] + b"\x01" + salt[byte + 1 :]

    one, two = (message_keys(SecretBytes(b"k" * 32), "seal", value) for value in (salt, other))

    assert one.key != two.key
    assert one.nonce != two.nonce
    assert one.commitment != two.commitment


@requirement("attack:C7")
def test_the_same_secret_sealed_twice_shares_no_part() -> None:
    world = VaultWorld(chance=OperatingSystem())
    ring = world.vault().sealing_ring("connection", world.new_team("acme"))

    one, two = (Envelope.parse(ring.seal(Secret("token"), token_place())).box for _ in range(2))

    assert one.salt != two.salt
    assert one.commitment != two.commitment
    assert one.ciphertext != two.ciphertext


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


@requirement("attack:C7")
def test_chance_that_repeats_itself_is_what_would_give_secrets_away() -> None:
    """Negative control for the tests above: with one salt for two messages their difference can be read."""
    texts = [b"token of alice", b"token of bobby"]
    differences = []
    for chance in (StuckChance(), OperatingSystem()):
        world = VaultWorld(chance=chance)
        ring = world.vault().sealing_ring("connection", world.new_team("acme"))
        sealed = [Envelope.parse(ring.seal(Secret(text.decode()), token_place())).box for text in texts]
        differences.append(xor(sealed[0].ciphertext[:14], sealed[1].ciphertext[:14]))

    assert differences[0] == xor(*texts)
    assert differences[1] != xor(*texts)


FORK = """
import os, random, sys
from strongroom.domain.secret import Secret
from tests.fakes.vaults import VaultWorld, token_place

class Chance:
    source = {"system": os.urandom, "seeded": random.Random(1).randbytes}[sys.argv[1]]
    def bytes(self, length):
        return Chance.source(length)

world = VaultWorld(chance=Chance())
ring = world.vault().sealing_ring("connection", world.new_team("acme"))
child = os.fork()
sealed = [ring.seal(Secret("token"), token_place()).hex() for _ in range(200)]
if child:
    os.waitpid(child, 0)
sys.stdout.write("\\n".join(sealed) + "\\n")
sys.stdout.flush()
os._exit(0)
"""


def sealed_around_a_fork(source: str) -> list[str]:
    path = os.pathsep.join((str(ROOT), str(Path(strongroom.__file__).parents[1])))
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", FORK, source],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@requirement("attack:C7")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_of_an_environment_repeats_nothing() -> None:
    assert len(set(sealed_around_a_fork("system"))) == 400
    assert len(set(sealed_around_a_fork("seeded"))) == 200, "negative control: a generator in memory forks with it"


@requirement("attack:C7")
def test_nothing_is_drawn_read_or_asked_before_the_first_ring() -> None:
    class Untouched:
        def bytes(self, length: int) -> bytes:
            raise AssertionError("drawn too early")

    world = VaultWorld(chance=Untouched())
    world.vault()

    assert not world.table.requests
    assert not world.service.requests
