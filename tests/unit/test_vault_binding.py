"""A sealed secret opens where it was sealed, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.adapters.cipher import AesGcm
from strongroom.domain.errors import IntegrityError, KeysUnavailable
from strongroom.domain.sealing import Box, Envelope, Place, Use, additional_data
from strongroom.domain.secret import Secret
from strongroom.domain.secretbytes import SecretBytes
from strongroom.domain.table import Key
from strongroom.flows.vault import Ring
from tests.fakes.vaults import VaultWorld, secret_place, token_place, verifier_place
from tests.requirements import requirement

TEAMS = ("acme", "rivals")
REFUSED = (IntegrityError, KeysUnavailable)
"""Inside a team: a failed check. With the keys of another team or purpose: there is no such key."""


class Unbound(AesGcm):
    """The defence switched off: the place is not part of the seal."""

    def seal(self, key: SecretBytes, use: Use, salt: bytes, text: SecretBytes, data: bytes) -> Box:
        return super().seal(key, use, salt, text, b"" if use == "seal" else data)

    def open(self, key: SecretBytes, use: Use, box: Box, data: bytes) -> SecretBytes:
        return super().open(key, use, box, b"" if use == "seal" else data)


def token_places(team: str) -> list[Place]:
    """All combinations of person (or shared), installation, field, standing, version and destination in one team."""
    people, installations, fields = ("alice", "bob", ""), ("files", "mail"), ("access_token", "refresh_token")
    standings, versions = ("epoch/binding", "later/binding"), ("grant.1", "grant.2")
    endpoints = ("https://provider.example/token", "https://mallory.example/token")
    return [
        token_place(who, team=team, installation=at, field=field, standing=standing, version=version, endpoint=to)
        for who, at, field, standing, version, to in product(
            people, installations, fields, standings, versions, endpoints
        )
    ]


def secret_places() -> list[Place]:
    names = product(("provider", "other"), (1, 2), ("client_secret", "registration_token"))
    return [secret_place(provider, generation, field) for provider, generation, field in names]


def verifier_places() -> list[Place]:
    return [verifier_place(state, field) for state, field in product(("one", "two"), ("verifier", "code"))]


def all_sealed(world: VaultWorld) -> list[tuple[Ring, Place, bytes]]:
    vault, sealed = world.vault(), []
    for team in TEAMS:
        for purpose, places in (("connection", token_places(team)), ("installation", secret_places())):
            ring = vault.sealing_ring(purpose, world.team(team))  # type: ignore[arg-type]
            sealed += [(ring, place, ring.seal(Secret(repr(place)), place)) for place in places]
    ring = vault.sealing_ring("authorization", None)
    return sealed + [(ring, place, ring.seal(Secret(repr(place)), place)) for place in verifier_places()]


def world_of_two_teams() -> VaultWorld:
    world = VaultWorld()
    for team in TEAMS:
        world.put_team(team)
    return world


def opens(ring: Ring, sealed: bytes, place: Place) -> bool:
    try:
        ring.open(sealed, place)
    except REFUSED:
        return False
    return True


@requirement("attack:C1")
def test_no_secret_opens_in_the_place_of_another_for_all_ordered_pairs() -> None:
    sealed = all_sealed(world_of_two_teams())

    assert [(ring.open(raw, place).reveal()) for ring, place, raw in sealed] == [repr(place) for _, place, _ in sealed]
    moved = [
        (mine, theirs) for (_, mine, raw), (ring, theirs, _) in permutations(sealed, 2) if opens(ring, raw, theirs)
    ]
    assert len(sealed) == 2 * (96 + 8) + 4
    assert moved == []


@requirement("attack:C1")
def test_within_a_team_a_moved_secret_is_an_integrity_error_and_not_a_missing_key() -> None:
    world = world_of_two_teams()
    ring = world.vault().sealing_ring("connection", world.team("acme"))
    sealed = [(place, ring.seal(Secret("token"), place)) for place in token_places("acme")[::7]]

    for (_, raw), (theirs, _) in permutations(sealed, 2):
        with pytest.raises(IntegrityError):
            ring.open(raw, theirs)


@requirement("attack:C1")
def test_without_the_binding_every_secret_of_a_team_and_purpose_opens_in_every_place() -> None:
    """Negative control."""
    world = world_of_two_teams()
    ring = world.vault(cipher=Unbound()).sealing_ring("connection", world.team("acme"))
    sealed = [(place, ring.seal(Secret("token"), place)) for place in token_places("acme")[::7]]

    assert all(opens(ring, raw, theirs) for (_, raw), (theirs, _) in permutations(sealed, 2))


HOME = token_place()
BOUND: dict[str, Place] = {
    "purpose": replace(HOME, purpose="installation"),
    "kind": replace(HOME, kind="chore"),
    "person": token_place("bob"),
    "team": token_place(team="rivals"),
    "installation": token_place(installation="mail"),
    "mode": token_place(""),
    "field": token_place(field="refresh_token"),
    "standing": token_place(standing="later/binding"),
    "version": token_place(version="grant.2"),
    "grant": token_place(version="later.1"),
    "destination": token_place(endpoint="https://mallory.example/token"),
}


def forgetting(name: str) -> Callable[[Place], bytes]:
    """Build an additional data that leaves one part of the place out, and is right otherwise."""
    other = BOUND[name]
    differing = {
        "purpose": other.purpose != HOME.purpose,
        "kind": other.kind != HOME.kind,
        "key": other.key != HOME.key,
        "field": other.field != HOME.field,
        "context": other.context != HOME.context,
    }

    def data(place: Place) -> bytes:
        fixed = {part: getattr(HOME, part) for part, differs in differing.items() if differs}
        return additional_data(replace(place, **fixed), "vault key", "team key")

    return data


def moves(data: Callable[[Place], bytes], to: Place) -> bool:
    """Whether something sealed at home opens over there, under one and the same key."""
    key = SecretBytes(b"k" * 32)
    box = AesGcm().seal(key, "seal", b"s" * 32, SecretBytes(b"token"), data(HOME))
    try:
        AesGcm().open(key, "seal", box, data(to))
    except IntegrityError:
        return False
    return True


@requirement("attack:C1")
@requirement("attack:C3")
@requirement("attack:C4")
@pytest.mark.parametrize("name", BOUND)
def test_each_part_of_the_place_is_bound_and_would_be_free_if_it_were_left_out(name: str) -> None:
    assert not moves(lambda place: additional_data(place, "vault key", "team key"), BOUND[name])
    assert moves(forgetting(name), BOUND[name]), "negative control"


@requirement("attack:C3")
def test_a_token_does_not_open_for_an_endpoint_that_was_changed_in_the_table() -> None:
    world = world_of_two_teams()
    ring = world.vault().sealing_ring("connection", world.team("acme"))
    sealed = ring.seal(Secret("refresh token"), token_place(field="refresh_token"))

    with pytest.raises(IntegrityError):
        ring.open(sealed, token_place(field="refresh_token", endpoint="https://mallory.example/token"))


@requirement("attack:C4")
def test_an_older_token_put_back_beside_a_newer_version_does_not_open() -> None:
    world = world_of_two_teams()
    ring = world.vault().sealing_ring("connection", world.team("acme"))
    older, newer = token_place(version="grant.1"), token_place(version="grant.2")
    sealed = ring.seal(Secret("older"), older)

    with pytest.raises(IntegrityError):
        ring.open(sealed, newer)
    assert ring.open(sealed, older).reveal() == "older", "a whole older row is a residual risk, and not hidden here"


@requirement("attack:C1")
def test_a_wrapped_key_does_not_serve_another_team_or_purpose() -> None:
    world = world_of_two_teams()
    vault = world.vault()
    vault.sealing_ring("connection", world.team("acme"))
    stolen = world.team("acme").wrapped["connection"]

    for thief in (
        replace(world.team("rivals"), wrapped={"connection": stolen}),
        replace(world.team("acme"), wrapped={"installation": stolen}),
        replace(world.team("acme"), wrapped={"connection": (replace(stolen[0], id="A" * 16),)}),
    ):
        [purpose] = thief.wrapped
        with pytest.raises(REFUSED):
            world.vault().ring(purpose, thief)


@requirement("attack:C5")
def test_a_sealed_secret_does_not_open_with_any_bit_changed_or_any_byte_missing_or_added() -> None:
    world = world_of_two_teams()
    ring = world.vault().sealing_ring("connection", world.team("acme"))
    sealed = ring.seal(Secret("token"), HOME)

    for position, bit in product(range(len(sealed)), range(8)):
        changed = sealed[:position] + bytes((sealed[position] ^ 1 << bit,)) + sealed[position + 1 :]
        assert not opens(ring, changed, HOME)
    for length in range(len(sealed)):
        assert not opens(ring, sealed[:length], HOME)
        assert not opens(ring, sealed[length + 1 :], HOME)
    assert not opens(ring, sealed + b"\0", HOME)
    assert opens(ring, sealed, HOME)


@requirement("attack:C5")
def test_only_a_changed_key_id_looks_like_a_missing_key() -> None:
    world = world_of_two_teams()
    ring = world.vault().sealing_ring("connection", world.team("acme"))
    sealed = ring.seal(Secret("token"), HOME)
    team_key_id = range(1 + 16 + 1, 1 + 16 + 1 + 16)

    for position in set(range(len(sealed))) - set(team_key_id):
        with pytest.raises(IntegrityError):
            ring.open(sealed[:position] + bytes((sealed[position] ^ 1,)) + sealed[position + 1 :], HOME)


@requirement("attack:C5")
def test_an_envelope_without_a_team_key_is_no_way_around_the_team() -> None:
    world = world_of_two_teams()
    team_ring = world.vault().sealing_ring("connection", world.team("acme"))
    vault_ring = world.vault().sealing_ring("authorization", None)
    with_key = Envelope.parse(team_ring.seal(Secret("token"), HOME))
    without = Envelope.parse(vault_ring.seal(Secret("verifier"), verifier_place()))

    with pytest.raises(IntegrityError):
        team_ring.open(replace(with_key, team_key_id="").encode(), HOME)
    with pytest.raises(IntegrityError):
        vault_ring.open(replace(without, team_key_id=without.vault_key_id).encode(), verifier_place())


@requirement("attack:C5")
@pytest.mark.parametrize(
    "raw", [b"", b"\0token", b"token", b"\1" * 15, b'{"alg":"none","token":"x"}', b"\2" + b"x" * 200]
)
def test_what_was_never_sealed_never_opens(raw: bytes) -> None:
    world = world_of_two_teams()

    with pytest.raises(IntegrityError):
        world.vault().sealing_ring("connection", world.team("acme")).open(raw, HOME)


def lenient_open(ring: Ring, raw: bytes, place: Place) -> Secret:
    """The defence switched off: a version for what was stored before there was a vault."""
    return Secret(raw[1:].decode()) if raw.startswith(b"\0") else ring.open(raw, place)


@requirement("attack:C5")
def test_a_version_for_plain_text_would_let_anyone_plant_a_token() -> None:
    """Negative control."""
    world = world_of_two_teams()
    ring = world.vault().sealing_ring("connection", world.team("acme"))

    assert lenient_open(ring, b"\0planted", HOME).reveal() == "planted"


TEXTS = st.text(max_size=5)
PLACES = st.builds(
    Place,
    purpose=st.just("connection"),
    kind=TEXTS,
    key=st.builds(Key, TEXTS, TEXTS),
    field=TEXTS,
    context=st.tuples(TEXTS, TEXTS, TEXTS),
)
WORLD = world_of_two_teams()
RING = WORLD.vault().sealing_ring("connection", WORLD.team("acme"))


@requirement("invariant:I11")
@settings(deadline=None)
@given(PLACES, PLACES, TEXTS)
def test_a_secret_opens_in_a_place_exactly_if_it_was_sealed_there(
    sealed_at: Place, opened_at: Place, text: str
) -> None:
    assert opens(RING, RING.seal(Secret(text), sealed_at), opened_at) == (sealed_at == opened_at)


@requirement("invariant:I11")
@settings(deadline=None)
@given(PLACES, TEXTS, st.data())
def test_a_changed_or_shortened_secret_never_opens(place: Place, text: str, data: st.DataObject) -> None:
    sealed = RING.seal(Secret(text), place)
    position = data.draw(st.integers(0, len(sealed) - 1))
    change = data.draw(st.integers(1, 255))

    assert not opens(RING, sealed[:position] + bytes((sealed[position] ^ change,)) + sealed[position + 1 :], place)
    assert not opens(RING, sealed[:position], place)
