"""Keys that are missing, planted, exchanged or replaced."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from strongroom.adapters.cipher import AesGcm
from strongroom.domain import keys
from strongroom.domain.errors import IntegrityError, KeysUnavailable
from strongroom.domain.sealing import (
    Envelope,
    Purpose,
    TeamKeys,
    WrappedKey,
    new_key_id,
    wrapping_data,
)
from strongroom.domain.secretbytes import SecretBytes
from strongroom.domain.table import Item
from tests.fakes.vaults import (
    DEPLOYMENT,
    PLACES,
    TOKEN,
    VaultWorld,
    open_anew,
    seal,
    token_place,
    world_with,
)
from tests.requirements import requirement


def vault_key_row(world: VaultWorld, purpose: Purpose) -> Item:
    pointer = world.table.row(keys.vault_key(purpose, "current"))
    assert pointer is not None
    row = world.table.row(keys.vault_key(purpose, str(pointer["id"])))
    assert row is not None
    return row


@pytest.mark.parametrize("purpose", PLACES)
def test_a_vault_key_without_a_row_is_unavailable_and_everything_stays(purpose: Purpose) -> None:
    world = world_with("acme")
    sealed, whole = seal(world, purpose), world.table.snapshot()
    row = vault_key_row(world, purpose)
    world.table.restore({key: item for key, item in whole.items() if key.sk != row["SK"]})
    left = world.table.snapshot()

    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            open_anew(world, purpose, sealed)
        with pytest.raises(KeysUnavailable):
            seal(world, purpose)
    assert world.table.snapshot() == left
    world.table.restore(whole)

    assert open_anew(world, purpose, sealed) == TOKEN


def test_a_missing_old_key_stops_no_other_record() -> None:
    world = world_with("acme")
    team = world.team("acme")
    lost = world.vault().sealing_ring("connection", team).seal(TOKEN, token_place())
    world.put_team("acme")
    sealed = seal(world, "connection")
    ring = world.vault().ring("connection", world.team("acme"))

    with pytest.raises(KeysUnavailable):
        ring.open(lost, token_place())
    assert ring.open(sealed, token_place()) == TOKEN


@requirement("attack:C8")
@pytest.mark.parametrize("attribute", ["blob", "id"])
def test_vault_keys_of_two_purposes_cannot_be_exchanged(attribute: str) -> None:
    world = world_with("acme")
    sealed = {purpose: seal(world, purpose) for purpose in PLACES}
    one, other = vault_key_row(world, "connection"), vault_key_row(world, "installation")
    if attribute == "blob":
        world.table.place({**one, "blob": other["blob"]})
    else:
        world.table.place({**other, "PK": one["PK"], "SK": one["SK"]})

    with pytest.raises(IntegrityError):
        open_anew(world, "connection", sealed["connection"])


@requirement("attack:C8")
def test_a_vault_key_wrapped_under_a_key_of_somebody_else_is_refused() -> None:
    world = world_with("acme")
    sealed, row = seal(world, "connection"), vault_key_row(world, "connection")
    context = {"deployment": DEPLOYMENT, "purpose": "connection", "key_id": str(row["SK"])}
    foreign = world.service.beside("key of mallory")
    _, planted = foreign.generate(context)
    world.table.place({**row, "blob": planted})

    with pytest.raises(IntegrityError):
        open_anew(world, "connection", sealed)

    # Negative control: an environment that lets the service use any key takes the planted one, and hands mallory the rest.
    team = world.new_team("rivals")
    careless = world.vault(service=foreign).sealing_ring("connection", team)
    assert careless.open(careless.seal(TOKEN, token_place(team="rivals")), token_place(team="rivals")) == TOKEN


@requirement("attack:C8")
@pytest.mark.parametrize("blob", [b"", b"x" * 120, "text", None])
def test_a_planted_blob_is_refused(blob: bytes | str | None) -> None:
    world = world_with("acme")
    sealed = seal(world, "connection")
    world.table.place({**vault_key_row(world, "connection"), "blob": blob})

    with pytest.raises(IntegrityError):
        open_anew(world, "connection", sealed)


@pytest.mark.parametrize("named", [None, "", "current", 5, "../x"])
def test_a_planted_name_of_the_current_key_is_refused(named: object) -> None:
    world = world_with("acme")
    seal(world, "authorization")
    pointer = keys.vault_key("authorization", "current")
    world.table.place({"PK": pointer.pk, "SK": pointer.sk, "id": named})  # type: ignore[dict-item]

    with pytest.raises(IntegrityError):
        seal(world, "authorization")


def test_a_team_key_wrapped_anew_under_another_vault_key_opens_what_it_sealed_before() -> None:
    world = world_with("acme")
    sealed, [old] = seal(world, "connection"), world.team("acme").wrapped["connection"]
    key = world.vault().team_key("connection", "acme", old)
    fresh_id = new_key_id(b"fresh key id")
    vault_key, blob = world.service.generate({"deployment": DEPLOYMENT, "purpose": "connection", "key_id": fresh_id})
    row = keys.vault_key("connection", fresh_id)
    world.table.place({"PK": row.pk, "SK": row.sk, "blob": blob, "state": "current"})
    data = wrapping_data("connection", "acme", old.id, fresh_id)
    box = AesGcm().seal(SecretBytes(vault_key), "wrap", b"s" * 32, key, data)
    rewrapped = TeamKeys("acme", {"connection": (WrappedKey.current(old.id, fresh_id, box),)})

    ring = world.vault().ring("connection", rewrapped)

    assert ring.open(sealed, token_place()) == TOKEN
    assert Envelope.parse(sealed).vault_key_id == old.vault_key_id != fresh_id


def test_a_previous_team_key_opens_and_the_current_one_seals() -> None:
    world = world_with("acme")
    sealed, [old] = seal(world, "connection"), world.team("acme").wrapped["connection"]
    world.put_team("acme")
    seal(world, "connection")
    [new] = world.team("acme").wrapped["connection"]
    both = TeamKeys("acme", {"connection": (replace(old, state="previous"), new)})

    ring = world.vault().sealing_ring("connection", both)

    assert ring.open(sealed, token_place()) == TOKEN
    assert Envelope.parse(ring.seal(TOKEN, token_place())).team_key_id == new.id


def test_ids_of_keys_are_random_and_say_nothing() -> None:
    world = world_with("acme")
    envelope = Envelope.parse(seal(world, "connection"))

    for key_id in (envelope.vault_key_id, envelope.team_key_id):
        assert len(base64.urlsafe_b64decode(key_id)) == 12
