"""Our clients at a provider in generations: when one gives way to the next, and what becomes of its connections."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from strongroom.domain import keys
from strongroom.domain.policy import DAY, HOUR
from strongroom.domain.provider import ProviderClient
from strongroom.domain.provider_client import RETIRED_AFTER, KeptClient, Source
from strongroom.domain.renewal_outcome import Failed, Renewed
from strongroom.domain.secret import Secret
from tests.requirements import requirement
from tests.unit.attacks.scenes import form_of, parameters, records
from tests.unit.clients import ReadingWorld, client_rows, server_wants
from tests.unit.renewals import Scene, alarms, connected, nearly_over, rejections, rows, says
from tests.world import World

NOW, REDIRECT = 1_800_000_000, "https://strongroom.example/oauth/callback/key"
CLIENT = ProviderClient("key", 1, "client", Secret("s"), "client_secret_basic", REDIRECT)
KEPT = KeptClient(CLIENT, "registered", "https://provider.example", scopes=("read",), registered_at=NOW)


def ending(at: int, registered_at: int = NOW) -> KeptClient:
    return replace(KEPT, client=replace(CLIENT, secret_expires_at=at), registered_at=registered_at)


def forgets_us(world: World) -> None:
    """The provider has lost its clients."""
    world.provider.clients.clear()


def retired(scene: Scene) -> None:
    """The provider has forgotten the client, and two renewals, five minutes apart, have learned it."""
    forgets_us(scene.world)
    for _ in range(2):
        assert isinstance(scene.renew(), Failed)
        scene.world.clock.advance(RETIRED_AFTER)
    assert client_rows(scene.world)[0]["state"] == "retired"


# -- when one will do


@pytest.mark.parametrize(
    ("kept", "will_do"),
    [
        (KEPT, True),
        (replace(KEPT, is_live=False), False),
        (replace(KEPT, rejected_at=NOW - 1), True),
        (ending(NOW + DAY, NOW - 9 * DAY), True),
        (ending(NOW + DAY - 1, NOW - 9 * DAY), False),
        (ending(NOW - 1, NOW - 9 * DAY), False),
        (ending(NOW + HOUR), True),
        (ending(NOW + HOUR, NOW - HOUR), True),
        (ending(NOW + HOUR - 1, NOW - HOUR - 1), False),
        (ending(NOW - HOUR), True),
        (replace(KEPT, scopes=("read", "write")), True),
        (replace(KEPT, scopes=("write",)), False),
    ],
)
def test_a_client_serves_new_authorizations_while_it_lasts_and_covers_them(kept: KeptClient, will_do: bool) -> None:
    assert kept.serves(("read",), REDIRECT, NOW) is will_do


def test_a_client_with_another_redirect_uri_serves_none() -> None:
    assert not KEPT.serves(("read",), "https://new.example/oauth/callback/key", NOW)


@pytest.mark.parametrize(("scopes", "will_do"), [(("read",), True), (("read", "write"), False), ((), False)])
def test_a_client_that_was_taken_without_scopes_serves_those_for_which_that_was_so(
    scopes: tuple[str, ...], will_do: bool
) -> None:
    kept = replace(KEPT, scopes=scopes, unnamed=True)
    assert kept.serves(("read",), REDIRECT, NOW) is will_do


def test_scopes_are_no_matter_of_a_client_that_nobody_registered_for_them() -> None:
    assert replace(KEPT, source="metadata_document").serves(("read",), REDIRECT, NOW)


# -- when one is retired


@requirement("fault:F13")
@pytest.mark.parametrize("source", ["metadata_document", "by_hand"])
def test_only_a_registered_client_is_ever_retired(source: Source) -> None:
    for rejected_at in (None, NOW - DAY):
        assert replace(KEPT, source=source, rejected_at=rejected_at).after_rejection(NOW) is None


@requirement("fault:F13")
def test_the_second_invalid_client_five_minutes_after_the_first_retires_a_client() -> None:
    scene = nearly_over(left=0)
    forgets_us(scene.world)
    scene.renew()
    assert client_rows(scene.world)[0]["rejected_at"] == int(scene.world.clock.now())
    scene.world.clock.advance(RETIRED_AFTER - 1)
    scene.renew()
    assert client_rows(scene.world)[0]["state"] == "live"
    assert records(scene.world, "client_retired") == []
    scene.world.clock.advance(61)
    scene.renew()
    [row] = client_rows(scene.world)
    assert (row["state"], row["retired_at"]) == ("retired", int(scene.world.clock.now()))
    assert [told["generation"] for told in records(scene.world, "client_retired")] == [1]
    assert rejections(scene.world) == ["note"] * 3


@requirement("fault:F13")
@requirement("invariant:I7")
def test_nothing_but_a_retirement_asks_people_to_act() -> None:
    scene = nearly_over(left=0)
    tokens = scene.connection.tokens
    forgets_us(scene.world)
    for _ in range(2):
        assert scene.world.status("bob", scene.installation)["status"] in {"connected", "expired"}
        scene.renew()
        assert (scene.connection.reason, scene.connection.tokens) == (None, tokens)
        scene.world.clock.advance(RETIRED_AFTER)
    assert scene.world.status("bob", scene.installation)["reason"] == "client_replaced"
    assert scene.connection.tokens == tokens


@requirement("fault:F13")
def test_a_success_in_between_is_forgiveness() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(says("invalid_client", 401))
    scene.renew()
    scene.world.clock.advance(60)
    assert isinstance(scene.renew(), Renewed)
    assert "rejected_at" not in client_rows(scene.world)[0]
    scene.world.clock.advance(3600)
    scene.provider_does(says("invalid_client", 401))
    scene.renew()
    assert client_rows(scene.world)[0]["state"] == "live"


def test_a_completed_consent_is_forgiveness_too() -> None:
    scene = nearly_over(left=0)
    scene.provider_does(says("invalid_client", 401))
    scene.renew()
    scene.world.connect("alice", scene.installation)
    assert "rejected_at" not in client_rows(scene.world)[0]


@requirement("fault:F13")
def test_a_rejected_exchange_counts_like_a_rejected_renewal() -> None:
    scene = connected()
    world = scene.world
    forgets_us(world)
    for _ in range(2):
        consented = world.consent(world.begin("alice", scene.installation), "alice")
        assert world.complete("alice", consented).json["error"] == "client_rejected"
        world.clock.advance(RETIRED_AFTER)
    assert client_rows(world)[0]["state"] == "retired"


@requirement("fault:F13")
@pytest.mark.parametrize("error", ["unauthorized_client", "invalid_request", "invalid_scope", "server_error"])
def test_no_other_error_retires_a_client(error: str) -> None:
    scene = nearly_over(left=0)
    for _ in range(4):
        scene.provider_does(says(error))
        scene.renew()
        scene.world.clock.advance(901)
    [row] = client_rows(scene.world)
    assert row["state"] == "live"
    assert "rejected_at" not in row
    assert alarms(scene.world) == (["client_rejected"] * 4 if error == "unauthorized_client" else [])


@requirement("fault:F13")
def test_a_client_by_document_is_an_alarm_and_goes_on() -> None:
    world = ReadingWorld()
    installation = world.install()
    world.connect("bob", installation)
    scene = Scene(world, installation)
    world.clock.advance(3600)
    document = world.provider.documents.copy()
    world.provider.documents.clear()
    for _ in range(3):
        scene.renew()
        world.clock.advance(901)
    assert alarms(world) == ["client_rejected"] * 3
    assert world.status("bob", installation)["status"] == "expired"
    world.provider.documents |= document
    assert isinstance(scene.renew(), Renewed)


# -- what becomes of its connections


def test_people_see_at_once_that_their_client_was_replaced() -> None:
    scene = nearly_over(left=1000)
    world = scene.world
    world.connect("alice", scene.installation)
    retired(scene)
    since = client_rows(world)[0]["retired_at"]
    seen = world.status("alice", scene.installation)
    assert (seen["status"], seen["reason"], seen["since"], seen["next"]) == (
        "auth_required",
        "client_replaced",
        since,
        "reconnect",
    )
    listed = world.as_user("alice", "GET", "/v1/teams/acme/installations").json["installations"]
    assert [one["connection"] for one in listed] == [seen]


def test_a_look_up_goes_on_until_a_renewal_is_necessary() -> None:
    scene = nearly_over(left=1000)
    world = scene.world
    world.connect("alice", scene.installation)
    retired(scene)
    assert world.look_up("alice", scene.installation).status == 200
    world.clock.advance(3500)
    answer = world.look_up("alice", scene.installation)
    assert (answer.status, answer.json["reason"]) == (409, "client_replaced")
    assert "link" in answer.json


def test_the_sweep_writes_it_down_and_sends_nothing() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    tokens = scene.connection.tokens
    retired(scene)
    sent = len(scene.refreshes())
    world.clock.advance(900)
    world.tick()
    assert (scene.connection.reason, scene.connection.tokens) == ("client_replaced", tokens)
    assert [told["reason"] for told in records(world, "auth_required")] == ["client_replaced"]
    assert len(scene.refreshes()) == sent
    assert "due_at" not in scene.row
    assert rows(world, "chore") == []


def test_a_connection_that_has_nothing_to_renew_does_not_need_its_client() -> None:
    scene = nearly_over(left=1000)
    world = scene.world
    world.provider.gives_refresh = False
    world.connect("alice", scene.installation)
    retired(scene)
    assert world.status("alice", scene.installation)["status"] == "connected"


def test_what_a_retirement_does_not_concern_is_shown_as_it_is() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    theirs = world.install("mallory", "rivals")
    world.connect("mallory", theirs, "rivals")
    retired(scene)
    assert world.status("mallory", theirs, "rivals")["status"] == "connected"
    world.revoke("bob", scene.installation)
    assert world.status("bob", scene.installation)["reason"] == "revoked"
    assert world.status("carol", scene.installation)["reason"] == "never_connected"


def test_many_installations_cost_one_more_read() -> None:
    scene = nearly_over(left=1000)
    world = scene.world
    for number in range(4):
        world.connect("bob", world.install(name=f"More {number}"))
    retired(scene)
    world.table.requests.clear()
    listed = world.as_user("bob", "GET", "/v1/teams/acme/installations").json["installations"]
    assert [one["connection"]["reason"] for one in listed] == ["client_replaced"] * 5
    assert world.table.requests["BatchGetItem"] == 2


# -- the next one


def test_who_reconnects_is_served_by_the_next_generation_and_the_old_tokens_end_with_the_old_client() -> None:
    scene = nearly_over(left=0)
    world = scene.world
    retired(scene)
    old = scene.sealed_refresh()
    world.connect("bob", scene.installation)
    assert [(row["generation"], row["state"]) for row in client_rows(world)] == [(1, "retired"), (2, "live")]
    assert scene.connection.required_destination().client_generation == 2
    assert world.status("bob", scene.installation)["status"] == "connected"
    assert scene.works()
    [chore] = rows(world, "chore")
    assert (chore["why"], chore["client_generation"]) == ("replaced", 1)
    world.tick()
    [revocation] = [sent for sent in world.egress.sent if form_of(sent).get("token") == old]
    first = client_rows(world)[0]
    assert world.provider.authenticated(revocation) is None, "as the client that the provider has forgotten"
    assert str(first["client_id"]) not in world.provider.clients
    world.clock.advance(3570)
    assert scene.works()


def test_old_tokens_are_revoked_by_the_client_that_they_were_given_to() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    old = world.provider.grants[0]
    server_wants(world, "files", "more")
    world.connect("bob", installation)
    world.tick()
    assert [row["generation"] for row in client_rows(world)] == [1, 2]
    assert not old.alive
    assert rows(world, "chore")[0]["outcome"] == "revoked"


def test_scopes_beyond_the_registered_ones_make_a_next_generation_and_older_connections_go_on() -> None:
    world = World()
    installation, other = world.install(), world.install(name="Other")
    world.connect("bob", installation)
    world.connect("bob", other)
    world.connect("alice", installation)
    server_wants(world, "more")
    world.connect("bob", installation)
    first, second = client_rows(world)
    assert (first["state"], second["state"]) == ("live", "live")
    registered = world.provider.clients[str(second["client_id"])]
    assert registered["scope"] == "more"
    world.tick()
    assert {chore["state"] for chore in rows(world, "chore")} == {"parked"}
    for user, where in (("bob", installation), ("bob", other), ("alice", installation)):
        assert world.status(user, where)["status"] == "connected"
    world.clock.advance(3570)
    for user, where in (("bob", installation), ("bob", other), ("alice", installation)):
        assert world.look_up(user, where).status == 200
    server_wants(world, "files")
    world.connect("carol", installation)
    assert len(client_rows(world)) == 2


def test_two_servers_with_scopes_of_their_own_do_not_push_each_other_out() -> None:
    world = World()
    installation = world.install()
    for turn in range(4):
        server_wants(world, *(f"scope-{turn % 2}-{number}" for number in range(60)))
        world.begin("bob", installation)
    registrations = [list(client.get("scope", "").split()) for client in world.provider.clients.values()]
    assert [len(scopes) for scopes in registrations] == [60, 60]


def test_a_new_public_url_makes_a_next_generation_and_older_connections_go_on() -> None:
    world = World()
    installation = world.install()
    world.connect("bob", installation)
    world.policy = replace(world.policy, public_url="https://new.example")
    world.ports = world.new_environment()
    asked = parameters(world.begin("alice", installation).url)
    assert asked["redirect_uri"].startswith("https://new.example/oauth/callback/")
    assert [row["generation"] for row in client_rows(world)] == [1, 2]
    world.clock.advance(3570)
    assert world.look_up("bob", installation).status == 200


@pytest.mark.parametrize(("lives", "generations"), [(0, 1), (30 * DAY, 1), (3 * HOUR, 1)])
def test_a_secret_that_lasts_serves_the_whole_team(lives: int, generations: int) -> None:
    world = World()
    secrets_live(world, lives)
    installation = world.install()
    for user in ("alice", "bob", "carol"):
        world.connect(user, installation)
        world.clock.advance(60)
    assert len(client_rows(world)) == generations


def secrets_live(world: World, seconds: int) -> None:
    """Let the provider give client secrets that end."""
    register = world.egress.routes["POST", f"{world.provider.issuer}/register"]

    def ending(request: Any) -> Any:
        reply: Any = register(request)
        made = json.loads(reply.body)
        end = int(world.clock.now()) + seconds if seconds else 0
        return replace(reply, body=json.dumps({**made, "client_secret_expires_at": end}).encode())

    world.egress.on("POST", f"{world.provider.issuer}/register", ending)


def test_a_secret_near_its_end_gives_way_and_renewals_with_it_are_tried_all_the_same() -> None:
    world = World()
    secrets_live(world, 30 * DAY)
    installation = world.install()
    world.connect("bob", installation)
    world.clock.advance(29 * DAY + 1)
    world.connect("alice", installation)
    assert [row["generation"] for row in client_rows(world)] == [1, 2]
    world.clock.advance(2 * DAY)
    assert isinstance(Scene(world, installation).renew(), Renewed)


def test_the_next_generation_is_another_way_if_the_provider_offers_one_by_then() -> None:
    scene = nearly_over(left=0)
    retired(scene)
    scene.world.provider.metadata |= {
        "client_id_metadata_document_supported": True,
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
    }
    scene.world.begin("bob", scene.installation)
    assert [row["source"] for row in client_rows(scene.world)] == ["registered", "metadata_document"]


def test_a_shared_connection_says_so_to_members_and_admins_in_their_own_way() -> None:
    world = World()
    shared = world.install(sharing="shared")
    world.connect("alice", shared, confirm_shared=True)
    scene = Scene(world, shared, "alice")
    world.clock.advance(3600)
    retired(scene)
    assert (world.status("alice", shared)["reason"], world.status("alice", shared)["next"]) == (
        "client_replaced",
        "reconnect",
    )
    assert (world.status("bob", shared)["reason"], world.status("bob", shared)["next"]) == ("client_replaced", "none")
    assert world.look_up("bob", shared).json["reason"] == "admin_must_connect"


def test_a_row_from_before_generations_is_a_live_registered_client() -> None:
    scene = connected()
    [row] = client_rows(scene.world)
    old = {name: value for name, value in row.items() if name not in {"source", "scopes_unnamed", "registered_at"}}
    scene.world.table.restore({**scene.world.table.snapshot(), keys.provider_client(str(row["provider_key"]), 1): old})
    scene.world.connect("alice", scene.installation)
    assert len(client_rows(scene.world)) == 1
    assert scene.works()
