"""Neither keys nor secrets show in what the vault stores, prints, raises or leaves in a trace."""

from __future__ import annotations

import base64
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

import strongroom
from strongroom.adapters.cipher import AesGcm, hkdf
from strongroom.domain import keys
from strongroom.domain.errors import IntegrityError, KeysUnavailable
from strongroom.domain.sealing import Box, Envelope, TeamKeys, Use
from strongroom.domain.secret import Secret
from strongroom.domain.secretbytes import SecretBytes
from tests.fakes.vaults import VaultWorld, token_place, verifier_place
from tests.requirements import requirement

CANARY = "canary-token-5d1c \u00fc\u2713"


class Spy(AesGcm):
    """The real cipher, with a record of the keys and texts that went through it."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()

    def seal(self, key: SecretBytes, use: Use, salt: bytes, text: SecretBytes, data: bytes) -> Box:
        self.seen |= {key.reveal(), text.reveal(), hkdf(key.reveal(), salt, b"strongroom 1 " + use.encode(), 32)}
        return super().seal(key, use, salt, text, data)


def spellings(secret: bytes) -> set[str]:
    """Write a secret down as it might turn up in a log or a row."""
    compact = base64.b64encode(secret).decode().rstrip("=")
    texts = {secret.decode("latin-1"), secret.decode(errors="replace"), quote(secret), repr(secret)[2:-1]}
    texts |= {secret.hex(), compact, base64.urlsafe_b64encode(secret).decode().rstrip("=")}
    return {spelling for text in texts for spelling in (text, text[::-1])}


def found_in(shown: str, secrets: set[bytes]) -> list[str]:
    return [spelling for secret in secrets for spelling in spellings(secret) if spelling in shown]


def world_with_secrets() -> tuple[VaultWorld, Spy, bytes]:
    world, spy = VaultWorld(), Spy()
    ring = world.vault(cipher=spy).sealing_ring("connection", world.new_team("acme"))
    sealed = ring.seal(Secret(CANARY), token_place())
    world.vault(cipher=spy).sealing_ring("authorization", None).seal(Secret(CANARY), verifier_place())
    return world, spy, sealed


def secrets_of(world: VaultWorld, spy: Spy) -> set[bytes]:
    return spy.seen | set(world.service.data_keys()) | {CANARY.encode()}


@requirement("attack:C10")
def test_neither_table_nor_envelope_holds_a_secret_in_any_spelling() -> None:
    world, spy, sealed = world_with_secrets()
    secrets = secrets_of(world, spy)
    stored = b"".join(
        value for row in world.table.snapshot().values() for value in row.values() if type(value) is bytes
    )
    shown = f"{world.table.snapshot()} {stored.decode('latin-1')} {stored.hex()} {sealed.decode('latin-1')} {sealed!r}"

    assert len(secrets) == 7
    assert found_in(shown, secrets) == []
    assert found_in(f"{shown} {base64.b64encode(CANARY.encode()).decode()}", secrets), "negative control"


@requirement("attack:C11")
def test_nothing_that_the_vault_is_made_of_prints_a_secret() -> None:
    world, spy, sealed = world_with_secrets()
    vault = world.vault()
    ring = vault.sealing_ring("connection", world.team("acme"))
    opened = ring.open(sealed, token_place())

    things = [opened, Envelope.parse(sealed), world.team("acme"), *deep(vault), *deep(ring)]

    assert opened == Secret(CANARY)
    assert found_in(" ".join(map(repr, things)), secrets_of(world, spy)) == []


def deep(thing: object, levels: int = 4) -> Iterator[object]:
    """Walk what an object holds in memory."""
    yield thing
    if levels and getattr(type(thing), "__module__", "").startswith("strongroom.flows"):
        for inner in getattr(thing, "__dict__", {}).values():
            yield from deep(inner, levels - 1)


def trace_of(error: BaseException) -> str:
    """Write the trace with every local variable, but those of the test itself, which knows the secrets."""
    frames = error.__traceback__
    while frames and frames.tb_frame.f_code.co_name.startswith("test_"):
        frames = frames.tb_next
    shown = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    return "".join(shown.format())


Break = Callable[[VaultWorld], None]


def disable(world: VaultWorld) -> None:
    world.service.disabled = True


def damage_team_key(world: VaultWorld) -> None:
    [key] = world.team("acme").wrapped["connection"]
    row = world.table.snapshot()[keys.team("acme")]
    world.table.place({**row, "keys_connection": [replace(key, wrapped=key.wrapped[:-1] + b"\0").to_value()]})


def damage_vault_keys(world: VaultWorld) -> None:
    for row in world.table.snapshot().values():
        if "blob" in row:
            world.table.place({**row, "blob": b"damaged"})


def forget_the_team_key(world: VaultWorld) -> None:
    world.put_team("acme")


def change_nothing(world: VaultWorld) -> None:
    pass


@requirement("attack:C11")
@pytest.mark.parametrize("broken", [disable, damage_team_key, damage_vault_keys, forget_the_team_key, change_nothing])
@pytest.mark.parametrize("moved", [False, True])
def test_no_error_shows_a_secret_even_with_the_local_variables_of_every_frame(broken: Break, moved: bool) -> None:
    world, spy, sealed = world_with_secrets()
    secrets = secrets_of(world, spy)
    broken(world)
    place = token_place("bob") if moved else token_place()

    def attempt() -> None:
        world.vault().ring("connection", world.team("acme")).open(sealed, place)

    if broken is change_nothing and not moved:
        attempt()
        return
    with pytest.raises((IntegrityError, KeysUnavailable)) as caught:
        attempt()

    assert found_in(trace_of(caught.value) + repr(caught.value.detail), secrets) == []


@requirement("attack:C11")
def test_a_key_or_text_that_is_not_wrapped_would_show_in_a_trace() -> None:
    """Negative control: the same trace, of code that holds the text plainly."""

    def careless(text: str) -> None:
        raise IntegrityError

    with pytest.raises(IntegrityError) as caught:
        careless(CANARY)

    assert found_in(trace_of(caught.value), {CANARY.encode()})


@requirement("attack:C11")
def test_sealing_that_fails_shows_neither_the_text_nor_the_key() -> None:
    class Broken(Spy):
        def seal(self, key: SecretBytes, use: Use, salt: bytes, text: SecretBytes, data: bytes) -> Box:
            box = super().seal(key, use, salt, text, data)
            if use == "seal":
                raise IntegrityError
            return box

    world, spy = VaultWorld(), Broken()
    ring = world.vault(cipher=spy).sealing_ring("connection", world.new_team("acme"))

    with pytest.raises(IntegrityError) as caught:
        ring.seal(Secret(CANARY), token_place())

    assert "seal" in trace_of(caught.value)
    assert found_in(trace_of(caught.value), secrets_of(world, spy)) == []


LOADED = """
import sys
from strongroom.adapters.cipher import AesGcm
from strongroom.domain.secretbytes import SecretBytes
cipher = AesGcm()
before = set(sys.modules)
box = cipher.seal(SecretBytes(b"k" * 32), "seal", b"s" * 32, SecretBytes(b"text"), b"data")
cipher.open(SecretBytes(b"k" * 32), "seal", box, b"data")
print(sorted(set(sys.modules) - before), "cryptography.hazmat.primitives.kdf.hkdf" in sys.modules)
"""


def test_sealing_and_opening_import_nothing_and_the_cipher_loads_aes_gcm_alone() -> None:
    path = str(Path(strongroom.__file__).parents[1])
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", LOADED], env={"PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout.strip() == "[] False"


def test_the_words_of_an_error_are_for_the_log_and_name_no_key() -> None:
    world, _, sealed = world_with_secrets()
    ring = world.vault().ring("connection", world.team("acme"))
    envelope = Envelope.parse(sealed)

    with pytest.raises(IntegrityError) as moved:
        ring.open(sealed, token_place("bob"))
    with pytest.raises(KeysUnavailable) as missing:
        world.vault().ring("connection", TeamKeys("acme")).open(sealed, token_place())

    for error in (moved.value, missing.value):
        assert envelope.team_key_id not in str(error)
        assert "bob" not in str(error)
    assert keys.team("acme") in world.table.snapshot()
