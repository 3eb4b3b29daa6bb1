"""The bytes: what a ciphertext is bound to, how an envelope is written and read, how keys are derived."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as RawCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.adapters.cipher import AesGcm, hkdf, message_keys
from strongroom.domain.errors import IntegrityError
from strongroom.domain.sealing import (
    Box,
    Envelope,
    Place,
    TeamKeys,
    WrappedKey,
    additional_data,
    destination_hash,
    new_key_id,
    wrapping_data,
)
from strongroom.domain.secretbytes import SecretBytes
from strongroom.domain.table import Key
from tests.fakes.vaults import token_place
from tests.requirements import requirement

VAULT_KEY_ID, TEAM_KEY_ID = new_key_id(b"v" * 12), new_key_id(b"t" * 12)
TEXTS = st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("|#/\0"), max_size=6)
KEY_IDS = st.binary(min_size=12, max_size=12).map(new_key_id)
PLACES = st.builds(
    Place,
    purpose=st.just("connection"),
    kind=TEXTS,
    key=st.builds(Key, TEXTS, TEXTS),
    field=TEXTS,
    context=st.tuples(TEXTS, TEXTS, TEXTS),
)
BOXES = st.builds(
    Box,
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=16, max_size=80),
)
ENVELOPES = st.builds(Envelope, KEY_IDS, KEY_IDS | st.just(""), BOXES)


def place_of(parts: list[str]) -> Place:
    kind, pk, sk, name, *context = parts
    return Place("connection", kind, Key(pk, sk), name, (context[0], context[1], context[2]))


def naive(place: Place) -> str:
    return "|".join((place.purpose, place.kind, place.key.pk, place.key.sk, place.field, *place.context))


@requirement("attack:C2")
@settings(deadline=None)
@given(PLACES, PLACES)
def test_different_places_never_give_the_same_additional_data(one: Place, other: Place) -> None:
    same = additional_data(one, VAULT_KEY_ID, TEAM_KEY_ID) == additional_data(other, VAULT_KEY_ID, TEAM_KEY_ID)

    assert same == (one == other)


@requirement("attack:C2")
@settings(deadline=None)
@given(st.lists(TEXTS, min_size=7, max_size=7), st.integers(0, 5), TEXTS)
def test_moving_text_from_one_part_to_the_next_is_seen_where_a_naive_join_sees_nothing(
    parts: list[str], at: int, moved: str
) -> None:
    one, other = list(parts), list(parts)
    one[at], other[at + 1] = f"{one[at]}|{moved}", f"{moved}|{other[at + 1]}"

    data = [additional_data(place_of(listed), VAULT_KEY_ID, TEAM_KEY_ID) for listed in (one, other)]

    assert naive(place_of(one)) == naive(place_of(other)), "negative control"
    assert data[0] != data[1]


@requirement("attack:C2")
@pytest.mark.parametrize(
    ("one", "other"),
    [("\u00e9", "e\u0301"), ("\u212b", "\u00c5"), ("Bob", "bob"), ("\ufb01", "fi"), ("a", "a\u200b"), ("\ud800", "?")],
)
def test_texts_that_look_alike_are_different(one: str, other: str) -> None:
    places = [Place("connection", "c", Key("p", "s"), text, ("", "", "")) for text in (one, other)]

    assert additional_data(places[0], "", "") != additional_data(places[1], "", "")
    assert destination_hash([one]) != destination_hash([other])


@settings(deadline=None)
@given(st.lists(TEXTS), st.lists(TEXTS))
def test_different_destinations_never_share_a_hash(one: list[str], other: list[str]) -> None:
    assert (destination_hash(one) == destination_hash(other)) == (one == other)


def test_key_ids_are_bound_and_not_interchangeable() -> None:
    ids = [(VAULT_KEY_ID, TEAM_KEY_ID), (TEAM_KEY_ID, VAULT_KEY_ID), (VAULT_KEY_ID, ""), ("", VAULT_KEY_ID)]

    assert len({additional_data(token_place(), *pair) for pair in ids}) == 4
    assert len({wrapping_data("connection", "acme", *pair) for pair in ids}) == 4


def test_a_connection_is_bound_to_standing_version_and_destination_or_not_made_at_all() -> None:
    with pytest.raises(ValueError, match="standing, version and destination"):
        replace(token_place(), context=("standing", "version"))


@settings(deadline=None)
@given(ENVELOPES)
def test_an_envelope_reads_back_as_it_was_written(envelope: Envelope) -> None:
    assert Envelope.parse(envelope.encode()) == envelope


@requirement("attack:C5")
@settings(deadline=None)
@given(st.binary(max_size=200) | ENVELOPES.map(Envelope.encode))
def test_whatever_is_read_as_an_envelope_has_exactly_one_form(raw: bytes) -> None:
    try:
        envelope = Envelope.parse(raw)
    except IntegrityError:
        return
    assert envelope.encode() == raw


@requirement("attack:C5")
@pytest.mark.parametrize("version", [0, *range(2, 256)])
def test_there_is_one_version_and_no_other_is_read(version: int) -> None:
    raw = Envelope(VAULT_KEY_ID, TEAM_KEY_ID, Box(b"s" * 32, b"c" * 32, b"x" * 16)).encode()

    with pytest.raises(IntegrityError):
        Envelope.parse(bytes((version,)) + raw[1:])


@requirement("attack:C5")
@pytest.mark.parametrize(
    "raw", [b"", b"\x01", b"\x01" * 15, b"token", b"\x00token", b'{"alg":"none"}', b"\x01" + b"!" * 200]
)
def test_plain_text_and_fragments_are_not_envelopes(raw: bytes) -> None:
    with pytest.raises(IntegrityError):
        Envelope.parse(raw)


@requirement("attack:C5")
def test_a_shortened_tag_does_not_open_although_gcm_would_allow_it() -> None:
    key, salt, cipher = SecretBytes(b"k" * 32), b"s" * 32, AesGcm()
    box = cipher.seal(key, "seal", salt, SecretBytes(b"a token"), b"data")
    keys = message_keys(key, "seal", salt)

    for missing in range(1, 17):
        with pytest.raises(IntegrityError):
            cipher.open(key, "seal", replace(box, ciphertext=box.ciphertext[:-missing]), b"data")

    # Negative control: a reader that takes the tag's length from the ciphertext believes a tag of 4 bytes.
    lenient = RawCipher(
        algorithms.AES(keys.key.reveal()), modes.GCM(keys.nonce, box.ciphertext[7:11], min_tag_length=4)
    ).decryptor()
    lenient.authenticate_additional_data(b"data")
    assert lenient.update(box.ciphertext[:7]) + lenient.finalize() == b"a token"


RFC_5869 = [
    (
        b"\x0b" * 22,
        bytes(range(13)),
        bytes(range(0xF0, 0xFA)),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)),
        bytes(range(0x60, 0xB0)),
        bytes(range(0xB0, 0x100)),
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (b"\x0b" * 22, b"", b"", "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"),
]


@pytest.mark.parametrize(("key", "salt", "info", "expected"), RFC_5869)
def test_keys_are_derived_as_in_the_vectors_of_rfc_5869(key: bytes, salt: bytes, info: bytes, expected: str) -> None:
    assert hkdf(key, salt, info, len(expected) // 2, "sha256").hex() == expected


@settings(deadline=None)
@given(st.binary(max_size=64), st.binary(max_size=64), st.binary(max_size=64), st.integers(1, 400))
def test_keys_are_derived_as_another_implementation_does(key: bytes, salt: bytes, info: bytes, length: int) -> None:
    assert hkdf(key, salt, info, length) == HKDF(SHA512(), length, salt, info).derive(key)


def test_what_was_wrapped_does_not_open_as_if_it_were_sealed() -> None:
    key, cipher = SecretBytes(b"k" * 32), AesGcm()
    box = cipher.seal(key, "wrap", b"s" * 32, SecretBytes(b"text"), b"data")

    with pytest.raises(IntegrityError):
        cipher.open(key, "seal", box, b"data")


@pytest.mark.parametrize(
    ("key", "salt"), [(b"k" * 31, b"s" * 32), (b"", b"s" * 32), (b"k" * 32, b"s" * 31), (b"k" * 32, b"")]
)
def test_nothing_is_sealed_with_a_short_key_or_salt(key: bytes, salt: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        AesGcm().seal(SecretBytes(key), "seal", salt, SecretBytes(b"text"), b"")


ROW = {"PK": "T#acme", "SK": "A", "team": "acme", "state": "active"}
WRAPPED = WrappedKey(TEAM_KEY_ID, VAULT_KEY_ID, b"\x01" + b"w" * 112, "current")


def test_a_team_reads_its_keys_by_purpose_and_knows_the_one_that_seals() -> None:
    old = replace(WRAPPED, id=new_key_id(b"o" * 12), state="previous")
    team = TeamKeys.from_item(ROW | {"keys_connection": [old.to_value(), WRAPPED.to_value()]})

    assert (team.team, team.current("connection"), team.current("installation")) == ("acme", WRAPPED, None)
    assert team.find("connection", old.id) == old
    assert team.find("installation", old.id) is None


@requirement("attack:C5")
@pytest.mark.parametrize(
    "listed",
    [
        "text",
        {"id": "x"},
        ["text"],
        [{}],
        [{"id": TEAM_KEY_ID, "vault_key": VAULT_KEY_ID, "wrapped": "text", "state": "current"}],
        [{"id": "current", "vault_key": VAULT_KEY_ID, "wrapped": b"w", "state": "current"}],
        [{"id": TEAM_KEY_ID, "vault_key": "../other", "wrapped": b"w", "state": "current"}],
    ],
)
def test_wrapped_keys_of_another_form_are_refused(listed: object) -> None:
    with pytest.raises(IntegrityError):
        TeamKeys.from_item({**ROW, "keys_connection": listed})  # type: ignore[dict-item]


@pytest.mark.parametrize("wrapped", [b"", b"\x00" + b"w" * 112, b"\x01" + b"w" * 79])
def test_a_wrapping_of_another_format_is_refused(wrapped: bytes) -> None:
    with pytest.raises(IntegrityError):
        _ = replace(WRAPPED, wrapped=wrapped).box


@requirement("attack:C11")
def test_secret_bytes_do_not_print_pickle_or_copy() -> None:
    secret = SecretBytes(b"canary")

    assert {repr(secret), str(secret), f"{secret}", f"{secret:>3}"} == {"***"}
    assert "canary" not in f"{[secret]} {replace(WRAPPED)}"
    for leave in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            leave(secret)
    with pytest.raises(TypeError):
        hash(secret)


def test_secret_bytes_compare_by_value_and_only_with_their_kind() -> None:
    assert SecretBytes(b"a") == SecretBytes(b"a")
    assert SecretBytes(b"a") != SecretBytes(b"b")
    assert SecretBytes(b"a") != b"a"
