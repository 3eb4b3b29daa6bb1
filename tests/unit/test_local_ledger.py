"""The provider's grants without a network: codes, rotation, reuse, revocation."""

import pytest

from local.services.exchange import fingerprint
from local.services.provider_ledger import Lifetimes
from local.services.provider_rules import Rules
from tests.unit.provider_world import CALLBACK, RESOURCE, World, refused


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"redirect_uri": CALLBACK + "/"}, "invalid_grant"),
        ({"resource": "https://other.example/mcp"}, "invalid_target"),
        ({"resource": ""}, "invalid_target"),
    ],
)
def test_a_code_is_bound_to_verifier_redirect_uri_and_resource(changed: dict[str, str], code: str) -> None:
    world = World()
    client = world.client()

    refused(code, lambda: world.redeem(client, world.code(client), **changed))


def test_a_code_is_bound_to_its_client() -> None:
    world = World()
    client, other = world.client(), world.client()

    refused("invalid_grant", lambda: world.redeem(other, world.code(client)))


def test_a_code_that_is_used_twice_ends_what_it_brought() -> None:
    world = World()
    client = world.client()
    code = world.code(client)
    issued = world.redeem(client, code)

    refused("invalid_grant", lambda: world.redeem(client, code))

    assert not world.active(issued)


def test_a_code_is_good_for_a_minute() -> None:
    world = World()
    client = world.client()
    code = world.code(client)
    world.now += 60

    refused("invalid_grant", lambda: world.redeem(client, code))


def test_a_refresh_rotates_and_the_new_token_works_in_turn() -> None:
    world = World()
    client = world.client()
    first = world.connect(client)
    second = world.refresh(client, first.refresh_token)
    third = world.refresh(client, second.refresh_token)

    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    assert world.ledger.grants[0].newest == fingerprint(third.refresh_token or "")
    assert world.active(third)


def test_a_spent_refresh_token_that_comes_again_ends_the_grant() -> None:
    world = World()
    client = world.client()
    first = world.connect(client)
    second = world.refresh(client, first.refresh_token)

    refused("invalid_grant", lambda: world.refresh(client, first.refresh_token))

    assert world.ledger.grants[0].ended == "refresh_token_reused"
    assert not world.active(second)
    refused("invalid_grant", lambda: world.refresh(client, second.refresh_token))


def test_within_the_grace_time_a_spent_refresh_token_is_taken() -> None:
    world = World(Lifetimes(grace=30))
    client = world.client()
    first = world.connect(client)
    world.refresh(client, first.refresh_token)
    world.now += 29

    assert world.active(world.refresh(client, first.refresh_token))

    world.now += 1
    refused("invalid_grant", lambda: world.refresh(client, first.refresh_token))


def test_without_rotation_a_refresh_brings_no_new_refresh_token() -> None:
    world = World(Lifetimes(rotate=False))
    client = world.client()
    first = world.connect(client)

    assert world.refresh(client, first.refresh_token).refresh_token is None
    assert world.active(world.refresh(client, first.refresh_token))


def test_a_refresh_of_another_client_scope_or_resource_is_refused_and_spends_nothing() -> None:
    world = World()
    client, other = world.client(), world.client()
    first = world.connect(client)

    refused("invalid_grant", lambda: world.refresh(other, first.refresh_token))
    refused("invalid_scope", lambda: world.refresh(client, first.refresh_token, scope="files:write"))
    refused("invalid_target", lambda: world.refresh(client, first.refresh_token, resource=""))

    assert world.active(world.refresh(client, first.refresh_token))


def test_tokens_end_with_their_time() -> None:
    world = World(Lifetimes(access=5, refresh=100))
    client = world.client()
    first = world.connect(client)
    world.now += 5
    assert not world.active(first)

    world.now += 95
    refused("invalid_grant", lambda: world.refresh(client, first.refresh_token))


def test_a_client_without_that_grant_type_gets_no_refresh_token() -> None:
    world = World()

    assert world.connect(world.client(grant_types=["authorization_code"])).refresh_token is None


def test_where_offline_access_is_listed_a_refresh_token_has_to_be_asked_for() -> None:
    world = World(rules=Rules("https://provider.example", (RESOURCE,), offline=True))
    client = world.client()

    assert world.connect(client).refresh_token is None
    assert world.redeem(client, world.code(client, scope="files:read offline_access")).refresh_token is not None


def test_only_the_exchange_names_the_account_and_only_where_that_was_asked_for() -> None:
    world = World()
    client = world.client()
    assert world.connect(client).account is None

    named = world.redeem(client, world.code(client, "bob", scope="files:read openid"))
    assert (named.account, named.scopes) == ("bob", ("files:read", "openid"))
    assert world.refresh(client, named.refresh_token).account is None


def test_revoking_the_refresh_token_ends_the_grant() -> None:
    world = World()
    client = world.client()
    issued = world.connect(client)

    assert world.ledger.revoke(client, issued.refresh_token or "").effect == "grant"
    assert not world.active(issued)


def test_revoking_the_access_token_leaves_the_grant() -> None:
    world = World()
    client = world.client()
    issued = world.connect(client)

    assert world.ledger.revoke(client, issued.access_token).effect == "token"
    assert not world.active(issued)
    assert world.active(world.refresh(client, issued.refresh_token))


def test_revoking_a_spent_or_unknown_token_does_nothing() -> None:
    world = World()
    client = world.client()
    first = world.connect(client)
    second = world.refresh(client, first.refresh_token)

    assert world.ledger.revoke(client, first.refresh_token or "").effect == "none"
    assert world.ledger.revoke(client, "unknown").kind == "unknown"
    assert world.active(second)


def test_nobody_revokes_a_token_of_another_client() -> None:
    world = World()
    client, other = world.client(), world.client()
    issued = world.connect(client)

    refused("unauthorized_client", lambda: world.ledger.revoke(other, issued.refresh_token or ""))

    assert world.active(issued)


def test_a_spoilt_access_token_ends_before_its_time_and_is_renewed() -> None:
    world = World()
    client = world.client()
    alice, bob = world.connect(client, "alice"), world.connect(client, "bob")

    assert world.ledger.spoil("alice") == 1
    assert (world.active(alice), world.active(bob)) == (False, True)
    assert world.active(world.refresh(client, alice.refresh_token))


def test_withdrawing_an_account_touches_nobody_else() -> None:
    world = World()
    client = world.client()
    alice, bob = world.connect(client, "alice"), world.connect(client, "bob")

    assert world.ledger.withdraw("alice") == 1
    assert (world.active(alice), world.active(bob)) == (False, True)
