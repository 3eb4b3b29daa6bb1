"""The local provider's clients that a person enters by hand, and the rotation of their secrets, over its control port."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any
from urllib.parse import quote_plus

import pytest
from starlette.testclient import TestClient

from local.services.provider import Provider
from local.services.provider_clients import Client
from local.services.provider_ledger import Lifetimes
from local.services.provider_rules import Rules
from tests.unit.provider_world import CALLBACK, World, refused


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{quote_plus(secret)}".encode()).decode()


def entered(world: World) -> tuple[str, str]:
    made = world.clients.enter(CALLBACK, "client_secret_basic", "By hand")
    return str(made["client_id"]), str(made["client_secret"])


def takes(world: World, client_id: str, secret: str) -> bool:
    try:
        world.clients.authenticate(basic(client_id, secret), {})
    except Exception:
        return False
    return True


def test_a_client_that_is_entered_has_a_secret_and_refresh_tokens() -> None:
    world = World()
    client_id, secret = entered(world)
    client = world.clients.find(client_id)
    assert client is not None
    assert (client.redirect_uris, client.grant_types) == ((CALLBACK,), ("authorization_code", "refresh_token"))
    assert takes(world, client_id, secret)


def test_an_older_secret_is_taken_until_it_is_ended() -> None:
    world = World()
    client_id, first = entered(world)
    second = world.clients.rotate(client_id, end_old=False)
    third = world.clients.rotate(client_id, end_old=False)
    assert len({first, second, third}) == 3
    assert all(takes(world, client_id, secret) for secret in (first, second, third))
    assert world.clients.end_old(client_id) == 2
    assert [takes(world, client_id, secret) for secret in (first, second, third)] == [False, False, True]
    assert world.clients.end_old(client_id) == 0


def test_a_rotation_may_end_the_older_ones_at_once() -> None:
    world = World()
    client_id, first = entered(world)
    second = world.clients.rotate(client_id, end_old=True)
    assert [takes(world, client_id, secret) for secret in (first, second, "")] == [False, True, False]


def test_a_grant_lives_through_a_rotation() -> None:
    world = World()
    client_id, _ = entered(world)
    before = world.clients.find(client_id)
    assert before is not None
    code, issued = world.code(before), world.connect(before)
    world.clients.rotate(client_id, end_old=True)
    after = world.clients.find(client_id)
    assert after is not None
    assert world.refresh(after, issued.refresh_token).refresh_token
    assert world.redeem(after, code).access_token


def test_who_has_no_secret_has_none_to_rotate() -> None:
    world = World()
    public = world.client()
    for client_id in (public.client_id, "files-other"):
        refused("invalid_request", partial(world.clients.rotate, client_id, end_old=True))
        refused("invalid_request", partial(world.clients.end_old, client_id))
    refused("invalid_request", lambda: world.clients.enter(CALLBACK, "none", "x"))
    refused("invalid_redirect_uri", lambda: world.clients.enter("http://app.example/cb", "client_secret_post", "x"))
    refused("invalid_client_metadata", lambda: world.clients.enter(CALLBACK, "private_key_jwt", "x"))


def test_a_client_does_not_print_its_secrets() -> None:
    world = World()
    client_id, first = entered(world)
    second = world.clients.rotate(client_id, end_old=False)
    client: Client | None = world.clients.find(client_id)
    assert first not in repr(client)
    assert second not in repr(client)


# -- the control port


@pytest.fixture
def control() -> TestClient:
    provider = Provider(Rules("http://127.0.0.1:8403"), Lifetimes(), "introspection")
    return TestClient(provider.app(), base_url="http://127.0.0.1:8403", client=("127.0.0.1", 50_000))


def pull(control: TestClient, lever: str, **order: Any) -> Any:
    return control.post(f"/control/{lever}", content=json.dumps(order), headers={"content-type": "application/json"})


def token(control: TestClient, client_id: str, secret: str) -> str:
    """Ask for a token, and give the error: `invalid_grant` means that the client was authenticated."""
    form = {"grant_type": "refresh_token", "refresh_token": "x", "resource": "https://files.example/mcp"}
    answer = control.post("/token", data=form, headers={"authorization": basic(client_id, secret)})
    return str(answer.json()["error"])


def test_the_levers_do_what_the_demo_needs(control: TestClient) -> None:
    made = pull(control, "client", redirect_uri="http://127.0.0.1:8400/oauth/callback/key").json()
    client_id, first = made["client_id"], made["client_secret"]
    assert made["token_endpoint_auth_method"] == "client_secret_basic"
    second = pull(control, "rotate", client_id=client_id).json()["client_secret"]
    assert [token(control, client_id, one) for one in (first, second)] == ["invalid_grant"] * 2
    assert pull(control, "end_old", client_id=client_id).json() == {"ended": 1}
    assert [token(control, client_id, one) for one in (first, second)] == ["invalid_client", "invalid_grant"]
    third = pull(control, "rotate", client_id=client_id, end_old=True).json()["client_secret"]
    assert [token(control, client_id, one) for one in (second, third)] == ["invalid_client", "invalid_grant"]
    state = pull(control, "state").text
    assert all(secret not in state for secret in (first, second, third))


@pytest.mark.parametrize(
    ("lever", "order"),
    [
        ("client", {}),
        ("client", {"redirect_uri": "http://app.example/cb"}),
        ("client", {"redirect_uri": CALLBACK, "method": "none"}),
        ("rotate", {}),
        ("rotate", {"client_id": "files-other"}),
        ("rotate", {"client_id": "files-other", "end_old": 1}),
        ("end_old", {}),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(control: TestClient, lever: str, order: dict[str, Any]) -> None:
    assert pull(control, lever, **order).status_code == 400


def test_no_web_page_pulls_these_levers(control: TestClient) -> None:
    for lever in ("client", "rotate", "end_old"):
        headers = {"content-type": "application/json", "origin": "http://127.0.0.1:8405"}
        assert control.post(f"/control/{lever}", content="{}", headers=headers).status_code == 403
