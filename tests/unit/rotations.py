"""Scenes of a rotated client secret: who enters it, what the provider takes, and what it was shown."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote_plus

from strongroom.domain import keys
from strongroom.domain.http import Outgoing
from strongroom.domain.table import Item
from tests.unit.attacks.scenes import form_of
from tests.unit.entered import CLIENT, ENDPOINTS, SECRET, TOKEN_URL, installed, key_of, provider
from tests.unit.renewals import Scene
from tests.world import Answered, World

OLD, NEW = SECRET, "another-secret-of-the-same-client"
REVOCATION_URL = ENDPOINTS["revocation"]
DAY = 86_400


def rotate(world: World, installation: str, secret: Any = NEW, user: str = "alice", **more: Any) -> Answered:
    path = f"/v1/teams/acme/installations/{installation}/client_secret"
    return world.as_user(user, "PUT", path, {"client_secret": secret}, **more)


def takes(world: World, *secrets: str) -> None:
    """The provider takes exactly these secrets of our client."""
    one, *others = secrets or ("a-secret-that-nobody-has-entered",)
    world.provider.clients[CLIENT["client_id"]]["client_secret"] = one
    world.provider.older[CLIENT["client_id"]] = set(others)


def shown_in(request: Outgoing) -> str:
    """The client secret that a request was sent with."""
    header = request.headers.get("authorization")
    if header is None:
        return form_of(request).get("client_secret", "")
    pair = base64.b64decode(header.reveal().removeprefix("Basic ")).decode()
    return unquote_plus(pair.partition(":")[2])


def shown(world: World, url: str = TOKEN_URL) -> list[str]:
    """The client secrets that an endpoint was shown, in order."""
    return [shown_in(request) for request in world.egress.sent_to(url)]


def client_row(world: World) -> Item:
    row = world.table.row(keys.provider_client(key_of(), 1))
    assert row is not None
    return row


def secret_seen(world: World, installation: str, user: str = "alice") -> Any:
    """What somebody sees of the client's secret; `...` if it is not even named."""
    answer = world.as_user(user, "GET", f"/v1/teams/acme/installations/{installation}")
    assert answer.status == 200, answer.text
    return answer.json["provider"].get("client_secret", ...)


def connected(left: int = 30, **policy: Any) -> Scene:
    """Bob is connected with a client that was entered by hand; his token has so many seconds left."""
    world = World(**policy)
    installation = installed(world, provider())
    world.connect("bob", installation)
    world.clock.advance(3600 - left)
    world.egress.sent.clear()
    world.provider.token_requests.clear()
    return Scene(world, installation)


def rotated(*taken: str, left: int = 30) -> Scene:
    """As `connected`; then alice has entered another secret, and the provider takes these."""
    scene = connected(left)
    assert rotate(scene.world, scene.installation).status == 200
    takes(scene.world, *taken)
    return scene
