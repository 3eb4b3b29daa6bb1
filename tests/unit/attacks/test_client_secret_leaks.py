"""Neither of two client secrets is left anywhere, whatever becomes of them; nor does one go where it has no business."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from strongroom.aws import bodies, shapes
from strongroom.aws.http import Request
from strongroom.domain.errors import StoreUnavailable
from strongroom.domain.provider import ProviderClient
from strongroom.domain.provider_client import KeptClient
from strongroom.domain.secret import Secret
from strongroom.domain.secret_rotation import Rotation
from strongroom.flows import client_secret, sealed_secrets
from strongroom.flows.sending import Asking
from tests.fakes.faults import fails
from tests.requirements import requirement
from tests.unit.attacks.hunt import PROVIDER, Watched, every_error, found_in
from tests.unit.entered import installed, provider
from tests.unit.rotations import DAY, NEW, OLD, REVOCATION_URL, connected, rotate, shown_in, takes
from tests.weakened import weakened
from tests.world import World

SLIP, LATE = "a-slip-of-the-admins-pen-and-no-secret", "the-secret-of-the-slower-admin"
SECRETS = {"client_secret": {OLD, NEW, SLIP, LATE}}


def a_rotation(watched: Watched) -> None:
    """A client is entered, used, rotated in every way that goes wrong, and used up."""
    world = watched.world
    with every_error(watched.errors):
        installation = installed(world, provider())
        world.connect("bob", installation)
        rotate(world, installation, SLIP)
        rotate(world, installation, NEW)
        goes_wrong(world, installation)
        for taken in ((OLD,), (OLD, NEW), (NEW,), ()):
            takes(world, *taken)
            world.clock.advance(3600)
            world.look_up("bob", installation)
            world.begin("carol", installation)
        takes(world, NEW)
        world.clock.advance(DAY)
        world.look_up("bob", installation)
        for user in ("alice", "bob"):
            for path in (
                "installations",
                f"installations/{installation}",
                f"installations/{installation}/timeline",
                "records",
            ):
                world.as_user(user, "GET", f"/v1/teams/acme/{path}")
        world.revoke("bob", installation)
        world.tick()


def goes_wrong(world: World, installation: str) -> None:
    for user in ("bob", "mallory"):
        rotate(world, installation, LATE, user)
    for secret in (f"{NEW}\n", [NEW], NEW * 200, None):
        rotate(world, installation, secret)
    path = f"/v1/teams/acme/installations/{installation}/client_secret"
    world.as_user("alice", "PUT", path, {"client_secret": LATE, "more": NEW})
    world.as_user("alice", "PUT", path, raw_body=f'{{"client_secret": "{LATE}"')
    world.as_user("alice", "PUT", path, raw_body=f'{{"client_secret": "{LATE}", "client_secret": "{NEW}"}}')
    rotate(world, installation, LATE, headers={"if-match": '"99"'})
    world.table.before["commit"] = fails(StoreUnavailable("no word"))
    rotate(world, installation, LATE)
    world.table.before["commit"] = fails(RuntimeError("a fault that nobody foresaw"))
    rotate(world, installation, LATE)
    world.table.before.clear()


@requirement("attack:C10")
@requirement("attack:C11")
@requirement("invariant:I10")
def test_a_rotation_leaves_no_secret_in_any_row_line_error_or_answer() -> None:
    watched = Watched()
    a_rotation(watched)
    left = watched.left_behind()
    assert {name: found_in(text, SECRETS) for name, text in left.items()} == {name: [] for name in left}
    assert all(len(text) > 500 for text in (left["the table"], left["the log"], left["the errors"]))
    assert {"client_secret_rotated", "previous_client_secret_used", "client_rejected"} <= {
        *watched.world.journal.events(),
        *(str(row.get("event")) for row in watched.world.table.snapshot().values()),
    }
    assert watched.world.provider.revoked != []


LEAKS: dict[str, tuple[Any, str, str]] = {
    "the table": (
        sealed_secrets.replaced,
        "previous=ring.seal(older, ",
        "previous=(lambda _: older.reveal().encode())(",
    ),
    "answers to people, hosts and browsers": (
        shapes.secret_state,
        '"rotated_at": state.rotated_at',
        f'"rotated_at": "{NEW}"',
    ),
}


@requirement("attack:C10")
@pytest.mark.parametrize("where", LEAKS)
def test_control_a_secret_that_is_left_is_found(where: str) -> None:
    watched = Watched()
    with weakened(*LEAKS[where]):
        installation = installed(watched.world, provider())
        rotate(watched.world, installation)
    assert found_in(watched.left_behind()[where], SECRETS)


@requirement("attack:C10")
def test_control_a_record_that_tells_too_much_is_found() -> None:
    watched = Watched()
    with weakened(client_secret._rotated, "installation=at.installation.id", f"installation='{NEW}'"):
        installation = installed(watched.world, provider())
        rotate(watched.world, installation)
    assert found_in(watched.left_behind()["the table"], SECRETS)


# -- what holds it does not print it


def kept() -> KeptClient:
    client = ProviderClient("key", 1, "id", Secret(NEW), "client_secret_basic", "https://strongroom.example/")
    return KeptClient(client, "by_hand", PROVIDER, rotation=Rotation(1, 2, 3, Secret(OLD)))


def asking() -> Asking:
    scene = connected()
    rotate(scene.world, scene.installation)
    takes(scene.world, OLD)
    scene.renew()
    first, second = scene.world.egress.sent[-2:]
    return Asking(scene.world.catalog.entry(PROVIDER, ""), first, second, 3)


HOLDERS: list[Callable[[], object]] = [
    kept,
    lambda: kept().rotation,
    lambda: kept().before(0),
    asking,
    lambda: bodies.ClientSecretBody(client_secret=NEW),
    lambda: Request("PUT /", {}, "", json.dumps({"client_secret": NEW}).encode(), {"body": NEW}, "1"),
]


@requirement("attack:C11")
@pytest.mark.parametrize("make", HOLDERS)
def test_nothing_that_holds_one_prints_it(make: Callable[[], object]) -> None:
    held = make()
    assert held is not None
    text = f"{held!r} {held} {[held]}"
    assert found_in(text, SECRETS) == []


# -- where they go


@requirement("invariant:I12")
def test_both_go_to_the_providers_own_endpoints_and_nowhere_else() -> None:
    watched = Watched()
    a_rotation(watched)
    shown = {(request.url, shown_in(request)) for request in watched.world.egress.sent}
    assert {url for url, secret in shown if secret} == {f"{PROVIDER}/token", REVOCATION_URL}
    elsewhere = [
        request for request in watched.world.egress.sent if request.url not in (f"{PROVIDER}/token", REVOCATION_URL)
    ]
    text = " ".join(f"{request.url} {request.body.reveal() if request.body else ''}" for request in elsewhere)
    assert found_in(text, SECRETS) == []


@requirement("invariant:I12")
def test_another_installation_never_uses_them() -> None:
    scene = connected()
    world = scene.world
    rotate(world, scene.installation)
    takes(world)
    other = installed(world, provider(draft="draft" + "b" * 15), name="Other Files")
    world.egress.sent.clear()
    consented = world.consent(world.begin("carol", other), "carol")
    world.complete("carol", consented)
    assert [shown_in(request) for request in world.egress.sent_to(f"{PROVIDER}/token")] == [OLD]
