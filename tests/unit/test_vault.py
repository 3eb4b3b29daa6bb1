"""Rings: what they seal they open, and which keys they make for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import KeysUnavailable, NotFound
from strongroom.domain.sealing import (
    Purpose,
    TeamKeys,
)
from strongroom.domain.secret import Secret
from tests.fakes.vaults import (
    DEPLOYMENT,
    PLACES,
    TOKEN,
    VaultWorld,
    open_anew,
    seal,
    secret_place,
    team_for,
    verifier_place,
    world_with,
)

TEXTS = st.text(st.characters() | st.characters(categories=["Cs"]))


@pytest.mark.parametrize("purpose", PLACES)
def test_what_one_environment_seals_another_opens(purpose: Purpose) -> None:
    world = world_with("acme")

    sealed = seal(world, purpose)

    assert open_anew(world, purpose, sealed) == TOKEN
    assert b"a token" not in sealed


@settings(deadline=None)
@given(TEXTS)
def test_any_text_comes_back_as_it_was(text: str) -> None:
    ring = world_with("acme").vault().sealing_ring("authorization", None)

    assert ring.open(ring.seal(Secret(text), verifier_place()), verifier_place()).reveal() == text


def test_a_ring_that_opens_does_not_seal_and_makes_nothing() -> None:
    world = world_with("acme")
    sealed = seal(world, "connection")
    before = world.table.snapshot()

    for purpose in PLACES:
        with pytest.raises(ValueError, match="sealing ring"):
            world.vault().ring(purpose, team_for(world, purpose)).seal(TOKEN, PLACES[purpose])

    assert open_anew(world, "connection", sealed) == TOKEN
    assert world.table.snapshot() == before


def test_a_ring_serves_its_own_purpose_only() -> None:
    world = world_with("acme")
    ring = world.vault().sealing_ring("connection", world.team("acme"))

    with pytest.raises(ValueError, match="does not serve"):
        ring.seal(TOKEN, secret_place())
    with pytest.raises(ValueError, match="does not serve"):
        ring.open(b"", verifier_place())


def test_only_authorizations_have_no_team() -> None:
    world = world_with("acme")

    wrong: list[tuple[Purpose, TeamKeys | None]] = [
        ("authorization", world.team("acme")),
        ("connection", None),
        ("installation", None),
    ]
    for purpose, team in wrong:
        with pytest.raises(ValueError, match="team key"):
            world.vault().ring(purpose, team)


def test_a_team_key_is_made_by_the_first_that_seals_for_its_purpose_and_kept() -> None:
    world = world_with("acme")

    seal(world, "connection")
    first = world.team("acme")
    seal(world, "connection")

    assert [key.state for key in first.wrapped["connection"]] == ["current"]
    assert first.wrapped["installation"] == ()
    assert world.team("acme") == first


def test_each_team_and_purpose_has_keys_of_its_own_and_all_ids_differ() -> None:
    world = world_with("acme", "rivals")
    for team in ("acme", "rivals"):
        for purpose in ("connection", "installation"):
            world.vault().sealing_ring(purpose, world.team(team))

    made = [key for team in ("acme", "rivals") for listed in world.team(team).wrapped.values() for key in listed]

    assert len({key.id for key in made}) == len({key.wrapped for key in made}) == 4
    assert len({key.vault_key_id for key in made}) == 2


def test_the_key_service_is_told_deployment_purpose_and_key_id() -> None:
    world = world_with("acme")

    seal(world, "connection")

    [(operation, context)] = world.service.requests
    assert operation == "generate"
    assert context == {
        "deployment": DEPLOYMENT,
        "purpose": "connection",
        "key_id": world.team("acme").wrapped["connection"][0].vault_key_id,
    }


def test_a_function_without_the_right_to_a_purpose_still_serves_the_others() -> None:
    world = world_with("acme")
    sealed = seal(world, "connection")

    def refuse_connections(context: dict[str, str]) -> None:
        if context["purpose"] == "connection":
            raise KeysUnavailable("no right")

    world.service.before = {"generate": refuse_connections, "decrypt": refuse_connections}

    assert open_anew(world, "installation", seal(world, "installation")) == TOKEN
    with pytest.raises(KeysUnavailable):
        open_anew(world, "connection", sealed)


@pytest.mark.parametrize("attributes", [None, {"state": "gone"}])
def test_a_team_that_is_gone_gets_no_key(attributes: dict[str, str] | None) -> None:
    world = VaultWorld()
    if attributes:
        world.put_team("acme", **attributes)

    with pytest.raises(NotFound):
        world.vault().sealing_ring("connection", TeamKeys("acme"))

    assert not [row for row in world.table.snapshot().values() if "keys_connection" in row]
